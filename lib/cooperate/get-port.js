// @ts-check
'use strict'

const { show } = require('../errors.js')
const { worker } = require('./worker.js')

/** What the broker looks at. */
const OWN = ['port', 'host', 'signal']
/** What is said to `listen()` beside them: it makes no difference to whether the port is free on all that it may be wanted on. */
const OTHERS = ['backlog', 'exclusive', 'ipv6Only', 'path', 'readableAll', 'reusePort', 'writableAll']

/**
 * @param {import('../../get-port.js').GetPortOptions} [options]
 * @returns {Promise<number>}
 */
async function getPort(options = {}) {
  if (typeof options !== 'object' || options === null) throw new TypeError(`getPort takes an object of options, not ${show(options)}`)
  const unknown = Object.keys(options).find(name => !OWN.includes(name) && !OTHERS.includes(name))
  if (unknown !== undefined) {
    throw new TypeError(`getPort has no option ${show(unknown)}; there are ${[...OWN, ...OTHERS].join(', ')}`)
  }
  const { port, host, signal } = options
  return worker().getPort({ port, host, signal })
}

module.exports = Object.assign(getPort, { getPort })
// Never run: by it `import { getPort }` finds the name.
if (!module.exports) module.exports = { getPort }

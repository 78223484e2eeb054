// @ts-check
'use strict'

/**
 * A checkout with everything that a run can leave behind: servers, grandchildren, daemons with a session of their own, directories, a broker.
 * All of it is cheap: `sh` and `sleep`, and one small server for each worker.
 */

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

/** Says in the file `phases` that it was reached. */
const SAY = 'say() { echo "$1 $$" >> "$ROOT/phases"; }'

/** A process that ends only when it is ended, and can be told by its argument; and two that try to get out of sight. */
const FAMILY = `
sleep "$MARK" &
setsid sleep "$MARK" &
(sleep "$MARK" & exec sh -c ':') &`

const SCRIPTS = {
  'list.sh': `${SAY}
say list
sleep "$MARK" &
sleep "\${LIST_TAKES:-0.05}"
kill $! 2>/dev/null
for n in 1 2 3 4; do echo "t$n"; done`,

  'setup.sh': `${SAY}
say setup
${FAMILY}
sleep "\${SETUP_TAKES:-0.05}"
[ "\${STUBBORN:-}" = yes ] && trap '' TERM
echo "FROM_SETUP=yes" >> "$EPHEMERAL_ENV"
pkill -KILL -P $$ 2>/dev/null
exit 0`,

  'teardown.sh': `${SAY}
say teardown
sleep "\${TEARDOWN_TAKES:-0.05}"
say torn`,

  // One takes a while to end; none, when it is told to be stubborn.
  'test.sh': `${SAY}
say "test-$1"
${FAMILY}
[ "$1" = t3 ] && trap 'sleep 0.1; exit 143' TERM
[ "\${STUBBORN:-}" = yes ] && trap '' TERM
[ "$FROM_SETUP" = yes ] || exit 9
trap 'say "interrupted-$1"' INT
sleep "\${TEST_TAKES:-0.1}"
say "done-$1"
exit "\${TEST_EXIT:-0}"`,

  'server.js': `
const fs = require('node:fs'), { spawn } = require('node:child_process')
const { ROOT, MARK, PORT, STUBBORN } = process.env
fs.appendFileSync(ROOT + '/phases', 'server ' + process.pid + '\\n')
if (STUBBORN === 'yes') process.on('SIGTERM', () => {})
spawn('sleep', [MARK], { stdio: 'ignore' })
spawn('sleep', [MARK], { stdio: 'ignore', detached: true }).unref()
const server = require('node:http').createServer((_, answer) => answer.end(MARK))
setTimeout(() => server.listen(PORT, '127.0.0.1', () => fs.appendFileSync(ROOT + '/ports', PORT + '\\n')), Number(process.env.SERVER_TAKES ?? 0))
`
}

/**
 * @param {string} name
 * @param {object} [more] of the config
 */
function makeProject(name, more = {}) {
  const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), `signals-${name}-`)))
  for (const [file, text] of Object.entries(SCRIPTS)) fs.writeFileSync(path.join(root, file), text)
  const config = {
    workers: 2,
    mode: 'test',
    gracePeriod: '3s',
    reporter: ['list', 'json', 'junit', 'html'],
    list: ['sh', 'list.sh'],
    run: ['sh', 'test.sh', '{test}'],
    server: { command: [process.execPath, 'server.js'], ready: '/' },
    dir: { files: { 'seed.txt': 'seed' } },
    globalSetup: ['sh', 'setup.sh'],
    globalTeardown: ['sh', 'teardown.sh'],
    cache: { inputs: ['input.txt', '*.sh'], env: [], lockfiles: [], toolchain: [] },
    ...more
  }
  // A module: the time that it takes to load is one in which signals come too.
  const text = `import fs from 'node:fs'
fs.appendFileSync(process.env.ROOT + '/phases', 'config ' + process.pid + '\\n')
await new Promise(done => setTimeout(done, Number(process.env.CONFIG_TAKES ?? 0)))
export default ${JSON.stringify(config, null, 2)}
`
  fs.writeFileSync(path.join(root, 'ephemeral-broker.config.mjs'), text)
  fs.writeFileSync(path.join(root, 'input.txt'), '0')
  const file = (/** @type {string} */ given) => path.join(root, given)
  return {
    root,
    report: file('.ephemeral-broker/report.json'),
    reports: ['report.json', 'junit.xml', 'report.html'].map(report => file(`.ephemeral-broker/${report}`)),
    /** What the cache has counts no more. @param {string} content */
    change: content => fs.writeFileSync(file('input.txt'), content),
    /** What was reached, in order. @returns {string[]} */
    phases: () => lines(file('phases')).map(line => line.split(' ')[0]),
    /** All that servers listened on. */
    ports: () => lines(file('ports')).map(Number),
    forget() {
      for (const each of ['phases', 'ports']) fs.rmSync(file(each), { force: true })
      for (const report of this.reports) fs.rmSync(report, { force: true })
    },
    remove: () => fs.rmSync(root, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** @param {string} file */
function lines(file) {
  try {
    return fs.readFileSync(file, 'utf8').split('\n').filter(Boolean)
  } catch {
    return []
  }
}

module.exports = { makeProject }

// @ts-check
'use strict'

const { loadConfig, requireCommands } = require('./config/index.js')
const { Session } = require('./session.js')

/**
 * @param {import('../../run.js').RunConfig | string} [config]
 * @param {import('../../run.js').RunOptions} [options]
 * @returns {Promise<import('../../run.js').RunResult>}
 */
async function run(config, options = {}) {
  const given = typeof config === 'string' ? { configPath: config } : { config }
  const resolved = await loadConfig({ ...given, root: options.root, profile: options.profile, selected: options.projects })
  requireCommands(resolved)
  const session = new Session(resolved, options)
  return options.watch ? require('./watch.js').watch(session) : runSession(session)
}

/**
 * @param {InstanceType<typeof Session>} session
 * @returns {Promise<import('../../run.js').RunResult>}
 */
async function runSession(session) {
  await session.open()
  let result
  try {
    result = await session.cycle()
  } finally {
    const report = await session.close()
    if (result) result.broker = report
  }
  session.finish(result)
  return result
}

module.exports = { run, runSession }

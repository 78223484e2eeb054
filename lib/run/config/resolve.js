// @ts-check
'use strict'

/** A config with all that was left open decided: numbers for words, lists for single things, absolute paths. */

const path = require('node:path')
const { resolveCommand } = require('./command.js')
const { parseDuration } = require('./duration.js')
const { mergeLayers } = require('./layers.js')
const { joinPath } = require('./problems.js')
const { resolveProjects } = require('./projects.js')
const { resolveServers } = require('./servers.js')
const { makeSettingsFor, resolveSettings } = require('./settings.js')
const { parseSize } = require('./size.js')
const { didYouMean } = require('./suggest.js')
const { join } = require('./validate.js')
const { resolveWorkers } = require('./workers.js')

/** What these are called now. */
const ISOLATION = Object.freeze({ worker: 'worker', test: 'test', group: 'group', none: 'none', process: 'worker', service: 'group' })

/**
 * @typedef {{
 *   file: string | null, root: string, profile: string | null, config: Record<string, any>, base: import('./layers.js').Layer[],
 *   forced: import('./layers.js').Layer[], overrides: Array<Record<string, any>>, cliProject: Record<string, any>, selected: readonly string[], readyTimeout: number | undefined,
 *   machine: { processors: number, memory: number | null }
 * }} Inputs
 */

/**
 * @param {Inputs} inputs
 * @param {string[]} problems what does not fit together
 * @returns {import('./index.js').ResolvedConfig}
 */
function resolveConfig(inputs, problems) {
  const { root, base, forced, overrides } = inputs
  const merged = mergeLayers([...base, ...forced])
  const { settings } = merged
  const isolation = /** @type {'worker' | 'test' | 'group' | 'none'} */ (
    ISOLATION[/** @type {keyof typeof ISOLATION} */ (settings.isolation)]
  )
  const common = resolveSettings(settings, root)
  const projects = resolveProjects(inputs.config, inputs.cliProject, inputs.selected, problems)
  checkLimits(settings, projects, overrides, problems)
  checkRates(settings.rateLimits, problems)
  checkWhere(projects, overrides, problems)
  return {
    file: inputs.file,
    root,
    profile: inputs.profile,
    workers: resolveWorkers(settings.workers, inputs.machine),
    mode: settings.mode,
    isolation,
    failOnFlaky: settings.failOnFlaky,
    globalTimeout: duration(settings.globalTimeout),
    maxFailures: settings.maxFailures,
    passWithNoTests: settings.passWithNoTests,
    repeat: settings.repeat,
    shardBy: settings.shardBy,
    reporters: settings.reporter.map((/** @type {any} */ each) => resolveReporter(each, root)),
    output: path.resolve(root, settings.output),
    dir: resolveDir(settings.dir, isolation, root, problems),
    servers: resolveServers(
      settings,
      { root, env: common.env, grace: common.gracePeriod, isolation, readyTimeout: inputs.readyTimeout },
      problems
    ),
    url: settings.url ?? null,
    cache: resolveCache(settings.cache),
    groups: settings.groups,
    rateLimits: settings.rateLimits,
    minFreeMemory: settings.minFreeMemory === undefined ? null : parseSize(settings.minFreeMemory),
    setup: resolveSetup(settings),
    secrets: resolveSecrets(settings.secrets, root, problems),
    pools: settings.pools,
    values: settings.values,
    settings: common,
    projects,
    settingsFor: makeSettingsFor(base, overrides, forced, root),
    merged,
    overrides
  }
}

/** @param {unknown} value */
function duration(value) {
  return value === undefined ? null : parseDuration(value)
}

/** @param {import('../../../run.js').Command | undefined} value */
function command(value) {
  return value === undefined ? null : resolveCommand(value)
}

/**
 * @param {string | [string, { output?: string }]} reporter
 * @param {string} root
 */
function resolveReporter(reporter, root) {
  const [name, { output = undefined } = {}] = typeof reporter === 'string' ? [reporter] : reporter
  return [name, output === undefined ? {} : { output: path.resolve(root, output) }]
}

/**
 * @param {Record<string, any>} dir
 * @param {string} isolation
 * @param {string} root
 * @param {string[]} problems
 */
function resolveDir(dir, isolation, root, problems) {
  if (dir.reset !== 'never' && isolation === 'none') {
    problems.push(
      `dir.reset is ${JSON.stringify(dir.reset)}, but isolation is "none": tests that run at the same time share the directory; give isolation "worker", or take reset out`
    )
  }
  for (const file of Object.keys(dir.files)) {
    const normal = path.posix.normalize(file.replaceAll('\\', '/'))
    if (
      file === '' ||
      normal === '.' ||
      normal === '..' ||
      normal.startsWith('../') ||
      path.posix.isAbsolute(normal) ||
      path.win32.isAbsolute(file)
    ) {
      problems.push(`${joinPath('dir.files', file)} is outside of the directory; allowed is a relative path in it`)
    }
  }
  return {
    template: dir.template === undefined ? null : path.resolve(root, dir.template),
    files: { ...dir.files },
    reset: dir.reset,
    keep: dir.keep
  }
}

/** @param {Record<string, any>} cache */
function resolveCache(cache) {
  return {
    enabled: cache.enabled,
    inputs: cache.inputs ?? null,
    env: cache.env ?? null,
    lockfiles: cache.lockfiles ?? null,
    toolchain: cache.toolchain?.map(resolveOne) ?? null,
    verify: cache.verify
  }
}

/** @param {import('../../../run.js').Command} one */
function resolveOne(one) {
  return resolveCommand(one)
}

/** @param {Record<string, any>} settings */
function resolveSetup(settings) {
  return {
    globalSetup: command(settings.globalSetup),
    globalTeardown: command(settings.globalTeardown),
    workerSetup: command(settings.workerSetup),
    workerTeardown: command(settings.workerTeardown),
    timeout: /** @type {number} */ (parseDuration(settings.setupTimeout))
  }
}

/**
 * @param {Record<string, any> | undefined} secrets
 * @param {string} root
 * @param {string[]} problems
 */
function resolveSecrets(secrets, root, problems) {
  if (secrets === undefined) return null
  if ((secrets.command === undefined) === (secrets.file === undefined)) {
    problems.push(
      `secrets has ${secrets.file === undefined ? 'neither' : 'both'} "command" ${secrets.file === undefined ? 'nor' : 'and'} "file"; allowed is one of them`
    )
  }
  return {
    command: command(secrets.command),
    file: secrets.file === undefined ? null : path.resolve(root, secrets.file),
    format: secrets.format ?? null
  }
}

/**
 * A name that nothing limits is a mistyped one.
 * @param {Record<string, any>} settings
 * @param {import('./projects.js').ResolvedProject[]} projects
 * @param {Array<Record<string, any>>} overrides
 * @param {string[]} problems
 */
function checkLimits(settings, projects, overrides, problems) {
  const known = [...Object.keys(settings.groups), ...Object.keys(settings.rateLimits)]
  const users = [
    { at: '', limits: settings.limits },
    ...projects.map(({ name, given }) => ({ at: ` of project ${JSON.stringify(name)}`, limits: given.limits ?? [] })),
    ...overrides.map(({ limits = [] }, index) => ({ at: ` of overrides[${index}]`, limits }))
  ]
  for (const { at, limits } of users) {
    for (const name of limits) {
      if (known.includes(name)) continue
      problems.push(`limits${at} names ${JSON.stringify(name)}, which is neither in groups nor in rateLimits${didYouMean(name, known)}`)
    }
  }
}

/**
 * What may come at once is part of what may come in a span of time, of the broker's limits too.
 * @param {Record<string, import('../../../run.js').RateLimit>} rateLimits
 * @param {string[]} problems
 */
function checkRates(rateLimits, problems) {
  for (const [name, { perSecond = Infinity, perMinute = Infinity, burst = 1 }] of Object.entries(rateLimits)) {
    const most = Math.max(1, Math.floor(Math.min(perSecond, perMinute)))
    if (burst <= most) continue
    const rate = perSecond < perMinute ? 'perSecond' : 'perMinute'
    problems.push(`${joinPath('rateLimits', name)}.burst is ${burst}; allowed is 1 to ${most}, as many as ${rate}`)
  }
}

/**
 * @param {import('./projects.js').ResolvedProject[]} projects
 * @param {Array<Record<string, any>>} overrides
 * @param {string[]} problems
 */
function checkWhere(projects, overrides, problems) {
  const names = projects.map(({ name }) => name)
  for (const [index, { where }] of overrides.entries()) {
    if (where.project === undefined || names.includes(where.project)) continue
    problems.push(
      `overrides[${index}].where.project is ${JSON.stringify(where.project)}; allowed is ${join(names.map(name => JSON.stringify(name)))}`
    )
  }
}

module.exports = { resolveConfig }

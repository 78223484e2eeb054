// @ts-check
'use strict'

/** What the core is told to do: the config, and the tests that were found and chosen. src/run/plan.rs says what each member is. */

const { createHash } = require('node:crypto')
const { resolveCommand } = require('./config/command.js')
const { digestOfFolder, globsOfFolder, lockfilesOf } = require('./depends.js')

/**
 * @typedef {import('./config/index.js').ResolvedConfig} Config
 * @typedef {import('./config/index.js').ResolvedCommand} NativeCommand
 * @typedef {import('./listing.js').Listing} Listing
 * @typedef {import('./listing.js').ListedTest} ListedTest
 */

/**
 * @param {Config} config
 * @param {Listing} listing
 * @param {ListedTest[]} chosen
 * @param {{
 *   env: Record<string, string | null>, secrets: Record<string, string>, toolchain: Record<string, string>, stream: boolean, full: boolean,
 *   warm: boolean
 * }} more `warm`: servers, directories and what the setup left may be from before
 */
function makePlan(config, listing, chosen, { env, secrets, toolchain, stream, full, warm }) {
  const table = new SettingsTable(config, listing, secrets)
  const indices = new Map(chosen.map((test, index) => [test, index]))
  const copies = Array.from({ length: config.repeat }, (_, copy) => copy)
  return {
    workers: config.workers,
    grouped: config.mode === 'service',
    isolation: config.isolation,
    maxFailures: config.maxFailures,
    minFreeMemory: config.minFreeMemory,
    limits: Object.fromEntries(Object.entries(config.groups).map(([name, { max }]) => [name, max])),
    rateLimits: config.rateLimits,
    dir: config.dir,
    servers: config.servers.map(({ for: _, port, ready, ...server }) => ({
      ...server,
      port: port === 'auto' ? 'auto' : port,
      ready
    })),
    url: config.url,
    setup: config.setup,
    env: { ...secrets, ...env },
    redact: Object.values(secrets),
    stream,
    // One run after the other, each in the order of the list.
    tests: copies.flatMap(copy =>
      chosen.map(test => ({
        id: test.id,
        project: test.project,
        group: test.group,
        // What says nothing is left out: there may be many thousands of them.
        file: test.file ?? undefined,
        name: test.name ?? undefined,
        pattern: test.pattern ?? undefined,
        tags: unlessEmpty(test.tags),
        settings: table.indexOf(test),
        dependsOn: unlessEmpty(
          test.dependsOn.flatMap(other => {
            const index = indices.get(other)
            return index === undefined ? [] : [copy * chosen.length + index]
          })
        ),
        repeat: copy === 0 ? undefined : copy + 1,
        affected: test.affected
      }))
    ),
    settings: table.settings,
    // What a server that was started before a change says is no result of what is there now.
    cache: config.cache.enabled && !(warm && holdsState(config)) ? cacheOf(config, toolchain, full) : null
  }
}

/**
 * @template T
 * @param {T[]} list
 */
function unlessEmpty(list) {
  return list.length === 0 ? undefined : list
}

/** @param {Config} config */
function holdsState({ servers, setup, dir }) {
  return servers.length > 0 || setup.globalSetup !== null || setup.workerSetup !== null || dir.template !== null
}

/**
 * @param {Config} config
 * @param {Record<string, string>} toolchain
 * @param {boolean} full
 */
function cacheOf({ root, cache, dir, repeat }, toolchain, full) {
  return {
    root,
    inputs: cache.inputs && [...cache.inputs, ...globsOfFolder(root, dir.template)],
    env: cache.env,
    lockfiles: lockfilesOf(cache),
    toolchain,
    verify: cache.verify,
    // Who wants to see a test pass ten times does not want to be told that it did so once.
    full: full || repeat > 1
  }
}

/** What tests have in common is said once. */
class SettingsTable {
  /** @type {Map<string, number>} */
  #known = new Map()
  /** @type {Map<object, number>} */
  #ids = new Map()
  /** @type {object[]} */
  settings = []

  /**
   * @param {Config} config
   * @param {Listing} listing
   * @param {Record<string, string>} secrets
   */
  constructor(config, listing, secrets) {
    this.config = config
    this.listing = listing
    this.secrets = createHash('sha256').update(JSON.stringify(secrets)).digest('hex')
    /** What the template holds. @type {string | undefined} */
    this.template = undefined
  }

  /** @param {ListedTest} test */
  indexOf(test) {
    const servers = this.#serversOf(test)
    const command = test.run ?? this.listing.projects.get(test.project)?.run ?? null
    // Objects are told apart by who they are: most tests share theirs.
    const key = JSON.stringify([test.project, this.#idOf(test.settings), servers, test.run])
    const known = this.#known.get(key)
    if (known !== undefined) return known
    this.settings.push(this.#make(test, servers, command))
    this.#known.set(key, this.settings.length - 1)
    return this.settings.length - 1
  }

  /** @param {object} object */
  #idOf(object) {
    const id = this.#ids.get(object) ?? this.#ids.size
    this.#ids.set(object, id)
    return id
  }

  /** @param {ListedTest} test */
  #serversOf({ project, group }) {
    return this.config.servers
      .filter(server => server.for?.some(name => name === project || name === group) ?? true)
      .map(({ name }) => name)
  }

  /**
   * @param {ListedTest} test
   * @param {string[]} servers
   * @param {import('../../run.js').Command | null} command
   */
  #make({ project, settings }, servers, command) {
    const { timeout, slow, gracePeriod, retries, priority, slots, limits, leaks, cache, cwd, env } = settings
    const output = this.listing.projects.get(project)?.output ?? {}
    const native = resolveCommand(command ?? [])
    return {
      command: native,
      cwd,
      env,
      timeout,
      slow,
      grace: gracePeriod,
      retries,
      priority,
      slots,
      limits,
      servers,
      leaks,
      output,
      cache: cache && this.config.cache.enabled ? { config: this.#matters({ command: native, cwd, env, output, servers, leaks }) } : null
    }
  }

  /**
   * All of the config that may make a result another one: not how often, how long or in which order tests run.
   * @param {{ servers: string[], leaks: string } & Record<string, unknown>} test
   */
  #matters({ servers, leaks, ...test }) {
    this.template ??= digestOfFolder(this.config.dir.template)
    const { dir, isolation, setup, url, pools, rateLimits, values } = this.config
    const started = this.config.servers.filter(({ name }) => servers.includes(name))
    return JSON.stringify({
      test,
      // A test that leaks has no clean pass, unless nobody minds.
      leaks: leaks === 'off',
      dir: { template: this.template, files: dir.files, reset: dir.reset },
      secrets: this.secrets,
      isolation,
      setup: { ...setup, timeout: undefined },
      url,
      started: started.map(server => ({
        ...server,
        ready: server.ready && { ...server.ready, timeout: undefined },
        grace: undefined,
        maxRestarts: undefined,
        for: undefined
      })),
      pools,
      rateLimits,
      values
    })
  }
}

module.exports = { makePlan }

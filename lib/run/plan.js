// @ts-check
'use strict'

/** What the core is told to do: the config, and the tests that were found and chosen. src/run/plan.rs says what each member is. */

const { createHash } = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')
const { resolveCommand } = require('./config/command.js')

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
 * @param {{ env: Record<string, string | null>, secrets: Record<string, string>, toolchain: Record<string, string>, stream: boolean, full: boolean }} more
 */
function makePlan(config, listing, chosen, { env, secrets, toolchain, stream, full }) {
  const table = new SettingsTable(config, listing, secrets)
  const indices = new Map(chosen.map((test, index) => [test, index]))
  const copies = Array.from({ length: config.repeat }, (_, copy) => copy)
  return {
    workers: config.workers,
    grouped: config.mode === 'service',
    isolation: config.isolation,
    maxFailures: config.maxFailures,
    globalTimeout: config.globalTimeout,
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
        file: test.file,
        name: test.name,
        pattern: test.pattern,
        tags: test.tags,
        settings: table.indexOf(test),
        dependsOn: test.dependsOn.flatMap(other => {
          const index = indices.get(other)
          return index === undefined ? [] : [copy * chosen.length + index]
        }),
        repeat: copy + 1,
        affected: test.affected ?? false
      }))
    ),
    settings: table.settings,
    cache: config.cache.enabled
      ? {
          root: config.root,
          inputs: config.cache.inputs,
          env: config.cache.env,
          lockfiles: config.cache.lockfiles ?? LOCKFILES,
          toolchain,
          verify: config.cache.verify,
          full
        }
      : null
  }
}

/** Where what was installed is written down. */
const LOCKFILES = [
  ...['package-lock.json', 'npm-shrinkwrap.json', 'yarn.lock', 'pnpm-lock.yaml', 'bun.lock', 'bun.lockb', 'deno.lock'],
  ...['go.sum', 'go.work.sum', 'Cargo.lock', 'poetry.lock', 'uv.lock', 'Pipfile.lock', 'requirements.txt', 'Gemfile.lock', 'composer.lock']
]

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
      cache: cache && this.config.cache.enabled ? { config: this.#matters({ command: native, cwd, env, output, servers }) } : null
    }
  }

  /**
   * All of the config that may make a result another one: not how often, how long or in which order tests run.
   * @param {{ servers: string[] } & Record<string, unknown>} test
   */
  #matters({ servers, ...test }) {
    this.template ??= digestOfFolder(this.config.dir.template)
    const { dir, isolation, setup, url, pools, rateLimits, values } = this.config
    const started = this.config.servers.filter(({ name }) => servers.includes(name))
    return JSON.stringify({
      test,
      dir: { template: this.template, files: dir.files, reset: dir.reset },
      secrets: this.secrets,
      isolation,
      setup,
      url,
      started,
      pools,
      rateLimits,
      values
    })
  }
}

/**
 * Names and content of all files below a folder.
 * @param {string | null} folder
 */
function digestOfFolder(folder) {
  const hash = createHash('sha256')
  if (folder === null) return ''
  for (const entry of fs.readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name)
    const content = entry.isFile() ? fs.readFileSync(file) : entry.isSymbolicLink() ? fs.readlinkSync(file) : ''
    hash.update(`${path.relative(folder, file)}\0${content.length}\0`).update(content)
  }
  return hash.digest('hex')
}

module.exports = { makePlan }

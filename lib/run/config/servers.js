// @ts-check
'use strict'

/** `server` and `services` as one list. */

const path = require('node:path')
const { resolveCommand } = require('./command.js')
const { parseDuration } = require('./duration.js')
const { expandServer } = require('./layers.js')

/**
 * A server as the core takes it.
 * @typedef {{
 *   name: string, command: import('./command.js').ResolvedCommand, cwd: string, env: Record<string, string>,
 *   scope: 'run' | 'worker' | 'group' | 'test', port: 'auto' | { base: number } | null, ready: ResolvedReadiness | null, health: string | null,
 *   owned: boolean, maxRestarts: number, grace: number, main: boolean, for: string[] | null
 * }} ResolvedServer `cwd` is absolute; `main`: it is the one whose port and URL tests see; `for`: names of projects and groups, null: all
 * @typedef {{
 *   url: string | null, status: [number, number], port: 'own' | { number: number } | null, log: string | null, timeout: number
 * }} ResolvedReadiness
 */

/**
 * What servers have from their run.
 * @typedef {{
 *   root: string, env: Record<string, string>, grace: number, isolation: 'worker' | 'test' | 'group' | 'none', readyTimeout: number | undefined
 * }} ServersContext
 */

/**
 * @param {Record<string, any>} settings merged
 * @param {ServersContext} run
 * @param {string[]} problems
 * @returns {ResolvedServer[]} in the order in which they are started: the one of `server` may need the others, so it is the last
 */
function resolveServers(settings, run, problems) {
  // With a URL there is nothing to start.
  if (settings.url !== undefined) return []
  /** @type {Array<{ at: string, main: boolean, server: Record<string, any> }>} */
  const services = settings.services.map((/** @type {any} */ service, /** @type {number} */ index) => ({
    at: `services[${index}]`,
    main: false,
    server: expandServer(service)
  }))
  const main = settings.server === undefined ? [] : [{ at: 'server', main: true, server: settings.server }]
  nameServers([...main, ...services], problems)
  const given = [...services, ...main]
  return given.flatMap(({ at, main, server }) => {
    if (server.command === undefined) {
      problems.push(`${at} has no "command"${main ? '; give it one, or name it with --server' : ''}`)
      return []
    }
    return [resolveServer(server, at, main, run, problems)]
  })
}

/**
 * @param {Array<{ at: string, server: Record<string, any> }>} given gets names where there are none
 * @param {string[]} problems
 */
function nameServers(given, problems) {
  const names = new Map()
  for (const { at, server } of given) {
    if (server.name === undefined) continue
    const other = names.get(server.name)
    if (other !== undefined) problems.push(`${at} and ${other} are both called ${JSON.stringify(server.name)}; names of servers are unique`)
    names.set(server.name, at)
  }
  for (const each of given) {
    if (each.server.name !== undefined) continue
    let name = 'server'
    for (let number = 2; names.has(name); number++) name = `server-${number}`
    names.set(name, each.at)
    each.server = { ...each.server, name }
  }
}

/**
 * @param {Record<string, any>} server
 * @param {string} at
 * @param {boolean} main
 * @param {ServersContext} run
 * @param {string[]} problems
 * @returns {ResolvedServer}
 */
function resolveServer(server, at, main, run, problems) {
  const port = server.port === false ? null : typeof server.port === 'number' ? { base: server.port } : /** @type {const} */ ('auto')
  for (const [key, url] of [
    ['ready.url', server.ready?.url],
    ['health', server.health]
  ]) {
    if (port === null && url?.startsWith('/')) {
      problems.push(`${at}.${key} is ${JSON.stringify(url)}, a path at the server's port, but ${at}.port is false; allowed is an http: URL`)
    }
  }
  if (port === null && server.ready?.port === true) problems.push(`${at}.ready.port is true, but ${at}.port is false; allowed is a number`)
  return {
    name: server.name,
    command: resolveCommand(server.command),
    cwd: path.resolve(run.root, server.cwd ?? '.'),
    env: { ...run.env, ...server.env },
    scope: server.scope ?? (run.isolation === 'none' ? 'run' : run.isolation),
    port,
    ready: resolveReadiness(server.ready, port !== null, run.readyTimeout),
    health: server.health ?? null,
    owned: server.owned ?? true,
    maxRestarts: server.maxRestarts ?? 3,
    grace: server.gracePeriod === undefined ? run.grace : /** @type {number} */ (parseDuration(server.gracePeriod)),
    main,
    for: server.for === undefined ? null : [...server.for]
  }
}

/**
 * @param {Record<string, any> | false | undefined} ready
 * @param {boolean} hasPort
 * @param {number | undefined} longest the command line's
 * @returns {ResolvedReadiness | null}
 */
function resolveReadiness(ready, hasPort, longest) {
  if (ready === false) return null
  const { url, log, status = [200, 399], timeout = '60s' } = ready ?? {}
  const port = ready?.port ?? (url === undefined && log === undefined && hasPort)
  if (url === undefined && log === undefined && port === false) return null
  return {
    url: url ?? null,
    status: typeof status === 'number' ? [status, status] : [status[0], status[1]],
    port: port === true ? 'own' : port === false ? null : { number: port },
    log: log ?? null,
    timeout: longest ?? /** @type {number} */ (parseDuration(timeout))
  }
}

module.exports = { resolveServers }

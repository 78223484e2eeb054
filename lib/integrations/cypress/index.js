// @ts-check
'use strict'

/**
 * For Cypress: tasks for specs, which run in a browser, in the process that reads the configuration. Where no broker is around the run, that process has one of its own.
 */

const { BrokerError, show } = require('../../errors.js')
const { kinds } = require('../../options.js')
const { hostBroker } = require('../host.js')
const { worker } = require('../worker.js')

/** @typedef {import('./index.js').IntegrationOptions} IntegrationOptions */
/** @typedef {{ token: number, release(): Promise<unknown> }} Held */

const own = worker({
  runner: 'Cypress',
  check: 'that setupNodeEvents calls brokerTasks(on, config), and that it is used in a run, in a task or a handler'
})
const { broker } = own

/** A value that is not there, or not any more. */
const ABSENT = ['not_found', 'expired']

/**
 * Cypress keeps one handler of an event, the last one: who has an own `after:spec` or `after:run` calls what this returns in it.
 * @param {(event: any, handler: any) => unknown} on
 * @param {{ projectRoot?: string }} [config]
 * @param {IntegrationOptions} [options]
 */
function brokerTasks(on, config = {}, options) {
  /** @type {ReturnType<typeof hostBroker> | null} */
  let hosting = null
  const host = () => {
    hosting ??= hostBroker(options, { runner: 'Cypress', hook: 'brokerTasks of setupNodeEvents', folder: config.projectRoot })
    return hosting
  }
  const held = new Holdings()

  async function endSpec() {
    held.clear()
    await own.endFile()
    if (hosting) (await hosting).tellLeaks()
  }

  async function endRun() {
    await endSpec()
    if (!hosting) return
    const { failed } = await (await hosting).stop()
    hosting = null
    if (failed) throw new BrokerError('leaked', 'something was not released, or a shared worker failed: see above')
  }

  const tasks = tasksOf(held)
  on('before:run', async () => void (await host()))
  on('after:spec', endSpec)
  on('after:run', endRun)
  on('task', Object.fromEntries(Object.entries(tasks).map(([name, task]) => [name, inRun(host, task)])))
  return { endRun, endSpec }
}

/**
 * `cypress open` tells of no run: its broker is started by the first task. A task's value must not be undefined.
 * @param {() => Promise<unknown>} host
 * @param {(argument: any) => unknown} task
 */
const inRun = (host, task) => async (/** @type {unknown} */ argument) => {
  await host()
  return (await task(argument)) ?? null
}

/**
 * What specs ask for. All of it is JSON, so what is taken is known to them by its token.
 * @param {Holdings} held
 * @returns {Record<string, (argument: any) => unknown>}
 */
const tasksOf = held => ({
  'broker:begin': title => {
    if (!kinds.text.check(title)) throw new BrokerError('invalid_option', `broker:begin takes a test's title, not ${show(title)}`)
    own.begin(title)
  },
  'broker:end': async () => {
    const leaked = await own.end()
    if (leaked) throw leaked
  },
  'broker:acquire': async request => {
    const { pool, ...options } = named(request, 'pool')
    const lease = held.keep(await broker.acquire(pool, options))
    return { pool: lease.pool, number: lease.number, value: lease.value, token: lease.token }
  },
  'broker:lock': async request => {
    const { name, ...options } = named(request, 'name')
    const { token } = held.keep(await broker.lock(name, options))
    return { name, token }
  },
  'broker:release': async lease => held.release(lease),
  'broker:throttle': async name => void (await broker.throttle(name)),
  // What a task throws, a spec cannot catch.
  'broker:get': key => broker.get(key).catch(error => (ABSENT.includes(error.code) ? null : Promise.reject(error))),
  'broker:set': async request => {
    const { key, value, ...options } = named(request, 'key')
    await broker.set(key, value, options)
  }
})

/** What specs hold, by its token. */
class Holdings {
  /** @type {Map<number, Held>} */
  #held = new Map()

  /**
   * @template {Held} H
   * @param {H} holding
   */
  keep(holding) {
    this.#held.set(holding.token, holding)
    return holding
  }

  /** @param {{ token: number } | number} lease */
  async release(lease) {
    const token = typeof lease === 'object' ? lease?.token : lease
    const holding = this.#held.get(token)
    if (!holding)
      throw new BrokerError('lost', `nothing is held with the token ${show(token)}: it was released before, or its spec is over`)
    this.#held.delete(token)
    await holding.release()
  }

  clear() {
    this.#held.clear()
  }
}

/**
 * @param {unknown} request a text, or an object with it
 * @param {'key' | 'name' | 'pool'} member
 * @returns {Record<string, any>}
 */
const named = (request, member) => (kinds.members.check(request) ? /** @type {any} */ (request) : { [member]: request })

module.exports = { broker, brokerTasks }

// @ts-check
'use strict'

const { BrokerError, show } = require('./errors.js')
const { forkFlow, runFlow } = require('./flow.js')
const { Held, giveBack, requireFunction } = require('./held.js')
const { keyText, ttlText, valueBody, valueIn, valueText } = require('./operations.js')
const { kinds, oneOf } = require('./options.js')
const { reasonText } = require('./reason.js')

/** @typedef {InstanceType<typeof import('./calls.js').Calls>} Calls */
/** @typedef {import('./calls.js').Ask} Ask */
/** @typedef {{ ttl?: number, refresh?: number, onError?: 'next' | 'all', wait?: number, timeout?: number }} OnceOptions */
/** @typedef {import('./flow.js').Making} Making */
/** @typedef {InstanceType<typeof import('./flow.js').Flow>} Flow */

const onErrors = oneOf('next', 'all')

/**
 * @param {Calls} calls
 * @param {string} key
 * @param {() => any} fn
 * @param {OnceOptions} [options]
 */
async function once(calls, key, fn, options) {
  const { flow, making } = begin(calls, key, fn, options)
  const { value: old, run, held } = await calls.ask(asking, options, key)
  if (!held) return old
  flow.keep(held)
  let text
  try {
    text = textOf(key, await runFlow(flow, fn))
    making.running = false
  } catch (error) {
    making.running = false
    // Who waits for the first value gets another's; the others have the old one still.
    await (run ? held._end(failing(error, options)) : held.release()).catch(() => false)
    if (run) throw error
    return old
  }
  try {
    if (await held._end(fulfilling(key, text, options))) return parsed(text)
  } catch (error) {
    await held.release().catch(() => false)
    throw error
  }
  if (run) throw held._reason
  return old
}

/**
 * @param {Calls} calls
 * @param {string} key
 * @param {() => any} fn
 * @param {OnceOptions} [options]
 */
function onceSync(calls, key, fn, options) {
  const { flow, making } = begin(calls, key, fn, options)
  const { value: old, run, held } = calls.askSync(asking, options, key)
  if (!held) return old
  flow.keep(held)
  let text
  try {
    text = textOf(key, notLater(key, runFlow(flow, fn)))
    making.running = false
  } catch (error) {
    making.running = false
    if (run) atLeast(() => held._endSync(failing(error, options)))
    else atLeast(() => held.releaseSync())
    if (run) throw error
    return old
  }
  try {
    if (held._endSync(fulfilling(key, text, options))) return parsed(text)
  } catch (error) {
    atLeast(() => held.releaseSync())
    throw error
  }
  if (run) throw held._reason
  return old
}

/**
 * Checks what was given, and that this is not what waits for itself.
 * @param {Calls} calls
 * @param {string} key
 * @param {unknown} fn
 * @param {OnceOptions} [options]
 * @returns {{ flow: Flow, making: Making }} the line of work that the function is to be
 */
function begin({ pipe }, key, fn, options) {
  requireFunction(fn, 'once')
  const { onError, refresh, ttl } = options ?? {}
  // Not only when it has been made.
  ttlText(ttl)
  if (onError !== undefined && !onErrors.check(onError)) {
    throw new BrokerError('invalid_option', `onError of once must be ${onErrors.allowed}, not ${show(onError)}`)
  }
  if (refresh !== undefined && !kinds.time.check(refresh)) {
    throw new BrokerError('invalid_option', `refresh of once must be ${kinds.time.allowed}, not ${show(refresh)}`)
  }
  const flow = forkFlow()
  for (let making = flow.making; making; making = making.outer) {
    if (making.running && making.key === key && making.pipe === pipe) {
      throw new BrokerError('deadlock', `once ${show(key)} is called while its own function runs, and would wait for itself`)
    }
  }
  const making = { pipe, key, running: true, outer: flow.making }
  flow.making = making
  return { flow, making }
}

/**
 * @param {Calls} calls
 * @param {OnceOptions} options
 * @param {string} key
 * @returns {Ask}
 */
function asking(calls, { refresh }, key) {
  return {
    label: `once ${show(key)}`,
    body: `"action":"once","key":${keyText(key)}${refresh ? `,"refresh":${refresh}` : ''}`,
    decode: (reply, _subject, broker) => ({
      value: reply.run ? undefined : valueIn(reply, key, broker),
      run: reply.run === true,
      held: reply.token === undefined ? null : new Held(calls, reply)
    }),
    waits: 'wait',
    competes: true,
    undo: giveBack,
    members: ['ttl', 'refresh', 'onError']
  }
}

/**
 * @param {string} key
 * @param {string | undefined} text
 * @param {OnceOptions} [options]
 */
function fulfilling(key, text, options) {
  const time = ttlText(options?.ttl)
  return (/** @type {Calls} */ _calls, /** @type {unknown} */ _options, /** @type {number} */ token) => {
    const head = `"action":"fulfil","token":${token}`
    return { label: `fulfil ${show(key)}`, body: text === undefined ? head + time : valueBody(head, text, time), decode: () => true }
  }
}

/**
 * @param {unknown} error
 * @param {OnceOptions} [options]
 */
function failing(error, options) {
  const all = options?.onError === 'all' ? ',"all":true' : ''
  return (/** @type {Calls} */ _calls, /** @type {unknown} */ _options, /** @type {number} */ token) => ({
    label: 'fail',
    body: `"action":"fail","token":${token},"reason":${reasonText(error)}${all}`,
    decode: () => true
  })
}

/**
 * The JSON of what was made. Nothing may be made too.
 * @param {string} key
 * @param {unknown} made
 */
function textOf(key, made) {
  return made === undefined ? undefined : valueText(key, made)
}

/**
 * What was made as the others are given it: what only one of them could use would not be found where one worker runs alone.
 * @param {string | undefined} text
 */
function parsed(text) {
  return text === undefined ? undefined : JSON.parse(text)
}

/**
 * @param {string} key
 * @param {any} made
 */
function notLater(key, made) {
  if (typeof made?.then !== 'function') return made
  made.then(undefined, () => undefined)
  throw new BrokerError('invalid_value', `the function of onceSync ${show(key)} returned a promise; it must return the value, or use once`)
}

/** @param {() => unknown} fn */
function atLeast(fn) {
  try {
    fn()
  } catch {
    // What went wrong before is what counts.
  }
}

module.exports = { once, onceSync }

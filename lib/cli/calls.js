// @ts-check
'use strict'

/** The commands that are one request to a broker that runs. */

const { addClientOptions, withClient } = require('./client.js')
const { ExitCode, printResult } = require('./output.js')
const { UsageError, number, wholeNumber } = require('./values.js')

/**
 * @typedef {import('../..').Client} Client
 * @typedef {import('./client.js').ClientOptions & { ttl?: number, wait?: number }} Options
 *
 * @typedef {object} Call
 * @property {string} about
 * @property {Array<[string, string]>} [words] the arguments, each with its description
 * @property {string} [ttl] the description of its `--ttl`
 * @property {string} [wait] the description of its `--wait`
 * @property {string} [more] what its help says besides
 * @property {(client: Client, words: string[], options: Options) => Promise<unknown>} run
 * @property {(result: any) => boolean} [holds] whether a result means exit code 0. By default all but false does.
 */

/** @type {Record<string, Call>} */
const CALLS = {
  get: {
    about: 'print the value of a key',
    words: [['<key>', 'the key']],
    run: (client, [key]) => client.get(key),
    holds: () => true
  },
  set: {
    about: 'keep a value',
    words: [
      ['<key>', 'the key'],
      ['<value>', 'a string, or with --json any JSON; "-" reads it from standard input, without the newline at its end']
    ],
    ttl: "how long it lives, in milliseconds (default: the broker's, which may demand one)",
    more: `
Examples:
  $ ephemeral-broker set token abc --ttl 60000
  $ ephemeral-broker set user '{"id":7}' --json --ttl 60000
  $ make-token | ephemeral-broker set token - --ttl 60000
  $ ephemeral-broker set flags --ttl 60000 -- --starts-with-dashes`,
    run: async (client, [key, word], options) => client.set(key, await readValue(word, options), { ttl: options.ttl })
  },
  del: {
    about: 'remove a key',
    words: [['<key>', 'the key']],
    run: (client, [key]) => client.del(key)
  },
  has: {
    about: 'whether a key has a value',
    words: [['<key>', 'the key']],
    run: (client, [key]) => client.has(key)
  },
  list: { about: 'print all keys and when they expire', run: client => client.list() },
  lease: {
    about: 'hold the lowest number that nobody holds, and print it',
    words: [
      ['<key>', 'what numbers are leased of: accounts'],
      ['<workerId>', 'who holds it; asking again under this name renews it, with the same number']
    ],
    ttl: "how long, in milliseconds (default: the broker's default TTL)",
    // This process ends at once: a lease that is bound to it would be given back before anybody could use the number.
    run: (client, [key, workerId], { ttl }) => client.lease(key, workerId, { ttl, detached: true })
  },
  release: {
    about: 'give back what a worker holds',
    words: [
      ['<workerId>', 'who holds it'],
      ['[key]', 'only its lease on this key']
    ],
    run: (client, [workerId, key]) => client.release(workerId, key)
  },
  incr: {
    about: 'add to a number, which begins at 0, and print it',
    words: [
      ['<key>', 'the number'],
      ['[by]', 'how much (default: 1)']
    ],
    ttl: 'how long it lives from when it comes to be, in milliseconds (default: as long as the broker)',
    run: (client, [key, by], { ttl }) => client.incr(key, by === undefined ? 1 : number(by), { ttl })
  },
  append: {
    about: 'append to a list, and print how long it is then',
    words: [
      ['<list>', 'the list'],
      ['<value...>', 'strings, or with --json any JSON; "-" reads one from standard input, without the newline at its end']
    ],
    more: `
Example:
  $ ephemeral-broker append timings '{"test":"logs in","ms":120}' --json`,
    run: async (client, [list, ...words], options) => {
      const items = []
      for (const word of words) items.push(await readValue(word, options))
      return client.append(list, ...items)
    }
  },
  collect: {
    about: 'print what was appended to a list',
    words: [['<list>', 'the list']],
    run: (client, [list]) => client.collect(list)
  },
  'wait-for': {
    about: 'print the value of a key as soon as it has one',
    words: [['<key>', 'the key']],
    wait: 'how long to wait for it, in milliseconds (default: 60000)',
    more: `
Example:
  $ ephemeral-broker wait-for server-url --wait 10000`,
    run: (client, [key], { wait }) => client.waitFor(key, { wait }),
    holds: () => true
  },
  ping: { about: 'print the round trip to the broker, in ms', run: client => client.ping() },
  stats: { about: 'print how much the broker holds', run: client => client.stats() },
  health: {
    about: 'print how the broker is, for probes: exit code 0 means ready',
    run: client => client.health(),
    holds: health => health.status === 'healthy'
  },
  metrics: { about: "print counters in Prometheus' text format", run: async client => (await client.metrics()).trimEnd() }
}

/**
 * @param {import('commander').Command} program
 * @param {import('./output.js').Context} context
 */
function addCalls(program, context) {
  for (const [name, call] of Object.entries(CALLS)) {
    const command = program.command(name).description(call.about)
    for (const [word, about] of call.words ?? []) command.argument(word, about)
    if (call.ttl) command.option('--ttl <ms>', call.ttl, wholeNumber(1, 'milliseconds'))
    if (call.wait) command.option('--wait <ms>', call.wait, wholeNumber(0, 'milliseconds', 'not at all'))
    addClientOptions(command)
    if (call.more) command.addHelpText('after', call.more)
    command.action(async () => {
      const options = { ...program.opts(), ...command.opts() }
      context.json = Boolean(options.json)
      const result = await withClient(options, client => call.run(client, command.args, options))
      printResult(result, context)
      const holds = call.holds ? call.holds(result) : result !== false
      process.exitCode = holds ? ExitCode.OK : ExitCode.FALSE
    })
  }
}

/**
 * @param {string} word
 * @param {Options} options
 */
async function readValue(word, { json }) {
  const text = word === '-' ? await readInput() : word
  if (!json) return text
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new UsageError(`with --json the value must be JSON: ${/** @type {Error} */ (error).message}`)
  }
}

async function readInput() {
  /** @type {Buffer[]} */
  const chunks = []
  for await (const chunk of process.stdin) chunks.push(chunk)
  try {
    // `echo` and `get` end what they print with a newline that is not part of the value.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks)).replace(/\r?\n$/, '')
  } catch {
    throw new UsageError('the value on standard input must be text in UTF-8')
  }
}

module.exports = { addCalls }

// @ts-check
'use strict'

// Connections that take all that there is to take, wait for what will never come, and are gone without a word: several at a time, one after the other in
// each lane. Prints how many of them were told that they held everything.

const { Raw, makeRandom } = require('../support-stress/support.js')

const { pipe, lanes, permits, cycles, seed, round } = JSON.parse(process.argv[2])
const random = makeRandom(seed)
let begun = 0
let held = 0

/** What one holds, in its lane, where it follows one that is gone. @param {string} who @param {number} lane */
const holds = (who, lane) => [
  { action: 'lease', key: 'numbers', workerId: who },
  { action: 'acquire', pools: [{ pool: 'accounts' }] },
  { action: 'lock', name: `own ${lane}` },
  { action: 'lock', name: 'together', shared: true },
  { action: 'semaphore', name: 'permits', permits },
  { action: 'once', key: `value ${lane}` },
  { action: 'reserve', values: [who] },
  { action: 'take', queue: 'jobs' }
]

/** What nobody will ever get. @param {number} lane */
const waits = lane => [
  { action: 'lock', name: 'blocked' },
  { action: 'lock', name: 'blocked', shared: true },
  { action: 'semaphore', name: 'blocked', permits: 2, amount: 2 },
  { action: 'acquire', pools: [{ pool: 'blocked' }] },
  { action: 'waitFor', key: 'never' },
  { action: 'watch', key: 'never', after: 0 },
  { action: 'take', queue: 'empty' },
  { action: 'done', queue: 'jobs' },
  { action: 'throttle', name: 'slow', wait: 1e9 },
  // Alone, or with one of whose end the broker has not heard.
  { action: 'barrier', name: `of ${lane}`, parties: 3 }
]

/** What is answered besides: a barrier is broken for those who come after one that is gone. @param {any} request @param {any} reply */
const isAside = ({ action }, { ok, error }) => (action === 'barrier' && error === 'barrier_broken') || (action === 'describe' && ok)

/** @param {number} lane */
async function cycle(lane) {
  const who = `crowd ${round} ${begun++}`
  const raw = new Raw(pipe)
  const hello = { action: 'hello', protocol: 1, pid: process.pid, name: who, process: who, thread: 0 }
  const taking = [hello, ...holds(who, lane)]
  const requests = [...taking, { action: 'describe', text: 'holds it all' }, ...waits(lane), { action: 'ping' }]
  const text = requests.map((request, id) => `${JSON.stringify({ id, ...request })}\n`).join('')
  if (random() < 0.2) {
    // Gone in the middle of saying it, or with replies unread.
    raw.socket.write(text.slice(0, 1 + Math.floor(random() * text.length)), () => raw.socket.destroy())
    return raw.closed
  }
  raw.write(text)
  const expected = new Set(taking.keys()).add(requests.length - 1)
  while (expected.size > 0) {
    const reply = await raw.read()
    const request = requests[reply.id]
    const isExpected = expected.delete(reply.id) && reply.ok && (request.action !== 'once' || reply.run)
    if (!isExpected && !isAside(request, reply)) throw new Error(`${JSON.stringify(request)}: ${JSON.stringify(reply)}`)
  }
  held += 1
  return raw.close()
}

/** @param {number} lane */
async function run(lane) {
  while (begun < cycles) await cycle(lane)
}

Promise.all(Array.from({ length: lanes }, (_, lane) => run(lane))).then(() => console.log(JSON.stringify({ begun, held })))

// @ts-check
'use strict'

// A worker that is killed in the middle of something. Prints the two numbers that it leased.

const { Client } = require('../..')
const { Raw } = require('./support.js')

const pipe = /** @type {string} */ (process.env.EPHEMERAL_PIPE)

/** @param {string} request */
async function unfinished(request) {
  const raw = new Raw(pipe)
  await raw.ask({ action: 'hello', protocol: 1, pid: process.pid, name: 'the victim', process: 'v', thread: 0 })
  /** @type {number[]} */
  const numbers = []
  for (const key of ['a', 'b']) numbers.push((await raw.ask({ action: 'lease', key, workerId: 'victim' })).value)
  raw.socket.write(request, () => console.log(JSON.stringify(numbers)))
}

async function flood() {
  const client = new Client()
  console.log(JSON.stringify([await client.lease('a', 'victim'), await client.lease('b', 'victim')]))
  for (let at = 0; ; at++) {
    const text = String(at).repeat(20_000)
    client.set(`flood${at % 50}`, { at, text }).catch(() => {})
    await client.set(`flood${(at + 1) % 50}`, { at, text })
  }
}

const line = '{"action":"set","key":"half","value":1}'
if (process.argv[2] === 'half') unfinished(line.slice(0, 25))
else if (process.argv[2] === 'flood') flood()
else unfinished(line)

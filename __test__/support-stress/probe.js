// @ts-check
'use strict'

// What requests to a broker come to, with the given timeout, when the broker does not answer: in a process of its own, because one that blocks for ever
// would take the test with it. `connected`: it connects first, and
// asks when it is told to; `stuck`: it then sends more than a broker that does not read can take, and closes.

const { once } = require('node:events')
const { Client } = require('../..')

const [pipe, timeout, mode] = process.argv.slice(2)
const client = new Client(pipe, { timeout: Number(timeout) })

function blocked() {
  try {
    return client.getSync('a')
  } catch (error) {
    return /** @type {any} */ (error).code
  }
}

async function main() {
  if (!mode) {
    const asked = await client.get('a').catch(error => error.code)
    return { asked, blocked: blocked() }
  }
  await client.ping()
  console.log('connected')
  await once(process.stdin, 'data')
  console.log('asking')
  process.stdin.destroy()
  if (mode === 'connected') return { blocked: blocked() }
  // More than the system holds for a broker that does not read.
  const text = 'x'.repeat(240_000)
  const sets = ['a', 'b', 'c'].map(key => client.set(key, text).catch(error => error.code))
  const asked = await Promise.all(sets)
  await client.close()
  return { asked }
}

main().then(outcome => console.log(JSON.stringify(outcome)))

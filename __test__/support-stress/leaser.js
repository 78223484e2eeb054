// @ts-check
'use strict'

// A worker that leases and releases numbers until it is killed or its standard input ends, and keeps a log of what it surely held: a line when it got a
// number, one before it gives it back, and some between, each written before it goes on.

const fs = require('node:fs')
const { Client } = require('../..')
const { Raw, makeRandom } = require('./support.js')

const [file, seed, kind] = process.argv.slice(2)
const random = makeRandom(Number(seed))
const log = fs.openSync(file, 'a')
let over = false
process.stdin.resume().on('end', () => (over = true))

/** The clock is the same for all processes of a machine. @param {number} id @param {number} number @param {number} token */
const note = (id, number, token) => fs.writeSync(log, `${id} ${number} ${token} ${process.hrtime.bigint()} .\n`)

async function makeLeaser() {
  if (kind === 'client') {
    const client = new Client()
    return {
      /** @param {string} worker */
      lease: async worker => ({
        number: random() < 0.5 ? await client.lease('number', worker) : client.leaseSync('number', worker),
        token: 0
      }),
      /** @param {string} worker */
      release: worker => client.release(worker),
      close: () => client.close()
    }
  }
  const raw = new Raw(/** @type {string} */ (process.env.EPHEMERAL_PIPE))
  await raw.ask({ action: 'hello', protocol: 1, pid: process.pid, name: `leaser ${process.pid}`, process: file, thread: 0 })
  return {
    /** @param {string} worker */
    lease: async worker => {
      const { value, token } = await raw.ask({ action: 'lease', key: 'number', workerId: worker })
      return { number: value, token }
    },
    /** @param {string} worker */
    release: async worker => (await raw.ask({ action: 'release', workerId: worker })).released,
    close: () => raw.close()
  }
}

async function main() {
  const leaser = await makeLeaser()
  console.log('ready')
  for (let id = 0; !over; id++) {
    const worker = `${process.pid}-${id}`
    const { number, token } = await leaser.lease(worker)
    note(id, number, token)
    for (let steps = random() * 4; steps > 0; steps--) {
      await new Promise(resolve => setTimeout(resolve, random() * 3))
      note(id, number, token)
    }
    note(id, number, token)
    if (!(await leaser.release(worker))) throw new Error(`${worker} did not hold ${number} any more`)
  }
  await leaser.close()
}

main()

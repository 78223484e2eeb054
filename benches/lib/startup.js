// @ts-check
'use strict'

// One measurement in a process that has done nothing before: milliseconds on standard output.
//   node startup.js require <library> | import <library> | start <peer> | connect <peer> <address>

const [, , what, name, address] = process.argv
const now = () => Number(process.hrtime.bigint()) / 1e6

/** @param {string} library */
const load = library => (what === 'import' ? import(library) : require(library))

async function main() {
  if (what === 'require' || what === 'import') {
    const begin = now()
    await load(name)
    return now() - begin
  }

  const peer = require('../peers').findPeer(name)
  if (peer.library) await (peer.esm ? import(peer.library) : require(peer.library))
  const begin = now()
  if (what === 'start') {
    const server = await peer.startServer()
    const elapsed = now() - begin
    await server.stop()
    return elapsed
  }
  const client = await peer.connect(address, { inFlight: 1 })
  await client.get('token:0')
  return now() - begin
}

main().then(
  elapsed => {
    process.stdout.write(`${elapsed}\n`, () => process.exit(0))
  },
  error => {
    console.error(error)
    process.exit(1)
  }
)

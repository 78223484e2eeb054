// @ts-check
'use strict'

// Starts so many threads, four at a time, each of which ends in another way with clients, requests and some with brokers open, and tells what is left. It then
// ends by itself.

const net = require('node:net')
const path = require('node:path')
const { Worker } = require('node:worker_threads')
const { Broker, Client, makePipePath } = require('../..')
const { isLinux, isWindows, makeRandom, until, usage } = require('./support.js')

const WAYS = ['return', 'exit', 'throw', 'terminate', 'terminate-early', 'terminate-blocked']
const [count, seed] = process.argv.slice(2).map(Number)
const random = makeRandom(seed)

/** @param {string} way @param {boolean} hosts @param {string} silent */
function live(way, hosts, silent) {
  const worker = new Worker(path.join(__dirname, 'thread.js'), { workerData: { way, hosts, silent, seed: Math.floor(random() * 2 ** 31) } })
  // Thrown on purpose.
  worker.on('error', error => {
    if (error.message !== 'as a test does') throw error
  })
  const delay = random() * 30
  if (way === 'terminate-early') setTimeout(() => worker.terminate(), delay)
  worker.on('message', () => setTimeout(() => way.startsWith('terminate') && worker.terminate(), delay))
  return new Promise(resolve => worker.on('exit', resolve))
}

async function main() {
  const broker = new Broker({ requireTTL: false })
  await broker.start()
  // Accepts, and never says a word: what is asked of it stays under way.
  const silent = net.createServer(socket => socket.resume().on('error', () => {}))
  const silentPipe = isWindows ? makePipePath() : path.join(path.dirname(broker.pipe), 'silent.sock')
  await new Promise(resolve => silent.listen(silentPipe, () => resolve(undefined)))
  /** @type {Record<string, number>} */
  const ways = {}
  let at = 0
  const lane = async (/** @type {number} */ end) => {
    while (at < end) {
      const way = WAYS[at % WAYS.length]
      ways[way] = (ways[way] ?? 0) + 1
      await live(way, at++ % 4 === 0, silentPipe)
    }
  }
  const lanes = (/** @type {number} */ end) => Promise.all([lane(end), lane(end), lane(end), lane(end)])
  const watcher = new Client()
  const settled = async () => {
    await until(async () => (await watcher.stats()).connections === 1, 'the connections of ended threads have gone')
    return (await watcher.stats()).leases
  }
  await lanes(Math.floor(count / 3))
  await settled()
  const warm = isLinux ? usage() : null
  await lanes(count)
  const leases = await settled()
  if (warm) {
    // Threads that Node itself lets run out.
    await until(() => usage().threads <= warm.threads && usage().descriptors <= warm.descriptors, 'no more than after the warm-up').catch(
      () => {}
    )
  }
  const done = isLinux ? usage() : null
  await watcher.close()
  await new Promise(resolve => silent.close(resolve))
  await broker.stop()
  console.log(JSON.stringify({ warm, done, leases, ways }))
}

main()

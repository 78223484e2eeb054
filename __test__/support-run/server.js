// @ts-check
'use strict'

/**
 * A server as tests need it, started as a process: says who it is at /who, ends at /exit?code=, or at /exit-after?pid= when that process has ended, is unwell after /ill, and logs what it is asked.
 * LISTEN_HOST is where it listens; WHEN_TAKEN what it does when its port is taken: `end` or `move`;
 * GAP a file in which it says which port it is going to take, to then wait until `<GAP>.taken` is there.
 */

const fs = require('node:fs')
const http = require('node:http')
const { until } = require('./until.js')

const { PORT, LISTEN_HOST, WHEN_TAKEN = 'end', GAP, IPV6_ONLY } = process.env
let ill = false

const server = http.createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://server')
  console.log(`asked for ${url.pathname}${url.search}`)
  if (url.pathname === '/exit') {
    process.stdout.write('going down\n', () => process.exit(Number(url.searchParams.get('code'))))
    return
  }
  if (url.pathname === '/exit-after') exitAfter(Number(url.searchParams.get('pid')))
  if (url.pathname === '/ill') ill = true
  if (url.pathname === '/health') response.statusCode = ill ? 503 : 200
  if (url.pathname === '/moved') response.statusCode = 302
  const { DATA_DIR, API_TOKEN, EPHEMERAL_WORKER } = process.env
  response.end(
    JSON.stringify({ pid: process.pid, port: PORT, dir: DATA_DIR, token: API_TOKEN, worker: EPHEMERAL_WORKER, args: process.argv.slice(2) })
  )
})

/** @param {number} pid of a process; when it has ended, and was waited for */
async function exitAfter(pid) {
  await until(() => !exists(pid), 'the end of who asked')
  process.exit(7)
}

/** @param {number} pid */
function exists(pid) {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** @param {number} port */
function listen(port) {
  server.listen({ port, host: LISTEN_HOST, ipv6Only: IPV6_ONLY === '1' }, () => console.log(`listening on ${port}`))
}

server.on('error', error => {
  console.log(`cannot listen: ${error.message}`)
  if (WHEN_TAKEN === 'move') listen(0)
  else process.exitCode = 98
})

async function start() {
  if (GAP && !fs.existsSync(`${GAP}.taken`)) {
    fs.writeFileSync(`${GAP}.new`, String(PORT))
    fs.renameSync(`${GAP}.new`, GAP)
    await until(() => fs.existsSync(`${GAP}.taken`), 'somebody who takes the port')
  }
  listen(Number(PORT))
}

start()

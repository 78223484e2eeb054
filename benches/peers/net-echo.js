// @ts-check
'use strict'

const { mkdtempSync, rmSync } = require('node:fs')
const net = require('node:net')
const { tmpdir } = require('node:os')
const { join } = require('node:path')

/**
 * The floor: what a Unix socket between two Node processes costs when the server does nothing but give each line back, and the client
 * does nothing but write a tick's requests at once and parse the replies. It keeps no values, so its `get` answers what was asked for.
 *
 * @type {import('.').Peer}
 */
module.exports = {
  name: 'node:net echo',
  about: 'the floor: a server that gives each line back, a client that writes a tick’s requests at once and parses the replies',
  without: ['million'],
  missing: () => null,

  async startServer() {
    const directory = mkdtempSync(join(tmpdir(), 'bench-echo-'))
    process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
    const address = process.platform === 'win32' ? `\\\\.\\pipe\\bench-echo-${process.pid}` : join(directory, 'echo.sock')
    const server = net.createServer(socket => {
      /** @type {Buffer[]} */
      let rest = []
      socket.on('error', () => {})
      socket.on('data', chunk => {
        const end = chunk.lastIndexOf(10) + 1
        if (end === 0) return rest.push(chunk)
        socket.write(rest.length === 0 ? chunk.subarray(0, end) : Buffer.concat([...rest, chunk.subarray(0, end)]))
        rest = end < chunk.length ? [chunk.subarray(end)] : []
      })
    })
    await new Promise(resolve => server.listen(address, () => resolve(undefined)))
    return {
      address,
      pid: process.pid,
      async stop() {
        server.close()
      }
    }
  },

  async connect(address) {
    const socket = net.connect(address)
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    socket.setEncoding('utf8')
    /** @type {Array<(reply: any) => void>} */
    let waiting = []
    let next = 0
    let outgoing = ''
    let rest = ''

    const flush = () => {
      socket.write(outgoing)
      outgoing = ''
    }
    socket.on('data', (/** @type {string} */ chunk) => {
      const text = rest + chunk
      const end = text.lastIndexOf('\n')
      if (end < 0) {
        rest = text
        return
      }
      rest = text.slice(end + 1)
      for (const reply of JSON.parse(`[${text.slice(0, end).replaceAll('\n', ',')}]`)) waiting[next++](reply.value)
      if (next > 1000 || next === waiting.length) {
        waiting = waiting.slice(next)
        next = 0
      }
    })

    /** @param {string} line */
    const request = line =>
      new Promise(resolve => {
        if (outgoing === '') process.nextTick(flush)
        outgoing += line
        waiting.push(resolve)
      })
    const { TOKEN } = require('../lib/data')
    return {
      get: key => request(`{"action":"get","key":${JSON.stringify(key)},"value":"${TOKEN}"}\n`),
      set: (key, value, ttl) => request(`{"action":"set","key":${JSON.stringify(key)},"value":${JSON.stringify(value)},"ttl":${ttl}}\n`),
      del: key => request(`{"action":"del","key":${JSON.stringify(key)}}\n`),
      lease: (key, worker, ttl) => request(`{"action":"lease","key":"${key}","workerId":"${worker}","ttl":${ttl}}\n`),
      release: (key, worker) => request(`{"action":"release","key":"${key}","workerId":"${worker}"}\n`),
      close: async () => {
        socket.destroy()
      }
    }
  }
}

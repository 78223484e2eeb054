// @ts-check
'use strict'

/** What a run leaves behind: processes, directories, sockets, ports. Found from outside, with nothing that the runner itself uses. */

const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const net = require('node:net')
const path = require('node:path')

/** A run leaves nothing after this time (ms), however it ended. */
const SOON = 1000
/** The same on a machine that does other things too. */
const PATIENCE = 5000

/** @typedef {{ mark: string, tmp: string, ports: () => number[] }} Subject */

/**
 * Processes that have one of these texts in their command or their environment.
 * @param {string[]} texts
 * @returns {string[]} id and command
 */
function processesWith(texts) {
  if (process.platform !== 'linux') {
    const all = execFileSync('ps', ['-A', '-E', '-ww', '-o', 'pid=,command='], { encoding: 'utf8', maxBuffer: 2 ** 26 }).split('\n')
    return all.filter(line => texts.some(text => line.includes(text)) && Number.parseInt(line, 10) !== process.pid)
  }
  const found = []
  for (const pid of fs.readdirSync('/proc').filter(name => /^\d+$/.test(name) && Number(name) !== process.pid)) {
    try {
      const command = fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1')
      const all = command + fs.readFileSync(`/proc/${pid}/environ`, 'latin1')
      if (texts.some(text => all.includes(text))) found.push(`${pid} ${command.replaceAll('\0', ' ')}`)
    } catch {
      // It has ended.
    }
  }
  return found
}

/**
 * @param {Subject} subject
 * @returns {Promise<string[]>} what is there still, in words
 */
async function traces({ mark, tmp, ports }) {
  const processes = processesWith([mark, tmp]).map(each => `process ${each}`)
  const files = filesIn(tmp).map(each => `file ${path.join(tmp, each)}`)
  const open = []
  for (const port of ports()) if ((await said(port)).includes(mark)) open.push(`port ${port}`)
  return [...processes, ...files, ...open]
}

/** @param {string} folder */
function filesIn(folder) {
  try {
    return fs.readdirSync(folder, { recursive: true }).map(String)
  } catch {
    // It is being removed: what is left of it is seen by the next look.
    return fs.readdirSync(folder)
  }
}

/**
 * What listens there says; '' when nobody does.
 * @param {number} port
 * @returns {Promise<string>}
 */
function said(port) {
  return new Promise(resolve => {
    let text = ''
    const socket = net.connect(port, '127.0.0.1', () => socket.end('GET / HTTP/1.0\r\n\r\n'))
    socket.setEncoding('utf8').on('data', data => {
      text += data
    })
    socket.setTimeout(SOON, () => socket.destroy())
    socket.on('error', () => {}).on('close', () => resolve(text))
  })
}

/**
 * Waits until nothing is left.
 * @param {Subject} subject
 * @returns {Promise<number>} how long it took, in ms
 * @throws what is left
 */
async function gone(subject) {
  const began = performance.now()
  for (;;) {
    const left = await traces(subject)
    const took = performance.now() - began
    if (left.length === 0) return took
    if (took > PATIENCE) throw new Error(`left after ${Math.round(took)} ms:\n  ${left.join('\n  ')}`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

module.exports = { SOON, gone, processesWith, traces }

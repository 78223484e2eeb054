// @ts-check
'use strict'

const { spawn } = require('node:child_process')
const { mkdtempSync, readFileSync, rmSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { once } = require('node:events')
const { figure, median, perRequest, rate } = require('../lib/table')

const FOLDER = join(__dirname, '../shared-workers')
/** AVA finds its configuration and its test from there. */
const BENCHES = join(__dirname, '..')

/** @typedef {{ p50: number, p99: number, rate: number, get?: number }} Sample */

/**
 * Runs a command to its end.
 *
 * @param {string[]} args of Node
 * @param {Record<string, string | undefined>} env
 * @returns {Promise<string>} what it printed
 */
async function node(args, env) {
  const child = spawn(process.execPath, args, { cwd: BENCHES, env, stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', text => (output += text))
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${output.slice(-1000)}`)
  return output
}

/**
 * @param {string} scale
 * @returns {Promise<Sample>}
 */
async function ours(scale) {
  const { Broker } = require('../..')
  const broker = new Broker({ requireTTL: false })
  await broker.start()
  try {
    return JSON.parse(await node([join(FOLDER, 'ours.mjs'), scale], process.env))
  } finally {
    await broker.stop()
  }
}

/**
 * @param {string} scale
 * @returns {Promise<Sample>}
 */
async function ava(scale) {
  const folder = mkdtempSync(join(tmpdir(), 'bench-ava-'))
  const result = join(folder, 'result.json')
  const env = { ...process.env, CI: '1', SHARED_WORKERS_SCALE: scale, SHARED_WORKERS_RESULT: result }
  try {
    await node([join(BENCHES, 'node_modules/ava/entrypoints/cli.mjs'), '--timeout=5m', 'shared-workers/ava.test.mjs'], env)
    return JSON.parse(readFileSync(result, 'utf8'))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** @type {import('.').Row} */
const sharedWorkers = {
  id: 'shared workers',
  fits: peer => peer.sharedWorkers === true,
  rounds: scale => Math.min(scale.rounds, 3),
  lines: [
    { title: 'shared worker: message and reply, one at a time, p50 / p99 (µs)', cell: perRequest },
    {
      title: 'the same, in times of a `get` of the same process',
      cell: samples => (samples[0]?.get === undefined ? '–' : figure(median(samples.map(each => each.p50 / each.get))))
    },
    { title: 'shared worker: messages to it from one test worker (1/s)', cell: samples => rate(median(samples.map(each => each.rate))) }
  ],

  measure(_state, { scale }, peer) {
    const text = JSON.stringify({ trips: scale.requests, messages: scale.requests * 20 })
    return peer.name === 'AVA' ? ava(text) : ours(text)
  }
}

module.exports = [sharedWorkers]

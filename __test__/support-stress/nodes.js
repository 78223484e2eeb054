// @ts-check
'use strict'

// Other versions of Node, as npm packages with the binary in them. Kept in node_modules/.cache.

const { execFileSync, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')

const VERSIONS = [20, 22, 24]
const cache = path.join(__dirname, '..', '..', 'node_modules', '.cache', 'ephemeral-broker-nodes')
const own = Number(process.versions.node.split('.')[0])

/** @param {number} version */
const binary = version => path.join(cache, 'node_modules', `node-${version}`, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')

/** @param {number[]} versions */
function install(versions) {
  const platform = process.platform === 'win32' ? 'win' : process.platform
  fs.mkdirSync(cache, { recursive: true })
  if (!fs.existsSync(path.join(cache, 'package.json'))) fs.writeFileSync(path.join(cache, 'package.json'), '{"private":true}\n')
  const packages = versions.map(version => `node-${version}@npm:node-${platform}-${process.arch}@${version}`)
  const options = { cwd: cache, encoding: /** @type {const} */ ('utf8'), shell: platform === 'win', timeout: 120_000 }
  execFileSync('npm', ['install', '--no-audit', '--no-fund', ...packages], { ...options, stdio: 'pipe' })
}

/**
 * This Node and the others that can be had, and why some cannot.
 * @returns {{ nodes: Array<{ version: number, node: string }>, missing: Array<{ version: number, why: string }> }}
 */
function findNodes() {
  const others = VERSIONS.filter(version => version !== own)
  let why = ''
  try {
    const absent = others.filter(version => !fs.existsSync(binary(version)))
    if (absent.length > 0) install(absent)
  } catch (error) {
    why = `npm could not install it: ${/** @type {Error} */ (error).message.split('\n')[0]}`
  }
  const works = (/** @type {number} */ version) =>
    spawnSync(binary(version), ['--version'], { encoding: 'utf8' }).stdout?.startsWith(`v${version}.`)
  const nodes = [{ version: own, node: process.execPath }]
  const missing = []
  for (const version of others) {
    if (works(version)) nodes.push({ version, node: binary(version) })
    else missing.push({ version, why: why || 'it does not run here' })
  }
  return { nodes, missing }
}

module.exports = { findNodes }

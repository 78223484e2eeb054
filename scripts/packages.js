// @ts-check
'use strict'

// What the checks, the tests and the release know of the packages: the root, and one for each platform in npm/.

const { spawnSync } = require('node:child_process')
const { existsSync, mkdirSync, readFileSync, realpathSync } = require('node:fs')
const path = require('node:path')

const root = path.join(__dirname, '..')

/** The most bytes that a compiled addon may have. */
const MAX_ADDON_BYTES = 7_500_000

const systems = { linux: 'linux', darwin: 'darwin', windows: 'win32' }
const processors = { x86_64: 'x64', aarch64: 'arm64' }

/**
 * @typedef {object} Platform
 * @property {string} name as in `linux-x64-gnu`
 * @property {string} target Rust's name for it
 * @property {string} os
 * @property {string} cpu
 * @property {string | undefined} abi
 * @property {string} packageName
 * @property {string} folder
 * @property {string} file the addon's name
 */

/**
 * @param {string} file
 * @returns {any}
 */
const readJson = file => JSON.parse(readFileSync(file, 'utf8'))

/**
 * The platforms that a release has: those of `napi.targets`.
 * @param {string} [base] the folder of the root package
 * @returns {Platform[]}
 */
function platforms(base = root) {
  const { napi } = readJson(path.join(base, 'package.json'))
  return napi.targets.map((/** @type {string} */ target) => {
    const [processor, , system, abi] = target.split('-')
    const os = /** @type {Record<string, string>} */ (systems)[system]
    const cpu = /** @type {Record<string, string>} */ (processors)[processor]
    if (!os || !cpu) throw new Error(`The target ${target} is not known here`)
    const name = [os, cpu, abi].filter(Boolean).join('-')
    return {
      name,
      target,
      os,
      cpu,
      abi,
      packageName: `${napi.packageName}-${name}`,
      folder: path.join(base, 'npm', name),
      file: `${napi.binaryName}.${name}.node`
    }
  })
}

/** Whether this Node runs on musl, as on Alpine. */
function onMusl() {
  const report = /** @type {any} */ (process.report?.getReport())
  return process.platform === 'linux' && !report?.header?.glibcVersionRuntime
}

/** @returns {Platform} the platform of this machine */
function ownPlatform() {
  const { platform, arch } = process
  const found = platforms().find(
    ({ os, cpu, abi }) => os === platform && cpu === arch && (os !== 'linux' || abi === (onMusl() ? 'musl' : 'gnu'))
  )
  if (!found) throw new Error(`There is no package for ${platform} on ${arch}`)
  return found
}

/** npm's own script. Run by Node it needs no shell on Windows, and nothing else in PATH anywhere. */
function npmScript() {
  const given = process.env.npm_execpath ?? ''
  if (path.basename(given) === 'npm-cli.js') return given
  const bin = path.dirname(realpathSync(process.execPath))
  const inPath = (process.env.PATH ?? '').split(path.delimiter).map(folder => path.join(folder, 'npm'))
  const candidates = [
    path.join(bin, 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    path.join(bin, '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    ...inPath.filter(file => existsSync(file)).map(file => realpathSync(file))
  ]
  const script = candidates.find(file => path.basename(file) === 'npm-cli.js' && existsSync(file))
  if (!script) throw new Error('npm is not found: run this with `npm run`')
  return script
}

/**
 * Runs npm.
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {{ code: number, stdout: string, stderr: string }}
 */
function tryNpm(args, { cwd = root, env = process.env } = {}) {
  // What `npm run` set for the script that runs now must not steer another npm in another folder.
  const clean = Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^npm_(?:package|lifecycle|command|execpath|config_local_prefix)/i.test(name))
  )
  const result = spawnSync(process.execPath, [npmScript(), ...args], { cwd, env: clean, encoding: 'utf8', maxBuffer: 2 ** 26 })
  if (result.error) throw result.error
  return { code: result.status ?? 1, stdout: result.stdout, stderr: result.stderr }
}

/**
 * Runs npm, and throws what it printed when it fails.
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {string} standard output
 */
function npm(args, options) {
  const { code, stdout, stderr } = tryNpm(args, options)
  if (code !== 0) throw new Error(`npm ${args.join(' ')} ended with ${code}:\n${stdout}${stderr}`)
  return stdout
}

/**
 * Packs a package as `npm publish` would.
 * @param {string} folder
 * @param {string} into
 * @returns {{ tarball: string, files: string[] }} where it is, and what is in it, sorted
 */
function pack(folder, into) {
  mkdirSync(into, { recursive: true })
  const output = JSON.parse(npm(['pack', folder, '--json', '--pack-destination', into, '--ignore-scripts']))
  const [packed] = Object.values(output)
  return {
    tarball: path.join(into, packed.filename),
    files: packed.files.map((/** @type {{ path: string }} */ file) => file.path).sort()
  }
}

module.exports = { MAX_ADDON_BYTES, npm, npmScript, onMusl, ownPlatform, pack, platforms, readJson, root, tryNpm }

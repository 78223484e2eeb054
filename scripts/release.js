// @ts-check
'use strict'

// Publishes a release, or refuses to: every platform's package first, the root last, and nothing at all unless everything is there.
//
//   node scripts/release.js             checks, then publishes
//   node scripts/release.js --dry-run   checks, then says what it would publish
//   --tag v0.1.0                        checks that this is the tag of the version, too
//
// What has been published already is left out, so a release that broke off is finished by running it again.

const { existsSync, readFileSync, readdirSync, statSync, writeFileSync } = require('node:fs')
const path = require('node:path')
const { parseArgs } = require('node:util')
const { MAX_ADDON_BYTES, npm, platforms, readJson, root, tryNpm } = require('./packages.js')

/** @typedef {import('./packages.js').Platform} Platform */
/** @typedef {{ os: string, cpu: string, libc?: 'gnu' | 'musl' }} Binary */

/**
 * For whom a file was compiled, by what it says itself.
 * @param {Buffer} bytes
 * @returns {Binary | undefined} undefined: it is no shared library for a system we know
 */
function inspect(bytes) {
  try {
    return inspectElf(bytes) ?? inspectMachO(bytes) ?? inspectPe(bytes)
  } catch (error) {
    // It points beyond its own end.
    if (error instanceof RangeError) return undefined
    throw error
  }
}

const name = (/** @type {Record<number, string>} */ names, /** @type {number} */ code) => names[code] ?? `machine 0x${code.toString(16)}`

/**
 * @param {Buffer} bytes
 * @returns {Binary | undefined}
 */
function inspectElf(bytes) {
  const SHARED_OBJECT = 3
  // 64 bits, little endian.
  if (bytes.toString('latin1', 0, 6) !== '\x7fELF\x02\x01' || bytes.readUInt16LE(16) !== SHARED_OBJECT) return undefined
  const needed = neededLibraries(bytes)
  const gnu = needed.some(library => library === 'libc.so.6' || library.startsWith('ld-linux'))
  const musl = needed.some(library => library === 'libc.so' || library.startsWith('libc.musl-'))
  const libc = gnu ? 'gnu' : musl ? 'musl' : undefined
  return { os: 'linux', cpu: name({ 62: 'x64', 183: 'arm64' }, bytes.readUInt16LE(18)), ...(libc && { libc }) }
}

/**
 * The names of the libraries that an ELF file asks for.
 * @param {Buffer} bytes
 */
function neededLibraries(bytes) {
  const LOAD = 1
  const DYNAMIC = 2
  const NEEDED = 1n
  const STRING_TABLE = 5n
  const at = (/** @type {number} */ position) => Number(bytes.readBigUInt64LE(position))

  const start = at(32)
  const size = bytes.readUInt16LE(54)
  const headers = Array.from({ length: bytes.readUInt16LE(56) }, (_, index) => start + index * size).map(header => ({
    type: bytes.readUInt32LE(header),
    offset: at(header + 8),
    address: at(header + 16),
    length: at(header + 32)
  }))
  const dynamic = headers.find(header => header.type === DYNAMIC)
  if (!dynamic) return []

  /** @type {number[]} */
  const names = []
  let strings = 0
  for (let entry = dynamic.offset; entry + 16 <= dynamic.offset + dynamic.length; entry += 16) {
    const tag = bytes.readBigUInt64LE(entry)
    if (tag === 0n) break
    if (tag === NEEDED) names.push(at(entry + 8))
    if (tag === STRING_TABLE) strings = at(entry + 8)
  }
  const segment = headers.find(({ type, address, length }) => type === LOAD && strings >= address && strings < address + length)
  if (!segment) return []
  const table = strings - segment.address + segment.offset
  return names.map(offset => bytes.toString('latin1', table + offset, bytes.indexOf(0, table + offset)))
}

/**
 * @param {Buffer} bytes
 * @returns {Binary | undefined}
 */
function inspectMachO(bytes) {
  const DYLIB = 6
  const BUNDLE = 8
  if (bytes.readUInt32LE(0) !== 0xfeedfacf || ![DYLIB, BUNDLE].includes(bytes.readUInt32LE(12))) return undefined
  return { os: 'darwin', cpu: name({ [0x01000007]: 'x64', [0x0100000c]: 'arm64' }, bytes.readUInt32LE(4)) }
}

/**
 * @param {Buffer} bytes
 * @returns {Binary | undefined}
 */
function inspectPe(bytes) {
  const DLL = 0x2000
  if (bytes.toString('latin1', 0, 2) !== 'MZ') return undefined
  const header = bytes.readUInt32LE(0x3c)
  if (bytes.toString('latin1', header, header + 4) !== 'PE\0\0' || !(bytes.readUInt16LE(header + 22) & DLL)) return undefined
  return { os: 'win32', cpu: name({ [0x8664]: 'x64', [0xaa64]: 'arm64' }, bytes.readUInt16LE(header + 4)) }
}

/**
 * What is wrong with the addon of a platform.
 * @param {Platform} platform
 * @returns {string[]}
 */
function addonProblems({ os, cpu, abi, folder, file }) {
  const place = path.join(folder, file)
  if (!existsSync(place)) return [`${file} is missing`]
  const problems = []
  const { size } = statSync(place)
  if (size > MAX_ADDON_BYTES) problems.push(`${file} has ${size} bytes, more than ${MAX_ADDON_BYTES}`)
  const binary = inspect(readFileSync(place))
  if (!binary) return [...problems, `${file} is not a 64-bit shared library`]
  if (binary.os !== os || binary.cpu !== cpu) problems.push(`${file} is for ${binary.os} on ${binary.cpu}`)
  // A library for musl need not name its libc; one for glibc always does.
  else if (os === 'linux' && (abi === 'gnu' ? binary.libc !== 'gnu' : binary.libc === 'gnu')) {
    problems.push(`${file} is for ${binary.libc ? `the libc of ${binary.libc}` : 'no libc that is known'}`)
  }
  return problems
}

/**
 * What is wrong with the package of a platform.
 * @param {Platform} platform
 * @param {string} version
 * @returns {string[]}
 */
function platformProblems(platform, version) {
  const { name, os, cpu, abi, folder, file, packageName } = platform
  const manifest = path.join(folder, 'package.json')
  if (!existsSync(manifest)) return [`${name}: package.json is missing`]
  const libc = os === 'linux' ? { libc: [abi === 'musl' ? 'musl' : 'glibc'] } : {}
  const expected = { name: packageName, version, main: file, files: [file], os: [os], cpu: [cpu], libc: undefined, ...libc }
  const actual = readJson(manifest)
  const problems = Object.entries(expected)
    .filter(([key, value]) => JSON.stringify(actual[key]) !== JSON.stringify(value))
    .map(([key, value]) => `${key} in package.json is ${JSON.stringify(actual[key])}, not ${JSON.stringify(value)}`)
  for (const text of ['README.md', 'LICENSE']) if (!existsSync(path.join(folder, text))) problems.push(`${text} is missing`)
  return [...problems, ...addonProblems(platform)].map(problem => `${name}: ${problem}`)
}

/**
 * Where else the version stands.
 * @param {string} base
 * @param {string} version
 */
function versionProblems(base, version) {
  const text = (/** @type {string} */ file) => readFileSync(path.join(base, file), 'utf8')
  const lock = readJson(path.join(base, 'package-lock.json'))
  /** @type {Array<[place: string, versions: Array<string | undefined>]>} */
  const places = [
    ['package-lock.json', [lock.version, lock.packages[''].version]],
    ['Cargo.toml', [/^\[package\][^[]*?^version = "(.*?)"/ms.exec(text('Cargo.toml'))?.[1]]],
    ['Cargo.lock', [/^name = "ephemeral-broker"\nversion = "(.*?)"/m.exec(text('Cargo.lock').replaceAll('\r', ''))?.[1]]],
    // The loader compares it with that of the platform's package.
    ['native.js', [...text('native.js').matchAll(/bindingPackageVersion !== '(.*?)'/g)].map(([, found]) => found)]
  ]
  return places.flatMap(([place, versions]) => {
    const others = [...new Set(versions)].filter(found => found !== version)
    if (versions.length > 0 && others.length === 0) return []
    return [`${place} has version ${others.join(', ') || 'none'}, not ${version}`]
  })
}

/**
 * Everything that speaks against a release.
 * @param {string} base the folder of the root package
 * @param {string} [tag]
 * @returns {string[]}
 */
function problemsOf(base, tag) {
  const manifest = readJson(path.join(base, 'package.json'))
  const { version } = manifest
  const all = platforms(base)
  const known = new Set(all.map(platform => platform.name))
  const folders = existsSync(path.join(base, 'npm')) ? readdirSync(path.join(base, 'npm')) : []
  return [
    ...(tag === undefined || tag === `v${version}` ? [] : [`the tag ${tag} is not v${version}`]),
    ...(manifest.optionalDependencies ? ['package.json lists optionalDependencies, which the release adds itself'] : []),
    ...versionProblems(base, version),
    ...folders.filter(folder => !known.has(folder)).map(folder => `npm/${folder} belongs to none of the targets in package.json`),
    ...all.flatMap(platform => platformProblems(platform, version))
  ]
}

/**
 * Whether the registry has this version of a package.
 * @param {string} packageName
 * @param {string} version
 */
function isPublished(packageName, version) {
  const { code, stdout, stderr } = tryNpm(['view', `${packageName}@${version}`, 'version', '--json'])
  if (code === 0) return stdout.trim() !== ''
  if (`${stdout}${stderr}`.includes('E404')) return false
  throw new Error(`The registry did not say whether it has ${packageName}@${version}:\n${stdout}${stderr}`)
}

/**
 * @param {string} base
 * @param {{ packageName: string, folder: string }} one
 * @param {string} version
 */
function publish(base, { packageName, folder }, version) {
  if (isPublished(packageName, version)) {
    console.log(`${packageName}@${version} is published already`)
    return
  }
  // A version such as 1.0.0-beta.1 must not become what `npm install` takes.
  const channel = version.includes('-') ? 'next' : 'latest'
  npm(['publish', folder, '--access', 'public', '--tag', channel, '--ignore-scripts'], { cwd: base })
  console.log(`published ${packageName}@${version}`)
}

/** @param {string[]} args */
function main(args) {
  const { values } = parseArgs({ args, options: { 'dry-run': { type: 'boolean' }, tag: { type: 'string' } } })
  const problems = problemsOf(root, values.tag)
  if (problems.length > 0) {
    console.error(`Not published. ${problems.length === 1 ? 'This is' : `These ${problems.length} things are`} in the way:`)
    for (const problem of problems) console.error(`  ${problem}`)
    process.exitCode = 1
    return
  }

  const file = path.join(root, 'package.json')
  const before = readFileSync(file, 'utf8')
  const manifest = JSON.parse(before)
  const all = platforms()
  const optionalDependencies = Object.fromEntries(all.map(platform => [platform.packageName, manifest.version]))
  const order = [...all, { packageName: manifest.name, folder: root }]

  if (values['dry-run']) {
    console.log('Everything is there. Would publish, in this order:')
    for (const { packageName } of order) console.log(`  ${packageName}@${manifest.version}`)
    console.log('with these optionalDependencies in the last:')
    console.log(JSON.stringify(optionalDependencies, null, 2))
    return
  }
  // Only what is published lists them: in a checkout `npm ci` would look for packages that are not there yet.
  writeFileSync(file, `${JSON.stringify({ ...manifest, optionalDependencies }, null, 2)}\n`)
  try {
    for (const one of order) publish(root, one, manifest.version)
  } finally {
    writeFileSync(file, before)
  }
}

module.exports = { addonProblems, inspect }

if (require.main === module) {
  try {
    main(process.argv.slice(2))
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}

// @ts-check
'use strict'

// Whether the packages of the root and of this platform are as their users need them. `npm run check` calls it after the build.

const { spawnSync } = require('node:child_process')
const { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } = require('node:fs')
const { tmpdir } = require('node:os')
const path = require('node:path')
const { ownPlatform, pack, readJson, root } = require('./packages.js')
const { addonProblems } = require('./release.js')

/**
 * The files below a folder of the root, as a tarball names them.
 * @param {string} folder
 */
const below = folder =>
  readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(name => statSync(path.join(root, folder, name)).isFile())
    .map(name => `${folder}/${name.replaceAll(path.sep, '/')}`)

/** @returns {string[]} what the root's tarball must hold, no more and no less */
function rootFiles() {
  const texts = ['CHANGELOG.md', 'LICENSE', 'PROTOCOL.md', 'README.md']
  return [
    ...texts,
    'ava.d.mts',
    'cooperate.d.ts',
    'get-port.d.ts',
    'index.d.ts',
    'index.js',
    'native.d.ts',
    'native.js',
    'package.json',
    'plugin.d.ts',
    'run.d.ts',
    // What `init` copies into projects.
    'examples/python/ephemeral_broker.py',
    'examples/python/pytest_ephemeral_broker.py',
    ...['bin', 'docs', 'examples/go/broker', 'lib'].flatMap(below)
  ].sort()
}

/**
 * @param {string[]} actual
 * @param {string[]} expected
 * @returns {string[]}
 */
const differences = (actual, expected) => [
  ...expected.filter(file => !actual.includes(file)).map(file => `${file} is not in the tarball`),
  ...actual.filter(file => !expected.includes(file)).map(file => `${file} does not belong into the tarball`)
]

/**
 * @param {string} tarball
 * @returns {Promise<string[]>} whatever publint has to say, suggestions too
 */
async function publintProblems(tarball) {
  const { publint } = await import('publint')
  const { formatMessage } = await import('publint/utils')
  const buffer = readFileSync(tarball)
  const { messages, pkg } = await publint({
    strict: true,
    level: 'suggestion',
    pack: { tarball: buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength) }
  })
  return messages.map(message => `publint: ${formatMessage(message, pkg, { color: false })}`)
}

/**
 * @param {string} tarball
 * @returns {string[]} what attw says when types do not resolve in each of the ways in which a package is imported
 */
function typesProblems(tarball) {
  const attw = path.join(root, 'node_modules', '@arethetypeswrong', 'cli', 'dist', 'index.js')
  const shown = ['--format', 'ascii', '--no-emoji', '--no-color']
  const runs = [
    // Data, for editors and for Jest: nobody imports it without exports being known.
    ['--exclude-entrypoints', './schema.json', './ava', './vitest', './jest-preset', '--profile', 'strict'],
    // AVA's and Vitest's tests are ECMAScript modules, as these are.
    ['--entrypoints', './ava', './vitest', '--profile', 'esm-only']
  ]
  return runs.flatMap(args => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [attw, tarball, ...args, ...shown], { encoding: 'utf8' })
    return status === 0 ? [] : [`attw: ${stdout}${stderr}`]
  })
}

/** The report's page is made of more than scripts, and what is for AVA of modules. @param {string} file */
function isOurs(file) {
  if (file.startsWith('lib/run/reporters/html/page/')) return /\.(?:mjs|css|html)$|\/tsconfig\.json$/.test(file)
  if (file.startsWith('lib/ava/')) return file.endsWith('.mjs')
  if (file.startsWith('lib/integrations/')) return /\.(?:js|mjs|d\.ts|d\.mts)$/.test(file)
  return file.endsWith('.js') || file === 'lib/run/schema.json'
}

/** @returns {Promise<string[]>} */
async function problemsOf() {
  const platform = ownPlatform()
  const temporary = mkdtempSync(path.join(tmpdir(), 'ephemeral-broker-pack-'))
  try {
    const main = pack(root, temporary)
    const own = pack(platform.folder, temporary)
    return [
      ...(readJson(path.join(root, 'package.json')).optionalDependencies
        ? [
            'package.json lists optionalDependencies: only scripts/release.js adds them, or `npm ci` looks for packages that are not published'
          ]
        : []),
      ...addonProblems(platform),
      ...differences(own.files, [platform.file, 'LICENSE', 'README.md', 'package.json']).map(
        problem => `${platform.packageName}: ${problem}`
      ),
      ...differences(main.files, rootFiles()),
      ...main.files
        .filter(file => /^(?:lib|bin)\//.test(file) && !isOurs(file))
        .map(file => `${file} is neither JavaScript nor known data`),
      ...(await publintProblems(main.tarball)),
      ...(await publintProblems(own.tarball)).map(problem => `${platform.packageName}: ${problem}`),
      ...typesProblems(main.tarball)
    ]
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

async function main() {
  const problems = await problemsOf()
  for (const problem of problems) console.error(problem)
  if (problems.length > 0) process.exitCode = 1
  else console.log('The packages are as they should be.')
}

main()

// @ts-check
'use strict'

// `npm run demo`: sets up what is missing, runs the examples and tells what each worker got. Needs Node's built-in modules only, because
// it runs before anything is installed. The tests of the examples use its functions too.

const { spawn, spawnSync } = require('node:child_process')
const path = require('node:path')
const { pathToFileURL } = require('node:url')
const { stripVTControlCharacters } = require('node:util')
const { installDependencies, root, setUp } = require('./setup.js')

/**
 * @typedef {object} Example
 * @property {string} folder
 * @property {string} title
 * @property {boolean} [browser] whether it needs Chrome and chromedriver
 */

/** @type {Example[]} */
const examples = [
  { folder: 'jest-parallel', title: 'Jest' },
  { folder: 'jest-typescript', title: 'Jest in TypeScript' },
  { folder: 'wdio-basic', title: 'WebdriverIO', browser: true }
]

/**
 * @typedef {object} Worker
 * @property {string} worker the runner's name for it
 * @property {number} pid
 * @property {string} what what it leased a number of
 * @property {number} number
 */

/** @param {string} folder */
const folderOf = folder => path.join(root, 'examples', folder)

/**
 * Runs npm and resolves to its exit code and what it printed.
 * @param {string[]} args
 * @param {{ cwd: string, env?: NodeJS.ProcessEnv }} options
 * @returns {Promise<{ code: number, output: string }>}
 */
function npm(args, { cwd, env = {} }) {
  // npm sets this to its own script. Started through Node it needs no shell on Windows, where `npm` is a batch file.
  const own = process.env.npm_execpath?.endsWith('.js') ? process.env.npm_execpath : undefined
  const command = own ? process.execPath : 'npm'
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env
  return new Promise((resolve, reject) => {
    const child = spawn(command, own ? [own, ...args] : args, {
      cwd,
      env: { ...inherited, ...env },
      shell: !own && process.platform === 'win32',
      stdio: ['ignore', 'pipe', 'pipe']
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', text => {
        output += text
      })
    }
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code: code ?? 1, output: signal ? `${output}\nended by ${signal}` : output }))
  })
}

/** Sets the package up: its dependencies and the addon. */
function prepare() {
  try {
    setUp()
  } catch (error) {
    const rust = spawnSync('cargo', ['--version'], { stdio: 'ignore' }).status === 0
    throw rust ? error : new Error('The addon must be built, and Rust is missing: install it from https://rustup.rs and run this again.')
  }
}

/** @returns {Promise<{ browser?: string, driver?: string }>} where Chrome and its driver are */
async function findChrome() {
  const finder = await import(pathToFileURL(path.join(folderOf('wdio-basic'), 'browser.js')).href)
  return finder.findChrome()
}

/** Asks the system's package manager for Chromium and its driver, where that needs no password. */
function installChrome() {
  /** @type {Array<[manager: string, ...commands: string[][]]>} */
  const managers =
    process.platform === 'darwin'
      ? [['brew', ['install', '--cask', 'chromium', 'chromedriver']]]
      : process.getuid?.() === 0
        ? [
            [
              'apt-get',
              ['update'],
              ['install', '-o', 'DPkg::Lock::Timeout=300', '--yes', '--no-install-recommends', 'chromium', 'chromium-driver']
            ],
            ['apk', ['add', 'chromium', 'chromium-chromedriver']],
            ['dnf', ['install', '--assumeyes', 'chromium', 'chromedriver']],
            ['pacman', ['-Sy', '--noconfirm', 'chromium']]
          ]
        : []
  for (const [manager, ...commands] of managers) {
    if (spawnSync(manager, ['--version'], { stdio: 'ignore' }).status !== 0) continue
    console.log(`Installing Chromium with ${manager}.`)
    for (const args of commands) spawnSync(manager, args, { stdio: 'ignore', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } })
    return
  }
}

/**
 * What keeps the browser example from running, in one sentence; undefined when nothing does.
 * @param {{ tryInstall?: boolean }} [options]
 */
async function missingBrowser({ tryInstall = false } = {}) {
  let found = await findChrome()
  // Who names a file wants that file.
  if (tryInstall && !(found.browser && found.driver) && !process.env.CHROME_BIN && !process.env.CHROMEDRIVER_BIN) {
    installChrome()
    found = await findChrome()
  }
  if (found.browser && found.driver) return undefined
  const missing = [!found.browser && 'Chrome or Chromium', !found.driver && 'chromedriver'].filter(Boolean).join(' and ')
  return `The WebdriverIO example needs ${missing}: install it (Debian: apt-get install chromium chromium-driver) or say where it is in CHROME_BIN and CHROMEDRIVER_BIN.`
}

/**
 * Runs an example as its user would.
 * @param {string} folder
 * @param {{ script?: string, env?: NodeJS.ProcessEnv }} [options]
 */
async function run(folder, { script = 'test', env } = {}) {
  const { code, output } = await npm(['run', script], { cwd: folderOf(folder), env })
  return { code, output: stripVTControlCharacters(output) }
}

/**
 * What the workers said they leased.
 * @param {string} output
 * @returns {Worker[]}
 */
function leased(output) {
  return [...output.matchAll(/worker (\S+) pid (\d+) leased (\w+) (\d+)/g)]
    .map(([, worker, pid, what, number]) => ({ worker, pid: Number(pid), what, number: Number(number) }))
    .sort((a, b) => a.number - b.number)
}

/**
 * What the run told of the broker at its end.
 * @param {string} output
 */
const reported = output => [...output.matchAll(/\bbroker: .*/g)].map(([line]) => line)

/**
 * What is wrong with what five workers leased; undefined when nothing is.
 * @param {Worker[]} workers
 */
function complaint(workers) {
  if (workers.length !== 5) return `${workers.length} workers leased something, not 5`
  if (new Set(workers.map(worker => worker.pid)).size !== 5) return 'two leases came from one process'
  if (new Set(workers.map(worker => worker.number)).size !== 5) return 'two workers held one number'
  if (workers.some(({ number }) => !(number >= 1 && number <= 10))) return 'a number is not from 1 to 10'
  return undefined
}

/**
 * @param {Example} example
 * @returns {Promise<boolean>} whether it did what it shows
 */
async function show({ folder, title }) {
  console.log(`\n${title} (examples/${folder})`)
  installDependencies(folderOf(folder))
  const { code, output } = await run(folder)
  const workers = leased(output)
  const wrong = code === 0 ? complaint(workers) : `it ended with exit code ${code}`
  if (wrong) {
    console.log(`${output}\n  failed: ${wrong}`)
    return false
  }
  for (const { worker, pid, what, number } of workers)
    console.log(`  worker ${worker.padEnd(4)} process ${String(pid).padEnd(8)} got ${what} ${number}`)
  console.log('  While they held them, no two held the same. All five used one token.')
  for (const line of reported(output)) console.log(`  ${line}`)
  return true
}

async function main() {
  prepare()

  /** @type {string[]} */
  const summary = []
  for (const example of examples) {
    const missing = example.browser ? await missingBrowser({ tryInstall: true }) : undefined
    if (missing) {
      summary.push(`  not run  ${example.title}. ${missing}`)
      continue
    }
    const passed = await show(example)
    summary.push(`  ${passed ? 'passed ' : 'FAILED '}  ${example.title}`)
    if (!passed) process.exitCode = 1
  }
  console.log(`\nSummary\n${summary.join('\n')}`)
}

module.exports = { complaint, examples, folderOf, leased, missingBrowser, npm, reported, run }

if (require.main === module) {
  main().catch(error => {
    console.error(error.message)
    process.exitCode = 1
  })
}

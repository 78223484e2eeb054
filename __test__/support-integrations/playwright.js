// @ts-check
'use strict'

// Projects with Playwright Test, and what is asked of them.

const { createRequire } = require('node:module')
const path = require('node:path')
const { pathToFileURL } = require('node:url')
const { missingBrowser } = require('../../scripts/demo.js')
const { isAlive } = require('../support/alive.js')
const { npmPackage } = require('../support-run-adapters/toolchains.js')
const { ROOT, makeProject } = require('./project.js')

const CLI = 'node_modules/@playwright/test/cli.js'
/** What it makes of our files, which it takes for the project's as they are linked there: the same in all projects. */
const transformed = path.join(ROOT, 'node_modules', '.cache', 'ephemeral-broker-playwright')
/** What comes with it. */
const PACKAGES = ['@playwright/test', 'playwright', 'playwright-core']

/**
 * @param {import('node:test').TestContext} t
 * @param {import('./project.js').Parts} parts
 * @param {string} [version]
 */
function makePlaywrightProject(t, parts, version = '1') {
  const { path: folder, why } = npmPackage('@playwright/test', version)
  if (folder === null) throw new Error(String(why))
  const packages = Object.fromEntries(PACKAGES.map(name => [name, folder]))
  const types = { '@types/node': ROOT, 'undici-types': ROOT }
  const project = makeProject(t, { ...parts, packages: { ...packages, ...types, ...parts.packages } })
  const { run } = project
  project.run = command => run({ ...command, env: { PWTEST_CACHE_DIR: transformed, ...command.env } })
  return project
}

/**
 * What the JSON reporter says of each test, by its title.
 * @param {ReturnType<typeof makePlaywrightProject>} project
 * @returns {Map<string, { status: string, results: Array<{ status: string, errors: Array<{ message: string }> }> }>}
 */
function outcomesOf(project) {
  /** @type {Map<string, any>} */
  const outcomes = new Map()
  /** @param {any} suite */
  const collect = ({ specs = [], suites = [] }) => {
    for (const { title, tests } of specs) outcomes.set(title, tests[0])
    suites.forEach(collect)
  }
  collect(JSON.parse(project.read('report.json').join('\n')))
  return outcomes
}

/** Which of some processes are there. @param {readonly number[]} pids */
function alive(pids) {
  return pids.filter(isAlive)
}

/**
 * The other side of Playwright's UI mode, as its page talks to it.
 * @param {string} url that it listens on
 */
async function connectUi(url) {
  const { headers } = await fetch(url, { redirect: 'manual' })
  const [, prefix] = String(headers.get('location')).split('/')
  // Node 20 has none of its own.
  const WebSocket = createRequire(createRequire(path.join(ROOT, 'package.json')).resolve('jest-environment-jsdom'))('ws')
  const socket = new WebSocket(`${url.replace('http', 'ws')}/${prefix}/ws`)
  /** @type {Map<number, { resolve: (result: any) => void, reject: (error: Error) => void }>} */
  const asked = new Map()
  socket.on('message', (/** @type {Buffer} */ data) => {
    const { id, result, error } = JSON.parse(String(data))
    const asker = asked.get(id)
    if (error) asker?.reject(new Error(error))
    else asker?.resolve(result)
  })
  await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject))
  let id = 0
  return {
    /** @param {string} method @param {object} [params] @returns {Promise<any>} */
    ask: (method, params = {}) =>
      new Promise((resolve, reject) => {
        asked.set(++id, { resolve, reject })
        socket.send(JSON.stringify({ id, method, params }))
      }),
    close: () => socket.close()
  }
}

/** @returns {Promise<{ browser: string, why: null } | { browser: null, why: string }>} a Chrome or Chromium; on CI it is installed, or an error */
async function findBrowser() {
  const isCi = process.env.CI === 'true'
  const missing = await missingBrowser({ tryInstall: isCi })
  const { findChrome } = await import(pathToFileURL(path.join(ROOT, 'examples', 'wdio-basic', 'browser.js')).href)
  // No driver is needed.
  const { browser } = findChrome()
  if (browser) return { browser, why: null }
  if (isCi) throw new Error(missing)
  return { browser: null, why: String(missing) }
}

module.exports = { CLI, alive, connectUi, findBrowser, makePlaywrightProject, outcomesOf }

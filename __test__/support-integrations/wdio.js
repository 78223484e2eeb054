// @ts-check
'use strict'

// What projects of WebdriverIO need: its packages, which are many, and a browser.

const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const http = require('node:http')
const path = require('node:path')
const { pathToFileURL } = require('node:url')
const { missingBrowser } = require('../../scripts/demo.js')
const { ROOT } = require('./project.js')

const VERSION = '9'
const PACKAGES = [
  '@wdio/cli',
  '@wdio/cucumber-framework',
  '@wdio/globals',
  '@wdio/jasmine-framework',
  '@wdio/local-runner',
  '@wdio/mocha-framework',
  '@wdio/spec-reporter',
  'webdriverio'
]
/** What comes with them, for types. */
const FURTHER = ['@wdio/types', 'expect-webdriverio', '@types/node', '@types/mocha']
const MINUTES = 60_000

const isCi = process.env.CI === 'true'

/**
 * @returns {{ packages: Record<string, string>, why: null } | { packages: null, why: string }} by their names, the folder whose `node_modules` has them; or why there is none,
 * which on CI is an error
 */
function wdioPackages() {
  const folder = path.join(ROOT, 'node_modules', '.cache', 'ephemeral-broker-runners', `wdio-${VERSION}`)
  try {
    if (!PACKAGES.every(name => fs.existsSync(path.join(folder, 'node_modules', name, 'package.json')))) install(folder)
    return { packages: Object.fromEntries([...PACKAGES, ...FURTHER].map(name => [name, folder])), why: null }
  } catch (error) {
    if (isCi) throw error
    return { packages: null, why: /** @type {Error} */ (error).message.split('\n')[0] }
  }
}

/** @param {string} folder */
function install(folder) {
  fs.mkdirSync(folder, { recursive: true })
  fs.writeFileSync(path.join(folder, 'package.json'), '{"private":true}\n')
  const names = PACKAGES.map(name => `${name}@${VERSION}`)
  execFileSync('npm', ['install', '--no-audit', '--no-fund', ...names], {
    cwd: folder,
    stdio: 'pipe',
    shell: process.platform === 'win32',
    timeout: 5 * MINUTES
  })
}

/** @returns {Promise<{ capabilities: object, why: null } | { capabilities: null, why: string }>} headless Chrome; on CI it is installed, or an error */
async function findChrome() {
  const why = await missingBrowser({ tryInstall: isCi })
  if (why && isCi) throw new Error(why)
  if (why) return { capabilities: null, why }
  const { chrome } = await import(pathToFileURL(path.join(ROOT, 'examples', 'wdio-basic', 'browser.js')).href)
  return { capabilities: chrome(), why: null }
}

/**
 * Where sessions are opened and closed as with a driver, and no browser is behind: for what is of the runner alone.
 * @param {import('node:test').TestContext} t
 * @param {{ refuses?: boolean }} [options] whether no session can be opened
 * @returns {Promise<{ port: string, open: Set<string> }>}
 */
async function startDriver(t, { refuses = false } = {}) {
  /** @type {Set<string>} */
  const open = new Set()
  let count = 0
  /** @param {http.IncomingMessage} request */
  const answer = ({ method, url = '' }) => {
    if (method === 'POST' && url === '/session') {
      if (refuses) return { status: 500, value: { error: 'session not created', message: 'there is no browser', stacktrace: '' } }
      const sessionId = `session-${++count}`
      open.add(sessionId)
      return { status: 200, value: { sessionId, capabilities: { browserName: 'none' } } }
    }
    if (method === 'DELETE') open.delete(url.split('/')[2])
    return { status: 200, value: null }
  }
  const server = http.createServer((request, response) => {
    request.resume().on('end', () => {
      const { status, value } = answer(request)
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ value }))
    })
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(null)))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return { port: String(/** @type {import('node:net').AddressInfo} */ (server.address()).port), open }
}

module.exports = { findChrome, startDriver, wdioPackages }

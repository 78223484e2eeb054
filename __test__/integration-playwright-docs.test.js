// @ts-check
'use strict'

const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const http = require('node:http')
const path = require('node:path')
const { describe, it } = require('node:test')
const { npmPackage } = require('./support-run-adapters/toolchains.js')
const { CLI, findBrowser, makePlaywrightProject } = require('./support-integrations/playwright.js')
const { ROOT, commandsOf, filesOf } = require('./support-integrations/project.js')

const PAGE = 'docs/playwright.md'
const LONG = { timeout: 180_000 }
const skip = npmPackage('@playwright/test', '1').why ?? false

/**
 * A shop that knows who is logged in.
 * @param {import('node:test').TestContext} t
 * @returns {Promise<{ url: string, logins: string[] }>}
 */
async function startShop(t) {
  /** @type {string[]} */
  const logins = []
  const server = http.createServer(async (request, response) => {
    const [, page, year] = String(request.url).split('/')
    if (page === 'login') {
      const user = new URLSearchParams(Buffer.concat(await request.toArray()).toString()).get('user') ?? ''
      logins.push(user)
      response.setHeader('set-cookie', `user=${user}; Path=/`).end()
    } else {
      const user = /user=(\w+)/.exec(request.headers.cookie ?? '')?.[1]
      response.setHeader('content-type', 'text/html').end(`the orders of ${user} in ${year}`)
    }
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => server.close())
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return { url: `http://127.0.0.1:${port}`, logins }
}

describe(PAGE, { skip }, () => {
  it('is a project whose command works, and logs each account in once', LONG, async t => {
    const { url, logins } = await startShop(t)
    const project = makePlaywrightProject(t, { files: filesOf(PAGE) })
    const [program, name, ...args] = String(commandsOf(PAGE).at(-1)).split(' ')
    assert.deepEqual([program, name], ['npx', 'playwright'])
    const { code, output } = await project.run({ args: [CLI, ...args], env: { BASE_URL: url } })
    assert.equal(code, 0, output)
    assert.match(output, /13 passed/)
    assert.match(output, /^ephemeral-broker: at most in use: accounts \d of 3, carts 2 of 2; .*; no leaks$/m)
    assert.ok(logins.length > 0 && new Set(logins).size === logins.length, String(logins))
    assert.deepEqual(project.left(), [])
  })

  it('has a global setup of its own, and prints what the page shows', LONG, async t => {
    const config =
      "import page from './playwright.config'\nexport default { ...page, globalSetup: './global-setup.ts', testMatch: 'cart.spec.ts' }"
    const cart = "import { test } from './fixtures'\ntest('fills a cart', async ({ broker }) => void (await broker.acquire('carts')))"
    const project = makePlaywrightProject(t, { files: { ...filesOf(PAGE), 'own.config.ts': config, 'tests/cart.spec.ts': cart } })
    const { code, output } = await project.run({ args: [CLI, 'test', '--config=own.config.ts'] })
    assert.equal(code, 1, output)
    assert.match(output, /leaked: not released: carts 1/)
    const [, shown] = /```text\n(.*?)```/s.exec(fs.readFileSync(path.join(ROOT, PAGE), 'utf8')) ?? []
    assert.ok(output.replace(/pid \d+$/m, 'pid 4242').includes(String(shown)), output)
    assert.deepEqual(project.left(), [])
  })

  it('logs a browser in', LONG, async t => {
    const { browser, why } = await findBrowser()
    if (browser === null) return t.skip(why)
    const { url, logins } = await startShop(t)
    const project = makePlaywrightProject(t, { fixture: 'playwright-browser', files: filesOf(PAGE) })
    const { code, output } = await project.run({
      args: [CLI, 'test', '--config=browser.config.ts'],
      env: { BASE_URL: url, BROWSER: browser }
    })
    assert.equal(code, 0, output)
    assert.equal(logins.length, 1)
    assert.deepEqual(project.left(), [])
  })

  it('is typed, as are fixtures of all kinds, for CommonJS and for ES modules', t => {
    const types = fs.readFileSync(path.join(__dirname, 'fixtures', 'integrations', 'playwright-types', 'types.ts'), 'utf8')
    const files = { ...filesOf(PAGE), 'types.mts': types, 'types.cts': types }
    const project = makePlaywrightProject(t, { fixture: 'playwright-types', files })
    const tsc = require.resolve('typescript/package.json').replace('package.json', 'bin/tsc')
    const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', project.root], { encoding: 'utf8' })
    assert.equal(status, 0, stdout)
  })
})

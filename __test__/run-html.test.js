// @ts-check
'use strict'

/** The report `html`, written by its reporter and read in a real browser, from a file as its users do. */

const assert = require('node:assert/strict')
const fs = require('node:fs')
const { tmpdir } = require('node:os')
const path = require('node:path')
const { after, afterEach, before, describe, it } = require('node:test')
const { pathToFileURL } = require('node:url')
const { create } = require('../lib/run/reporters/html.js')
const { Browser, findBrowser } = require('./support-run-html/browser.js')
const { runOf, sampleRun } = require('./support-run-html/runs.js')

const MINUTE = 60_000
const HOSTILE =
  '</script><img src=x onerror="document.title=\'broken out\'"><!--<script>\x1b[31mred\x1b[0m\x00\x07\u202egnp.exe\ud800 & \u2028\'"`'

/** @type {string} */
let folder
before(() => {
  folder = fs.mkdtempSync(path.join(tmpdir(), 'run-html-'))
})
after(() => fs.rmSync(folder, { recursive: true, force: true }))

/**
 * @param {{ events: import('../run.d.ts').RunEvent[], result: import('../run.d.ts').RunResult }} run
 * @returns {string} the file
 */
function report({ events, result }, file = path.join(folder, 'deep', 'report.html')) {
  const reporter = create({ options: { output: file }, profile: 'ci' })
  for (const event of events) reporter.onEvent(event)
  reporter.finish(result)
  return file
}

/** What the page is given. @param {string} file */
function dataIn(file) {
  const json = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(fs.readFileSync(file, 'utf8'))?.[1]
  return JSON.parse(json ?? '')
}

describe('the file', () => {
  it('replaces the one before, and leaves nothing else', () => {
    const file = path.join(folder, 'whole', 'report.html')
    report(sampleRun(60), file)
    report(sampleRun(5), file)
    assert.deepEqual(fs.readdirSync(path.dirname(file)), ['report.html'])
    assert.equal(dataIn(file).tests.length, 5)
  })

  it('says why it cannot be written, and leaves nothing', () => {
    const file = path.join(folder, 'taken', 'report.html')
    fs.mkdirSync(path.join(file, 'full'), { recursive: true })
    assert.throws(() => report(sampleRun(5), file), /EISDIR|EPERM|ENOTEMPTY|EEXIST/)
    assert.deepEqual(fs.readdirSync(path.dirname(file)), ['report.html'])
  })

  it('has logs by their path from the root, and no default', () => {
    const [, first] = dataIn(report(sampleRun(5))).tests
    assert.equal(first.attempts[0].log, path.join('.ephemeral-broker', 'logs', 'attempt.log'))
    assert.equal(first.attempts[0].exitCode, 0)
    for (const name of ['reason', 'tags', 'repeat']) assert.ok(!(name in first), name)
  })

  it('stays small where much is written, with what was written last', () => {
    const output = `begins here\n${'x'.repeat(1_000_000)}\nends here`
    const plans = Array.from({ length: 200 }, (_, n) => ({
      id: `api:a.test.js > ${n}`,
      status: /** @type {const} */ ('failed'),
      attempt: { output }
    }))
    const file = report(runOf(plans))
    assert.ok(fs.statSync(file).size < 26_000_000)
    for (const { attempts } of dataIn(file).tests) assert.match(attempts[0].output, /^begins here\n.*are only in the log.*\nends here$/s)
  })

  it('forbids all that is not in it', () => {
    const html = fs.readFileSync(report(sampleRun(5)), 'utf8')
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(html)?.[1] ?? ''
    assert.match(policy, /^default-src 'none'; script-src 'sha256-[^' ]+'; style-src 'sha256-[^' ]+'; img-src data:;/)
    assert.doesNotMatch(html, /<(?:script|img|iframe|link)[^>]* (?:src|href)="(?!data:)/)
  })
})

describe('in a browser', async () => {
  const program = await findBrowser()
  const missing = program ? undefined : 'there is no Chrome or Chromium: install one or say in CHROME_BIN where it is'
  // On a developer's machine a browser may be missing; on CI it has to be there.
  const options = { skip: !process.env.CI && missing, timeout: 2 * MINUTE }
  /** @type {InstanceType<typeof Browser>} */
  let browser
  /** @type {Array<Awaited<ReturnType<InstanceType<typeof Browser>['open']>>>} */
  let pages = []

  before(() => {
    assert.ok(program || !process.env.CI, missing)
    if (program) browser = new Browser(program)
  })
  after(() => browser?.close())

  // Whatever a test does with a page: it asks for nothing but itself, and nothing goes wrong in it.
  afterEach(async () => {
    const opened = pages
    pages = []
    for (const page of opened) {
      const beside = page.requests.filter(url => !url.startsWith('file:') && !url.startsWith('data:'))
      const files = page.requests.filter(url => url.startsWith('file:'))
      await page.close()
      assert.deepEqual([beside, files.length, page.complaints], [[], 1, []])
    }
  })

  /**
   * @param {Parameters<typeof report>[0]} run
   * @param {Parameters<InstanceType<typeof Browser>['open']>[1] & { hash?: string }} [look]
   */
  async function open(run, { hash = '', ...look } = {}) {
    const page = await browser.open(pathToFileURL(report(run)).href + hash, look)
    pages.push(page)
    return page
  }

  it('tells how it ended, and filters by status', options, async () => {
    const page = await open(sampleRun(60))
    assert.deepEqual(await page.texts('h1'), ['2 of 60 tests failed'])
    assert.match((await page.texts('#head .facts')).join(), /Workers4.*Exit code1.*Profileci/)
    await page.press('.chip', 'flaky')
    assert.deepEqual(await page.texts('.row.test .sign'), ['≈'])
    assert.match(await page.evaluate('location.hash'), /status=flaky/)
    await page.press('.chip', 'cached')
    assert.equal((await page.texts('.row.test')).length, 12)
    await page.press('button', 'Clear filter')
    assert.match((await page.texts('.summary')).join(), /^60 tests$/)
  })

  it('filters by text as it is typed, and says how much of a group passed', options, async () => {
    const page = await open(sampleRun(60))
    await page.press('#search')
    await page.type('PAYMENTS case 16')
    const names = await page.texts('.row.test .name')
    assert.ok(names.length > 0 && names.every(name => /payments.*case 16/.test(name)), names.join('\n'))
    assert.deepEqual(await page.texts('.heading .heading-name'), ['payments'])
    assert.match((await page.texts('.heading .tally'))[0], /^\d+\/12 passed$/)
    await page.type(' nothing is called so')
    assert.deepEqual(await page.texts('.empty'), ['No test is like this.'])
  })

  it('opens what failed, with its output and what the server wrote', options, async () => {
    const run = sampleRun(60)
    const page = await open(run)
    await page.press('.row.test a', 'keeps the order, case 3')
    assert.deepEqual(await page.texts('#detail h2'), ['keeps the order, case 3'])
    const [output, server] = await page.texts('#detail .output')
    assert.match(output, /expected status 402, got 500/)
    assert.doesNotMatch(output, /\[3\d?m|␛/)
    assert.match(server, /TypeError: card is undefined/)
    assert.deepEqual(await page.texts('#detail .output .t-2'), ['402'])
    assert.match((await page.texts('#detail')).join(), /processes or pipes outlived it.*Why it ran/s)
    // The address that it has now shows the same again.
    const again = await open(run, { hash: await page.evaluate('location.hash') })
    assert.deepEqual(await again.texts('#detail h2'), ['keeps the order, case 3'])
    await again.key('Escape')
    assert.deepEqual(await again.texts('#detail h2'), [])
  })

  it('draws what ran where, and opens what is clicked there', options, async () => {
    const run = runOf(
      [
        { id: 'api:a.test.js > first', takes: 2000 },
        { id: 'api:b.test.js > second', status: 'failed', takes: 2000, waits: [['lock schema', 500]] }
      ],
      { workers: 2 }
    )
    const page = await open(run, { hash: '#sort=name' })
    const [, second] = run.result.tests
    const { at, duration, worker } = second.attempts[0]
    const point = await page.evaluate(`(() => {
      const canvas = document.querySelector('.lanes canvas')
      const { x, y, width } = canvas.getBoundingClientRect()
      const gutter = 150
      return { x, y, width, gutter, lanes: document.querySelector('.lanes').clientHeight }
    })()`)
    /** @param {number} time */
    const xOf = time => point.x + point.gutter + (time / run.result.duration) * (point.width - point.gutter)
    // Above the workers' lanes are those of the setup and of the server that is not a worker's own.
    const y = point.y + 22 + (2 + worker) * 27 + 8
    await page.click(xOf(at + duration / 2), y)
    assert.deepEqual(await page.texts('#detail h2'), ['second'])
    assert.match((await page.texts('.tip')).join(), /^api:b\.test\.js > second: failed in 2\.00 s\. exit code 1$/)
    await page.send('Input.dispatchMouseEvent', { type: 'mouseMoved', x: xOf(at - 250), y })
    assert.match((await page.texts('.tip')).join(), /^Waited 500 ms for lock schema/)
    await page.send('Input.dispatchMouseEvent', { type: 'mouseMoved', x: xOf(at + duration + 100), y })
    assert.deepEqual(await page.texts('.tip'), [])
    // Twice as near, the same point of the page is another time.
    await page.press('.zoom button', '+')
    await page.send('Input.dispatchMouseEvent', { type: 'mouseMoved', x: xOf(100), y })
    assert.match((await page.texts('.tip')).join(), /second/)
  })

  it('tells who waited for what, and why tests ran', options, async () => {
    const page = await open(sampleRun(60))
    await page.press('.views a', 'Waits')
    assert.deepEqual((await page.texts('.view table:first-of-type tbody td:first-child')).slice(0, 2), ['limit api', 'group payments'])
    await page.press('.views a', 'Cache')
    assert.match((await page.texts('.view summary')).join(), /it was never run/)
    await page.press('.views a', 'Slowest')
    assert.equal((await page.texts('.view tbody tr')).length, 20)
    await page.press('.view tbody a')
    assert.equal((await page.texts('#detail h2')).length, 1)
    await page.press('.views a', 'Tests')
    assert.ok((await page.texts('.row.test')).length > 5)
  })

  it('has errors beside the tests above all else', options, async () => {
    const error = { code: 'server_failed', message: 'postgres ended: exit code 1', output: 'no space left', log: null }
    const page = await open(runOf([{ id: 'api:a' }], { result: { ok: false, exitCode: 3, errors: [error] } }))
    assert.deepEqual(await page.texts('h1'), ['What the tests need has failed'])
    assert.match((await page.texts('.card-error')).join(), /server failed.*postgres ended: exit code 1.*no space left/)
  })

  it('goes by keys from line to line', options, async () => {
    const page = await open(sampleRun(60), { hash: '#sort=order&by=none' })
    await page.evaluate("document.querySelector('.row.test a').focus()")
    await page.key('ArrowDown')
    await page.key('Enter')
    assert.match((await page.texts('#detail h2')).join(), /case 1$/)
    await page.key('End')
    await page.key('Enter')
    const last = (await page.texts('.row.test .name')).at(-1)
    assert.ok(last?.endsWith((await page.texts('#detail h2'))[0]), last)
  })

  it('is dark where the system is, or as it is told', options, async () => {
    const page = await open(sampleRun(5), { dark: true })
    const background = () => page.evaluate('getComputedStyle(document.body).backgroundColor')
    assert.equal(await background(), 'rgb(20, 23, 28)')
    await page.press('.theme')
    assert.equal(await background(), 'rgb(255, 255, 255)')
    await page.press('.theme')
    assert.equal(await background(), 'rgb(20, 23, 28)')
    await page.press('.theme')
  })

  it('fits a narrow page, where a test takes all of it', options, async () => {
    const page = await open(sampleRun(60), { width: 360, height: 740, hash: '#status=failed' })
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 360)
    await page.press('.row.test a')
    assert.deepEqual(
      await page.evaluate("(({ width, height }) => [width, height])(document.getElementById('detail').getBoundingClientRect())"),
      [360, 740]
    )
    await page.press('.close')
    assert.deepEqual(await page.texts('#detail'), [])
  })

  it('has 5,000 tests, of which only those that are seen are in the page', options, async () => {
    const page = await open(sampleRun(5000))
    const rows = () => page.evaluate("document.querySelectorAll('.row').length")
    assert.ok((await rows()) < 60)
    await page.press('#search')
    await page.type('case 499')
    assert.match((await page.texts('.summary')).join(), /^15 tests of 5000/)
    assert.ok((await rows()) < 60)
    await page.press('button', 'Clear filter')
    await page.evaluate('scrollTo(0, document.body.scrollHeight)')
    await page.evaluate(
      "new Promise(done => document.querySelectorAll('.row').length ? done() : addEventListener('scroll', () => requestAnimationFrame(done), { once: true }))"
    )
    assert.ok((await page.texts('.row.test')).length > 5)
    assert.ok((await rows()) < 60)
  })

  it('shows what tests write and are called, and does nothing of it', options, async () => {
    const id = `api:${HOSTILE}.js > ${HOSTILE}`
    const attempt = { reason: HOSTILE, output: HOSTILE, serverLogs: [{ name: HOSTILE, output: HOSTILE, log: HOSTILE }], log: HOSTILE }
    const error = { code: HOSTILE, message: HOSTILE, output: HOSTILE, log: HOSTILE }
    const run = runOf(
      [{ id, group: HOSTILE, reason: HOSTILE, why: HOSTILE, tags: [HOSTILE], status: 'failed', waits: [[HOSTILE, 50]], attempt }],
      { result: { errors: [error] } }
    )
    const page = await open(run)
    await page.press('.row.test a')
    const shown = (await page.texts('#detail .output'))[0]
    assert.ok(shown.startsWith('</script><img src=x onerror='), shown)
    assert.ok(shown.endsWith('red␀␇⟨U+202E⟩gnp.exe\ufffd & ⟨U+2028⟩\'"`'), shown)
    const all = await page.evaluate('document.body.innerText')
    for (const one of ['\0', '\x07', '\x1b', '\u202e', '\u2028', '\ud800']) assert.ok(!all.includes(one), JSON.stringify(one))
    for (const view of ['Waits', 'Cache', 'Tests']) await page.press('.views a', view)
    assert.deepEqual(await page.evaluate("[document.querySelectorAll('img').length, document.title.includes('broken out')]"), [0, false])
  })

  it('prints what failed, with its output', options, async () => {
    const page = await open(sampleRun(60))
    await page.send('Emulation.setEmulatedMedia', { media: 'print' })
    await page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert.match((await page.texts('#printed')).join(), /payments: \d+\/12 passed.*case 3: failed.*got 500/s)
    assert.deepEqual(await page.texts('#bench'), [])
  })

  it('says so where there were no tests', options, async () => {
    const page = await open(runOf([], { workers: 1, servers: false, result: { exitCode: 4, ok: false } }))
    assert.deepEqual(await page.texts('h1'), ['There were no tests to run'])
  })
})

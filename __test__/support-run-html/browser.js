// @ts-check
'use strict'

/**
 * A headless Chrome or Chromium, spoken to in its own protocol over two pipes: that takes no package, and no port that others could reach.
 * Everything that a page asks for, logs and throws is kept.
 */

const { spawn } = require('node:child_process')
const fs = require('node:fs')
const { tmpdir } = require('node:os')
const path = require('node:path')
const { pathToFileURL } = require('node:url')

const root = path.join(__dirname, '..', '..')

/** @returns {Promise<string | undefined>} where the browser is that the example for WebdriverIO would use */
async function findBrowser() {
  const finder = await import(pathToFileURL(path.join(root, 'examples', 'wdio-basic', 'browser.js')).href)
  return finder.findChrome().browser
}

class Browser {
  /** @type {Map<number, { resolve: (result: any) => void, reject: (error: Error) => void }>} */
  #asked = new Map()
  /** @type {Set<(message: any) => void>} */
  #listeners = new Set()
  #last = 0

  /** @param {string} file the browser's program */
  constructor(file) {
    this.profile = fs.mkdtempSync(path.join(tmpdir(), 'run-html-'))
    const args = [
      '--headless=new',
      '--remote-debugging-pipe',
      `--user-data-dir=${this.profile}`,
      '--no-first-run',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--hide-scrollbars'
    ]
    // Chrome's sandbox refuses to work for root, whom containers usually run as.
    if (process.getuid?.() === 0) args.push('--no-sandbox')
    this.child = spawn(file, [...args, 'about:blank'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] })
    this.ended = new Promise(resolve => this.child.once('close', resolve))
    this.child.once('error', error => this.#fail(error))
    this.child.once('close', () => this.#fail(new Error('the browser has ended')))
    const [, , , input, output] = /** @type {any[]} */ (this.child.stdio)
    this.input = input
    // A browser that ends breaks the pipe; those who wait for an answer are told of its end.
    this.input.on('error', () => {})
    let rest = ''
    output.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
      const messages = (rest + text).split('\0')
      rest = /** @type {string} */ (messages.pop())
      for (const message of messages) this.#receive(JSON.parse(message))
    })
  }

  /** @param {any} message */
  #receive(message) {
    if (message.id === undefined) {
      for (const listener of this.#listeners) listener(message)
      return
    }
    const asked = this.#asked.get(message.id)
    this.#asked.delete(message.id)
    if (message.error) asked?.reject(new Error(message.error.message))
    else asked?.resolve(message.result)
  }

  /** @param {Error} error */
  #fail(error) {
    for (const { reject } of this.#asked.values()) reject(error)
    this.#asked.clear()
  }

  /**
   * @param {string} method
   * @param {object} [params]
   * @param {string} [sessionId]
   * @returns {Promise<any>}
   */
  send(method, params = {}, sessionId) {
    this.#last += 1
    const id = this.#last
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject })
      this.input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
    })
  }

  /** @param {(message: any) => void} listener */
  listen(listener) {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * Opens a page and waits until it is loaded.
   * @param {string} url
   * @param {{ width?: number, height?: number, dark?: boolean }} [look]
   */
  async open(url, { width = 1280, height = 900, dark = false } = {}) {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true })
    const page = new Page(this, sessionId, targetId)
    for (const domain of ['Page', 'Runtime', 'Network', 'Log']) await page.send(`${domain}.enable`)
    await page.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false })
    await page.dark(dark)
    const loaded = page.once('Page.loadEventFired')
    await page.send('Page.navigate', { url })
    await loaded
    return page
  }

  async close() {
    await this.send('Browser.close').catch(() => {})
    await this.ended
    fs.rmSync(this.profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  }
}

class Page {
  /** @type {string[]} what it asked for, wherever that is */
  requests = []
  /** @type {string[]} what the console said, and what was thrown */
  complaints = []

  /**
   * @param {Browser} browser
   * @param {string} session
   * @param {string} target
   */
  constructor(browser, session, target) {
    this.browser = browser
    this.session = session
    this.target = target
    this.unlisten = browser.listen(({ sessionId, method, params }) => {
      if (sessionId !== session) return
      if (method === 'Network.requestWillBeSent') this.requests.push(params.request.url)
      if (method === 'Runtime.exceptionThrown')
        this.complaints.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text)
      if (method === 'Runtime.consoleAPICalled') this.complaints.push(JSON.stringify(params.args))
      if (method === 'Log.entryAdded') this.complaints.push(params.entry.text)
      if (method === 'Page.javascriptDialogOpening') this.complaints.push(`a dialog: ${params.message}`)
    })
  }

  /**
   * @param {string} method
   * @param {object} [params]
   */
  send(method, params) {
    return this.browser.send(method, params, this.session)
  }

  /** @param {string} method @returns {Promise<void>} */
  once(method) {
    return new Promise(resolve => {
      const unlisten = this.browser.listen(message => {
        if (message.sessionId !== this.session || message.method !== method) return
        unlisten()
        resolve()
      })
    })
  }

  /** @param {boolean} on */
  dark(on) {
    return this.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: on ? 'dark' : 'light' }] })
  }

  /**
   * Runs an expression in the page, which may be a promise, when what was asked for before has been drawn.
   * @param {string} expression
   * @returns {Promise<any>} its value, as JSON has it
   */
  async evaluate(expression) {
    const drawn = 'new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))'
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', {
      expression: `${drawn}.then(() => (${expression}))`,
      awaitPromise: true,
      returnByValue: true
    })
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
    return result.value
  }

  /** @param {string} selector @returns {Promise<string[]>} the texts of all elements that match and are seen */
  texts(selector) {
    return this.evaluate(
      `[...document.querySelectorAll(${JSON.stringify(selector)})].filter(one => one.checkVisibility()).map(one => one.textContent)`
    )
  }

  /** Puts the pointer on a point of the page and presses. @param {number} x @param {number} y */
  async click(x, y) {
    const common = { x, y, button: 'left', clickCount: 1 }
    await this.send('Input.dispatchMouseEvent', { type: 'mouseMoved', x, y })
    await this.send('Input.dispatchMouseEvent', { type: 'mousePressed', ...common })
    await this.send('Input.dispatchMouseEvent', { type: 'mouseReleased', ...common })
  }

  /** Clicks the first element that matches and has this in its text. @param {string} selector @param {string} [text] */
  async press(selector, text = '') {
    const point = await this.evaluate(`(() => {
      const found = [...document.querySelectorAll(${JSON.stringify(selector)})].find(one => one.checkVisibility() && one.textContent.includes(${JSON.stringify(text)}))
      if (!found) return null
      found.scrollIntoView({ block: 'nearest' })
      const { x, y, width, height } = found.getBoundingClientRect()
      return [x + width / 2, y + height / 2]
    })()`)
    if (!point) throw new Error(`there is no ${selector} with “${text}”`)
    await this.click(point[0], point[1])
  }

  /** @param {string} text types it where the focus is */
  type(text) {
    return this.send('Input.insertText', { text })
  }

  /** @param {string} key */
  async key(key) {
    const windowsVirtualKeyCode = { Enter: 13, Escape: 27, End: 35, Home: 36, ArrowUp: 38, ArrowDown: 40, Tab: 9 }[key]
    const text = key === 'Enter' ? '\r' : undefined
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', key, code: key, windowsVirtualKeyCode, text })
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', key, code: key, windowsVirtualKeyCode })
  }

  /** @param {string} file a PNG of what is seen */
  async screenshot(file) {
    await this.evaluate('1')
    const { data } = await this.send('Page.captureScreenshot', { format: 'png' })
    fs.writeFileSync(file, Buffer.from(data, 'base64'))
  }

  async close() {
    this.unlisten()
    await this.browser.send('Target.closeTarget', { targetId: this.target })
  }
}

module.exports = { Browser, findBrowser }

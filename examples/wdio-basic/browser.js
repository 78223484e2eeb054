import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

const browsers = {
  linux: [
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
    '/usr/bin/google-chrome-stable',
    '/snap/bin/chromium'
  ],
  darwin: ['/Applications/Google Chrome.app/Contents/MacOS/Google Chrome', '/Applications/Chromium.app/Contents/MacOS/Chromium'],
  win32: [process.env.PROGRAMFILES, process.env['PROGRAMFILES(X86)'], process.env.LOCALAPPDATA]
    .filter(Boolean)
    .map(folder => join(folder, 'Google', 'Chrome', 'Application', 'chrome.exe'))
}

const drivers = {
  linux: [
    '/usr/bin/chromedriver',
    '/usr/lib/chromium/chromedriver',
    '/usr/lib/chromium-browser/chromedriver',
    '/snap/bin/chromium.chromedriver'
  ],
  darwin: ['/opt/homebrew/bin/chromedriver', '/usr/local/bin/chromedriver'],
  win32: []
}

function canRun(file) {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function inPath(...names) {
  const suffix = process.platform === 'win32' ? '.exe' : ''
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean)
  return names.flatMap(name => folders.map(folder => join(folder, name + suffix)))
}

/** The first that is there. One that a variable names is not replaced by another. */
function find(named, usual) {
  return named ? (canRun(named) ? named : undefined) : usual.find(canRun)
}

/** Where Chrome (or Chromium) and its driver are on this machine: `CHROME_BIN` and `CHROMEDRIVER_BIN`, or the usual places. */
export function findChrome() {
  // Machines of GitHub Actions have the folder of the driver in CHROMEWEBDRIVER.
  const ofActions = process.env.CHROMEWEBDRIVER
    ? [join(process.env.CHROMEWEBDRIVER, process.platform === 'win32' ? 'chromedriver.exe' : 'chromedriver')]
    : []
  return {
    browser: find(process.env.CHROME_BIN, [
      ...inPath('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'),
      ...(browsers[process.platform] ?? [])
    ]),
    driver: find(process.env.CHROMEDRIVER_BIN, [...ofActions, ...inPath('chromedriver'), ...(drivers[process.platform] ?? [])])
  }
}

/** Headless Chrome from this machine. What is not found is left out, and WebdriverIO downloads it. */
export function chrome() {
  const { browser, driver } = findChrome()
  const args = ['--headless', '--disable-gpu', '--disable-background-networking', '--disable-dev-shm-usage', '--no-first-run']
  // Chrome's sandbox refuses to work for root, whom containers usually run as.
  if (process.getuid?.() === 0) args.push('--no-sandbox')
  return {
    browserName: 'chrome',
    'goog:chromeOptions': { args, ...(browser && { binary: browser }) },
    ...(driver && { 'wdio:chromedriverOptions': { binary: driver } })
  }
}

// @ts-check
'use strict'

/** A checkout that is watched. What its tests and servers tell is written outside of it, for a change in it would be one. */

const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { start, until } = require('./runner.js')

const SERVER = `
require('node:fs').appendFileSync(process.env.STORY, 'server ' + process.pid + '\\n')
require('node:http').createServer((_, answer) => answer.end('ok')).listen(process.env.PORT, '127.0.0.1')`

/** Tells its name, and waits while there is a file that says so. */
const TEST = `echo "test $1" >> "$STORY"
while [ -e "$STORY.hold" ]; do sleep 0.02; done
[ ! -e "$STORY.fails" ] || exit 1
`

/**
 * @param {string} name
 * @param {{ config?: object, files?: Record<string, string> }} [more]
 */
function makeWatched(name, { config = {}, files = {} } = {}) {
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), `watch-${name}-`)))
  const root = path.join(folder, 'root')
  const story = path.join(folder, 'story')
  const write = (/** @type {string} */ file, /** @type {string} */ text) => {
    fs.mkdirSync(path.dirname(path.join(root, file)), { recursive: true })
    fs.writeFileSync(path.join(root, file), text)
  }
  const given = {
    workers: 1,
    reporter: ['list'],
    files: 'tests/*.sh',
    run: ['sh', '{file}', '{file}'],
    server: { command: [process.execPath, 'server.js'], ready: '/' },
    ...config
  }
  write('server.js', SERVER)
  write('ephemeral-broker.json', JSON.stringify(given))
  for (const test of ['a', 'b', 'c']) write(`tests/${test}.sh`, TEST)
  for (const [file, text] of Object.entries(files)) write(file, text)
  execFileSync('git', ['init', '-q', root])
  const lines = () => (fs.existsSync(story) ? fs.readFileSync(story, 'utf8').split('\n').filter(Boolean) : [])
  return {
    root,
    story,
    config: given,
    write,
    read: (/** @type {string} */ file) => fs.readFileSync(path.join(root, file), 'utf8'),
    remove: (/** @type {string} */ file) => fs.rmSync(path.join(root, file)),
    /** What is told since it was asked for the last time, in order. @param {'test' | 'server' | 'setup'} kind */
    told(kind) {
      const all = lines().filter(line => line.startsWith(`${kind} `))
      const news = all.slice(this.seen[kind] ?? 0).map(line => line.slice(kind.length + 1))
      this.seen[kind] = all.length
      return kind === 'test' ? news.map(file => path.basename(file, '.sh')) : news
    },
    seen: /** @type {Record<string, number>} */ ({}),
    /** Tests do not end, until they may. */
    hold: () => fs.writeFileSync(`${story}.hold`, ''),
    release: () => fs.rmSync(`${story}.hold`, { force: true }),
    phases: () => lines().map(line => line.replace(' ', '-')),
    ports: () => [],
    forget: () => fs.rmSync(story, { force: true }),
    dispose: () => fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/**
 * @param {ReturnType<typeof makeWatched>} watched
 * @param {string[]} [args]
 */
function startWatching(watched, args = []) {
  const run = start(/** @type {any} */ (watched), { args: ['--watch', ...args], env: { STORY: watched.story } })
  const waits = () => (run.output().match(/^Waiting for changes/gm) ?? []).length
  let seen = 0
  return {
    ...run,
    /** Until it has nothing to do any more. */
    async waits() {
      await until(() => waits() > seen, 'it does not wait for changes', run.exit, run.output)
      seen = waits()
    },
    /** How many summaries were printed. */
    cycles: () => (run.output().match(/^[✓✗] \d+ tests?/gm) ?? []).length
  }
}

module.exports = { makeWatched, startWatching }

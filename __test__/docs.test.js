// @ts-check
'use strict'

/** Every JavaScript example of the declarations, of the README and of the pages in docs/, run as it stands. */

const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const fs = require('node:fs')
const { tmpdir } = require('node:os')
const path = require('node:path')
const { after, before, describe, it } = require('node:test')

const MINUTE = 60_000
const root = path.join(__dirname, '..')

/** @typedef {{ name: string, code: string }} Example */

/**
 * The blocks of JavaScript in a file, be it Markdown or the comments of declarations.
 * @param {string} file
 * @returns {Example[]}
 */
function examplesIn(file) {
  const text = fs.readFileSync(path.join(root, file), 'utf8').replaceAll('\r\n', '\n')
  return [...text.matchAll(/^( *\* |)```js\n(.*?)^\1```$/gms)].map(({ index, 1: margin, 2: block }) => ({
    name: `${file}:${text.slice(0, index).split('\n').length}`,
    code: block
      .split('\n')
      .map(line => line.slice(line.startsWith(margin) ? margin.length : margin.trimEnd().length))
      .join('\n')
  }))
}

/** Those with exports are modules whose functions a test runner calls. @param {Example} example */
const isForRunner = ({ code }) => /^(?:export |module\.exports)/m.test(code)

// What an example may use without having made it: a broker that runs, a client of it, and the package's own names.
const SURROUNDINGS = `
import { createRequire } from 'node:module'
import * as names from 'ephemeral-broker'

const { default: _, ...exported } = names
Object.assign(globalThis, exported, { require: createRequire(import.meta.url) })
// Let go, so that an example that leaves something open is seen to hang.
globalThis.broker = new Broker({ requireTTL: false }).unref()
await broker.start()
globalThis.client = new Client()
`

// Calls what a runner would, in the order of the files.
const RUNNER = `
import assert from 'node:assert/strict'
import { checkReadiness } from 'ephemeral-broker'

let pipe
const begin = async hook => {
  await hook()
  pipe = process.env.EPHEMERAL_PIPE
  assert.equal(await checkReadiness(), true, 'no broker runs after ' + hook.name)
}
const end = async hook => {
  assert.equal(await checkReadiness(pipe), true, 'no broker runs before ' + hook.name)
  await hook()
  assert.equal(await checkReadiness(pipe, 200), false, 'the broker still runs after ' + hook.name)
}
for (const file of process.argv.slice(2)) {
  const { default: hook, config } = await import(file)
  assert.ok(hook ?? config, 'nothing that a runner would call')
  if (config) {
    await begin(config.onPrepare)
    await end(config.onComplete)
  }
  if (hook) await (/teardown/i.test(hook.name) ? end : begin)(hook)
}
console.log('all called')
`

/** @type {string} */
let folder

before(() => {
  folder = fs.mkdtempSync(path.join(tmpdir(), 'eb-docs-'))
  fs.mkdirSync(path.join(folder, 'node_modules'))
  fs.symlinkSync(root, path.join(folder, 'node_modules', 'ephemeral-broker'), 'junction')
  fs.writeFileSync(path.join(folder, 'surroundings.mjs'), SURROUNDINGS)
  fs.writeFileSync(path.join(folder, 'runner.mjs'), RUNNER)
})
after(() => fs.rmSync(folder, { recursive: true, force: true }))

/**
 * Runs Node in the folder of the examples, to its end.
 * @param {import('node:test').TestContext} t
 * @param {string[]} args
 * @returns {Promise<{ code: number | null, output: string }>}
 */
function node(t, args) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:NODE_|EPHEMERAL_|BROKER_|CLIENT_)/.test(name)))
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: t.signal,
    killSignal: 'SIGKILL'
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => (output += text))
  return new Promise((resolve, reject) => {
    child.on('error', error => reject(new Error(`${error.message}\n${output}`)))
    child.on('close', code => resolve({ code, output }))
  })
}

/** @param {Example} example @returns {string} the module that it is put into */
function write({ name, code }) {
  const file = `${name.replaceAll(/\W/g, '-')}.mjs`
  fs.writeFileSync(path.join(folder, file), code)
  return `./${file}`
}

for (const [file, atLeast] of /** @type {const} */ ([
  ['index.d.ts', 3],
  ['README.md', 4],
  ['docs/pools.md', 4],
  ['docs/locks.md', 6],
  ['docs/once.md', 6],
  ['docs/state.md', 4],
  ['docs/queues.md', 3],
  ['docs/messages.md', 5],
  ['docs/limits.md', 3],
  ['docs/barriers-and-ports.md', 3],
  ['docs/seeing.md', 4],
  ['docs/cooperate.md', 7],
  ['cooperate.d.ts', 4],
  ['get-port.d.ts', 1]
])) {
  const examples = examplesIn(file)

  describe(`the examples of ${file}`, () => {
    it('are found', () => assert.ok(examples.length >= atLeast, `${examples.length} found`))

    for (const example of examples.filter(one => !isForRunner(one))) {
      it(`${example.name} runs, and ends`, { timeout: MINUTE }, async t => {
        const { code, output } = await node(t, ['--import', './surroundings.mjs', write(example)])
        assert.equal(code, 0, `${example.code}\n${output}`)
        // Nothing to report: no warning, no log.
        assert.doesNotMatch(output, /warning|error/i)
      })
    }

    const hooks = examples.filter(isForRunner)
    if (hooks.length > 0) {
      it(`${hooks.map(hook => hook.name).join(', ')} start a broker and stop it`, { timeout: MINUTE }, async t => {
        const { code, output } = await node(t, ['runner.mjs', ...hooks.map(write)])
        assert.deepEqual({ code, output }, { code: 0, output: 'all called\n' })
      })
    }
  })
}

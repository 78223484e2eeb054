// @ts-check
'use strict'

const { spawn } = require('node:child_process')
const { once } = require('node:events')
const { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { basename, join } = require('node:path')
const { figure, median } = require('../lib/table')

const ROOT = join(__dirname, '../..')
const FILES = 50

/** @typedef {{ with: number, without: number }} Sample in ms */

/**
 * A runner, and how a project tells it of the integration.
 * @typedef {{ name: string, package: string, args: string[], test: string, config: (integrated: boolean) => Record<string, string> }} Runner
 */

/** @type {Runner[]} */
const runners = [
  {
    name: 'Jest',
    package: join(ROOT, 'node_modules/jest'),
    args: ['node_modules/jest/bin/jest.js', '--ci', '--silent', '--maxWorkers=2'],
    test: "test('does nothing', () => {})\n",
    config: integrated => ({ 'jest.config.js': `module.exports = ${JSON.stringify(integrated ? { preset: 'ephemeral-broker' } : {})}\n` })
  },
  {
    name: 'Vitest',
    package: join(ROOT, 'benches/node_modules/vitest'),
    args: ['node_modules/vitest/vitest.mjs', 'run', '--maxWorkers=2'],
    test: "import { test } from 'vitest'\ntest('does nothing', () => {})\n",
    config: integrated => {
      const test = integrated ? { globalSetup: 'ephemeral-broker/vitest' } : {}
      return { 'vitest.config.mjs': `export default ${JSON.stringify({ test })}\n` }
    }
  }
]

/**
 * @param {Runner} runner
 * @param {boolean} integrated
 * @returns {string} the folder of a project whose tests do nothing
 */
function makeProject({ package: installed, test, config }, integrated) {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'bench-'))
  const modules = join(folder, 'node_modules')
  mkdirSync(modules)
  const own = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const linked = [installed, ...Object.keys(own.dependencies).map(name => join(ROOT, 'node_modules', name))]
  for (const target of linked) symlinkSync(target, join(modules, basename(target)), 'junction')
  // As it is installed: runners treat what is linked as a part of the project.
  const files = ['index.js', 'native.js', 'package.json', 'lib', ...readdirSync(ROOT).filter(name => name.endsWith('.node'))]
  for (const file of files) cpSync(join(ROOT, file), join(modules, own.name, file), { recursive: true })
  for (let file = 0; file < FILES; file++) writeFileSync(join(folder, `${file}.test.js`), test)
  const project = { 'package.json': '{"private":true}\n', ...config(integrated) }
  for (const [name, content] of Object.entries(project)) writeFileSync(join(folder, name), content)
  return folder
}

/**
 * @param {Runner} runner
 * @param {string} folder
 * @returns {Promise<number>} from start to exit, in ms
 */
async function time({ name, args }, folder) {
  const { CI: _, ...env } = process.env
  const start = performance.now()
  const child = spawn(process.execPath, args, { cwd: folder, env: { ...env, TMPDIR: folder }, stdio: 'ignore' })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${name} ended with ${code} in ${folder}`)
  return performance.now() - start
}

/** @type {(runner: Runner) => import('.').Row} */
const row = runner => ({
  id: `integration, ${runner.name}`,
  fits: peer => peer.sharedWorkers === true && !peer.only,
  rounds: scale => Math.max(1, scale.rounds * 2 - 1),
  lines: [
    {
      title: `${FILES} test files that do nothing in ${runner.name}: with the integration, without (s)`,
      cell: samples =>
        `${figure(median(samples.map(each => each.with)) / 1000)} / ${figure(median(samples.map(each => each.without)) / 1000)}`
    },
    { title: 'what it adds', cell: samples => `${figure(100 * (median(samples.map(each => each.with / each.without)) - 1))} %` }
  ],

  async open() {
    const folders = { with: makeProject(runner, true), without: makeProject(runner, false) }
    // Their caches are warm from then on.
    for (const folder of Object.values(folders)) await time(runner, folder)
    process.once('exit', () => {
      for (const folder of Object.values(folders)) rmSync(folder, { recursive: true, force: true })
    })
    return { folders }
  },

  /** Each twice, the other way around the second time: a machine that gets slower disturbs both. @returns {Promise<Sample>} */
  async measure({ folders }) {
    const first = await time(runner, folders.with)
    const without = (await time(runner, folders.without)) + (await time(runner, folders.without))
    return { with: (first + (await time(runner, folders.with))) / 2, without: without / 2 }
  }
})

module.exports = runners.map(row)

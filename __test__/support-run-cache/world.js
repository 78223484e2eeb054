// @ts-check
'use strict'

/**
 * A project whose tests pass or fail by a digest of all that they can see: files, variables, arguments, what lies in the worker's directory, what a
 * server and the setup left there. So whatever a result depends on, changes it.
 */

const fs = require('node:fs')
const path = require('node:path')

/**
 * All that a result may depend on. A text of a file is null where there is none.
 * @typedef {object} World
 * @property {Record<string, string | null>} files by path; a text that begins with `->` is a link's target
 * @property {boolean} executable whether src/a can be run
 * @property {Record<string, string | null>} template of the workers' directories; `/` is an empty folder
 * @property {string | null} variable of the environment
 * @property {string} argument
 * @property {string} env of the config
 * @property {string} seed a file of the workers' directories
 * @property {string} server what the server is given
 * @property {string} setup what globalSetup exports
 * @property {string} secret
 * @property {string | null} lockfile
 * @property {string} toolchain
 * @property {string} program what stands in it
 * @property {string} group
 * @property {'worker' | 'test'} isolation
 */

/** @returns {World} */
function newWorld() {
  return {
    files: { 'src/a': '0', 'src/b': '0', 'src/c': null, 'src/deep/d': null, 'src/link': null },
    executable: false,
    template: { t: '0', v: null },
    variable: null,
    argument: '0',
    env: '0',
    seed: '0',
    server: '0',
    setup: '0',
    secret: 'secret-0',
    lockfile: null,
    toolchain: '0',
    program: '0',
    group: 'g0',
    isolation: 'worker'
  }
}

const TESTS = ['one', 'two', 'three', 'four']
/** A variable that is no test's of any other file. */
const VARIABLE = 'WORLD_VARIABLE'

/** Waits while the gate is shut, says what it sees, and passes for two digests of three. @param {string} version */
const program = version => `#!/bin/sh
# ${version}
echo > "$WORLD_OUT/came-$1"
while [ -e "$WORLD_OUT/gate" ]; do sleep 0.01; done
see() {
  find "$@" | LC_ALL=C sort | while read -r at; do
    [ -h "$at" ] && printf 'link:'
    [ -d "$at" ] && echo "$at/" && continue
    [ -x "$at" ] && printf 'executable:'
    echo "$at=$(cat "$at" 2>/dev/null)"
  done
}
said=$(echo "${version}|$*|\${WORLD_VARIABLE-unset}|$WORLD_ENV|$WORLD_SETUP|$WORLD_SECRET"; see src ! -type d; cd "$DATA_DIR" && see .; cat "$WORLD_TOOL" "$WORLD_LOCK" 2>/dev/null)
echo "$said"
number=$(echo "$said" | cksum | cut -d' ' -f1)
[ $((number % 3)) -ne 0 ]
`

/**
 * @param {string} root
 * @param {string} out what the tests and the test write; no input
 * @param {World} world
 */
function build(root, out, world) {
  const write = (/** @type {string} */ name, /** @type {string | null} */ text, mode = 0o644) => {
    const file = path.join(root, name)
    const there = current(file)
    // What is as it should be is not touched: the times of files are looked at too.
    if (there?.text === text && there?.mode === mode) return
    if (there !== null) fs.rmSync(file, { recursive: true })
    if (text === null) return
    fs.mkdirSync(path.dirname(file), { recursive: true })
    if (text.startsWith('->')) fs.symlinkSync(text.slice(2), file)
    else if (text === '/') fs.mkdirSync(file)
    else fs.writeFileSync(file, text, { mode })
  }
  for (const [name, text] of Object.entries(world.files)) write(name, text, name === 'src/a' && world.executable ? 0o755 : 0o644)
  for (const [name, text] of Object.entries(world.template)) write(`template/${name}`, text)
  write('package-lock.json', world.lockfile)
  write('../secrets.json', JSON.stringify({ WORLD_SECRET: world.secret }))
  write('../tool', world.toolchain)
  write('../test.sh', program(world.program), 0o755)
  fs.mkdirSync(out, { recursive: true })
  if (world.variable === null) delete process.env[VARIABLE]
  else process.env[VARIABLE] = world.variable
}

/** @param {string} file */
function current(file) {
  const at = fs.lstatSync(file, { throwIfNoEntry: false })
  if (!at) return null
  if (at.isSymbolicLink()) return { text: `->${fs.readlinkSync(file)}`, mode: 0o644 }
  if (at.isDirectory()) return { text: '/', mode: 0o644 }
  return { text: fs.readFileSync(file, 'utf8'), mode: at.mode & 0o777 }
}

/**
 * @param {World} world
 * @param {string} root
 * @param {string} out
 * @returns {import('../../run.js').RunConfig}
 */
function configOf(world, root, out) {
  const env = {
    WORLD_ENV: world.env,
    WORLD_OUT: out,
    WORLD_TOOL: path.join(root, '../tool'),
    WORLD_LOCK: path.join(root, 'package-lock.json')
  }
  return {
    tests: TESTS,
    run: ['../test.sh', '{test}', world.argument, '{group}'],
    group: world.group,
    isolation: world.isolation,
    env,
    dir: { template: 'template', files: { seed: world.seed } },
    services: [
      { name: 'said', command: `printf ${world.server} > "$DATA_DIR/server"; echo up; exec sleep 1000`, port: false, ready: { log: 'up' } }
    ],
    globalSetup: `echo WORLD_SETUP=${world.setup} >> "$EPHEMERAL_ENV"`,
    secrets: { file: '../secrets.json' },
    cache: { inputs: ['src'], toolchain: [['cat', '../tool']] }
  }
}

module.exports = { TESTS, VARIABLE, build, configOf, newWorld }

// @ts-check
'use strict'

/** What may happen to a world between two runs. Values come from so few that what was there comes again. */

/**
 * @typedef {import('./world.js').World} World
 * @typedef {import('./random.js').Random} Random
 */

const VALUES = ['0', '1']

/** @type {Record<string, (world: World, random: Random) => void>} */
const EDITS = {
  file: (world, { pick }) => {
    world.files[pick(['src/a', 'src/b'])] = pick(VALUES)
  },
  'new file': (world, { pick }) => {
    world.files[pick(['src/c', 'src/deep/d'])] = pick([...VALUES, null])
  },
  rename: ({ files }) => {
    ;[files['src/c'], files['src/deep/d']] = [files['src/deep/d'], files['src/c']]
  },
  link: (world, { pick }) => {
    world.files['src/link'] = pick(['->a', '->b', '->../template/t', '->nowhere', null])
  },
  permission: world => {
    world.executable = !world.executable
  },
  template: ({ template }, { pick }) => {
    template.t = pick(VALUES)
    // A file without content, and a folder of the same name.
    template.v = pick(['', '/', null])
  },
  variable: (world, { pick }) => {
    world.variable = pick(['', ...VALUES, null])
  },
  argument: (world, { pick }) => {
    world.argument = pick([...VALUES, '0 1', ''])
  },
  env: (world, { pick }) => {
    world.env = pick(VALUES)
  },
  seed: (world, { pick }) => {
    world.seed = pick(VALUES)
  },
  server: (world, { pick }) => {
    world.server = pick(VALUES)
  },
  setup: (world, { pick }) => {
    world.setup = pick(VALUES)
  },
  secret: (world, { pick }) => {
    world.secret = `secret-${pick(VALUES)}`
  },
  lockfile: (world, { pick }) => {
    world.lockfile = pick([...VALUES, null])
  },
  toolchain: (world, { pick }) => {
    world.toolchain = pick(VALUES)
  },
  program: (world, { pick }) => {
    world.program = pick(VALUES)
  },
  group: (world, { pick }) => {
    world.group = pick(['g0', 'g1'])
  },
  isolation: (world, { pick }) => {
    world.isolation = pick(['worker', 'test'])
  },
  nothing: () => {}
}

/**
 * What does not matter to a result.
 * @param {Random} random
 * @returns {import('../../run.js').RunConfig}
 */
function noise({ pick }) {
  return {
    workers: pick([1, 2, 3]),
    retries: pick([0, 1]),
    timeout: pick(['30s', '1m']),
    slow: pick(['10s', '20s']),
    gracePeriod: pick(['1s', '2s']),
    priority: pick([0, 5]),
    setupTimeout: pick(['30s', '1m']),
    maxFailures: pick([0, 100]),
    failOnFlaky: pick([true, false]),
    tags: pick([[], ['x']]),
    overrides: pick([[], [{ where: { test: 'two' }, priority: 9 }]])
  }
}

module.exports = { EDITS, noise }

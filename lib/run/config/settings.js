// @ts-check
'use strict'

/** The settings of a test: those of the run, its project's, the overrides that match it, and what the environment and the command line say. */

const path = require('node:path')
const picomatch = require('picomatch')
const { TEST_SETTINGS } = require('./defaults.js')
const { parseDuration } = require('./duration.js')
const { mergeLayers } = require('./layers.js')

/**
 * @typedef {{ count: number, delay: number, exponential: boolean, maxDelay: number }} ResolvedRetries delays in milliseconds
 * @typedef {{
 *   env: Record<string, string>, cwd: string, timeout: number, slow: number, gracePeriod: number, retries: ResolvedRetries, priority: number,
 *   slots: number, limits: string[], dependsOn: string[], leaks: 'warn' | 'fail' | 'off', cache: boolean
 * }} ResolvedSettings times in milliseconds, `cwd` absolute
 * @typedef {{ id: string, file?: string | null, tags?: readonly string[], group?: string | null }} TestLike `file` is from the root, with slashes
 * @typedef {{ settings: ResolvedSettings, group: string, tags: string[] }} SettingsOfTest `settings` is one and the same object for all tests of a
 * project that the same overrides match
 */

/**
 * @param {Record<string, any>} settings of anything, merged
 * @param {string} root
 * @returns {ResolvedSettings}
 */
function resolveSettings(settings, root) {
  const { retries } = settings
  return Object.freeze({
    env: { ...settings.env },
    cwd: path.resolve(root, settings.cwd ?? '.'),
    timeout: ms(settings.timeout),
    slow: ms(settings.slow),
    gracePeriod: ms(settings.gracePeriod),
    retries: {
      count: retries.count,
      delay: ms(retries.delay),
      exponential: retries.backoff === 'exponential',
      maxDelay: ms(retries.maxDelay)
    },
    priority: settings.priority,
    slots: settings.slots,
    limits: [...settings.limits],
    dependsOn: [...settings.dependsOn],
    leaks: settings.leaks,
    cache: settings.cache.enabled
  })
}

/** @param {unknown} duration as the schema wants it */
function ms(duration) {
  return /** @type {number} */ (parseDuration(duration))
}

/**
 * @param {import('./layers.js').Layer[]} base below projects and overrides
 * @param {ReadonlyArray<Record<string, any>>} overrides the later wins
 * @param {import('./layers.js').Layer[]} forced above all
 * @param {string} root
 * @returns {(project: import('./projects.js').ResolvedProject, test: TestLike) => SettingsOfTest}
 */
function makeSettingsFor(base, overrides, forced, root) {
  const below = base.map(onlyOfTests)
  /** @type {import('./layers.js').Layer[]} */
  const above = []
  for (const { source, settings } of forced.map(onlyOfTests)) {
    const { cache, ...others } = settings
    above.push({ source, settings: others })
    // What is switched on for the run stays off for tests of which no results must be kept.
    if (cache !== undefined) (cache === false || cache.enabled === false ? above : below).push({ source, settings: { cache } })
  }
  const rules = overrides.map(({ where, ...settings }) => ({ matches: makeMatcher(where), settings }))
  /** @type {Map<string, ResolvedSettings>} */
  const known = new Map()
  /** @type {Map<import('./projects.js').ResolvedProject, Record<string, any>>} */
  const ofProjects = new Map()

  return (project, test) => {
    let given = ofProjects.get(project)
    if (given === undefined) {
      given = mergeLayers([...below, { source: 'file', settings: project.given }]).settings
      ofProjects.set(project, given)
    }
    const matched = []
    let group = test.group ?? expandGroup(given.group ?? project.name, project.name, test.file)
    let tags = given.tags
    for (const [index, { matches, settings }] of rules.entries()) {
      if (!matches({ project: project.name, group, file: test.file, id: test.id, tags: union(tags, test.tags) })) continue
      matched.push(index)
      if (settings.group !== undefined) group = expandGroup(settings.group, project.name, test.file)
      tags = settings.tags ?? tags
    }
    const key = JSON.stringify([project.name, ...matched])
    let settings = known.get(key)
    if (settings === undefined) {
      const layers = matched.map(index => ({ source: /** @type {const} */ ('file'), settings: rules[index].settings }))
      settings = resolveSettings(mergeLayers([{ source: 'file', settings: given }, ...layers, ...above]).settings, root)
      known.set(key, settings)
    }
    return { settings, group, tags: union(tags, test.tags) }
  }
}

/**
 * @param {import('./layers.js').Layer} layer
 * @returns {import('./layers.js').Layer}
 */
function onlyOfTests({ source, settings }) {
  return { source, settings: Object.fromEntries(Object.entries(settings).filter(([key]) => TEST_SETTINGS.includes(key))) }
}

/**
 * @param {{ project?: string, group?: string, file?: string, test?: string, tag?: string }} where
 * @returns {(test: { project: string, group: string, file?: string | null, id: string, tags: string[] }) => boolean}
 */
function makeMatcher(where) {
  const file = where.file === undefined ? null : picomatch(where.file.replace(/^\.\//, ''), { dot: true })
  const id = where.test === undefined ? null : new RegExp(where.test)
  return test =>
    (where.project === undefined || where.project === test.project) &&
    (where.group === undefined || where.group === test.group) &&
    (where.tag === undefined || test.tags.includes(where.tag)) &&
    (file === null || (typeof test.file === 'string' && file(test.file))) &&
    (id === null || id.test(test.id))
}

/**
 * @param {string} group with placeholders
 * @param {string} project
 * @param {string | null | undefined} file
 */
function expandGroup(group, project, file) {
  // Tests that have no file are told apart by their project alone.
  const words = { project, file: file ?? project, dirname: typeof file === 'string' ? path.posix.dirname(file) : project }
  return group.replace(/\{\{|\}\}|\{(project|file|dirname)\}/g, (text, name) => words[/** @type {keyof typeof words} */ (name)] ?? text[0])
}

/**
 * @param {readonly string[]} tags
 * @param {readonly string[]} [more]
 */
function union(tags, more = []) {
  return [...new Set([...tags, ...more])]
}

module.exports = { makeSettingsFor, resolveSettings }

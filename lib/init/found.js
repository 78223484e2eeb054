// @ts-check
'use strict'

/** By what a runner is found in a project. */

/** @typedef {InstanceType<typeof import('./project.js').Project>} Project */

/**
 * @typedef {object} Signs
 * @property {string[]} [packages] on which a project that uses it depends
 * @property {RegExp} [config] names of its config files at the root
 * @property {string} [key] its member of package.json
 * @property {(script: string) => boolean} [script] whether a script runs it
 */

/**
 * @param {Project} project
 * @param {Signs} signs
 * @returns {string[]} what was found, for people
 */
function reasonsFor(project, { packages = [], config, key, script }) {
  const reasons = []
  for (const name of packages) {
    for (const kind of ['dependencies', 'devDependencies']) {
      const version = project.manifest?.[kind]?.[name]
      if (version !== undefined) reasons.push(`${name} ${version} in ${kind}`)
    }
  }
  if (config) reasons.push(...project.names.filter(name => config.test(name)))
  if (key !== undefined && project.manifest?.[key] !== undefined) reasons.push(`"${key}" in package.json`)
  if (script) {
    const name = Object.keys(project.scripts).find(each => script(project.scripts[each]))
    if (name !== undefined) reasons.push(`the script "${name}"`)
  }
  return reasons
}

/**
 * Whether a script has a program among its words, be it by `npx` or with a path.
 * @param {string} program
 */
const runs = program => (/** @type {string} */ script) =>
  script.split(/[\s;&|]+/).some(
    word =>
      word
        .split('/')
        .at(-1)
        ?.replace(/@[\w.^~-]+$/, '') === program
  )

/**
 * The config file that a script names (`--config e2e/playwright.config.ts`), else the one at the root.
 * @param {Project} project
 * @param {string} program
 * @param {RegExp} pattern
 * @returns {string | null}
 */
function configOf(project, program, pattern) {
  for (const script of Object.values(project.scripts)) {
    const named = runs(program)(script) ? /(?:--config|-c)[=\s]+["']?([^\s"']+)/.exec(script)?.[1] : undefined
    if (named !== undefined && project.read(named) !== null) return named
  }
  return project.find(pattern)
}

module.exports = { configOf, reasonsFor, runs }

// @ts-check
'use strict'

// Projects with runners that resolve what their configuration names from where they really are: those are copied, and what they need is linked.

const fs = require('node:fs')
const path = require('node:path')
const { npmPackage } = require('../support-run-adapters/toolchains.js')
const { makeProject } = require('./project.js')

/**
 * @param {import('node:test').TestContext} t
 * @param {{ name: string, version: string }} runner
 * @param {import('./project.js').Parts} parts
 */
function makeInstalledProject(t, { name, version }, parts) {
  const { path: folder, why } = npmPackage(name, version)
  if (folder === null) throw new Error(String(why))
  const packages = namesIn(path.join(folder, 'node_modules')).filter(other => other !== name)
  const project = makeProject(t, {
    ...parts,
    packages: { ...Object.fromEntries(packages.map(other => [other, folder])), ...parts.packages }
  })
  fs.cpSync(path.join(folder, 'node_modules', name), path.join(project.root, 'node_modules', name), {
    recursive: true,
    filter: file => !file.endsWith('.map')
  })
  return project
}

/** @param {string} folder of packages @returns {string[]} */
function namesIn(folder) {
  const names = fs.readdirSync(folder).filter(name => !name.startsWith('.'))
  return names.flatMap(name => (name.startsWith('@') ? fs.readdirSync(path.join(folder, name)).map(own => `${name}/${own}`) : [name]))
}

module.exports = { makeInstalledProject }

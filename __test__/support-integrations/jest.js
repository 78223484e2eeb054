// @ts-check
'use strict'

// Jest in the versions that are supported, and projects that it runs.

const { npmPackage } = require('../support-run-adapters/toolchains.js')
const { ROOT, makeProject } = require('./project.js')

const old = npmPackage('jest', '29')

/** @type {Array<{ version: number, folder: string, skip: string | false }>} */
const versions = [
  { version: 29, folder: String(old.path), skip: old.why ?? false },
  { version: 30, folder: ROOT, skip: false }
]

/**
 * @param {import('node:test').TestContext} t
 * @param {string} folder whose `node_modules` have Jest
 * @param {Omit<Parameters<typeof makeProject>[1], 'packages'>} [parts]
 */
function makeJestProject(t, folder, parts = { fixture: 'jest' }) {
  const project = makeProject(t, { ...parts, packages: { jest: folder, 'jest-environment-jsdom': ROOT } })
  /** @param {string[]} args @param {Partial<Parameters<typeof project.run>[0]> & { flags?: string[] }} [more] `flags`: Node's own */
  const jest = (args, { flags = [], ...more } = {}) =>
    project.run({ ...more, args: [...flags, 'node_modules/jest/bin/jest.js', '--watchman=false', ...args] })
  return { project, jest }
}

/** What Jest says of tests that left something behind, or of workers that did not end. */
const COMPLAINTS = /did not exit|failed to exit gracefully|open handle|after the Jest environment has been torn down/

/** The leaks that a run told. @param {string} output */
const leaksOf = output =>
  output
    .split('\n')
    .filter(line => line.startsWith('ephemeral-broker: not released: '))
    .map(line => line.replace('ephemeral-broker: not released: ', '').replace(/ by jest-worker-\d+ pid \d+$/, ''))
    .sort()

module.exports = { COMPLAINTS, leaksOf, makeJestProject, versions }

// @ts-check
'use strict'

// Workflows of CI, as far as they run the broker: their jobs one after the other, each in a fresh checkout, artifacts beside it.

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { parse } = require('yaml')
const { linesOf, wordsOf } = require('./blocks.js')

/** @typedef {InstanceType<typeof import('./project.js').Project>} Project */

/**
 * A workflow of GitHub Actions. What `actions/*` do on their machines is done here for artifacts; the other actions prepare a machine.
 * @param {Project} project
 * @param {string} text
 */
async function runWorkflow(project, text) {
  const { jobs } = parse(text)
  const artifacts = fs.mkdtempSync(path.join(project.dir, '..', 'artifacts-'))
  for (const job of Object.values(/** @type {Record<string, any>} */ (jobs))) {
    for (const matrix of matrixOf(job.strategy?.matrix)) {
      project.restore()
      for (const step of job.steps) await runStep(project, filled(step, matrix), artifacts)
    }
  }
}

/** @param {Record<string, unknown[]>} [matrix] @returns {Array<Record<string, unknown>>} */
function matrixOf(matrix) {
  const [name, values = []] = Object.entries(matrix ?? {})[0] ?? []
  return name === undefined ? [{}] : values.map(value => ({ [name]: value }))
}

/** @param {any} step @param {Record<string, unknown>} matrix */
function filled(step, matrix) {
  return JSON.parse(JSON.stringify(step).replace(/\$\{\{ matrix\.(\w+) \}\}/g, (_, name) => String(matrix[name])))
}

/** @param {Project} project @param {any} step @param {string} artifacts */
async function runStep(project, { uses = '', run = '', with: inputs = {} }, artifacts) {
  const action = uses.split('@')[0]
  if (action === 'actions/upload-artifact') {
    const [from, to] = [project.at(inputs.path), path.join(artifacts, inputs.name, path.basename(inputs.path))]
    assert.ok(fs.existsSync(from), `nothing at ${inputs.path} to be uploaded`)
    return fs.cpSync(from, to, { recursive: true })
  }
  if (action === 'actions/download-artifact') return fs.cpSync(artifacts, project.at(inputs.path), { recursive: true })
  for (const { line } of linesOf(run)) await runLine(project, line)
}

/** @param {Project} project @param {string} line */
async function runLine(project, line) {
  if (/^npm ci\b/.test(line)) return
  const words = wordsOf(line)
  assert.deepEqual(words.slice(0, 2), ['npx', 'ephemeral-broker'], line)
  const { code, output } = await project.broker(words.slice(2))
  assert.equal(code, 0, `${line}\n${output}`)
}

/**
 * A pipeline of GitLab: each job's script, once for each of its parallel ones.
 * @param {Project} project
 * @param {string} text
 */
async function runPipeline(project, text) {
  for (const { script, parallel = 1 } of Object.values(/** @type {Record<string, any>} */ (parse(text)))) {
    for (let index = 1; index <= parallel && script; index++) {
      project.restore()
      const numbered = (/** @type {string} */ line) => line.replace('$CI_NODE_INDEX', `${index}`).replace('$CI_NODE_TOTAL', `${parallel}`)
      for (const line of script) await runLine(project, numbered(line))
    }
  }
}

module.exports = { runPipeline, runWorkflow }

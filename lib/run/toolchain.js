// @ts-check
'use strict'

/** What tests are run with, as far as commands tell: `node --version`. */

const { BrokerError } = require('../errors.js')

/**
 * @param {import('./config/index.js').ResolvedConfig} config
 * @param {import('./listing.js').Listing} listing
 * @param {import('./adapters/listing.js').Capture} capture
 * @returns {Promise<Record<string, string>>} what is printed, by command
 * @throws {BrokerError} `setup_failed`
 */
async function readToolchain({ cache, root }, { projects }, capture) {
  const given = cache.toolchain?.map(command => ('shell' in command ? command.shell : command.argv))
  const commands = given ?? [...projects.values()].flatMap(project => project.toolchain)
  const distinct = new Map(commands.map(command => [nameOf(command), command]))
  const printed = [...distinct].map(async ([name, command]) => {
    const { exitCode, stdout, stderr } = await capture({ command, cwd: root })
    if (exitCode !== 0) throw new BrokerError('setup_failed', `cache.toolchain: ${name} ended with exit code ${exitCode}: ${stderr.trim()}`)
    return [name, stdout.trim()]
  })
  return Object.fromEntries(await Promise.all(printed))
}

/** As a person would write it; words with spaces in quotes, so that no two commands read the same. @param {import('../../run.js').Command} command */
function nameOf(command) {
  return typeof command === 'string' ? command : command.map(word => (/[\s"]|^$/.test(word) ? JSON.stringify(word) : word)).join(' ')
}

module.exports = { readToolchain }

// @ts-check
'use strict'

/** What has changed since a commit, as git knows it. */

const path = require('node:path')
const { BrokerError } = require('../errors.js')

/** @typedef {import('./adapters/listing.js').Capture} Capture */

/**
 * What differs from a commit, committed or not: changed, added, removed, and not yet known to git but not ignored either. A file that was renamed
 * counts under both names.
 * @param {string | true} reference `true`: the last commit
 * @param {string} root
 * @param {Capture} capture
 * @returns {Promise<string[]>} paths from the root, with `/`; those of the repository that lie outside of it begin with `../`
 * @throws {BrokerError} `invalid_config`: git does not know the commit, or the root is in no repository
 */
async function changedFiles(reference, root, capture) {
  const since = reference === true ? 'HEAD' : reference
  const fail = (/** @type {string} */ why) => new BrokerError('invalid_config', `--changed=${since}: ${why}`)
  const git = async (/** @type {string[]} */ ...args) => {
    const { exitCode, stdout, stderr } = await capture({ command: ['git', ...args], cwd: root })
    return { ok: exitCode === 0, stdout, why: `git says: ${stderr.trim() || `exit code ${exitCode}`}` }
  }
  // Where the root is in the repository; empty at its top.
  const inside = await git('rev-parse', '--show-prefix')
  if (!inside.ok) throw fail(`${root} is in no git repository; ${inside.why}`)
  const commit = await git('rev-parse', '--verify', '--quiet', '--end-of-options', `${since}^{commit}`)
  if (!commit.ok) throw fail('git knows no such commit; fetch it, or name another')
  const prefix = inside.stdout.replace(/\n$/, '')
  const listed = [
    await git('diff', '--name-only', '--no-renames', '--no-relative', '-z', commit.stdout.trim(), '--'),
    await git('ls-files', '--others', '--exclude-standard', '--full-name', '-z', '--', ':/')
  ]
  for (const { ok, why } of listed) {
    if (!ok) throw fail(why)
  }
  const names = listed.flatMap(({ stdout }) => stdout.split('\0').filter(Boolean))
  return names.map(name => path.posix.relative(prefix, name))
}

module.exports = { changedFiles }

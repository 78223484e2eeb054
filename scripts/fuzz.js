// @ts-check
'use strict'

// `npm run fuzz [-- seconds [target …]]`: fuzzes the protocol's targets for so long each. With a nightly toolchain and cargo-fuzz libFuzzer looks for
// inputs that reach new code; without them the inputs of tests/fuzz.rs are drawn for that long.

const { spawnSync } = require('node:child_process')
const { randomInt } = require('node:crypto')
const path = require('node:path')

const TARGETS = ['decoder', 'hmac', 'engine']
const root = path.join(__dirname, '..')

const [time = '60', ...chosen] = process.argv.slice(2)
const seconds = Number(time)
const unknown = chosen.filter(name => !TARGETS.includes(name))
if (!(Number.isInteger(seconds) && seconds > 0) || unknown.length > 0) {
  console.error(`usage: npm run fuzz [-- seconds [target …]]; the targets are ${TARGETS.join(', ')}`)
  process.exit(2)
}
const targets = chosen.length > 0 ? chosen : TARGETS

/**
 * @param {string[]} args
 * @param {Record<string, string>} [env]
 */
function cargo(args, env = {}) {
  console.log(`> cargo ${args.join(' ')}`)
  return spawnSync('cargo', args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } }).status === 0
}

const hasFuzzer = spawnSync('cargo', ['+nightly', 'fuzz', '--version'], { stdio: 'ignore' }).status === 0
if (!hasFuzzer) {
  console.log(
    'cargo-fuzz (cargo install cargo-fuzz) or a nightly toolchain (rustup toolchain install nightly) is missing: inputs are drawn at random.'
  )
}
// Printed, so that a run can be repeated.
const seed = process.env.FUZZ_SEED ?? String(randomInt(1, 2 ** 47))
console.log(`FUZZ_SEED=${seed}`)

const failed = targets.filter(target => {
  if (hasFuzzer) {
    const limits = [`-max_total_time=${seconds}`, `-seed=${Number(seed) % 2 ** 32}`, '-dict=fuzz/requests.dict', '-max_len=4096']
    return !cargo(['+nightly', 'fuzz', 'run', target, '--', ...limits])
  }
  const args = ['test', '--release', '--no-default-features', '--test', 'fuzz', '--', '--exact', target, '--nocapture']
  return !cargo(args, { FUZZ_SECONDS: String(seconds), FUZZ_SEED: seed })
})
console.log(failed.length === 0 ? `\nnothing found: ${targets.join(', ')}` : `\nfailed: ${failed.join(', ')}`)
process.exit(failed.length === 0 ? 0 : 1)

// What a fresh clone lacks: dependencies and the addon. Uses nothing but Node itself.
const { execSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')

const root = path.join(__dirname, '..')

/**
 * The newest change below some paths, in ms since the epoch.
 * @param {string[]} names
 * @returns {number}
 */
function newest(...names) {
  let time = 0
  for (const name of names) {
    const file = path.join(root, name)
    if (!fs.existsSync(file)) continue
    const stat = fs.statSync(file)
    time = Math.max(time, stat.isDirectory() ? newest(...fs.readdirSync(file).map(entry => path.join(name, entry))) : stat.mtimeMs)
  }
  return time
}

/**
 * @param {string} command
 * @param {string} [cwd]
 */
function run(command, cwd = root) {
  console.log(`> ${command}${cwd === root ? '' : ` (${path.relative(root, cwd)})`}`)
  execSync(command, { cwd, stdio: 'inherit' })
}

/** Installs what the lock file of a folder says, unless that is what is installed. */
function installDependencies(folder = root) {
  const installed = path.join(folder, 'node_modules', '.package-lock.json')
  const lock = path.join(folder, 'package-lock.json')
  if (fs.existsSync(installed) && fs.statSync(installed).mtimeMs >= fs.statSync(lock).mtimeMs) return
  run('npm ci --no-audit --no-fund', folder)
  // npm leaves the old time on a file that did not change.
  fs.utimesSync(installed, new Date(), new Date())
}

/** Builds the addon, unless it is newer than what it is made of. */
function buildAddon() {
  const addons = fs.readdirSync(root).filter(name => name.endsWith('.node'))
  if (addons.length > 0 && newest(...addons) > newest('src', 'Cargo.toml', 'Cargo.lock', 'build.rs')) return
  run('npm run build')
}

function setUp() {
  installDependencies()
  buildAddon()
}

module.exports = { root, run, setUp, installDependencies }

if (require.main === module) setUp()

// Builds the addon for this machine, and puts it into the package of its platform.
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')

const root = path.join(__dirname, '..')
const napi = path.join(root, 'node_modules', '.bin', process.platform === 'win32' ? 'napi.cmd' : 'napi')

const target = process.argv[2]
const args = ['build', '--platform', '--release', '--js', 'native.js', '--dts', 'native.d.ts', ...(target ? ['--target', target] : [])]
execFileSync(napi, args, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' })

for (const file of fs.readdirSync(root).filter(name => name.endsWith('.node'))) {
  // ephemeral-broker.linux-x64-gnu.node belongs to npm/linux-x64-gnu.
  const platform = file.split('.')[1]
  fs.copyFileSync(path.join(root, file), path.join(root, 'npm', platform, file))
}

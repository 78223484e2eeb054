// `npm run check`: what CI asks of the sources before it runs the tests.
const { execSync } = require('node:child_process')
const { installDependencies, root } = require('./setup.js')

// The addon is built below, once.
installDependencies()
const steps = [
  'cargo fmt --check',
  'cargo clippy --all-targets -- -D warnings',
  'cargo clippy --all-targets --no-default-features -- -D warnings',
  'npx biome ci .',
  'npx tsc -p tsconfig.json',
  'npx tsc -p lib/run/reporters/html/page/tsconfig.json',
  // The build writes these: they must be what is committed.
  'npm run build',
  'git diff --exit-code -- native.js native.d.ts Cargo.lock package-lock.json',
  'node scripts/package-check.js'
]
for (const step of steps) {
  console.log(`\n> ${step}`)
  execSync(step, { cwd: root, stdio: 'inherit' })
}

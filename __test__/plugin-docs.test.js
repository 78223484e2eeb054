// @ts-check
'use strict'

/** The example of docs/shared-workers.md, as it stands. */

const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const { after, test } = require('node:test')
const { ROOT, useFolder } = require('./support')

const folder = useFolder({ after })

test('the files of docs/shared-workers.md', async () => {
  const text = fs.readFileSync(path.join(ROOT, 'docs', 'shared-workers.md'), 'utf8').replaceAll('\r\n', '\n')
  const files = [...text.matchAll(/^```javascript\n\/\/ (\S+\.mjs)\n(.*?)^```$/gms)]
  assert.deepEqual(
    files.map(([, name]) => name),
    ['counter.mjs', 'numbers.test.mjs']
  )
  for (const [, name, code] of files) fs.writeFileSync(path.join(folder, name), code)
  fs.mkdirSync(path.join(folder, 'node_modules'))
  fs.symlinkSync(ROOT, path.join(folder, 'node_modules', 'ephemeral-broker'), 'junction')
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('NODE_')))
  const args = [path.join(ROOT, 'bin', 'ephemeral-broker.js'), 'start', '--', process.execPath, '--test', 'numbers.test.mjs']
  const child = spawn(process.execPath, args, { cwd: folder, env, stdio: 'pipe' })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', data => (output += data))
  const [code] = await once(child, 'close')
  assert.equal(code, 0, output)
  assert.match(output, /pass 1/)
})

// @ts-check
'use strict'

/** In Jest, whose tests live in a realm of their own: what comes from a program is of theirs. */

const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const { after, test } = require('node:test')
const { useFolder } = require('./support')
const { PLUGIN, program, startHost, write } = require('./support-plugin')

useFolder({ after })

test('data in Jest is strictly equal to what was sent', async t => {
  const { broker } = await startHost(t)
  const echo = program(t, 'main.ready(); for await (const message of main.subscribe()) message.reply(message.data)')
  const file = write(
    t,
    `const { testFile } = require(${JSON.stringify(PLUGIN)})
    const { ask, register } = require(${JSON.stringify(require.resolve('./support-plugin/ask.js'))})
    const file = testFile(__filename)
    const echo = register(${JSON.stringify(echo)})
    beforeAll(() => file.available())
    afterAll(() => file.teardown())
    test('data', async () => {
      const plain = { a: [1, { b: 'c' }], d: null }
      const rich = {
        map: new Map([[{ a: 1n }, new Set([new Date(0)])]]),
        expression: /x/g,
        error: new TypeError('x', { cause: [undefined] }),
        list: [, 1],
        views: [new Uint16Array([1]), new Uint8Array([2]), new DataView(new ArrayBuffer(2))]
      }
      rich.self = rich
      expect(await ask(echo, plain)).toStrictEqual(plain)
      const answer = await ask(echo, rich)
      expect(answer).toStrictEqual(rich)
      expect(answer.map).toBeInstanceOf(Map)
      expect(answer.error).toBeInstanceOf(TypeError)
      expect(answer.list).toBeInstanceOf(Array)
      expect(() => echo.publish(() => {})).toThrow(expect.objectContaining({ name: 'DataCloneError' }))
    })`,
    'data.test.js'
  )
  const folder = path.dirname(file)
  fs.writeFileSync(path.join(folder, 'package.json'), '{}')
  const jest = require.resolve('jest/bin/jest')
  const child = spawn(process.execPath, [jest, '--rootDir', folder], {
    env: { ...process.env, EPHEMERAL_PIPE: broker.pipe },
    stdio: 'pipe'
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', text => (output += text))
  const [code] = await once(child, 'close')
  assert.equal(code, 0, output)
})

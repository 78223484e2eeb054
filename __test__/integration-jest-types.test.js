// @ts-check
'use strict'

// The types of the integration with Jest, beside those of Jest itself.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { makeProject, ROOT } = require('./support-integrations/project.js')
const { versions } = require('./support-integrations/jest.js')

for (const { version, folder, skip } of versions) {
  describe(`Jest ${version}`, { skip }, () => {
    it('is used in strict TypeScript, CommonJS and modules', { timeout: 60_000 }, async t => {
      const packages = { jest: folder, '@jest/globals': folder, '@jest/types': folder, '@types/node': ROOT, typescript: ROOT }
      const { run } = makeProject(t, { fixture: 'jest-types', packages })
      const { code, output } = await run({ args: ['node_modules/typescript/bin/tsc', '-p', '.'] })
      assert.equal(code, 0, output)
    })
  })
}

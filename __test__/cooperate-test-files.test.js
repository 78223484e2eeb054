// @ts-check
'use strict'

/** What a test file has taken is given back at its end, though its thread goes on with the next. */

const assert = require('node:assert/strict')
const { after, test } = require('node:test')
const { startBroker, useFolder } = require('./support')
const { LockAcquisitionError, SharedContext } = require('../lib/cooperate')
const { testFile } = require('../lib/plugin')

useFolder({ after })

test('the end of a test file gives back what it has', async t => {
  await startBroker(t)
  const file = testFile('/first.test.js')
  const context = new SharedContext('files')
  await context.createLock('database').acquire()
  assert.deepEqual(await context.reserve('ann'), ['ann'])
  await assert.rejects(context.createLock('database').acquireNow(), LockAcquisitionError)
  await file.teardown()
  const next = testFile('/second.test.js')
  const release = await context.createLock('database').acquireNow()
  assert.deepEqual(await context.reserve('ann'), ['ann'])
  release()
  await next.teardown()
})

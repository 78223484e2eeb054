import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Broker } from 'ephemeral-broker'
import { testFile } from 'ephemeral-broker/plugin'
import { takeNumber } from '../index.js'

const TAKES_AND_STAYS = fileURLToPath(new URL('takes-and-stays.js', import.meta.url))
const broker = new Broker()
before(() => broker.start())
after(() => broker.stop())

/** A test file in this process: what comes after it is its, until the next one begins. */
function begin(t) {
  const file = testFile(import.meta.url)
  t.after(() => file.teardown())
  return file
}

/** Who ends is not waited for by others: takes numbers until it gets one that must become free. */
async function takes(expected) {
  for (;;) {
    const { value, release } = await takeNumber()
    if (value === expected) return
    release()
  }
}

it('gives the lowest number that is free', async t => {
  begin(t)
  const [one, two, three] = [await takeNumber(), await takeNumber(), await takeNumber()]
  assert.deepEqual([one.value, two.value, three.value], [1, 2, 3])
  two.release()
  two.release()
  assert.equal((await takeNumber()).value, 2)
  assert.equal((await takeNumber()).value, 4)
})

it('gives no number to two test files', { timeout: 10_000 }, async t => {
  begin(t)
  await takes(1)
  begin(t)
  assert.equal((await takeNumber()).value, 2)
})

it('takes back what a test file had that ends', { timeout: 10_000 }, async t => {
  const first = begin(t)
  await takes(1)
  begin(t)
  await first.teardown()
  await takes(1)
})

it('takes back what a process had that is killed', { timeout: 10_000 }, async t => {
  const child = broker.spawn(process.execPath, [TAKES_AND_STAYS], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const [line] = await once(child.stdout.setEncoding('utf8'), 'data')
  begin(t)
  child.kill('SIGKILL')
  await takes(Number(line))
})

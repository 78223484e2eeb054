import test from 'ava'
import { takeNumber } from 'shared-numbers/ava'

test('no number twice', async t => {
  const [one, two] = [await takeNumber(), await takeNumber()]
  t.not(one.value, two.value)
  two.release()
})

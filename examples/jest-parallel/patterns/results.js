import { Client } from 'ephemeral-broker'

// Outside of any `describe`, so it is for all tests of a file: their times go to the global teardown.
let client
let began

beforeAll(() => {
  client = new Client()
})

beforeEach(() => {
  began = performance.now()
})

afterEach(async () => {
  await client.append('timings', { test: expect.getState().currentTestName, ms: Math.round(performance.now() - began) })
})

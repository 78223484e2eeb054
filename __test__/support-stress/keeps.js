// @ts-check
'use strict'

// Does something with a client and lets the process end by itself: as soon as nothing keeps it.

const { Client } = require('../..')

const [what, pipe] = process.argv.slice(2)
const client = new Client(pipe, { timeout: 60_000 })

const acts = {
  idle: () => client.set('a', 1),
  'after-timeout': async () => {
    await client.ping()
    // Nobody answers this on time. The reply that comes later must not be waited for either.
    await client.get('a', { timeout: 0.001 }).catch(() => {})
  },
  pending: async () => {
    const asked = client.has('a').then(() => console.log('answered'))
    console.log('asked')
    await asked
  }
}

acts[/** @type {keyof typeof acts} */ (what)]()

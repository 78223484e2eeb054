// @ts-check
'use strict'

const { missingLibrary } = require('./missing')

process.env.WDIO_LOG_LEVEL ??= 'error'
const load = () => import('@wdio/shared-store-service')

/** @type {import('.').Peer} */
module.exports = {
  name: '@wdio/shared-store',
  about: 'over HTTP; its pool of values stands for leases; it knows no TTL',
  inHost: true,
  // A million requests over HTTP would take many minutes, and its values have no TTL.
  without: ['million'],
  library: '@wdio/shared-store-service',
  esm: true,
  missing: () => missingLibrary('@wdio/shared-store-service'),

  async startServer() {
    const { launcher: Launcher } = await load()
    const launcher = new Launcher()
    /** @type {any} */
    const capabilities = [{ browserName: 'none' }]
    await launcher.onPrepare(/** @type {never} */ ({}), /** @type {never} */ (capabilities))
    return { address: String(capabilities[0]['wdio:sharedStoreServicePort']), pid: process.pid, stop: () => launcher.onComplete() }
  },

  async connect(address) {
    const store = await load()
    new store.default(/** @type {never} */ (undefined), /** @type {never} */ ({ 'wdio:sharedStoreServicePort': Number(address) }))
    /** @type {Map<string, any>} */
    const held = new Map()
    /** @type {Set<string>} */
    const pools = new Set()
    return {
      get: key => store.getValue(key),
      set: (key, value) => store.setValue(key, value),
      del: key => store.setValue(key, null),
      // Its pool of values is what comes nearest to leases.
      lease: async (key, worker) => {
        if (!pools.has(key)) {
          pools.add(key)
          await store.setResourcePool(key, [1, 2, 3, 4, 5])
        }
        held.set(worker, await store.getValueFromPool(key))
      },
      release: (key, worker) => store.addValueToPool(key, held.get(worker)),
      close: async () => {}
    }
  }
}

// @ts-check
'use strict'

const { BrokerError, show } = require('../errors.js')
const { readOptions } = require('../options.js')

/**
 * The leases that `brokerFixtures` was given, with their options read.
 * @param {Record<string, object>} leases by the fixture's name
 * @param {Parameters<typeof readOptions>[1]} spec of a lease's options, `pool` among them
 * @param {object} taken the fixtures that there are besides, by name
 * @returns {Array<[name: string, options: Record<string, any>]>}
 * @throws {BrokerError} `invalid_option`
 */
function readLeases(leases, spec, taken) {
  return Object.entries(leases).map(([name, lease]) => {
    if (Object.hasOwn(taken, name)) {
      throw new BrokerError('invalid_option', `brokerFixtures has a fixture ${show(name)} already: give the lease another name`)
    }
    const options = readOptions(`the fixture ${name}`, spec, lease)
    if (options.pool === undefined) throw new BrokerError('invalid_option', `the fixture ${name} needs a pool, as in { pool: 'accounts' }`)
    return [name, options]
  })
}

module.exports = { readLeases }

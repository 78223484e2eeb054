// @ts-check

import integrations from '../integrations/host.js'

/**
 * A broker as most test runs want it, with what the config file declares. It goes by the environment else.
 * @param {string} hook where it is started, for messages
 * @param {import('../../index.js').BrokerOptions} [options]
 */
export function startBroker(hook, options) {
  // Whoever asks for the secret is of this process, or started by it.
  const given = { ...options, secret: true, ...(process.env.BROKER_REQUIRE_TTL === undefined ? {} : { requireTTL: undefined }) }
  return integrations.hostBroker(/** @type {import('../../index.js').BrokerOptions} */ (given), { runner: 'AVA', hook })
}

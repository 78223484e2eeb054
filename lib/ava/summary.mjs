// @ts-check

import summaries from '../integrations/summary.js'

/** @typedef {import('../../index.js').BrokerReport} BrokerReport */

/** What a broker saw so far, in a line: AVA does not say which test file is the last. */
export class Summary {
  #broker
  /** @type {BrokerReport['longestWaits'][number] | null} */
  #longest = null
  #leakedCount = 0
  /** @type {string | null} */
  #told = null

  /** @param {InstanceType<typeof import('../broker.js').Broker>} broker one that tells of each wait */
  constructor(broker) {
    this.#broker = broker
    broker.on('waited', wait => {
      if (wait.waited > (this.#longest?.waited ?? 0)) this.#longest = wait
    })
    broker.on('leaked', () => {
      this.#leakedCount++
    })
  }

  /** @returns {Promise<string | null>} null: there is nothing to say, or nothing new */
  async line() {
    const { pools } = await this.#broker.inspect()
    const line = summaries.summaryLine({
      pools,
      longestWaits: this.#longest ? [this.#longest] : [],
      leakedCount: process.env.EPHEMERAL_LEAKS === 'off' ? 0 : this.#leakedCount,
      leaked: [],
      sharedWorkerErrors: []
    })
    if (line === this.#told) return null
    this.#told = line
    return line
  }
}

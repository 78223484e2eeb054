// @ts-check
'use strict'

/**
 * For Cucumber: what imports this, or `requireModule` in its configuration, has a broker that knows the running scenario. The broker is around the run:
 * `npx ephemeral-broker start -- npx cucumber-js`.
 *
 * Cucumber runs hooks in the order in which they are defined, and those after a scenario the other way round. Who uses `broker` has imported this before it defined
 * hooks of its own, so a scenario begins before those and ends after them.
 */

const { resolvePeer } = require('../peer.js')
const { worker } = require('../worker.js')

const own = worker({ runner: 'Cucumber', check: "that the run is 'npx ephemeral-broker start -- npx cucumber-js'" })
const { Before, After, AfterAll } = require(resolvePeer('@cucumber/cucumber'))
const name = 'ephemeral-broker'

Before(
  { name },
  /** @param {{ gherkinDocument: { feature?: { name: string } }, pickle: { name: string } }} hook */
  ({ gherkinDocument: { feature }, pickle }) => {
    own.begin(feature?.name ? `${feature.name}: ${pickle.name}` : pickle.name)
  }
)

After({ name }, async () => {
  const leaked = await own.end()
  if (leaked) throw leaked
})

AfterAll({ name }, () => own.endFile())

const { broker } = own

module.exports = { broker }

// @ts-check
'use strict'

/** Runners of other languages: they get the client that is in the examples. */

const fs = require('node:fs')
const path = require('node:path')
const { reasonsFor, runs } = require('./found.js')
const { byHand, create } = require('./steps.js')

/** @typedef {import('./javascript.js').Recipe} Recipe */
/** @typedef {InstanceType<typeof import('./project.js').Project>} Project */

const EXAMPLES = path.join(__dirname, '..', '..', 'examples')

const CONFTEST = `import pytest

pytest_plugins = ["pytest_ephemeral_broker"]


@pytest.fixture
def account(broker):
    """An account that no other test has meanwhile, in whatever worker."""
    with broker.acquire("accounts") as lease:
        yield lease.value
`

/** Files that name pytest, and how. @type {Array<[string, RegExp]>} */
const NAMING = [
  ['pyproject.toml', /\[tool\.pytest|["']pytest\b/],
  ['setup.cfg', /\[tool:pytest\]|^\s*pytest\b/m],
  ['tox.ini', /\[pytest\]|^\s*pytest\b/m],
  ['requirements.txt', /^pytest\b/m],
  ['requirements-dev.txt', /^pytest\b/m],
  ['dev-requirements.txt', /^pytest\b/m]
]

/** @type {Recipe} */
const pytest = {
  name: 'pytest',
  title: 'pytest',
  page: 'pytest.md',
  reasons: project => [
    ...['pytest.ini', '.pytest.ini', 'conftest.py', 'tests/conftest.py'].filter(name => project.read(name) !== null),
    ...NAMING.filter(([name, sign]) => sign.test(project.read(name) ?? '')).map(([name]) => name),
    ...reasonsFor(project, { script: runs('pytest') })
  ],
  steps(project) {
    const copies = ['ephemeral_broker.py', 'pytest_ephemeral_broker.py'].map(name => create(project, name, example('python', name)))
    const plugin = ['pytest_plugins = ["pytest_ephemeral_broker"]']
    const conftest =
      project.read('conftest.py') === null
        ? create(project, 'conftest.py', CONFTEST)
        : byHand(project, 'conftest.py', 'below the imports', plugin, /["']pytest_ephemeral_broker["']/)
    return [...copies, conftest]
  },
  use: () => ['def test_orders(account):'],
  command: () => 'npx ephemeral-broker start -- pytest -n 5'
}

/** @type {Recipe} */
const go = {
  name: 'go',
  title: 'go test',
  page: 'go.md',
  reasons: project => project.names.filter(name => name === 'go.mod'),
  steps(project) {
    // Somebody's own package may have the name.
    const isTaken = project.names.includes('broker') && project.read('broker/testing.go')?.includes('EPHEMERAL_PIPE') !== true
    const folder = isTaken ? 'ephemeralbroker' : 'broker'
    const names = fs.readdirSync(path.join(EXAMPLES, 'go', 'broker')).filter(name => name.endsWith('.go'))
    return names.map(name => create(project, `${folder}/${name}`, example('go', `broker/${name}`)))
  },
  use: () => ['account := broker.Acquire[struct{ Name string }](t, "accounts")'],
  command: () => 'npx ephemeral-broker start -- go test ./... -p 5'
}

/** @param {string} folder @param {string} name */
const example = (folder, name) => fs.readFileSync(path.join(EXAMPLES, folder, name), 'utf8')

module.exports = { languages: [pytest, go] }

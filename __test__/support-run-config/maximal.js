// @ts-check
'use strict'

/**
 * A config that says everything that can be said. The compiler holds it against `run.d.ts`, a test against the schema.
 * @type {import('../../run.js').RunConfig}
 */
const maximal = {
  $schema: './node_modules/ephemeral-broker/schema.json',
  workers: '50%',
  mode: 'service',
  isolation: 'process',
  failOnFlaky: true,
  globalTimeout: '1h30m',
  maxFailures: 3,
  passWithNoTests: true,
  repeat: 2,
  shardBy: 'hash',
  reporter: ['list', ['junit', { output: 'report.xml' }], 'github'],
  output: 'reports',
  dir: { template: 'template', files: { 'sites.jsonc': '[]' }, reset: 'failure', keep: 'always' },
  server: {
    name: 'app',
    command: 'npm run dev',
    cwd: 'app',
    env: { API_TOKEN: 'token-{worker}' },
    scope: 'group',
    port: 9000,
    ready: { url: '/health', status: [200, 204], port: true, log: 'listening', timeout: '10s' },
    health: '/health',
    owned: false,
    maxRestarts: 0,
    gracePeriod: 250,
    for: ['e2e']
  },
  services: [{ command: ['redis-server', '--port', '{port}'], name: 'redis', scope: 'run', port: 'auto', ready: false }],
  cache: {
    enabled: true,
    inputs: ['src/**'],
    env: ['NODE_*'],
    lockfiles: ['go.sum'],
    toolchain: ['node --version', ['go', 'version']],
    verify: 0.5
  },
  groups: { users: { max: 1 } },
  minFreeMemory: '1.5gb',
  globalSetup: './setup.sh',
  globalTeardown: ['./teardown.sh'],
  workerSetup: 'true',
  workerTeardown: 'true',
  setupTimeout: 30_000,
  secrets: { command: 'sops -d secrets.yaml', format: 'yaml' },
  pools: { accounts: [{ user: 'ann' }], seats: 3, rooms: { values: ['a'], policy: 'lru' } },
  rateLimits: { api: { perSecond: 10, perMinute: 100, burst: 5 } },
  values: { plan: 'free', nested: { deep: [1, null] } },
  env: { NODE_ENV: 'test' },
  cwd: 'e2e',
  timeout: '2m',
  slow: 1000,
  gracePeriod: '1s',
  retries: { count: 2, delay: '1s', backoff: 'exponential', maxDelay: '10s' },
  priority: -5,
  tags: ['all'],
  group: '{project}/{dirname}',
  slots: 2,
  limits: ['api', 'users'],
  dependsOn: ['login'],
  leaks: 'fail',
  projects: [
    {
      name: 'e2e',
      adapter: 'go',
      files: ['**/*_test.go', '!vendor/**'],
      list: 'go test ./e2e -list .',
      tests: ['TestA', { name: 'TestB', file: 'b_test.go', id: 'b', tags: ['slow'], group: 'users', run: 'go test -run {test}' }],
      run: ['go', 'test', './e2e', '-run', '{pattern}'],
      output: { skipped: 'SKIP', passed: 'PASS', none: 'no tests' },
      cache: false,
      timeout: '5m'
    }
  ],
  overrides: [{ where: { project: 'e2e', group: 'users', file: '**/b*', test: '^e2e', tag: 'slow' }, retries: 0, cache: true }],
  profiles: { ci: { workers: 0, cache: false, url: 'http://127.0.0.1:8080', overrides: [{ where: { tag: 'slow' }, timeout: '20m' }] } }
}

module.exports = { maximal }

export default {
  maxWorkers: 5,
  globalSetup: './setup.js',
  globalTeardown: './teardown.js',
  testEnvironment: 'node'
}

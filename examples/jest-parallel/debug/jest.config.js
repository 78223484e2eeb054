export default {
  rootDir: '..',
  testMatch: ['<rootDir>/debug/status.js'],
  globalSetup: './debug/setup.js',
  globalTeardown: './debug/teardown.js',
  testEnvironment: 'node'
}

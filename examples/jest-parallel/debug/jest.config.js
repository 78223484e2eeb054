export default {
  rootDir: '..',
  testMatch: ['<rootDir>/debug/status.js'],
  globalSetup: './debug/setup.js',
  globalTeardown: './teardown.js',
  testEnvironment: 'node'
}

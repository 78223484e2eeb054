module.exports = {
  maxWorkers: 5,
  globalSetup: './setup.ts',
  globalTeardown: './teardown.ts',
  testEnvironment: 'node',
  transform: {
    '\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' } }]
  },
  // With this limit Jest keeps to its workers. Without it Jest runs up to 20 files in one process when all were quick the last time.
  workerIdleMemoryLimit: '1GB'
}

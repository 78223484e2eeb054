/**
 * For AVA: once this has been imported there is a broker, and `new Client()` and all else of this package work in test files. Import it where the package would be imported, or name
 * it in AVA's `require`, which is the way for CommonJS test files and for helpers that use the package as they are loaded.
 *
 * The broker lives in a shared worker of AVA's: the first test file starts it, it ends with AVA, and in watch mode it stays from run to run. Where test files run in child processes
 * (`workerThreads: false`) AVA has no shared workers: import this in `ava.config.js`, and the broker lives in AVA's main process. A broker that `EPHEMERAL_PIPE` names already is used.
 *
 * Programs of `ephemeral-broker/plugin` are available when AVA starts a file's tests, and a program that fails makes the run fail.
 *
 * @packageDocumentation
 */

export * from './index.js'

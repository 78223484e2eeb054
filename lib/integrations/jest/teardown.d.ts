/**
 * A `globalTeardown` of Jest: stops the broker, and says what was not released. One of your own may call it.
 * @param globalConfig what Jest hands in
 */
declare function teardown(globalConfig: {
  readonly watch: boolean
  readonly watchAll: boolean
  readonly testFailureExitCode: number
}): Promise<void>

export = teardown

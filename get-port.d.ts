/**
 * Ports for tests in several files, with the API of `@ava/get-port`, for every test runner.
 *
 * @packageDocumentation
 */

import type { ListenOptions } from 'node:net'

/**
 * A port that is free on this machine, or on `host`, and that no other worker of the run gets until this one ends, however it ends.
 *
 * Programs outside of the run may take it before it is used: listen soon.
 *
 * @returns the port
 * @throws `BrokerError` with code `port_unavailable`: none of the ports asked for can be had, for the reasons in its message (in use, reserved by a worker, not
 *   allowed to this user), or nobody can listen on `host`; with code `no_pipe` when `EPHEMERAL_PIPE` is not set
 * @throws `TypeError` for an option that there is not
 *
 * @example
 * ```js
 * const getPort = require('ephemeral-broker/get-port')
 * const { createServer } = require('node:http')
 *
 * const server = createServer().listen(await getPort())
 * server.close()
 * ```
 */
declare function getPort(options?: getPort.GetPortOptions): Promise<number>

declare namespace getPort {
  /** What is to be said to `listen()`: of it `host` counts here, the rest is taken and makes no difference. */
  export interface GetPortOptions extends Omit<ListenOptions, 'port'> {
    /** Which port, or which are to be tried, in this order; 0 (the default) is any. */
    port?: number | readonly number[] | undefined
  }
  export { getPort }
}

export = getPort

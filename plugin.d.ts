/**
 * Shared workers in any test runner: programs in threads of the process that hosts the broker, with which test workers exchange messages.
 *
 * The types of data are yours to name: `registerSharedWorker<Request, Answer>(…)` in tests, `SharedWorker.Factory<Request, Answer>` for a program.
 *
 * @packageDocumentation
 */

/** Types of both sides: `SharedWorker.…` of a program, `SharedWorker.Plugin.…` of a test worker. */
export namespace SharedWorker {
  /** The name under which both sides negotiate. Programs and tests that were written for AVA use it. */
  export type ProtocolIdentifier = 'ava-4'

  /**
   * What the module of a program exports as `default` (or as `module.exports`).
   * `In` is the data of messages from test workers, `Out` of those to them, `Initial` of `initialData`.
   *
   * @example
   * ```js
   * export default async ({ negotiateProtocol }) => {
   *   const main = negotiateProtocol(['ava-4']).ready()
   *   for await (const message of main.subscribe()) message.reply(message.data)
   * }
   * ```
   */
  export type Factory<In = unknown, Out = In, Initial = In> = (options: FactoryOptions<In, Out, Initial>) => void | Promise<void>

  export interface FactoryOptions<In = any, Out = any, Initial = any> {
    /**
     * @returns the same object each time.
     * @throws {Error} none of them is supported. The program has failed then, also when it catches this.
     */
    negotiateProtocol<I = In, O = Out, D = Initial>(supported: readonly string[]): Protocol<I, O, D>
  }

  /** The program's side of it all. */
  export interface Protocol<In = unknown, Out = In, Initial = In> {
    readonly protocol: ProtocolIdentifier
    /** What the first test worker gave that registered the program. */
    readonly initialData: Initial
    /** Makes the program available to test workers. May be called late, and more than once. */
    ready(): Protocol<In, Out, Initial>
    /** Messages of all test workers, but no replies, from the first `next()` on. Does not end. */
    subscribe(): Messages<ReceivedMessage<In, Out>>
    /** Publishes to all test workers that are connected. */
    broadcast(data: Out): PublishedMessage<In, Out>
    /**
     * Runs `fn` when the run ends, after the teardowns of all test workers: the last one registered first, one after the other, within the five seconds that a program has for
     * all of it. For what the program started for all. Not in AVA: programs that run there too write `main.teardown?.(…)`.
     * @returns a function that runs it now; it never runs twice.
     */
    teardown(fn: () => unknown): () => Promise<void>
    /** Test workers that connect from the first `next()` on. Does not end. */
    testWorkers(): Messages<TestWorker<In, Out>>
  }

  /** A test file in a process or thread. The same object in all of its messages. */
  export interface TestWorker<In = unknown, Out = In> {
    /** Unique in the host. */
    readonly id: string
    /** A `file:` URL. */
    readonly file: string
    publish(data: Out): PublishedMessage<In, Out>
    /** Its messages, but no replies. Ends when it has gone and its teardowns have run. */
    subscribe(): Messages<ReceivedMessage<In, Out>>
    /**
     * Runs `fn` when the test worker has ended or died: the last one registered first, one after the other. What it throws is a failure of the program.
     * @returns a function that runs it now; it never runs twice.
     * @throws {BrokerError} `test_worker_gone`
     */
    teardown(fn: () => unknown): () => Promise<void>
  }

  /** A message from a test worker. All iterators yield the same object. */
  export interface ReceivedMessage<In = unknown, Out = In> {
    /** Unique in the host. */
    readonly id: string
    readonly data: In
    readonly testWorker: TestWorker<In, Out>
    /** Publishes to the test worker that it came from. */
    reply(data: Out): PublishedMessage<In, Out>
  }

  export interface PublishedMessage<In = unknown, Out = In> {
    /** Unique in the host. */
    readonly id: string
    /** Replies to this message, from the first `next()` on. Of a message to one test worker they end with it, of a broadcast they do not. */
    replies(): Messages<ReceivedMessage<In, Out>>
  }

  export type BroadcastMessage<In = unknown, Out = In> = PublishedMessage<In, Out>

  /** Subscribes at the first `next()`. Each has a buffer of its own. */
  export interface Messages<Message> extends AsyncIterableIterator<Message, undefined, undefined> {
    next(): Promise<IteratorResult<Message, undefined>>
    /** Ends it, also where a `next()` waits. */
    return(): Promise<IteratorResult<Message, undefined>>
    throw(error: unknown): Promise<IteratorResult<Message, undefined>>
    [Symbol.asyncIterator](): Messages<Message>
    [Symbol.asyncDispose](): Promise<void>
  }

  /** The test worker's side. `Out` is the data of messages to the program, `In` of those from it. */
  export namespace Plugin {
    export interface RegistrationOptions<Initial = unknown> {
      /** A URL, or an absolute path. Compared as it is written: a hash or a query makes it another program of the same file. */
      readonly filename: string | URL
      /** Names of protocols; `'ava-4'` must be one of them. */
      readonly supportedProtocols: readonly string[]
      /** For the program, when this registration is the first in the host. */
      readonly initialData?: Initial | undefined
      /** Runs in the test worker after its tests. Each registration's runs, the last one first, one after the other. */
      readonly teardown?: (() => unknown) | undefined
    }

    export interface Protocol<Out = unknown, In = Out> {
      readonly protocol: ProtocolIdentifier
      /** Fulfils when the program is first available. Rejects when it fails before, with the program's error as `cause`. */
      readonly available: Promise<void>
      /** Whether it is available now. */
      readonly currentlyAvailable: boolean
      /** @throws {Error} it is not yet, or no longer, available. @throws {DOMException} `DataCloneError` */
      publish(data: Out): PublishedMessage<Out, In>
      /** Messages to this test worker and to all, but no replies, from the first `next()` on. A waiting `next()` keeps the process alive. */
      subscribe(): Messages<ReceivedMessage<Out, In>>
    }

    export interface PublishedMessage<Out = unknown, In = Out> {
      /** Unique in the host. */
      readonly id: string
      /** Replies to this message, from the first `next()` on. */
      replies(): Messages<ReceivedMessage<Out, In>>
    }

    /** A message from the program. All iterators yield the same object. */
    export interface ReceivedMessage<Out = unknown, In = Out> {
      /** Unique in the host. */
      readonly id: string
      readonly data: In
      /** Publishes to the program. */
      reply(data: Out): PublishedMessage<Out, In>
    }
  }
}

/**
 * Registers a program, which the host loads unless it has it, and connects to it. A second call for the same `filename` in one test file gives the same object.
 * The broker is the one of `EPHEMERAL_PIPE`.
 *
 * @throws {BrokerError} `unsupported_protocol`, `invalid_option`, `no_pipe`
 *
 * @example
 * ```js
 * const shared = registerSharedWorker({ filename: new URL('program.mjs', import.meta.url), supportedProtocols: ['ava-4'] })
 * await shared.available
 * for await (const { data } of shared.publish('Marco').replies()) break
 * ```
 */
export function registerSharedWorker<Out = any, In = Out, Initial = unknown>(
  options: SharedWorker.Plugin.RegistrationOptions<Initial>
): SharedWorker.Plugin.Protocol<Out, In>

/** A test file that has begun. */
export interface TestFile {
  /** Unique in the host; the program sees it as `testWorker.id`. */
  readonly id: string
  /** A `file:` URL. */
  readonly file: string
  /** Settles when every program is available that the file has registered. */
  available(): Promise<void>
  /**
   * Runs the teardowns that the file has registered, and disconnects. Once, however often it is called.
   * Where nobody stops the broker at the end of a run, `finished` is how long, in ms, to wait for what the programs do about its end. Else they do it meanwhile.
   * @throws what they threw, all of it.
   */
  teardown(options?: { finished?: number }): Promise<void>
}

/**
 * For integrations: begins a test file in this thread. What is registered from now on is this file's. Without it everything that a process or thread registers
 * belongs to its main script, until there is nothing left for it to do.
 *
 * @param file its path or URL
 */
export function testFile(file: string | URL): TestFile

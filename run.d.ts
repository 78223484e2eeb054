/**
 * `run()`: tests as commands, on isolated workers, each with a directory, a port and servers of its own. The same as `ephemeral-broker run`.
 *
 * @packageDocumentation
 */

import type { BrokerReport, PoolDefinition } from './index.js'

/** A time: a number of milliseconds, or a text like `'500ms'`, `'10s'`, `'1m30s'`, `'2h'`. */
export type Duration = number | string

/** A size in memory: a number of bytes, or a text like `'512mb'`, `'2gb'` (powers of 1024). */
export type Size = number | string

/**
 * A command. An array is a program and its arguments, run without a shell. A text is run as a shell would, except that one of plain words needs
 * no shell and gets none.
 *
 * Both may hold `{file}`, `{test}`, `{pattern}` (the test's name as a regular expression), `{id}`, `{project}`, `{group}`, `{worker}`, `{slot}`,
 * `{attempt}`, `{dir}`, `{port}` and `{url}`; in a text their values are quoted for the shell. `{{` is a brace.
 */
export type Command = string | readonly string[]

/** What a group of tests shares: a directory and servers. `process` and `service` are other words for `worker` and `group`. */
export type Isolation = 'worker' | 'test' | 'group' | 'none' | 'process' | 'service'

/** How many times, and when, a test that failed is run again. */
export interface Retries {
  count: number
  /** Before the first time. @default 0 */
  delay?: Duration
  /** Whether the delay doubles each time. @default 'fixed' */
  backoff?: 'fixed' | 'exponential'
  /** @default '1m' */
  maxDelay?: Duration
}

/** When a server can be used: all that is given must be so. */
export interface Readiness {
  /** A path at the server's own port (`/health`), or an absolute `http:` URL. Asked for on 127.0.0.1 and ::1. */
  url?: string
  /** The lowest and highest status that mean ready. @default [200, 399] */
  status?: readonly [number, number] | number
  /** A port to listen on; `true` is the server's own. @default true, when neither `url` nor `log` is given */
  port?: number | boolean
  /** A regular expression that a line of its output matches. */
  log?: string
  /** How long it may take. @default '60s' */
  timeout?: Duration
}

/** A server that tests need. */
export interface ServerConfig {
  /** @default 'server' */
  name?: string
  command: Command
  cwd?: string
  env?: Record<string, string>
  /** How many there are: one for the run, or one for each worker, group or test. @default what `isolation` says */
  scope?: 'run' | 'worker' | 'group' | 'test'
  /** `auto` takes a port from the system. A number is a base: worker 2 of a server with 9000 listens on 9002, or where that is taken, on a free
   * one further up. `false`: it needs none. @default 'auto' */
  port?: number | 'auto' | false
  /** A path or a table; `false`: it is ready when it runs. @default its port */
  ready?: string | false | Readiness
  /** A path or URL asked before each test; an answer that is not `ready.status` is a lost server. @default none */
  health?: string
  /** Whether what listens on the port must be a process that the command started. Turn it off for containers. @default true */
  owned?: boolean
  /** How many times it may die before its worker is given up. @default 3 */
  maxRestarts?: number
  /** Between SIGTERM and SIGKILL. @default the run's `gracePeriod` */
  gracePeriod?: Duration
  /** For which tests it is started: projects or groups by name. @default all */
  for?: readonly string[]
}

/** A worker's directory. */
export interface DirConfig {
  /** A folder whose content is copied in. */
  template?: string
  /** Files to write, by path; after the template. */
  files?: Record<string, string>
  /** When the files are put back as they were, without a restart of servers. @default 'never' */
  reset?: 'never' | 'test' | 'failure'
  /** What is left when the run is over. @default 'never' */
  keep?: 'never' | 'failure' | 'always'
}

/** Which tests need not be run again. */
export interface CacheConfig {
  /** @default true where the table `cache` is there, else false */
  enabled?: boolean
  /** Globs of the files that results depend on, from the root. @default all that git does not ignore */
  inputs?: readonly string[]
  /** Names of environment variables that results depend on. `*` ends a prefix. @default all but those of the terminal and the session */
  env?: readonly string[]
  /** Lockfiles and other files that count although git may ignore them. @default the usual lockfiles at the root */
  lockfiles?: readonly string[]
  /** Commands whose output counts, such as `node --version`. @default what the adapter knows, and the program that is run */
  toolchain?: readonly Command[]
  /** The share of unchanged tests that is run all the same, 0 to 1, to find out whether `inputs` is right. @default 0 */
  verify?: number
}

/** What may be said of a test: for all, for a project, and in an override. */
export interface TestSettings {
  /** For tests and servers; values may hold `{port}`, `{url}`, `{dir}`, `{worker}`, `{test}` and the other placeholders. */
  env?: Record<string, string>
  /** From the root. @default the root */
  cwd?: string
  /** After which a test is ended. @default '10m' */
  timeout?: Duration
  /** After which a test is said to be slow. @default '60s' */
  slow?: Duration
  /** @default '5s' */
  gracePeriod?: Duration
  /** @default 0 */
  retries?: number | Retries
  /** −100 to 100; the highest first. @default 0 */
  priority?: number
  tags?: readonly string[]
  /** What tests are counted and isolated by; may hold `{project}`, `{file}` and `{dirname}` (the file's folder). @default the project's name */
  group?: string
  /** How many workers' places a test takes up. @default 1 */
  slots?: number
  /** Names of `groups` that a test counts in besides its own; `max` of each holds. */
  limits?: readonly string[]
  /** Ids, names or files of tests, or names of projects, that must have passed. */
  dependsOn?: readonly string[]
  /** What becomes of a test whose processes outlive it: they are ended in any case. @default 'warn' */
  leaks?: 'warn' | 'fail' | 'off'
  cache?: boolean
}

/** Tests of one kind. */
export interface ProjectConfig extends TestSettings {
  /** @default the adapter's name, else `tests` */
  name?: string
  /** Who knows how to list tests, to run one, and to read skips. @default found out from `run`; `none`: nobody */
  adapter?: 'vitest' | 'jest' | 'playwright' | 'node' | 'go' | 'pytest' | 'cargo' | 'none'
  /** Globs of test files, from `cwd`. A leading `!` leaves out. */
  files?: string | readonly string[]
  /** A command that prints tests: a name on each line, or a JSON array of names or of `{ name, file, id, tags, group }`. */
  list?: Command
  tests?: ReadonlyArray<string | { name?: string; file?: string; id?: string; tags?: readonly string[]; group?: string; run?: Command }>
  /** What is run for one test. @default the adapter's */
  run?: Command
  /** What its output says, as regular expressions over lines; for commands that no adapter knows. */
  output?: { skipped?: string; passed?: string; none?: string }
}

/** Settings for some tests. Of several that match, the later wins. */
export interface Override extends TestSettings {
  /** All that is given must match: names of projects and groups, a glob of files, a regular expression of ids, tags. */
  where: { project?: string; group?: string; file?: string; test?: string; tag?: string }
}

export type ReporterName = 'list' | 'dot' | 'json' | 'jsonl' | 'junit' | 'html' | 'csv' | 'github'
/** A reporter, or one with the file that it writes. `list`, `dot` and `github` write to standard output. */
export type ReporterConfig = ReporterName | readonly [ReporterName, { output?: string }]

/** What a rate is: at least one of the two. */
export interface RateLimit {
  perSecond?: number
  perMinute?: number
  burst?: number
}

export interface RunSettings extends Omit<TestSettings, 'cache'> {
  /** How many at a time; `'50%'` of the processors; `auto` minds containers' limits and memory; 0: one after the other. @default 'auto' */
  workers?: number | string
  /** What is one test to the run: a whole service in order on one worker, a file, or a single test. @default 'file' */
  mode?: 'service' | 'file' | 'test'
  /** @default 'worker' */
  isolation?: Isolation
  /** Whether a test that passed at a later attempt makes the run fail. @default false */
  failOnFlaky?: boolean
  /** After which the whole run is ended, with exit code 124. @default none */
  globalTimeout?: Duration
  /** Stop when so many have failed; 0: never. @default 0 */
  maxFailures?: number
  passWithNoTests?: boolean
  /** How many times each test is run. @default 1 */
  repeat?: number
  /** @default 'duration' */
  shardBy?: 'duration' | 'slice' | 'hash'
  reporter?: ReporterConfig | readonly ReporterConfig[]
  /** Where reports, logs, durations and the cache are kept, from the root. @default '.ephemeral-broker' */
  output?: string
  dir?: DirConfig
  /** The server that each worker has; `services` are further ones. They are started in their order, `server` last, and each finds those before it in
   * `EPHEMERAL_<NAME>_URL` and `_PORT`. */
  server?: Partial<ServerConfig> | string
  services?: readonly ServerConfig[]
  /** Tests are run against this server, and none is started. */
  url?: string
  cache?: boolean | CacheConfig
  /** Limits of how many tests of a group run at a time. */
  groups?: Record<string, { max: number }>
  /** Start no test while less memory is free, unless none runs. */
  minFreeMemory?: Size
  /** Run before all tests and after them; `EPHEMERAL_ENV` names a file in which they may leave `NAME=value` lines for tests and servers. */
  globalSetup?: Command
  globalTeardown?: Command
  workerSetup?: Command
  workerTeardown?: Command
  /** How long each of these may take. @default '10m' */
  setupTimeout?: Duration
  /** Variables whose values are hidden in all output: what a command prints, or a file. */
  secrets?: { command?: Command; file?: string; format?: 'dotenv' | 'json' | 'yaml' }
  /** Pools of the run's broker, as {@link BrokerOptions.pools}. */
  pools?: Record<string, readonly unknown[] | number | PoolDefinition>
  /** Limits of the run's broker, for `client.limit(name)`. A test that names one in `limits` waits for its turn before it starts. */
  rateLimits?: Record<string, RateLimit>
  /** Values of the run's broker. */
  values?: Record<string, unknown>
}

/** `ephemeral-broker.toml`, `.json`, or the default export of `ephemeral-broker.config.js`. */
export interface RunConfig extends RunSettings, Omit<ProjectConfig, keyof TestSettings | 'output'> {
  $schema?: string
  projects?: readonly ProjectConfig[]
  overrides?: readonly Override[]
  /** Settings by the name given as `--profile`. */
  profiles?: Record<string, RunSettings & { overrides?: readonly Override[] }>
}

/** What the command line adds: which tests, and how to go about it. */
export interface RunOptions {
  /** Where the config's paths begin. @default the config file's folder, else the working directory */
  root?: string
  /** @default EPHEMERAL_PROFILE */
  profile?: string
  /** Ids that contain one of these. */
  filters?: readonly string[]
  /** A regular expression that ids match. */
  grep?: string | RegExp
  /** Files that contain one of these. */
  files?: readonly string[]
  /** Names of projects or groups. */
  projects?: readonly string[]
  tags?: readonly string[]
  excludeTags?: readonly string[]
  shard?: { index: number; count: number }
  /** Tests whose `cache.inputs` differ from this commit; `true`: from the last one. */
  changed?: string | boolean
  /** What failed, was not run, or is new. */
  lastFailed?: boolean
  /** Run what the cache has too, and record it. */
  full?: boolean
  /** Run again when files change, with servers kept. Ends with `signal`. */
  watch?: boolean
  /** Asks the run to stop: `reason` may be the name of a signal. */
  signal?: AbortSignal
  /** Told of everything, in order. What it throws ends the run. */
  onEvent?: (event: RunEvent) => void
  /** Whether `testOutput` is told of. @default false */
  stream?: boolean
  /** Whether the reporters of the config write. @default false for `run()`, true for the command */
  reporters?: boolean
}

/** How a test ended. `error`: the run could not find out (a server died, the command could not be started). */
export type TestStatus = 'passed' | 'failed' | 'flaky' | 'skipped' | 'cached' | 'timed_out' | 'error' | 'not_run'

export interface AttemptResult {
  /** From 1 on; counts those that were ended by the infrastructure too. */
  attempt: number
  status: 'passed' | 'failed' | 'skipped' | 'timed_out' | 'error' | 'cancelled'
  /** The worker's number, from 0 on. */
  worker: number
  /** Milliseconds since the run began. */
  at: number
  /** Milliseconds. */
  duration: number
  exitCode: number | null
  signal: string | null
  /** Why it ended so, in words: `exit code 1`, `timed out after 10 s`, `server died: …`. */
  reason: string | null
  /** Processes or pipes outlived it. */
  leaked: boolean
  /** It took longer than `slow`. */
  slow: boolean
  /** What it wrote, its beginning and end when that is much; null where it passed. Secrets are hidden. */
  output: string | null
  /** Bytes written in all. */
  outputSize: number
  /** The file that has all of it; null where it wrote nothing. */
  log: string | null
  /** What the servers wrote meanwhile; empty where it passed. */
  serverLogs: Array<{ name: string; output: string; log: string }>
}

export interface TestResult {
  /** Unique in the run, the same in each run: `project:file > name`. */
  id: string
  project: string
  group: string
  file: string | null
  name: string | null
  tags: string[]
  status: TestStatus
  /** Milliseconds, of all attempts. */
  duration: number
  /** From 1 on, with `--repeat`. */
  repeat: number
  attempts: AttemptResult[]
  /** Why it was skipped, not run, or an error. */
  reason: string | null
  /** Why the cache had no result for it; null where it had one, or there is no cache. */
  why: string | null
}

export interface Counts {
  total: number
  passed: number
  failed: number
  flaky: number
  skipped: number
  cached: number
  timed_out: number
  error: number
  not_run: number
}

export interface RunResult {
  runId: string
  /** Milliseconds since 1970. */
  startedAt: number
  /** Milliseconds. */
  duration: number
  /** 0; 1 tests failed; 2 config or setup; 3 infrastructure; 4 no tests; 124 out of time; 128 + n ended by a signal. */
  exitCode: number
  ok: boolean
  workers: number
  counts: Counts
  tests: TestResult[]
  /** By group; `passed` here counts all that need no attention: passed, flaky and cached. */
  groups: Record<string, { passed: number; total: number; counts: Counts }>
  /** What went wrong beside the tests. */
  errors: RunError[]
  shard: ShardOf | null
  /** What is worth knowing beside: directories that were kept, passes that the cache did not record, … */
  notes: string[]
  /** What the run's broker saw. */
  broker: BrokerReport | null
}

/** Which shard a run was. Runs of other machines are shards of the same whole when `total` and `digest` agree. */
export interface ShardOf {
  /** From 1 on. */
  index: number
  count: number
  /** How many tests all shards have together. */
  total: number
  /** Of their ids. */
  digest: string
}

export interface RunError {
  /** `setup_failed`, `teardown_failed`, `server_failed`, `worker_lost`, `spawn_failed`, `cache_wrong`, `run_failed`, … */
  code: string
  message: string
  output: string | null
  log: string | null
}

/** Times (`at`) are milliseconds since the run began. Servers that are not a worker's own have `worker: null`. */
export type RunEvent =
  | {
      type: 'runStarted'
      at: number
      runId: string
      startedAt: number
      workers: number
      total: number
      root: string
      logs: string
      shard: { index: number; count: number } | null
    }
  | { type: 'setupStarted'; at: number; step: SetupStep; worker: number | null }
  | { type: 'setupFinished'; at: number; step: SetupStep; worker: number | null; duration: number; error: RunError | null }
  | { type: 'workerReady'; at: number; worker: number; dir: string; url: string | null; duration: number }
  | { type: 'workerLost'; at: number; worker: number; reason: string; replaced: boolean }
  | { type: 'serverStarted'; at: number; server: string; worker: number | null; pid: number; port: number | null; log: string }
  | { type: 'serverReady'; at: number; server: string; worker: number | null; duration: number; url: string | null }
  | {
      type: 'serverFailed'
      at: number
      server: string
      worker: number | null
      reason: string
      output: string
      log: string
      restarting: boolean
    }
  | { type: 'serverStopped'; at: number; server: string; worker: number | null }
  | { type: 'testStarted'; at: number; id: string; repeat: number; worker: number; attempt: number; expected: number | null }
  | { type: 'testOutput'; at: number; id: string; worker: number; attempt: number; text: string }
  | { type: 'testSlow'; at: number; id: string; worker: number; duration: number; timeout: number }
  | { type: 'attemptFinished'; at: number; id: string; repeat: number; result: AttemptResult; retryIn: number | null }
  | { type: 'testFinished'; at: number; result: TestResult }
  | { type: 'waited'; at: number; id: string | null; worker: number | null; resource: string; duration: number }
  | { type: 'stopping'; at: number; reason: string }
  | { type: 'runFinished'; at: number; result: RunResult }

export type SetupStep = 'globalSetup' | 'globalTeardown' | 'workerSetup' | 'workerTeardown'

/**
 * Runs tests. What is wrong with the config, or in a setup, rejects with a `BrokerError` (`invalid_config`, `setup_failed`, …); tests that fail do not.
 *
 * @param config a config, or the path of a config file; without one, the file that is found from `root` upwards
 */
export function run(config?: RunConfig | string, options?: RunOptions): Promise<RunResult>

/** Returns what it is given: for completion in an editor. */
export function defineConfig(config: RunConfig): RunConfig

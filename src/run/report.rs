//! What is told of a run: events, and results. `run.d.ts` says the same to JavaScript.

use super::plan::Millis;
use serde::Serialize;

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// At the first attempt.
    Passed,
    /// At the last attempt.
    Failed,
    /// It passed at a later attempt than the first.
    Flaky,
    /// By its own word, or because what it depends on did not pass.
    Skipped,
    /// Nothing that it depends on has changed since it passed.
    Cached,
    /// The last attempt took too long.
    TimedOut,
    /// The run could not find out.
    Error,
    /// The run ended before its turn, or in its midst.
    NotRun,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Exit code 0, and nothing speaks against it.
    Passed,
    /// Any other end of its own.
    Failed,
    /// By its own word.
    Skipped,
    /// It took too long.
    TimedOut,
    /// A server died, the command could not be started, …: the test may be innocent.
    Error,
    /// The run was stopped.
    Cancelled,
}

/// One attempt at a test.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// From 1 on.
    pub attempt: u32,
    /// How it ended.
    pub status: Outcome,
    /// The worker's number.
    pub worker: usize,
    /// Milliseconds since the run began.
    pub at: f64,
    /// Milliseconds.
    pub duration: f64,
    /// `None` where a signal ended it, or it was never there.
    pub exit_code: Option<i32>,
    /// As in `SIGKILL`.
    pub signal: Option<String>,
    /// Why it ended so, in words.
    pub reason: Option<String>,
    /// Processes or pipes outlived it.
    pub leaked: bool,
    /// It took longer than is usual.
    pub slow: bool,
    /// What it wrote, where it did not pass.
    pub output: Option<String>,
    /// Bytes written in all.
    pub output_size: u64,
    /// The file that has all of it; `None` where it wrote nothing.
    pub log: Option<String>,
    /// What servers wrote meanwhile, where it did not pass.
    pub server_logs: Vec<ServerLog>,
}

/// What a server wrote while a test ran.
#[derive(Debug, Clone, Serialize)]
pub struct ServerLog {
    /// The server's.
    pub name: String,
    /// Its end, when that is much.
    pub output: String,
    /// The file that has all of it.
    pub log: String,
}

/// What became of a test.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TestResult {
    /// The test's.
    pub id: String,
    /// The test's.
    pub project: String,
    /// The test's.
    pub group: String,
    /// The test's.
    pub file: Option<String>,
    /// The test's.
    pub name: Option<String>,
    /// The test's.
    pub tags: Vec<String>,
    /// How it ended.
    pub status: Status,
    /// Milliseconds, of all attempts.
    pub duration: f64,
    /// The test's.
    pub repeat: u32,
    /// In order.
    pub attempts: Vec<Attempt>,
    /// Why it was skipped, not run, or an error.
    pub reason: Option<String>,
    /// Why the cache had no result for it.
    pub why: Option<String>,
}

/// What went wrong beside the tests.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunError {
    /// Stable.
    pub code: &'static str,
    /// For a person.
    pub message: String,
    /// What the command wrote, its end when that is much.
    pub output: Option<String>,
    /// The file that has all of it.
    pub log: Option<String>,
}

/// Which command around the run or a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "named as in the configuration")]
pub enum SetupStep {
    GlobalSetup,
    GlobalTeardown,
    WorkerSetup,
    WorkerTeardown,
}

/// What happens, in order. `at` is in milliseconds since the run began.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "run.d.ts says it")]
pub enum Event {
    SetupStarted {
        at: f64,
        step: SetupStep,
        worker: Option<usize>,
    },
    SetupFinished {
        at: f64,
        step: SetupStep,
        worker: Option<usize>,
        duration: f64,
        error: Option<RunError>,
    },
    WorkerReady {
        at: f64,
        worker: usize,
        dir: String,
        url: Option<String>,
        duration: f64,
    },
    WorkerLost {
        at: f64,
        worker: usize,
        reason: String,
        replaced: bool,
    },
    ServerStarted {
        at: f64,
        server: String,
        worker: Option<usize>,
        pid: u32,
        port: Option<u16>,
        log: String,
    },
    ServerReady {
        at: f64,
        server: String,
        worker: Option<usize>,
        duration: f64,
        url: Option<String>,
    },
    ServerFailed {
        at: f64,
        server: String,
        worker: Option<usize>,
        reason: String,
        output: String,
        log: String,
        restarting: bool,
    },
    ServerStopped {
        at: f64,
        server: String,
        worker: Option<usize>,
    },
    TestStarted {
        at: f64,
        id: String,
        repeat: u32,
        worker: usize,
        attempt: u32,
        expected: Option<Millis>,
    },
    TestOutput {
        at: f64,
        id: String,
        worker: usize,
        attempt: u32,
        text: String,
    },
    TestSlow {
        at: f64,
        id: String,
        worker: usize,
        duration: f64,
        timeout: Millis,
    },
    AttemptFinished {
        at: f64,
        id: String,
        repeat: u32,
        result: Attempt,
        retry_in: Option<Millis>,
    },
    TestFinished {
        at: f64,
        result: TestResult,
    },
    Stopping {
        at: f64,
        reason: String,
    },
}

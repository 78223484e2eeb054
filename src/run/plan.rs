//! What is to be done: the configuration, resolved, and the tests. Made by JavaScript, which has said what is wrong with it to whom it concerns;
//! what does not fit here is a defect.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Milliseconds.
pub type Millis = u64;
/// A place in [`Plan::tests`].
pub type TestIndex = usize;

/// A run.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// How many workers there are; at least 1.
    pub workers: usize,
    /// Whether the tests of a group run in their order, on one worker.
    pub grouped: bool,
    /// What shares a directory and servers.
    pub isolation: Isolation,
    /// Stop when so many have failed; 0: never.
    #[serde(default)]
    pub max_failures: usize,
    /// After which the whole run is ended.
    #[serde(default)]
    pub global_timeout: Option<Millis>,
    /// Bytes of memory without which no further test starts, unless none runs.
    #[serde(default)]
    pub min_free_memory: Option<u64>,
    /// How many tests of each of these may run at a time: groups, and what tests name in [`Settings::limits`].
    #[serde(default)]
    pub limits: BTreeMap<String, usize>,
    /// Rates, by the names that tests give in [`Settings::limits`].
    #[serde(default)]
    pub rate_limits: BTreeMap<String, RateLimit>,
    /// What workers' directories hold at first.
    #[serde(default)]
    pub dir: Dir,
    /// All servers.
    #[serde(default)]
    pub servers: Vec<Server>,
    /// The server that is not ours to start.
    #[serde(default)]
    pub url: Option<String>,
    /// Commands around the run and around each worker.
    #[serde(default)]
    pub setup: Setup,
    /// Variables of all that is started, beside those of this process. `null` takes one away.
    #[serde(default)]
    pub env: BTreeMap<String, Option<String>>,
    /// Texts that no output may show.
    #[serde(default)]
    pub redact: Vec<String>,
    /// Whether output is told of as it comes.
    #[serde(default)]
    pub stream: bool,
    /// What tests have in common.
    pub settings: Vec<Settings>,
    /// In the order in which they were listed.
    pub tests: Vec<Test>,
    /// `None`: no cache.
    #[serde(default)]
    pub cache: Option<Cache>,
}

/// What shares a directory and servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// All tests that a worker runs.
    Worker,
    /// Nobody: each attempt has its own.
    Test,
    /// The tests of one group on one worker.
    Group,
    /// The whole run.
    None,
}

/// A command, with placeholders.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Command {
    /// A program and its arguments.
    Argv(Vec<String>),
    /// A line for the shell.
    Shell(String),
}

/// What a directory holds at first.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Dir {
    /// A folder whose content is copied; absolute.
    #[serde(default)]
    pub template: Option<PathBuf>,
    /// Files by relative path, written after the template.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// When files are put back.
    #[serde(default)]
    pub reset: Reset,
    /// What is left behind.
    #[serde(default)]
    pub keep: Keep,
}

/// When a directory's files are put back as they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reset {
    /// Never.
    #[default]
    Never,
    /// Before each test but the first.
    Test,
    /// After a test that failed.
    Failure,
}

/// Which directories outlive the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// None.
    #[default]
    Never,
    /// Those in which a test failed.
    Failure,
    /// All.
    Always,
}

/// A server.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Server {
    /// Unique.
    pub name: String,
    /// What starts it.
    pub command: Command,
    /// Absolute.
    pub cwd: PathBuf,
    /// Variables, with placeholders.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// How many there are.
    pub scope: Scope,
    /// `None`: it needs none.
    #[serde(default)]
    pub port: Option<Port>,
    /// `None`: ready when it runs.
    #[serde(default)]
    pub ready: Option<Ready>,
    /// Asked for before each test: a path or an absolute URL.
    #[serde(default)]
    pub health: Option<String>,
    /// Whether the listener must be a process of ours.
    pub owned: bool,
    /// How many times it may be started again.
    pub max_restarts: u32,
    /// Between SIGTERM and SIGKILL.
    pub grace: Millis,
    /// Whether it is the one whose port and URL tests see as `{port}` and `{url}`.
    #[serde(default)]
    pub main: bool,
}

/// How many of a server there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// One.
    Run,
    /// One a worker.
    Worker,
    /// One a group, on the worker that runs it.
    Group,
    /// One an attempt.
    Test,
}

/// Which port a server gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Port {
    /// One from the system.
    Auto,
    /// This and the worker's number, or where that is taken, one further up.
    Base(u16),
}

/// When a server is ready: all that is given must be so.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ready {
    /// A path at its port, or an absolute `http:` URL.
    #[serde(default)]
    pub url: Option<String>,
    /// The lowest and the highest status that count.
    #[serde(default = "ready_status")]
    pub status: (u16, u16),
    /// Its own port, or another, must be listened on.
    #[serde(default)]
    pub port: Option<ReadyPort>,
    /// A line that it prints, as a regular expression.
    #[serde(default)]
    pub log: Option<String>,
    /// How long that may take.
    pub timeout: Millis,
}

/// A port that says that a server is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReadyPort {
    /// The server's own.
    Own,
    /// This one.
    Number(u16),
}

fn ready_status() -> (u16, u16) {
    (200, 399)
}

/// Commands around the run and around each worker.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Setup {
    /// Before anything else.
    #[serde(default)]
    pub global_setup: Option<Command>,
    /// After everything else; always, once the setup was begun.
    #[serde(default)]
    pub global_teardown: Option<Command>,
    /// Before a worker's first test, when its servers are ready.
    #[serde(default)]
    pub worker_setup: Option<Command>,
    /// After a worker's last test.
    #[serde(default)]
    pub worker_teardown: Option<Command>,
    /// How long each may take; 0: the default, ten minutes.
    #[serde(default)]
    pub timeout: Millis,
}

/// A rate.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateLimit {
    /// Starts a second.
    #[serde(default)]
    pub per_second: Option<f64>,
    /// Starts a minute.
    #[serde(default)]
    pub per_minute: Option<f64>,
    /// How many at once.
    #[serde(default)]
    pub burst: Option<u32>,
}

/// What tests have in common.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// What is run for one test.
    pub command: Command,
    /// Absolute.
    pub cwd: PathBuf,
    /// Variables, with placeholders.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// After which a test is ended.
    pub timeout: Millis,
    /// After which it is said to be slow.
    pub slow: Millis,
    /// Between SIGTERM and SIGKILL.
    pub grace: Millis,
    /// Whether and when it is run again.
    #[serde(default)]
    pub retries: Retries,
    /// −100 to 100; the highest first.
    #[serde(default)]
    pub priority: i32,
    /// How many workers' places it takes up.
    #[serde(default = "one")]
    pub slots: usize,
    /// Names in [`Plan::limits`] and [`Plan::rate_limits`], beside its group.
    #[serde(default)]
    pub limits: Vec<String>,
    /// Names of the servers that it needs.
    #[serde(default)]
    pub servers: Vec<String>,
    /// What becomes of it when processes outlive it.
    #[serde(default)]
    pub leaks: Leaks,
    /// What its output says.
    #[serde(default)]
    pub output: Output,
    /// What its result depends on, beside what [`Cache`] says for all: a digest of the configuration that matters. `None`: it is not cached.
    #[serde(default)]
    pub cache: Option<CacheSettings>,
}

fn one() -> usize {
    1
}

/// Whether and when a test that failed is run again.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Retries {
    /// How many times.
    pub count: u32,
    /// Before the first time.
    #[serde(default)]
    pub delay: Millis,
    /// Whether the delay doubles each time.
    #[serde(default)]
    pub exponential: bool,
    /// What it doubles to at most.
    #[serde(default)]
    pub max_delay: Millis,
}

/// What becomes of a test that leaves processes behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Leaks {
    /// It is marked.
    #[default]
    Warn,
    /// It failed.
    Fail,
    /// Nothing.
    Off,
}

/// What an output says: regular expressions, searched in it without colours, in multi-line mode.
///
/// With exit code 0 a test has passed when `passed` is found; else it was skipped when `skipped` is found; else it has failed when `none` is found,
/// for then the command ran no test at all; else it has passed. Exit code 77 is a skip whatever it printed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Output {
    /// Something was skipped.
    #[serde(default)]
    pub skipped: Option<String>,
    /// Something passed.
    #[serde(default)]
    pub passed: Option<String>,
    /// There was nothing to run.
    #[serde(default)]
    pub none: Option<String>,
    /// An exit code that is no failure where `skipped` is found and `passed` is not.
    #[serde(default)]
    pub skip_code: Option<i32>,
}

/// A test.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Test {
    /// Unique, but for [`Test::repeat`].
    pub id: String,
    /// Its project's name.
    pub project: String,
    /// Its group's name.
    pub group: String,
    /// From the root.
    #[serde(default)]
    pub file: Option<String>,
    /// As the command knows it.
    #[serde(default)]
    pub name: Option<String>,
    /// `{pattern}`, where it is not the name with regular expressions' signs escaped.
    #[serde(default)]
    pub pattern: Option<String>,
    /// What it is filtered by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// A place in [`Plan::settings`].
    pub settings: usize,
    /// What must have passed before.
    #[serde(default)]
    pub depends_on: Vec<TestIndex>,
    /// From 1 on.
    #[serde(default = "first")]
    pub repeat: u32,
    /// Its file has just changed: it goes first.
    #[serde(default)]
    pub affected: bool,
}

fn first() -> u32 {
    1
}

/// What is known of earlier runs, by test: [`super::history`] keeps it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Past {
    /// How long it took.
    pub duration: Option<Millis>,
    /// Whether it did not pass.
    pub failed: bool,
}

/// What results depend on. See `cache`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cache {
    /// Where globs begin; absolute.
    pub root: PathBuf,
    /// Globs; `None`: all that git does not ignore.
    #[serde(default)]
    pub inputs: Option<Vec<String>>,
    /// Names of variables, `*` ends a prefix; `None`: all but those of the terminal and the session.
    #[serde(default)]
    pub env: Option<Vec<String>>,
    /// From the root.
    #[serde(default)]
    pub lockfiles: Vec<String>,
    /// The output of the toolchain's commands, by command.
    #[serde(default)]
    pub toolchain: BTreeMap<String, String>,
    /// The share of unchanged tests that is run all the same, 0 to 1.
    #[serde(default)]
    pub verify: f64,
    /// Whether what is recorded is not looked at, only written.
    #[serde(default)]
    pub full: bool,
}

/// What a test's result depends on beside what [`Cache`] says for all.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CacheSettings {
    /// All of the configuration that may matter, in one canonical text.
    pub config: String,
}

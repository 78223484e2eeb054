//! Processes: starting them, hearing them, and ending them with all that they started. Nothing here knows Node, or tests.
//!
//! # The story of one process
//!
//! A [`Host`] starts it: [`spawn`](Host::spawn) finds the program, starts it in a group of its own with a marker in its environment, and writes
//! the group down in the run's directory. What it writes comes through one pipe into its [`Output`]. Its end is seen without SIGCHLD, which in a
//! Node process is Node's, and without reaping it: while it is a zombie its id is nobody else's, so a signal to its group cannot hit a stranger.
//! [`Process::close`] looks for what has outlived it, ends that, and then reaps it.
//!
//! # Who ends what
//!
//! | found by | finds | how |
//! |---|---|---|
//! | group | children | a signal to the group |
//! | tree, adoption (Linux) | what left the group | orphans become our children |
//! | marker | what left the tree | [`MARKER`] in the environment |
//! | pipe (Linux) | orphans that cleared their environment | who holds our pipe |
//! | watchdog | all of it, when this process is killed | a shell that reads a pipe of ours |
//! | [`clean`](clean()) | all of it, when the watchdog was killed too | the files in the run's directory |
//!
//! On Windows a job object for each process does all of this.

mod clean;
mod exit;
mod log;
mod lookup;
pub mod machine;
mod marker;
mod output;
pub mod ports;
mod record;
mod redact;
mod running;
mod shell;
mod spawn;

#[cfg(target_os = "linux")]
mod adopt;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(all(unix, not(target_os = "linux")))]
mod other_unix;
#[cfg(unix)]
mod unix;
#[cfg(unix)]
mod watchdog;
#[cfg(windows)]
mod windows;

pub use clean::{Cleaned, RUN_PREFIX, clean};
pub use exit::Exit;
pub use log::{LOG_END, LOG_START};
pub use marker::MARKER;
pub use output::{HEAD, LineSink, Mark, Output, TAIL};
pub use redact::Redactor;
pub use running::{Leftover, Leftovers, Process};
pub use shell::{plain_words, quote};
pub use spawn::{Env, Program, Spawn, SpawnError};

/// What the system tells of processes.
mod platform {
    #[cfg(target_os = "linux")]
    pub(super) use super::adopt::{Adoption, Left, add_leader, look, remove_leader};
    #[cfg(target_os = "linux")]
    pub(super) use super::linux::{boot, command, family, start_time};
    #[cfg(all(unix, not(target_os = "linux")))]
    pub(super) use super::other_unix::*;
    #[cfg(windows)]
    pub(super) use super::windows::{boot, command, start_time};
}

/// How a process is waited for, read and ended.
mod sys {
    pub(super) use super::platform::command;
    #[cfg(unix)]
    pub(super) use super::unix::{Leader, listen, pipe_id};
    #[cfg(windows)]
    pub(super) use super::windows::{Leader, listen, pipe_id};

    #[cfg(unix)]
    type Listening = tokio::task::JoinHandle<()>;
    /// A thread ends with its pipe.
    #[cfg(windows)]
    type Listening = ();

    /// What reads an output.
    #[derive(Debug)]
    pub(super) struct Reader(pub(super) Listening);

    impl Reader {
        pub(super) fn stop(&self) {
            #[cfg(unix)]
            self.0.abort();
        }
    }
}

#[cfg(unix)]
use marker::Scope;
use record::{Record, Run};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
#[cfg(unix)]
use std::time::Duration;
use sys::Leader;

/// The file that a program's name means there; `None`: there is none, or it is a line that needs the shell.
pub fn find_program(program: &Program, cwd: &std::path::Path, path: Option<&OsStr>) -> Option<PathBuf> {
    let name = match program {
        Program::Argv(words) => words.first()?.clone(),
        Program::Shell(line) => plain_words(line)?.into_iter().next()?.into(),
    };
    lookup::Programs::default().find(&name, path, cwd).ok()
}

/// What is said of a program that cannot be started.
fn name_of(program: &Program) -> OsString {
    match program {
        Program::Argv(words) => words.first().cloned().unwrap_or_default(),
        Program::Shell(line) => line.into(),
    }
}

/// How long [`Host::close`] tries to end what is left.
#[cfg(unix)]
const CLOSE: Duration = Duration::from_secs(3);

/// A run, as far as its processes are concerned.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// Letters, digits, `_` and `-`; of no other run at the time.
    pub run_id: String,
    /// The run's own directory: absolute, there already, and nobody else's (0700).
    pub dir: PathBuf,
    /// What is removed should this process be killed, beside `dir`: sockets, and after them directories, if they are empty then.
    pub sockets: Vec<PathBuf>,
    /// Whether this process starts no children itself while the host lives: then all new ones are orphans of the run's, also those that say nothing.
    pub exclusive: bool,
}

/// Starts the processes of one run, and sees to it that none outlives it. Use it inside a tokio runtime with I/O and time.
///
/// It must be [closed](Host::close). Dropped without that, it has the watchdog end all processes and remove the run's directory, as if this
/// process had been killed.
#[derive(Debug)]
pub struct Host {
    run_id: String,
    record: Arc<Record>,
    programs: lookup::Programs,
    next: AtomicU64,
    /// Held for reading while a process is started: what is closed has none that is about to be there.
    closed: RwLock<bool>,
    #[cfg(unix)]
    watchdog: std::sync::Mutex<Option<watchdog::Watchdog>>,
    #[cfg(unix)]
    _adoption: platform::Adoption,
}

/// Why there is no host.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// It could not be in an environment, or in a file's name.
    #[error("{0:?} is no id of a run: letters, digits, '_' and '-' are allowed")]
    RunId(String),
    /// The directory's files could not be written.
    #[error("the run's files cannot be written in {}: {source}", dir.display())]
    Directory {
        /// The run's directory.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Nobody would end the processes, should this one be killed.
    #[error("the watchdog cannot be started with /bin/sh: {0}")]
    Watchdog(io::Error),
}

impl Host {
    /// # Errors
    /// The id is not one, the directory cannot be written or has a run already, or `/bin/sh` cannot be started.
    pub fn new(options: HostOptions) -> Result<Self, HostError> {
        let HostOptions { run_id, dir, sockets, exclusive } = options;
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if run_id.is_empty() || !run_id.chars().all(is_allowed) {
            return Err(HostError::RunId(run_id));
        }
        let run = Run::of_this_process(&run_id, &sockets);
        let record = Record::new(&dir, &run).map_err(|source| HostError::Directory { dir: dir.clone(), source })?;
        #[cfg(unix)]
        let watchdog = watchdog::Watchdog::new(&run_id, &dir, &sockets).map_err(|error| {
            record.close();
            HostError::Watchdog(error)
        })?;
        Ok(Host {
            #[cfg(unix)]
            _adoption: platform::Adoption::new(&run_id, exclusive),
            #[cfg(unix)]
            watchdog: std::sync::Mutex::new(Some(watchdog)),
            record: Arc::new(record),
            programs: lookup::Programs::default(),
            next: AtomicU64::new(1),
            closed: RwLock::new(false),
            run_id,
        })
    }

    /// Starts a process on a thread of its own: until its program is loaded, who starts it stands still, and so would all else on this thread.
    ///
    /// # Errors
    /// As [`Host::spawn`].
    pub async fn spawn_apart(self: &Arc<Self>, spawn: Spawn) -> Result<Process, SpawnError> {
        let (host, program) = (self.clone(), name_of(&spawn.program));
        match tokio::task::spawn_blocking(move || host.spawn(spawn)).await {
            Ok(started) => started,
            Err(error) => Err(spawn::system(&program, io::Error::other(error))),
        }
    }

    /// Starts a process. It blocks until the program runs, which takes the system less than a millisecond.
    ///
    /// # Errors
    /// There is no such program or directory, it may not be run, or the system refuses.
    pub fn spawn(&self, mut spawn: Spawn) -> Result<Process, SpawnError> {
        let program = name_of(&spawn.program);
        let system = |source| spawn::system(&program, source);
        let closed = self.closed.read().unwrap_or_else(PoisonError::into_inner);
        if *closed {
            return Err(SpawnError::Closed { program: program.to_string_lossy().into_owned() });
        }
        let (reader, writer) = io::pipe().map_err(system)?;
        let pipe = sys::pipe_id(&reader);
        let output = Output::new(spawn.log.take(), spawn.redactor.clone());
        if let Some(sink) = spawn.on_line.take() {
            output.on_line(sink);
        }
        let marker = format!("{}.{}", self.run_id, self.next.fetch_add(1, Ordering::Relaxed));
        let child = spawn::start(&self.programs, &spawn, (OsStr::new(MARKER), &marker), writer)?;
        let leader = Leader::new(child, marker, pipe).map_err(system)?;
        self.attach(leader, reader, output).map_err(system)
    }

    /// Writes it down and hears it; or ends it, where that fails.
    fn attach(&self, leader: Leader, pipe: io::PipeReader, output: Output) -> io::Result<Process> {
        let begun = self.record.add(leader.pid()).and_then(|slot| {
            let reader = sys::listen(pipe, output.clone()).inspect_err(|_| self.record.remove(slot))?;
            Ok((slot, sys::Reader(reader)))
        });
        match begun {
            Ok((slot, reader)) => Ok(Process::new(leader, output, reader, self.record.clone(), slot)),
            Err(error) => {
                leader.kill();
                leader.reap();
                Err(error)
            }
        }
    }

    /// Who would get a connection to this address: a process of this run, or a stranger.
    #[cfg(unix)]
    pub fn owns(&self, address: std::net::IpAddr, port: u16) -> ports::Ownership {
        ports::ownership(address, port, &platform::family(&Scope::run(&self.run_id), None))
    }

    /// Ends all that is left of the run, starts no more, and lets the watchdog go. The run's directory stays, without the files of this host.
    pub async fn close(&self) {
        *self.closed.write().unwrap_or_else(PoisonError::into_inner) = true;
        #[cfg(unix)]
        {
            self.end_all().await;
            let watchdog = self.watchdog.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(watchdog) = watchdog {
                watchdog.dismiss().await;
            }
        }
        self.record.close();
    }

    #[cfg(unix)]
    async fn end_all(&self) {
        let scope = Scope::run(&self.run_id);
        let deadline = tokio::time::Instant::now() + CLOSE;
        loop {
            let left = platform::family(&scope, None);
            left.iter().copied().for_each(unix::kill);
            // Reaps those that were adopted.
            let adopted = platform::look(&scope, None) != platform::Left::Nothing;
            if left.is_empty() && !adopted || tokio::time::Instant::now() >= deadline {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

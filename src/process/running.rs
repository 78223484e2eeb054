//! A process that runs, or has run: its output, its end, and what outlives it.

use super::exit::Exit;
use super::output::Output;
use super::ports::{self, Ownership};
use super::record::Record;
use super::sys::{self, Leader};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// How long is waited for the death of what was killed, and for the end of the pipe after it.
const DEATH: Duration = Duration::from_secs(2);
/// Between two looks at whether something is left.
const LOOK: Duration = Duration::from_millis(1);
const LONGEST_LOOK: Duration = Duration::from_millis(16);

/// A process, and all that it starts. Dropped before it was [closed](Process::close), it is killed.
#[derive(Debug)]
pub struct Process {
    leader: Arc<Leader>,
    output: Output,
    reader: sys::Reader,
    record: Arc<Record>,
    slot: u64,
    closing: tokio::sync::Mutex<()>,
    closed: AtomicBool,
}

/// What outlived a process. It is ended by now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Leftovers {
    /// The processes.
    pub processes: Vec<Leftover>,
    /// Whether something could still write into its output.
    pub pipe_open: bool,
}

impl Leftovers {
    /// Nothing outlived it.
    pub fn is_empty(&self) -> bool {
        self.processes.is_empty() && !self.pipe_open
    }
}

/// One process that outlived what started it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// Its id, which may be another's by now.
    pub pid: u32,
    /// Its program and arguments; empty where the system does not say.
    pub command: String,
}

impl Process {
    pub(super) fn new(leader: Leader, output: Output, reader: sys::Reader, record: Arc<Record>, slot: u64) -> Self {
        let (closing, closed) = (tokio::sync::Mutex::default(), AtomicBool::new(false));
        Process { leader: Arc::new(leader), output, reader, record, slot, closing, closed }
    }

    /// Its id. On Unix that of its group too.
    pub fn pid(&self) -> u32 {
        self.leader.pid()
    }

    /// What it writes.
    pub fn output(&self) -> &Output {
        &self.output
    }

    /// Waits for its end; not for that of what it started.
    pub async fn wait(&self) -> Exit {
        self.leader.ended().await
    }

    /// Asks it and its group to end: SIGTERM; on Windows Ctrl+Break.
    pub fn terminate(&self) {
        if !self.is_closed() {
            self.leader.terminate();
        }
    }

    /// Ends it and all that it started: SIGKILL; on Windows its job.
    pub fn kill(&self) {
        if !self.is_closed() {
            self.leader.kill();
        }
    }

    /// Asks it to end, waits for that so long, and ends it.
    pub async fn end(&self, grace: Duration) -> Exit {
        self.terminate();
        match timeout(grace, self.wait()).await {
            Ok(exit) => exit,
            Err(_) => {
                self.kill();
                self.wait().await
            }
        }
    }

    /// Waits for its end, ends all that outlives it by more than `settle`, and forgets it. After this its output grows no more.
    ///
    /// A second call finds nothing.
    pub async fn close(&self, settle: Duration) -> Leftovers {
        let _turn = self.closing.lock().await;
        if self.is_closed() {
            return Leftovers::default();
        }
        self.wait().await;
        let deadline = Instant::now() + settle;
        let pipe_open = timeout_at(deadline, self.output.ended()).await.is_err();
        let mut leftovers = Leftovers { processes: Vec::new(), pipe_open };
        if !self.release_by(deadline).await {
            self.end_leftovers(&mut leftovers).await;
        }
        if timeout(DEATH, self.output.ended()).await.is_err() {
            self.reader.stop();
        }
        self.leader.reap();
        self.forget();
        self.output.finish();
        leftovers
    }

    /// Who would get a connection to this address: this process or one that it started, or a stranger.
    pub fn owns(&self, addr: IpAddr, port: u16) -> Ownership {
        ports::ownership(addr, port, &self.leader.family())
    }

    /// Waits until nothing of it is left. `false`: something is.
    async fn release_by(&self, deadline: Instant) -> bool {
        let mut pause = LOOK;
        loop {
            let is_late = Instant::now() >= deadline;
            if self.leader.release(!self.output.has_ended(), !is_late) {
                return true;
            }
            if is_late {
                return false;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_LOOK);
        }
    }

    /// What is killed may leave orphans that nobody saw before, and that do not say at once whose they are: it is looked again, until there are none.
    async fn end_leftovers(&self, leftovers: &mut Leftovers) {
        let deadline = Instant::now() + DEATH;
        let mut pause = LOOK;
        loop {
            for pid in self.leader.family() {
                if !leftovers.processes.iter().any(|known| known.pid == pid) {
                    let command = self.output.redactor().text(&sys::command(pid).unwrap_or_default());
                    leftovers.processes.push(Leftover { pid, command });
                }
            }
            self.leader.kill();
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_LOOK);
            let is_late = Instant::now() >= deadline;
            if self.leader.release(!self.output.has_ended(), !is_late) || is_late {
                return;
            }
        }
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    fn forget(&self) {
        if !self.closed.swap(true, Ordering::AcqRel) {
            self.record.remove(self.slot);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.is_closed() {
            return;
        }
        self.leader.kill();
        self.reader.stop();
        self.output.finish();
        self.forget();
        // Dead in a moment; reaped by a thread, for nobody may wait here.
        let leader = self.leader.clone();
        let _ = std::thread::Builder::new().stack_size(64 << 10).spawn(move || leader.reap());
    }
}

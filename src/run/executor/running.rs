//! A process that is being looked after: ended when its time is over, with all that it started.

use super::context::{Context, Environment};
use super::stop::{Stop, Stopping};
use crate::process::{Exit, Leftovers, LineSink, Output, Process, Program, Spawn, SpawnError};
use crate::run::plan::{Command, Millis};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// How long what a process started may outlive it without being called a leftover.
const SETTLE: Duration = Duration::from_millis(100);

/// How far it is.
#[derive(Debug, Clone)]
enum State {
    Runs,
    /// It has ended; what it started may not have.
    Ended(Exit),
    /// Nothing of it is left. What had to be ended because it outlived it is named.
    Closed(Exit, Leftovers),
}

const UNKNOWN: Exit = Exit { code: None, signal: None };

/// What is to be started.
pub(super) struct Start<'a> {
    pub(super) command: &'a Command,
    pub(super) cwd: &'a Path,
    pub(super) env: Environment,
    pub(super) log: PathBuf,
    pub(super) on_line: Option<LineSink>,
}

/// A process that is being looked after. Dropped, it is killed.
#[derive(Debug)]
pub(super) struct Running {
    process: Rc<Process>,
    state: watch::Receiver<State>,
    /// Until when it may take to end.
    orders: mpsc::UnboundedSender<Instant>,
}

impl Running {
    /// Starts it.
    ///
    /// # Errors
    /// It cannot be started.
    pub(super) async fn start(context: &Context, start: Start<'_>) -> Result<Self, SpawnError> {
        let Start { command, cwd, env, log, on_line } = start;
        let program = program(command);
        let env = env.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let redactor = context.redactor.clone();
        let spawn = Spawn { program, cwd: cwd.into(), env, log: Some(log), stderr: None, redactor, on_line };
        let process = Rc::new(context.host.spawn_apart(spawn).await?);
        let (told, state) = watch::channel(State::Runs);
        let (orders, ordered) = mpsc::unbounded_channel();
        tokio::task::spawn_local(look_after(process.clone(), ordered, told, context.stopping.clone()));
        Ok(Self { process, state, orders })
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub(super) fn output(&self) -> &Output {
        self.process.output()
    }

    pub(super) fn process(&self) -> &Process {
        &self.process
    }

    /// How it ended; what it started may still run.
    pub(super) async fn ended(&self) -> Exit {
        match self.wait(|state| !matches!(state, State::Runs)).await {
            Some(State::Ended(exit) | State::Closed(exit, _)) => exit,
            Some(State::Runs) | None => UNKNOWN,
        }
    }

    /// Whether it has ended, and how.
    pub(super) fn exit(&self) -> Option<Exit> {
        match &*self.state.borrow() {
            State::Runs => None,
            State::Ended(exit) | State::Closed(exit, _) => Some(*exit),
        }
    }

    /// How it ended, when nothing of it is left; and what had to be ended because it outlived it.
    pub(super) async fn closed(&self) -> (Exit, Leftovers) {
        match self.wait(|state| matches!(state, State::Closed(..))).await {
            Some(State::Closed(exit, left)) => (exit, left),
            _ => (UNKNOWN, Leftovers::default()),
        }
    }

    /// Asks it to end, and kills it after `grace`. Asked again, the earlier end counts.
    pub(super) fn end_within(&self, grace: Millis) {
        // It fails when there is nothing left to end.
        let _ = self.orders.send(Instant::now() + Duration::from_millis(grace));
    }

    /// The same, and waits for it.
    pub(super) async fn end(&self, grace: Millis) -> (Exit, Leftovers) {
        self.end_within(grace);
        self.closed().await
    }

    async fn wait(&self, done: impl FnMut(&State) -> bool) -> Option<State> {
        self.state.clone().wait_for(done).await.ok().map(|state| state.clone())
    }
}

pub(in crate::run) fn program(command: &Command) -> Program {
    match command {
        Command::Argv(words) => Program::argv(words),
        Command::Shell(line) => Program::shell(line),
    }
}

async fn look_after(
    process: Rc<Process>,
    mut orders: mpsc::UnboundedReceiver<Instant>,
    told: watch::Sender<State>,
    stopping: Stopping,
) {
    let mut deadline: Option<Instant> = None;
    let exit = loop {
        tokio::select! {
            exit = process.wait() => break exit,
            order = orders.recv() => match order {
                Some(until) => {
                    if deadline.is_none() {
                        process.terminate();
                    }
                    deadline = Some(deadline.map_or(until, |before| before.min(until)));
                }
                // Nobody is interested any more.
                None => {
                    process.kill();
                    break process.wait().await;
                }
            },
            () = until(deadline) => {
                process.kill();
                break process.wait().await;
            }
            () = stopping.until(Stop::Now) => {
                process.kill();
                break process.wait().await;
            }
        }
    };
    told.send_replace(State::Ended(exit));
    if deadline.is_some() {
        // What it started while it was asked to end.
        process.terminate();
    }
    // What was asked to end has what is left of its grace for all that it started.
    let settle = deadline.map_or(SETTLE, |deadline| deadline.saturating_duration_since(Instant::now()));
    let left = tokio::select! {
        left = process.close(settle) => left,
        () = stopping.until(Stop::Now) => process.close(Duration::ZERO).await,
    };
    told.send_replace(State::Closed(exit, left));
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

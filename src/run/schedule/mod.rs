//! Who runs what next, and how every test ends: a state machine without clock, processes or randomness.
//!
//! # How it thinks
//!
//! What is handed out is a *unit*: a single test, or in a grouped run a group, whose tests run in their order on the worker that has begun it.
//! A test that is run again stays with its worker, whose number it may have made use of. Units are ranked once, when the run begins. A unit whose next test has met its dependencies is ready; [`ready`] finds the best that no limit
//! holds back. A worker takes what it has begun before what nobody has.
//!
//! # Why nothing starves or waits for ever
//!
//! Tests of a group run in an order that no dependency contradicts, across groups too ([`order`]): the first of all that have not ended can
//! always run. A test whose slots are not free stakes a claim: until it runs, only what is preferred to it starts.

mod begin;
mod ends;
mod order;
mod pick;
mod ready;
mod task;

pub use task::MAX_LOST;

use super::plan::{Millis, Retries, TestIndex};
use super::report::{Outcome, Status};
use ready::{Rank, Ready};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use task::Task;

/// After which memory is looked at again.
const MEMORY_INTERVAL: Millis = 500;

/// What a worker does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// This; `attempt` counts from 1 on.
    Run {
        /// Which.
        test: TestIndex,
        /// Those lost to the infrastructure included.
        attempt: u32,
    },
    /// Nothing now: ask again when something has ended, or at this time.
    Wait {
        /// `None`: only when something has ended.
        until: Option<Millis>,
    },
    /// Nothing any more.
    Done,
}

/// What an attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It will be run again, not before this time.
    Retry {
        /// The same clock as `now`.
        at: Millis,
    },
    /// So it ended.
    Final(Status),
}

/// An end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Whose.
    pub test: TestIndex,
    /// Which.
    pub status: Status,
    /// As given with the last attempt, or why there was none.
    pub reason: Option<String>,
}

/// How many ended how.
pub type Counts = HashMap<Status, usize>;

/// Why a plan cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // the texts say what each is
pub enum ScheduleError {
    #[error("invalid_config: tests depend on each other in a circle: {}; take one of these out of dependsOn", path.join(" → "))]
    Cycle { path: Vec<String> },
    #[error("invalid_config: groups.{limit}.max is 0, so \"{test}\" could never run; give at least 1")]
    ZeroLimit { limit: String, test: String },
    #[error("invalid_config: there are 0 workers; give at least 1")]
    NoWorkers,
    #[error("invalid_config: \"{test}\" has {what} {index}, of which there are {count}")]
    Dangling { test: String, what: &'static str, index: usize, count: usize },
}

/// What the settings of tests say to the scheduler.
#[derive(Debug, Clone, Copy)]
struct Rules {
    retries: Retries,
    priority: i32,
    slots: usize,
}

/// What is handed out as a whole.
#[derive(Debug)]
struct Unit {
    tests: Vec<TestIndex>,
    /// How many at the front have ended.
    done: usize,
    stage: Stage,
    owner: Option<usize>,
    /// The highest of its tests'.
    priority: i32,
    rank: Rank,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Its next test has dependencies that have not ended, or there is none.
    Blocked,
    Ready,
    Running,
    /// Its test is to be run again, later.
    Delayed,
}

#[derive(Debug, Default)]
struct Worker {
    running: Option<TestIndex>,
    last_group: Option<usize>,
    gone: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Schedule {
    tests: Vec<Task>,
    rules: Vec<Rules>,
    units: Vec<Unit>,
    by_rank: Vec<usize>,
    dependents: Vec<Vec<TestIndex>>,
    /// Of those that others depend on, for reasons.
    ids: BTreeMap<TestIndex, String>,
    /// By group: tests that have not ended.
    groups: Vec<usize>,
    workers: Vec<Worker>,
    ready: Ready,
    delayed: BTreeSet<(Millis, usize)>,
    grouped: bool,
    /// Whether a worker had better stay with a group.
    clings: bool,
    slots: usize,
    slots_taken: usize,
    running: usize,
    min_free_memory: Option<u64>,
    max_failures: usize,
    begun: bool,
    stopped: Option<String>,
    /// The unit that waits for slots.
    claim: Option<Rank>,
    settled: Vec<Settled>,
    counts: Counts,
    /// Tests that have not ended.
    left: usize,
}

impl Schedule {
    /// What a worker that does nothing does next. Each that waits is to ask again whenever a test ends or a worker goes, all in any order.
    pub fn next(&mut self, now: Millis, worker: usize, memory_free: Option<u64>) -> Next {
        self.begin();
        self.release(now);
        let is_there = self.workers.get(worker).is_some_and(|worker| !worker.gone);
        if !is_there || self.left == 0 || self.stopped.is_some() {
            return Next::Done;
        }
        let is_short = self.min_free_memory.zip(memory_free).is_some_and(|(least, free)| free < least);
        if is_short && self.running > 0 {
            return Next::Wait { until: Some(now + MEMORY_INTERVAL) };
        }
        match self.pick(worker) {
            Some(choice) => self.start(worker, choice),
            None => Next::Wait { until: self.delayed.first().map(|(at, _)| *at) },
        }
    }

    /// How an attempt ended. What a worker does not run (any more) changes nothing, and is answered with what became of it.
    pub fn finished(
        &mut self,
        now: Millis,
        worker: usize,
        test: TestIndex,
        outcome: Outcome,
        reason: Option<String>,
    ) -> Verdict {
        if self.workers.get(worker).is_none_or(|worker| worker.running != Some(test)) {
            let status = self.tests.get(test).and_then(|task| task.status);
            return status.map_or(Verdict::Retry { at: now }, Verdict::Final);
        }
        self.vacate(worker, test);
        let may_retry = self.stopped.is_none();
        let task = &mut self.tests[test];
        let verdict = task.judge(now, outcome, &self.rules[task.settings].retries, may_retry);
        match verdict {
            Verdict::Retry { at } => self.put_off(now, at, worker, test),
            Verdict::Final(Status::NotRun) => {
                let reason = reason.or_else(|| self.stopped.clone());
                self.settle(test, Status::NotRun, reason);
            }
            Verdict::Final(status) => self.settle(test, status, reason),
        }
        verdict
    }

    /// A worker that can run nothing any more. What it still runs counts as lost to the infrastructure; what it had begun goes to others. When it
    /// was the last, all that has not ended ends as an error.
    pub fn worker_gone(&mut self, now: Millis, worker: usize, reason: &str) {
        let Some(slot) = self.workers.get_mut(worker) else { return };
        slot.gone = true;
        if let Some(test) = slot.running {
            self.finished(now, worker, test, Outcome::Error, Some(reason.to_owned()));
        }
        self.disown(worker);
        if self.workers.iter().all(|worker| worker.gone) {
            self.end_waiting(Status::Error, reason);
        }
    }

    /// Nothing more starts: what does not run ends as not run. What runs ends when [`Schedule::finished`] says so, and is not run again.
    pub fn stop(&mut self, reason: &str) {
        if self.stopped.is_none() {
            self.stopped = Some(reason.to_owned());
            self.end_waiting(Status::NotRun, reason);
        }
    }

    /// All ends since the last call.
    pub fn take_settled(&mut self) -> Vec<Settled> {
        std::mem::take(&mut self.settled)
    }

    /// Whether all have ended.
    pub fn is_done(&self) -> bool {
        self.left == 0
    }

    /// Of those that have ended.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// How many have failed, timed out, or could not be found out about.
    pub fn failures(&self) -> usize {
        [Status::Failed, Status::TimedOut, Status::Error].iter().filter_map(|status| self.counts.get(status)).sum()
    }

    /// How many of a test's group have not ended: what the group shares can go when this is 0.
    pub fn group_left(&self, test: TestIndex) -> usize {
        self.tests.get(test).map_or(0, |task| self.groups[task.group])
    }
}

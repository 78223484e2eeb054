//! The workers' loop: what the scheduler says is done, and what came of it is told.

use super::attempt::{self, Task};
use super::context::Context;
use super::memory::Memory;
use super::place::{Place, Unready};
use super::stop::Stop;
use super::verdict::Words;
use crate::process::machine;
use crate::run::plan::{Plan, Settings, Test, TestIndex};
use crate::run::report::{Attempt, Event, Outcome, Status, TestResult};
use crate::run::schedule::{Next, Schedule, Settled, Verdict};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::pending;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, oneshot};

pub(super) const STOPPED: &str = "the run was stopped";

/// Asks for a turn within all of these rates; answered when it is time.
pub(crate) type Turns = Rc<dyn Fn(Vec<String>) -> oneshot::Receiver<()>>;

pub(super) struct Dispatcher {
    pub(super) context: Rc<Context>,
    pub(super) schedule: RefCell<Schedule>,
    pub(super) memory: RefCell<Memory>,
    /// By settings.
    pub(super) words: Vec<Arc<Words>>,
    pub(super) turns: Turns,
    /// Of tests that have not ended.
    pub(super) attempts: RefCell<HashMap<TestIndex, Vec<Attempt>>>,
    /// Since when the last attempt's files may have been read.
    pub(super) started: RefCell<HashMap<TestIndex, Instant>>,
    /// Nothing more starts.
    pub(super) stopped: Cell<bool>,
    /// Something ended: there may be something to do.
    pub(super) changed: Notify,
}

impl Dispatcher {
    /// A worker's life. What it has is given back, where it is to be kept and still of use.
    pub(super) async fn work(self: Rc<Self>, mut place: Place, keep: bool) -> Option<Place> {
        let worker = place.worker;
        let well = loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            match self.next(worker) {
                Next::Run { test, attempt } => {
                    if !self.run(&mut place, test, attempt).await {
                        break false;
                    }
                }
                Next::Wait { until } => tokio::select! {
                    () = changed => {}
                    () = self.until(until) => {}
                },
                Next::Done => break true,
            }
        };
        if well && keep {
            return Some(place);
        }
        place.close().await;
        None
    }

    fn next(&self, worker: usize) -> Next {
        if self.context.stopping.asked() != Stop::No {
            self.stop(STOPPED);
        }
        let free = self.context.plan.min_free_memory.and_then(|_| machine::available_memory());
        let next = self.schedule.borrow_mut().next(self.context.now(), worker, free);
        self.settle();
        next
    }

    async fn until(&self, at: Option<u64>) {
        match at {
            Some(at) => tokio::time::sleep(Duration::from_millis(at.saturating_sub(self.context.now()))).await,
            None => pending().await,
        }
    }

    /// One attempt. `false`: the worker can do no more.
    async fn run(&self, place: &mut Place, index: TestIndex, number: u32) -> bool {
        let context = &self.context;
        let test = &context.plan.tests[index];
        let settings = &context.plan.settings[test.settings];
        // Before servers are looked at: it may take long.
        if !self.turn(settings).await {
            return self.give_up(place, index, Unready::Stopped);
        }
        let began = Instant::now();
        let values = tokio::select! {
            ready = place.prepare(test, number) => match ready {
                Ok(values) => values,
                Err(unready) => return self.give_up(place, index, unready),
            },
            // A start that hangs is ended when the run is: by the place's own end.
            () = context.stopping.until(Stop::Now) => return self.give_up(place, index, Unready::Stopped),
        };
        let expected = self.memory.borrow().expected(index);
        let (id, repeat, worker) = (test.id.clone(), test.repeat, place.worker);
        context.tell(Event::TestStarted { at: context.at(), id, repeat, worker, attempt: number, expected });
        let since = place.relied_on_since(settings).map_or(began, |since| since.min(began));
        self.started.borrow_mut().insert(index, since);
        let words = &self.words[test.settings];
        let result = attempt::run(context, place, &Task { test, settings, words, attempt: number }, &values).await;
        let passed = matches!(result.status, Outcome::Passed | Outcome::Skipped);

        self.finished(test, index, worker, result);
        place.finish(passed).await;
        true
    }

    /// Waits for its turn, where its rate is limited. `false`: the run is to stop.
    async fn turn(&self, settings: &Settings) -> bool {
        let rates: Vec<String> =
            settings.limits.iter().filter(|name| self.context.plan.rate_limits.contains_key(*name)).cloned().collect();
        if rates.is_empty() {
            return true;
        }
        let turn = (self.turns)(rates);
        tokio::select! {
            // Nobody who could answer is there any more: then the run is over too.
            answer = turn => answer.is_ok(),
            () = self.context.stopping.until(Stop::Gently) => false,
        }
    }

    fn finished(&self, test: &Test, index: TestIndex, worker: usize, result: Attempt) {
        let now = self.context.now();
        let verdict = self.schedule.borrow_mut().finished(now, worker, index, result.status, result.reason.clone());
        let retry_in = match verdict {
            Verdict::Retry { at } => Some(at.saturating_sub(now)),
            Verdict::Final(_) => None,
        };
        let event = Event::AttemptFinished {
            at: self.context.at(),
            id: test.id.clone(),
            repeat: test.repeat,
            result: result.clone(),
            retry_in,
        };
        self.context.tell(event);
        self.attempts.borrow_mut().entry(index).or_default().push(result);
        self.settle();
        self.changed.notify_waiters();
    }

    /// The worker cannot run it. Whether it can run another.
    fn give_up(&self, place: &Place, index: TestIndex, unready: Unready) -> bool {
        let now = self.context.now();
        let mut schedule = self.schedule.borrow_mut();
        let mut able = false;
        match unready {
            Unready::Stopped => {
                schedule.finished(now, place.worker, index, Outcome::Cancelled, Some("the run was stopped".into()));
            }
            Unready::Lost(why) => {
                schedule.finished(now, place.worker, index, Outcome::Error, Some(why.clone()));
                schedule.worker_gone(now, place.worker, &why);
            }
            Unready::Without { server, why } => {
                able = true;
                schedule.finished(now, place.worker, index, Outcome::Error, Some(why.clone()));
                let Plan { tests, settings, .. } = &self.context.plan;
                schedule.give_up(&why, |test| settings[tests[test].settings].servers.contains(&server));
            }
        }
        drop(schedule);
        self.settle();
        self.changed.notify_waiters();
        able
    }

    /// A worker is no more.
    pub(super) fn gone(&self, worker: usize, why: &str) {
        self.schedule.borrow_mut().worker_gone(self.context.now(), worker, why);
        self.settle();
        self.changed.notify_waiters();
    }

    /// Nothing more starts.
    pub(super) fn stop(&self, reason: &str) {
        if self.stopped.replace(true) {
            return;
        }
        self.context.tell(Event::Stopping { at: self.context.at(), reason: reason.to_string() });
        self.schedule.borrow_mut().stop(reason);
        self.settle();
        self.changed.notify_waiters();
    }

    /// What has not ended by now never will.
    pub(super) fn stop_rest(&self) {
        self.schedule.borrow_mut().stop("the run ended before its turn");
        self.settle();
    }

    /// Tells of all tests that have ended since.
    pub(super) fn settle(&self) {
        let settled = self.schedule.borrow_mut().take_settled();
        for Settled { test: index, status, reason } in settled {
            let result = self.result(index, status, reason);
            let started = self.started.borrow_mut().remove(&index);
            self.memory.borrow_mut().record(index, &result, started);
            self.context.tell(Event::TestFinished { at: self.context.at(), result });
            self.changed.notify_waiters();
        }
    }

    fn result(&self, index: TestIndex, status: Status, reason: Option<String>) -> TestResult {
        let test = &self.context.plan.tests[index];
        let attempts = self.attempts.borrow_mut().remove(&index).unwrap_or_default();
        TestResult {
            id: test.id.clone(),
            project: test.project.clone(),
            group: test.group.clone(),
            file: test.file.clone(),
            name: test.name.clone(),
            tags: test.tags.clone(),
            status,
            duration: attempts.iter().map(|attempt| attempt.duration).sum(),
            repeat: test.repeat,
            attempts,
            reason,
            why: self.memory.borrow_mut().why(index),
        }
    }
}

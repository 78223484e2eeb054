//! Ends, and what they mean for others.

use super::{Schedule, Settled, Stage};
use crate::run::plan::TestIndex;
use crate::run::report::Status;

impl Schedule {
    /// A test has ended. Those that depend on it can go on, or have ended as well.
    pub(super) fn settle(&mut self, test: TestIndex, status: Status, reason: Option<String>) {
        let mut ended = vec![(test, status, reason)];
        while let Some((test, status, reason)) = ended.pop() {
            if !self.end(test, status, reason) {
                continue;
            }
            let wanting = self.wanting(test, status);
            for at in 0..self.dependents[test].len() {
                let dependent = self.dependents[test][at];
                match &wanting {
                    Some((status, reason)) => ended.push((dependent, *status, Some(reason.clone()))),
                    None => {
                        self.tests[dependent].blockers -= 1;
                        self.offer(self.tests[dependent].unit);
                    }
                }
            }
            self.offer(self.tests[test].unit);
        }
        if self.max_failures > 0 && self.failures() >= self.max_failures {
            let failures = self.failures();
            self.stop(&format!("stopped after {failures} failure{}", if failures == 1 { "" } else { "s" }));
        }
    }

    /// What can be run nowhere ends as an error, but for what runs just now.
    pub fn give_up(&mut self, reason: &str, which: impl Fn(TestIndex) -> bool) {
        let running: Vec<TestIndex> = self.workers.iter().filter_map(|worker| worker.running).collect();
        for test in (0..self.tests.len()).filter(|test| which(*test) && !running.contains(test)) {
            self.settle(test, Status::Error, Some(reason.to_owned()));
        }
        // Units that were ready may stand at such a test.
        self.ready.clear();
        self.claim = None;
        for unit in 0..self.units.len() {
            if self.units[unit].stage == Stage::Ready {
                self.units[unit].stage = Stage::Blocked;
                self.offer(unit);
            }
        }
    }

    /// All that does not run ends, for this reason.
    pub(super) fn end_waiting(&mut self, status: Status, reason: &str) {
        self.ready.clear();
        self.delayed.clear();
        self.claim = None;
        let running: Vec<TestIndex> = self.workers.iter().filter_map(|worker| worker.running).collect();
        for test in 0..self.tests.len() {
            if !running.contains(&test) {
                self.end(test, status, Some(reason.to_owned()));
            }
        }
    }

    /// Whether it had not ended before.
    fn end(&mut self, test: TestIndex, status: Status, reason: Option<String>) -> bool {
        let task = &mut self.tests[test];
        if task.status.is_some() {
            return false;
        }
        task.status = Some(status);
        self.groups[task.group] -= 1;
        self.left -= 1;
        *self.counts.entry(status).or_default() += 1;
        self.settled.push(Settled { test, status, reason });
        true
    }

    /// What this end makes of those that depend on the test, where they cannot go on.
    fn wanting(&self, test: TestIndex, status: Status) -> Option<(Status, String)> {
        let (dependent, what) = match status {
            Status::Passed | Status::Flaky | Status::Cached => return None,
            Status::Failed => (Status::Skipped, "failed"),
            Status::TimedOut => (Status::Skipped, "timed out"),
            Status::Skipped => (Status::Skipped, "was skipped"),
            Status::Error => (Status::Skipped, "ended in an error"),
            Status::NotRun => (Status::NotRun, "was not run"),
        };
        let id = self.ids.get(&test).map_or("another test", String::as_str);
        Some((dependent, format!("depends on {id}, which {what}")))
    }
}

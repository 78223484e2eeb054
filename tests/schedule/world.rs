//! A run under a simulated clock, that checks whatever the scheduler does against what it was promised to do.

use super::plans::Story;
use ephemeral_broker::run::plan::{Millis, Settings};
use ephemeral_broker::run::report::{Outcome, Status};
use ephemeral_broker::run::schedule::{MAX_LOST, Next, Schedule, Settled, Verdict};
use std::cmp::Reverse;

pub const FAILURES: [Status; 3] = [Status::Failed, Status::TimedOut, Status::Error];
const MET: [Status; 3] = [Status::Passed, Status::Flaky, Status::Cached];

pub struct World<'a> {
    story: &'a Story,
    schedule: Schedule,
    pub now: Millis,
    /// By worker: the test and when it ends.
    running: Vec<Option<(usize, Millis)>>,
    gone: Vec<bool>,
    /// By test.
    pub histories: Vec<Vec<Outcome>>,
    pub ends: Vec<Option<Settled>>,
    not_before: Vec<Millis>,
    owners: Vec<Option<usize>>,
    /// By test: who has to run it again.
    bound: Vec<Option<usize>>,
    pub starts: Vec<(Millis, usize, usize)>,
    stopped: bool,
    keeps_listing: bool,
}

impl<'a> World<'a> {
    pub fn new(story: &'a Story) -> World<'a> {
        let count = story.plan.tests.len();
        let mut schedule = Schedule::new(&story.plan, &story.past).unwrap();
        story.cached.iter().for_each(|&test| schedule.cached(test));
        let mut world = World {
            story,
            schedule,
            now: 0,
            running: vec![None; story.plan.workers],
            gone: vec![false; story.plan.workers],
            histories: vec![Vec::new(); count],
            ends: vec![None; count],
            not_before: vec![0; count],
            owners: vec![None; count],
            bound: vec![None; count],
            starts: Vec::new(),
            stopped: false,
            keeps_listing: keeps_listing(story),
        };
        world.take_ends();
        world
    }

    /// To the end, which must come.
    pub fn run(&mut self) {
        loop {
            self.happen();
            let untils = self.ask_all();
            self.take_ends();
            if self.schedule.is_done() {
                break;
            }
            let ends = self.running.iter().flatten().map(|run| run.1);
            let deaths = self.story.deaths.iter().map(|death| death.0);
            let others = [self.story.stop.map(|stop| stop.0), self.story.broken.map(|broken| broken.0)];
            let coming = deaths.chain(others.into_iter().flatten()).filter(|at| *at > self.now);
            let next = ends.chain(coming).chain(untils).min();
            self.now = next.unwrap_or_else(|| panic!("nobody does anything, and tests are left: {:?}", self.ends));
        }
        assert!(self.ends.iter().all(Option::is_some), "done, but not all ended: {:?}", self.ends);
        assert!(self.running.iter().all(Option::is_none), "done while tests run");
        assert_eq!(self.schedule.counts().values().sum::<usize>(), self.ends.len());
    }

    /// What is due: tests end, workers go, the run is stopped.
    fn happen(&mut self) {
        for worker in 0..self.running.len() {
            if let Some((test, _)) = self.running[worker].filter(|run| run.1 <= self.now) {
                let outcome =
                    self.story.outcomes[test].get(self.histories[test].len()).copied().unwrap_or(Outcome::Passed);
                self.finish(worker, test, outcome);
            }
        }
        let now = self.now;
        for &(_, worker, is_told) in self.story.deaths.iter().filter(|death| death.0 == now) {
            match self.running[worker] {
                Some((test, _)) if is_told => self.finish(worker, test, Outcome::Error),
                Some((test, _)) => {
                    self.running[worker] = None;
                    self.histories[test].push(Outcome::Error);
                }
                None => {}
            }
            self.gone[worker] = true;
            self.schedule.worker_gone(self.now, worker, "the server is dead");
            self.bound.iter_mut().filter(|bound| **bound == Some(worker)).for_each(|bound| *bound = None);
            self.owners.iter_mut().filter(|owner| **owner == Some(worker)).for_each(|owner| *owner = None);
            self.take_ends();
        }
        if let Some((_, settings)) = self.story.broken.filter(|broken| broken.0 == self.now) {
            self.give_up(settings);
        }
        if let Some((_, is_cancelled)) = self.story.stop.filter(|stop| stop.0 == self.now) {
            self.stopped = true;
            self.schedule.stop("interrupted");
            for worker in 0..self.running.len() {
                if let Some((test, _)) = self.running[worker].filter(|_| is_cancelled) {
                    self.finish(worker, test, Outcome::Cancelled);
                }
            }
        }
    }

    fn give_up(&mut self, settings: usize) {
        let which = |test: usize| self.story.plan.tests[test].settings == settings;
        self.schedule.give_up("nobody has it", which);
        self.take_ends();
        for test in (0..self.ends.len()).filter(|&test| which(test)) {
            assert_eq!(self.ends[test].is_some(), self.running_tests().all(|other| other != test));
        }
    }

    fn finish(&mut self, worker: usize, test: usize, outcome: Outcome) {
        self.running[worker] = None;
        self.histories[test].push(outcome);
        let expected = self.verdict(test);
        let reason = (outcome != Outcome::Passed).then(|| format!("{outcome:?}"));
        let verdict = self.schedule.finished(self.now, worker, test, outcome, reason);
        assert_eq!(verdict, expected, "{} after {:?}", test, self.histories[test]);
        if let Verdict::Retry { at } = verdict {
            self.not_before[test] = at;
            self.bound[test] = Some(worker);
        }
        self.take_ends();
    }

    /// What the attempts at a test come to, by the book.
    fn verdict(&self, test: usize) -> Verdict {
        let history = &self.histories[test];
        let retries = self.settings(test).retries;
        let is_defeat = |outcome: &&Outcome| matches!(outcome, Outcome::Failed | Outcome::TimedOut);
        let defeats = history.iter().filter(is_defeat).count() as u32;
        let last_defeat = history.iter().rev().find(is_defeat).map(|outcome| as_status(*outcome));
        let lost = history.iter().filter(|outcome| **outcome == Outcome::Error).count() as u32;
        let last = *history.last().unwrap();
        match last {
            Outcome::Passed if defeats > 0 => Verdict::Final(Status::Flaky),
            Outcome::Skipped => Verdict::Final(last_defeat.unwrap_or(Status::Skipped)),
            Outcome::Error if lost < MAX_LOST && !self.stopped => Verdict::Retry { at: self.now },
            Outcome::Failed | Outcome::TimedOut if defeats <= retries.count && !self.stopped => {
                let doubled = retries.delay << (defeats - 1);
                let delay = if retries.exponential { doubled.min(retries.max_delay) } else { retries.delay };
                Verdict::Retry { at: self.now + delay }
            }
            outcome => Verdict::Final(as_status(outcome)),
        }
    }

    fn take_ends(&mut self) {
        for end in self.schedule.take_settled() {
            let test = end.test;
            assert!(self.ends[test].is_none(), "{test} ended twice");
            assert!(self.running.iter().flatten().all(|run| run.0 != test), "{test} ended while it runs");
            self.ends[test] = Some(end);
        }
        let failures = self.ends.iter().flatten().filter(|end| FAILURES.contains(&end.status)).count();
        assert_eq!(self.schedule.failures(), failures);
        self.stopped |= self.story.plan.max_failures > 0 && failures >= self.story.plan.max_failures;
    }

    /// Asks for all who are idle, until nobody gets anything. When somebody is to be asked again.
    fn ask_all(&mut self) -> Vec<Millis> {
        let mut untils = Vec::new();
        for worker in 0..self.running.len() {
            if self.running[worker].is_some() {
                continue;
            }
            // One that is to be run again by a certain worker waits for that one.
            let is_bound = (0..self.ends.len()).any(|test| self.bound[test].is_some() && self.is_open(test));
            let best = (!self.story.plan.grouped && !is_bound).then(|| self.best());
            match self.schedule.next(self.now, worker, None) {
                Next::Run { test, attempt } => self.start(worker, test, attempt, best),
                Next::Wait { until } => {
                    let best = best.flatten();
                    assert!(best.is_none_or(|best| !self.fits(best)), "{best:?} fits, and {worker} waits");
                    assert!(!self.gone[worker] && !self.stopped);
                    assert!(until.is_none_or(|until| until > self.now));
                    untils.extend(until);
                }
                Next::Done => assert!(self.gone[worker] || self.stopped || self.schedule.is_done()),
            }
        }
        untils
    }

    /// `best`: what is the best, where that is the only one that may start.
    fn start(&mut self, worker: usize, test: usize, attempt: u32, best: Option<Option<usize>>) {
        let plan = &self.story.plan;
        assert!(!self.gone[worker] && !self.stopped, "{test} starts on {worker}, which is gone, or after the stop");
        assert!(
            self.is_open(test),
            "{test} starts although it runs, has ended, waits, or its dependencies or limits do"
        );
        assert!(self.fits(test), "{test} has too many slots");
        assert_eq!(attempt as usize, self.histories[test].len() + 1);
        let bound = self.bound[test].take();
        assert!(bound.is_none_or(|bound| bound == worker), "{test} is run again by {worker}, not by {bound:?}");
        if plan.grouped {
            self.check_group(worker, test);
        } else if let Some(best) = best
            && format!("{:?}", plan.isolation) == "Worker"
        {
            assert_eq!(Some(test), best, "the best comes first");
        }
        self.starts.push((self.now, worker, test));
        self.running[worker] = Some((test, self.now + self.story.durations[test]));
    }

    fn check_group(&mut self, worker: usize, test: usize) {
        let tests = &self.story.plan.tests;
        let of_group: Vec<usize> = (0..tests.len()).filter(|&other| tests[other].group == tests[test].group).collect();
        for &other in &of_group {
            assert!(self.running.iter().flatten().all(|run| run.0 != other), "two of a group run");
            assert!(self.owners[other].is_none_or(|owner| owner == worker), "a group on two workers");
            let is_between = other != test && self.ends[other].is_none() && !self.histories[other].is_empty();
            assert!(!is_between, "{test} starts before the retry of {other}");
            let is_passed_over = other < test && self.ends[other].is_none();
            assert!(!(is_passed_over && self.keeps_listing), "{test} starts before {other}");
        }
        of_group.into_iter().for_each(|other| self.owners[other] = Some(worker));
    }

    fn settings(&self, test: usize) -> &Settings {
        &self.story.plan.settings[self.story.plan.tests[test].settings]
    }

    fn running_tests(&self) -> impl Iterator<Item = usize> {
        self.running.iter().flatten().map(|run| run.0)
    }

    fn slots(&self, test: usize) -> usize {
        self.settings(test).slots.min(self.story.plan.workers)
    }

    fn fits(&self, test: usize) -> bool {
        self.running_tests().chain([test]).map(|test| self.slots(test)).sum::<usize>() <= self.story.plan.workers
    }

    /// Whether only slots can hold it back.
    fn is_open(&self, test: usize) -> bool {
        let plan = &self.story.plan;
        let counts_in =
            |test: usize, name: &String| plan.tests[test].group == *name || self.settings(test).limits.contains(name);
        let has_room = |(name, max): (&String, &usize)| {
            !counts_in(test, name) || self.running_tests().filter(|&other| counts_in(other, name)).count() < *max
        };
        let is_met = |dependency: &usize| self.ends[*dependency].as_ref().is_some_and(|end| MET.contains(&end.status));
        self.ends[test].is_none()
            && self.running_tests().all(|other| other != test)
            && self.not_before[test] <= self.now
            && plan.tests[test].depends_on.iter().all(is_met)
            && plan.limits.iter().all(has_room)
    }

    /// The best that only slots can hold back.
    fn best(&self) -> Option<usize> {
        let past = &self.story.past;
        let mut known: Vec<u64> = past.iter().filter_map(|past| past.duration).collect();
        known.sort_unstable();
        let median = known.get(known.len() / 2).copied().unwrap_or(1);
        let key = |&test: &usize| {
            let duration = past[test].duration.unwrap_or(median);
            (Reverse(self.settings(test).priority), Reverse(past[test].failed), Reverse(duration), test)
        };
        (0..self.ends.len()).filter(|&test| self.is_open(test) && !self.stopped).min_by_key(key)
    }
}

fn as_status(outcome: Outcome) -> Status {
    match outcome {
        Outcome::Passed => Status::Passed,
        Outcome::Failed => Status::Failed,
        Outcome::Skipped => Status::Skipped,
        Outcome::TimedOut => Status::TimedOut,
        Outcome::Error => Status::Error,
        Outcome::Cancelled => Status::NotRun,
    }
}

/// Whether groups can run in the order of their listing, each waiting for the others where it must.
fn keeps_listing(story: &Story) -> bool {
    let tests = &story.plan.tests;
    let mut done = vec![false; tests.len()];
    loop {
        let can_run = |test: usize| {
            let is_first = (0..test).all(|other| tests[other].group != tests[test].group || done[other]);
            !done[test] && is_first && tests[test].depends_on.iter().all(|&dependency| done[dependency])
        };
        match (0..tests.len()).find(|&test| can_run(test)) {
            Some(test) => done[test] = true,
            None => return done.iter().all(|done| *done),
        }
    }
}

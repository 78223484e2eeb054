//! What is handed out, and when it is ready.

use super::ready::{Lane, Rank, Taken};
use super::{Next, Schedule, Stage};
use crate::run::plan::{Millis, TestIndex};

/// What may be handed out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice {
    test: TestIndex,
    taken: Taken,
}

impl Schedule {
    /// The test that a unit stands at.
    fn head(&self, unit: usize) -> Option<TestIndex> {
        let unit = &self.units[unit];
        unit.tests.get(unit.done).copied()
    }

    fn slots_of(&self, test: TestIndex) -> usize {
        self.rules[self.tests[test].settings].slots
    }

    /// Makes a unit ready, if it is blocked and its next test is not.
    pub(super) fn offer(&mut self, unit: usize) {
        if !self.begun || self.units[unit].stage != Stage::Blocked {
            return;
        }
        while self.head(unit).is_some_and(|test| self.tests[test].status.is_some()) {
            self.units[unit].done += 1;
        }
        let Some(test) = self.head(unit).filter(|&test| self.tests[test].blockers == 0) else { return };
        self.units[unit].stage = Stage::Ready;
        let (rank, task) = (self.units[unit].rank, &self.tests[test]);
        match self.units[unit].owner {
            Some(worker) => self.ready.push(rank, task.set, Lane::Worker(worker)),
            None if self.clings => self.ready.push_near(rank, task.set, task.group),
            None => self.ready.push(rank, task.set, Lane::Any),
        }
    }

    /// The best for this worker that may start, all things considered.
    pub(super) fn pick(&mut self, worker: usize) -> Option<Choice> {
        let own = self.ready.best(Lane::Worker(worker)).and_then(|taken| self.choice(taken));
        let any = self.ready.best(Lane::Any).and_then(|taken| self.choice(taken));
        let favourite = own.or_else(|| self.close_by(worker, any)).or(any)?;
        let claim = self.standing_claim().unwrap_or(Rank::MAX);
        let mut choices = [Some(favourite), any].into_iter().flatten().filter(|choice| choice.taken.rank <= claim);
        let first = choices.next()?;
        if self.fits(first.test) {
            return Some(first);
        }
        self.claim = Some(first.taken.rank);
        // What is preferred to the one that waits for slots does not wait for it.
        choices.find(|choice| choice.taken.rank < first.taken.rank && self.fits(choice.test))
    }

    fn choice(&self, taken: Taken) -> Option<Choice> {
        let test = self.head(self.by_rank[taken.rank])?;
        Some(Choice { test, taken })
    }

    fn fits(&self, test: TestIndex) -> bool {
        self.slots_taken + self.slots_of(test) <= self.slots
    }

    /// The best of the group that the worker ran last, unless another group's has a higher priority.
    fn close_by(&self, worker: usize, any: Option<Choice>) -> Option<Choice> {
        let group = self.workers[worker].last_group.filter(|_| self.clings)?;
        let near = self.choice(self.ready.best_near(group)?)?;
        let priority = |choice: Choice| self.units[self.by_rank[choice.taken.rank]].priority;
        let is_equal = priority(near) >= any.map_or(i32::MIN, priority);
        (is_equal && self.fits(near.test)).then_some(near)
    }

    /// The claim on slots, if these are all that it waits for.
    fn standing_claim(&mut self) -> Option<Rank> {
        let is_open = |rank: &Rank| {
            let test = self.head(self.by_rank[*rank]);
            test.is_some_and(|test| self.ready.is_open(self.tests[test].set))
        };
        self.claim = self.claim.filter(is_open);
        self.claim
    }

    pub(super) fn start(&mut self, worker: usize, Choice { test, taken }: Choice) -> Next {
        self.ready.start(taken, self.tests[test].group);
        self.claim = self.claim.filter(|claim| *claim != taken.rank);
        self.running += 1;
        self.slots_taken += self.slots_of(test);
        let unit = &mut self.units[self.by_rank[taken.rank]];
        unit.stage = Stage::Running;
        unit.owner = self.grouped.then_some(worker);
        let task = &mut self.tests[test];
        task.attempts += 1;
        self.workers[worker].running = Some(test);
        self.workers[worker].last_group = Some(task.group);
        Next::Run { test, attempt: task.attempts }
    }

    /// A worker runs its test no more.
    pub(super) fn vacate(&mut self, worker: usize, test: TestIndex) {
        self.workers[worker].running = None;
        self.running -= 1;
        self.slots_taken -= self.slots_of(test);
        self.ready.finish(self.tests[test].set);
        self.units[self.tests[test].unit].stage = Stage::Blocked;
    }

    /// A test is to be run again, by the worker that ran it.
    pub(super) fn put_off(&mut self, now: Millis, at: Millis, worker: usize, test: TestIndex) {
        let unit = self.tests[test].unit;
        self.units[unit].owner = Some(worker);
        if at <= now {
            self.offer(unit);
        } else {
            self.units[unit].stage = Stage::Delayed;
            self.delayed.insert((at, unit));
        }
    }

    /// Makes those ready whose delay is over.
    pub(super) fn release(&mut self, now: Millis) {
        while let Some((_, unit)) = self.delayed.first().copied().filter(|(at, _)| *at <= now) {
            self.delayed.pop_first();
            self.units[unit].stage = Stage::Blocked;
            self.offer(unit);
        }
    }

    /// Gives what a worker has begun to whoever comes.
    pub(super) fn disown(&mut self, worker: usize) {
        for unit in self.units.iter_mut().filter(|unit| unit.owner == Some(worker)) {
            unit.owner = None;
        }
        for rank in self.ready.drain(Lane::Worker(worker)) {
            let unit = self.by_rank[rank];
            self.units[unit].stage = Stage::Blocked;
            self.offer(unit);
        }
    }
}

//! The model of what is served strictly from the head of a line: locks, semaphores, queues, limits; and barriers.

use crate::model::{Held, Hold, Line, Model, breach, ensure};
use crate::step::Step;
use ephemeral_broker::engine::{Error, Micros, QueueFailure, Reply, SessionId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

#[derive(Debug, Clone, Default)]
pub struct Permits {
    pub capacity: u32,
    /// By token.
    pub holders: BTreeMap<u64, u32>,
}

impl Permits {
    pub fn free(&self) -> u64 {
        u64::from(self.capacity).saturating_sub(self.holders.values().map(|&held| u64::from(held)).sum())
    }
}

#[derive(Debug, Clone, Default)]
pub struct Queue {
    pub max_attempts: u32,
    /// Each with its group: those of one group came back in one step, and may go out in any order.
    pub ready: VecDeque<(u64, usize)>,
    pub taken: BTreeSet<usize>,
    pub acked: BTreeSet<usize>,
    pub failed: BTreeSet<usize>,
}

impl Queue {
    pub fn is_done(&self) -> bool {
        self.ready.is_empty() && self.taken.is_empty() && self.acked.len() + self.failed.len() > 0
    }
}

/// How many of those that were let through the spacing is looked at over.
const LOOKED_AT: usize = 48;
/// How late a timer may be without those behind paying for it.
const CATCH_UP: u64 = 2000;

#[derive(Debug, Clone)]
pub struct Limit {
    pub max: u32,
    pub per: Micros,
    pub burst: u32,
    passed: VecDeque<(Micros, u32)>,
    /// When, with no allowance for late timers, all that was let through would have been. In `1/max` µs.
    arrival: u128,
}

impl Limit {
    pub fn new(max: u32, per: Micros, burst: u32) -> Self {
        Self { max, per, burst, passed: VecDeque::new(), arrival: 0 }
    }

    /// What was let through in the span that ends with `now`.
    fn in_span(&self, now: Micros) -> u64 {
        let recent = self.passed.iter().rev().take_while(|&&(at, _)| at + self.per > now);
        recent.map(|&(_, cost)| u64::from(cost)).sum()
    }

    /// For certain: as if no timer was ever late.
    pub fn could_pass(&self, now: Micros, cost: u32) -> bool {
        let slack = u128::from(self.burst - cost.min(self.burst)) * u128::from(self.per);
        self.in_span(now) + u64::from(cost) <= u64::from(self.max)
            && self.arrival.saturating_sub(slack) <= u128::from(now) * u128::from(self.max)
    }

    pub fn pass(&mut self, now: Micros, cost: u32) {
        let span = self.in_span(now) + u64::from(cost);
        ensure!(
            span <= u64::from(self.max),
            "rate: {span} were let through within {} µs, the most is {}",
            self.per,
            self.max
        );
        let mut sum = i128::from(cost.min(self.burst));
        for &(at, passed) in self.passed.iter().rev().take(LOOKED_AT) {
            sum += i128::from(passed);
            let beyond = (sum - i128::from(self.burst)) * i128::from(self.per);
            let earned = i128::from(now - at + CATCH_UP) * i128::from(self.max);
            ensure!(
                beyond <= earned,
                "rate: {sum} were let through in {} µs, a burst is {}: {self:?}",
                now - at,
                self.burst
            );
        }
        self.arrival =
            self.arrival.max(u128::from(now) * u128::from(self.max)) + u128::from(cost) * u128::from(self.per);
        self.passed.push_back((now, cost));
        while self.passed.len() > LOOKED_AT && self.passed.front().is_some_and(|&(at, _)| at + self.per <= now) {
            self.passed.pop_front();
        }
    }

    /// Whether its next turn is far enough that nothing lets it through now.
    pub fn is_far(&self, now: Micros, cost: u32) -> bool {
        !self.could_pass(now + 4 * CATCH_UP, cost)
    }
}

/// For how long those still to come are told that it broke.
const STAYS_BROKEN: Micros = 300_000_000;

#[derive(Debug, Clone, Default)]
pub struct Barrier {
    pub parties: u32,
    /// How many of the parties have been told, where it is broken; and until when it is.
    pub broken: Option<(u32, Micros)>,
    /// How many are still to be told that all have come.
    arriving: u32,
}

impl Model {
    pub fn lock_is_free(&self, lock: usize, shared: bool) -> bool {
        match shared {
            true => self.locks[lock].values().all(|&shared| shared),
            false => self.locks[lock].is_empty(),
        }
    }

    pub fn lock_granted(&mut self, session: SessionId, ticket: u64, lock: usize, shared: bool, token: u64) {
        self.ensure_head(Line::Lock(lock), ticket);
        ensure!(
            self.lock_is_free(lock, shared),
            "two holders: lock {lock} is held by {:?}, and {session:?} was given it, shared: {shared}",
            self.locks[lock]
        );
        self.hold(session, token, None, Held::Lock { lock });
        self.locks[lock].insert(token, shared);
    }

    pub fn use_semaphore(&mut self, semaphore: usize, permits: u32) {
        let used = self.waiting(Line::Semaphore(semaphore)) > 0 || !self.semaphores[semaphore].holders.is_empty();
        let capacity = &mut self.semaphores[semaphore].capacity;
        ensure!(
            !used || *capacity == permits,
            "semaphore {semaphore} has {capacity} permits, and {permits} were let pass"
        );
        *capacity = permits;
    }

    pub fn permits_granted(&mut self, session: SessionId, ticket: u64, semaphore: usize, amount: u32, token: u64) {
        self.ensure_head(Line::Semaphore(semaphore), ticket);
        let free = self.semaphores[semaphore].free();
        ensure!(free >= u64::from(amount), "capacity: {free} permits of {semaphore} are free, and {amount} were given");
        self.hold(session, token, None, Held::Permits { semaphore });
        self.semaphores[semaphore].holders.insert(token, amount);
    }

    pub fn released_some(&mut self, token: u64, hold: Hold, amount: u32, outcome: &Result<Reply<'_>, Error>) {
        // Only permits have an amount: of anything else there is no part that could be given back.
        let held = match hold.what {
            Held::Permits { semaphore } => self.semaphores[semaphore].holders[&token],
            _ => 0,
        };
        if amount == 0 || amount > held {
            ensure!(matches!(outcome, Err(Error::Invalid { .. })), "{amount} of {held} were released: {outcome:?}");
            return;
        }
        ensure!(*outcome == Ok(Reply::Released(true)), "{amount} of {held} should be released: {outcome:?}");
        match hold.what {
            Held::Permits { semaphore } if amount < held => {
                self.semaphores[semaphore].holders.insert(token, held - amount);
            }
            _ => self.give_back(token, false),
        }
    }

    fn put_in_front(&mut self, queue: usize, item: usize) {
        let there = &mut self.queues[queue];
        ensure!(there.taken.remove(&item), "item {item} comes back to queue {queue}, and was not taken");
        there.ready.push_front((self.step, item));
    }

    pub fn item_failed(&mut self, queue: usize, item: usize) {
        if self.items[item] < self.queues[queue].max_attempts {
            return self.put_in_front(queue, item);
        }
        ensure!(self.queues[queue].taken.remove(&item), "item {item} fails, and was not taken");
        self.queues[queue].failed.insert(item);
    }

    pub fn item_put_back(&mut self, queue: usize, item: usize) {
        self.items[item] -= 1;
        self.put_in_front(queue, item);
    }

    pub fn item_given(&mut self, session: SessionId, ticket: u64, queue: usize, json: &str, token: u64, attempt: u32) {
        self.ensure_head(Line::Queue(queue), ticket);
        let item: usize = json.parse().unwrap_or(usize::MAX);
        let there = &mut self.queues[queue];
        let group = there.ready.front().map(|&(group, _)| group);
        let among = there.ready.iter().take_while(|&&(of, _)| Some(of) == group).position(|&(_, other)| other == item);
        let Some(place) = among else {
            let known = (there.taken.contains(&item), there.acked.contains(&item), there.failed.contains(&item));
            breach(&format!("item {json} is not the next of queue {queue} (taken, acked, failed: {known:?})"))
        };
        there.ready.remove(place);
        there.taken.insert(item);
        self.items[item] += 1;
        ensure!(attempt == self.items[item], "item {item} is at attempt {}, not {attempt}", self.items[item]);
        ensure!(attempt <= there.max_attempts, "item {item} has {} attempts, not {attempt}", there.max_attempts);
        self.hold(session, token, None, Held::Item { queue, item });
    }

    pub fn check_done(&self, queue: usize, acked: u64, failures: &[QueueFailure]) {
        let there = &self.queues[queue];
        ensure!(there.is_done(), "queue {queue} is not done, and somebody was told so");
        ensure!(
            acked == there.acked.len() as u64,
            "queue {queue}: {} items were acked, not {acked}",
            there.acked.len()
        );
        let told: BTreeSet<usize> = failures.iter().filter_map(|failure| failure.json.parse().ok()).collect();
        ensure!(
            told == there.failed && failures.len() == told.len(),
            "queue {queue}: {:?} failed, not {told:?}",
            there.failed
        );
        for failure in failures {
            ensure!(failure.attempts == there.max_attempts, "queue {queue}: {failure:?}");
        }
    }

    pub fn queue_changed(&mut self, step: &Step, outcome: &Result<Reply<'_>, Error>) {
        match *step {
            Step::Push { queue, ref items, max_attempts } => {
                let Ok(Reply::Length(length)) = outcome else { breach(&format!("{step:?} came to {outcome:?}")) };
                let takers = self.waiting(Line::Queue(queue));
                let there = &mut self.queues[queue];
                there.max_attempts = max_attempts;
                for (place, _) in items.iter().enumerate() {
                    // A group for each: they go out as they came in.
                    there.ready.push_back((u64::MAX - self.items.len() as u64, self.items.len()));
                    ensure!(items[place].parse() == Ok(self.items.len()), "items are numbered");
                    self.items.push(0);
                }
                let all = there.ready.len();
                let left = all - takers.min(all);
                ensure!((left..=all).contains(length), "{left} to {all} are ready in queue {queue}, not {length}");
            }
            Step::Ack { session, token } | Step::Nack { session, token } => {
                let acks = matches!(step, Step::Ack { .. });
                let done = |whether| if acks { Reply::Acked(whether) } else { Reply::Nacked(whether) };
                match (self.own(session, token), outcome) {
                    (None, Ok(reply)) => ensure!(*reply == done(false), "token {token} is not held: {reply:?}"),
                    (Some(Hold { what: Held::Item { queue, item }, .. }), Ok(reply)) => {
                        ensure!(*reply == done(true), "token {token} is held: {reply:?}");
                        self.unhold(token);
                        if acks {
                            let there = &mut self.queues[queue];
                            ensure!(
                                there.taken.remove(&item) && there.acked.insert(item),
                                "item {item} was acked twice"
                            );
                        } else {
                            self.item_failed(queue, item);
                        }
                    }
                    (Some(Hold { what: Held::Item { .. }, .. }), _) => breach(&format!("{step:?} came to {outcome:?}")),
                    (Some(_), Err(Error::Invalid { .. })) => {}
                    (hold, outcome) => breach(&format!("{step:?} of {hold:?} came to {outcome:?}")),
                }
            }
            _ => {}
        }
    }

    pub fn limit_defined(&mut self, limit: usize, spec: Limit, outcome: &Result<Reply<'_>, Error>) {
        match (&self.limits[limit], outcome) {
            (None, Ok(Reply::Created(true))) => self.limits[limit] = Some(spec),
            (Some(there), Ok(Reply::Created(false))) => {
                let same = (there.max, there.per, there.burst) == (spec.max, spec.per, spec.burst);
                ensure!(same, "limit {limit} was defined otherwise: {there:?}");
            }
            (Some(there), Err(Error::Mismatch { .. })) => {
                let same = (there.max, there.per, there.burst) == (spec.max, spec.per, spec.burst);
                ensure!(!same, "limit {limit} was defined alike: {there:?}");
            }
            (there, outcome) => breach(&format!("the limit {limit}, {there:?}, was defined: {outcome:?}")),
        }
    }

    pub fn use_barrier(&mut self, barrier: usize, parties: u32) {
        let used = self.waiting(Line::Barrier(barrier)) > 0;
        let there = &mut self.barriers[barrier];
        ensure!(there.broken.is_none(), "somebody waits at the broken barrier {barrier}");
        ensure!(!used || there.parties == parties, "the barrier {barrier} is for {} parties", there.parties);
        there.parties = parties;
    }

    pub fn arrived(&mut self, ticket: u64, barrier: usize, parties: u32, index: usize) {
        self.ensure_head(Line::Barrier(barrier), ticket);
        let waiting = self.waiting(Line::Barrier(barrier));
        let there = &mut self.barriers[barrier];
        if there.arriving == 0 {
            ensure!(waiting == parties as usize, "{waiting} have come to barrier {barrier}, not {parties}");
            there.arriving = parties;
        }
        ensure!(
            index == (parties - there.arriving) as usize,
            "barrier {barrier}: the place {index} is wrong: {there:?}"
        );
        there.arriving -= 1;
    }

    /// One has left it who waited; he is not in the line any more.
    pub fn break_barrier(&mut self, barrier: usize) {
        let (now, others) = (self.now, self.waiting(Line::Barrier(barrier)) as u32);
        let there = &mut self.barriers[barrier];
        // Of several that leave at once, or of those that are told one by one, the first breaks it.
        if there.broken.is_none() {
            there.broken = Some((1 + others, now + STAYS_BROKEN));
        }
    }

    pub fn told_broken(&self, barrier: usize) {
        ensure!(
            self.barriers[barrier].broken.is_some(),
            "the barrier {barrier} is whole, and somebody was told otherwise"
        );
    }

    pub fn came_too_late(&mut self, barrier: usize) {
        let there = &mut self.barriers[barrier];
        let Some((told, until)) = there.broken else {
            breach(&format!("the barrier {barrier} is whole, and somebody was refused"))
        };
        there.broken = Some((told + 1, until)).filter(|&(told, _)| told < there.parties);
    }

    /// All or broken, and everybody told.
    pub fn barriers_settled(&mut self) {
        for barrier in 0..self.barriers.len() {
            let waiting = self.waiting(Line::Barrier(barrier));
            let there = &self.barriers[barrier];
            ensure!(there.arriving == 0, "lost waiter: not all were told that all have come to barrier {barrier}");
            ensure!(
                there.broken.is_none() || waiting == 0,
                "lost waiter: {waiting} wait at the broken barrier {barrier}"
            );
        }
    }
}

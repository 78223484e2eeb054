//! What replies and effects say, and nothing else: who holds what, who waits in which line. Whatever contradicts it is a breach, and the run is over.
//!
//! Lines are ordered by tickets, which rise; so a line is a set of them.

use crate::keys::Keys;
use crate::lines::{Barrier, Limit, Permits, Queue};
use crate::pools::{Lease, Pool};
use crate::step::{POOLS, Step, VALUES, Want};
use crate::topics::Topics;
use ephemeral_broker::engine::{Effect, Engine, Error, Event, Micros, Reply, SessionId};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

thread_local! {
    /// The seed of the run and the step that it is at.
    pub static AT: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

pub fn breach(text: &str) -> ! {
    let (seed, step) = AT.get();
    panic!("breach: {text}; step {step}, SIM_SEED={seed}");
}

macro_rules! ensure {
    ($holds:expr, $($text:tt)+) => {
        if !$holds {
            $crate::model::breach(&format!($($text)+));
        }
    };
}
pub(crate) use ensure;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Line {
    Pool(usize),
    Lock(usize),
    Semaphore(usize),
    Once(usize),
    Value(usize),
    Queue(usize),
    Done(usize),
    Limit(usize),
    Barrier(usize),
}

#[derive(Debug, Clone)]
pub struct Pending {
    pub session: SessionId,
    pub want: Want,
    pub since: Micros,
    pub due: Option<Micros>,
    /// What it does not release while it waits: of what its session holds that with tokens up to this,
    pub seen: u64,
    /// or, where it said so, these.
    pub within: Option<Vec<u64>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    Value { pool: usize, place: usize },
    Lock { lock: usize },
    Permits { semaphore: usize },
    Making { key: usize },
    Item { queue: usize, item: usize },
}

#[derive(Debug, Clone, Copy)]
pub struct Hold {
    pub session: SessionId,
    pub ttl: Option<Micros>,
    pub due: Option<Micros>,
    pub what: Held,
}

/// What of the engine's configuration matters here.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    pub default_ttl: Option<Micros>,
    pub lease_ttl: Option<Micros>,
    pub refresh_on_get: bool,
    pub max_items: usize,
    pub lease_start: u64,
}

#[derive(Debug)]
pub struct Model {
    pub settings: Settings,
    pub now: Micros,
    /// Counts steps: what comes free in one step comes free at the same time.
    pub step: u64,
    /// The process and the thread of each.
    pub sessions: BTreeMap<SessionId, (usize, u64)>,
    pub pending: BTreeMap<u64, Pending>,
    pub waits_of: BTreeMap<SessionId, BTreeSet<u64>>,
    pub lines: BTreeMap<Line, BTreeSet<u64>>,
    wait_dues: BTreeSet<(Micros, u64)>,
    pub holds: BTreeMap<u64, Hold>,
    pub holds_of: BTreeMap<SessionId, BTreeSet<u64>>,
    hold_dues: BTreeSet<(Micros, u64)>,
    pub last_token: u64,
    pub reservations: BTreeMap<(usize, usize), SessionId>,
    pub pools: Vec<Option<Pool>>,
    pub leases: BTreeMap<(usize, usize), Lease>,
    /// Whose lease has run out, so that they may be given its number again, or be told.
    pub lost: BTreeSet<(usize, usize)>,
    ran_out: BTreeSet<u64>,
    pub locks: Vec<BTreeMap<u64, bool>>,
    pub semaphores: Vec<Permits>,
    pub keys: Keys,
    pub queues: Vec<Queue>,
    /// What was pushed, by number: the attempts so far.
    pub items: Vec<u32>,
    pub limits: Vec<Option<Limit>>,
    pub barriers: Vec<Barrier>,
    pub lists: Vec<Vec<String>>,
    pub topics: Topics,
    /// Where somebody's time was over in this step: who was behind him may be too late in the same step.
    pub timed_out: BTreeSet<Line>,
    /// Who was given what another before it could use: that one must be served in the same step.
    pub passed: Vec<(u64, u64)>,
    pub answers: u64,
    pub grants: u64,
    pub deadlocks: u64,
}

impl Model {
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            now: 0,
            step: 0,
            sessions: BTreeMap::new(),
            pending: BTreeMap::new(),
            waits_of: BTreeMap::new(),
            lines: BTreeMap::new(),
            wait_dues: BTreeSet::new(),
            holds: BTreeMap::new(),
            holds_of: BTreeMap::new(),
            hold_dues: BTreeSet::new(),
            last_token: 0,
            reservations: BTreeMap::new(),
            pools: POOLS.iter().map(|_| None).collect(),
            leases: BTreeMap::new(),
            lost: BTreeSet::new(),
            ran_out: BTreeSet::new(),
            locks: vec![BTreeMap::new(); 3],
            semaphores: vec![Permits::default(); 3],
            keys: Keys::default(),
            queues: vec![Queue::default(); 3],
            items: Vec::new(),
            limits: vec![None; 3],
            barriers: vec![Barrier::default(); 3],
            lists: vec![Vec::new(); 2],
            topics: Topics::default(),
            timed_out: BTreeSet::new(),
            passed: Vec::new(),
            answers: 0,
            grants: 0,
            deadlocks: 0,
        }
    }

    /// Time goes on to `now`: what ends without anybody being told ends here.
    pub fn begin(&mut self, now: Micros) {
        self.now = now;
        self.keys.expire(now);
        for barrier in &mut self.barriers {
            barrier.broken = barrier.broken.filter(|&(_, until)| until > now);
        }
        for ((pool, worker), lease) in self.leases.clone() {
            if lease.due.is_some_and(|due| due <= now) {
                self.drop_lease(pool, worker);
                self.lost.insert((pool, worker));
                self.ran_out.insert(lease.token);
            }
        }
    }

    pub fn events(&mut self, events: &[Event]) {
        for event in events {
            if let Event::LeaseExpired { token, .. } = event {
                ensure!(self.ran_out.remove(token), "a lease ran out before its time: {event:?}");
            }
        }
        ensure!(self.ran_out.is_empty(), "leases should have run out, token {:?}", self.ran_out);
    }

    pub fn lines_of(want: &Want) -> BTreeSet<Line> {
        let one = |line| BTreeSet::from([line]);
        match *want {
            Want::Values { ref parts, .. } => parts.iter().map(|&(pool, _)| Line::Pool(pool)).collect(),
            Want::Number { pool, .. } => one(Line::Pool(pool)),
            Want::Lock { lock, .. } => one(Line::Lock(lock)),
            Want::Permits { semaphore, .. } => one(Line::Semaphore(semaphore)),
            Want::Once { key, .. } => one(Line::Once(key)),
            Want::WaitFor { key } | Want::Watch { key, .. } => one(Line::Value(key)),
            Want::Take { queue, .. } => one(Line::Queue(queue)),
            Want::Done { queue } => one(Line::Done(queue)),
            Want::Pass { limit, .. } => one(Line::Limit(limit)),
            Want::Arrive { barrier, .. } => one(Line::Barrier(barrier)),
        }
    }

    /// A request was taken.
    pub fn asked(&mut self, session: SessionId, ticket: u64, wait: Option<u64>, want: &Want) {
        let due = wait.map(|ms| self.now + ms * 1000);
        match *want {
            Want::Permits { semaphore, permits, .. } => self.use_semaphore(semaphore, permits),
            Want::Arrive { barrier, parties } => self.use_barrier(barrier, parties),
            _ => {}
        }
        self.pending.insert(
            ticket,
            Pending { session, want: want.clone(), since: self.now, due, seen: u64::MAX, within: None },
        );
        self.waits_of.entry(session).or_default().insert(ticket);
        for line in Self::lines_of(want) {
            self.lines.entry(line).or_default().insert(ticket);
        }
        self.wait_dues.extend(due.map(|due| (due, ticket)));
    }

    /// Takes a request out of its lines.
    pub fn leave(&mut self, ticket: u64) -> Option<Pending> {
        let pending = self.pending.remove(&ticket)?;
        if let Some(due) = pending.due {
            self.wait_dues.remove(&(due, ticket));
        }
        if let Some(waits) = self.waits_of.get_mut(&pending.session) {
            waits.remove(&ticket);
        }
        for line in Self::lines_of(&pending.want) {
            if let Some(waits) = self.lines.get_mut(&line) {
                waits.remove(&ticket);
                if waits.is_empty() {
                    self.lines.remove(&line);
                }
            }
        }
        Some(pending)
    }

    /// Leaves without what it wanted: a barrier breaks.
    pub fn give_up(&mut self, ticket: u64) {
        let Some(pending) = self.leave(ticket) else { return };
        if let Want::Arrive { barrier, .. } = pending.want {
            self.break_barrier(barrier);
        }
    }

    pub fn line(&self, line: Line) -> impl DoubleEndedIterator<Item = u64> + '_ {
        self.lines.get(&line).into_iter().flatten().copied()
    }

    pub fn waiting(&self, line: Line) -> usize {
        self.lines.get(&line).map_or(0, BTreeSet::len)
    }

    pub fn is_head(&self, line: Line, ticket: u64) -> bool {
        self.line(line).next() == Some(ticket)
    }

    pub fn ensure_head(&self, line: Line, ticket: u64) {
        ensure!(
            self.is_head(line, ticket),
            "request {ticket} overtook {:?} in {line:?}",
            self.line(line).take_while(|&other| other < ticket).collect::<Vec<_>>()
        );
    }

    pub fn note_token(&mut self, token: u64) {
        ensure!(token > self.last_token, "the token {token} is not above {}", self.last_token);
        self.last_token = token;
        self.grants += 1;
    }

    pub fn hold(&mut self, session: SessionId, token: u64, ttl: Option<Micros>, what: Held) {
        self.note_token(token);
        let due = ttl.map(|ttl| self.now + ttl);
        self.holds.insert(token, Hold { session, ttl, due, what });
        self.holds_of.entry(session).or_default().insert(token);
        self.hold_dues.extend(due.map(|due| (due, token)));
    }

    /// Ends a hold, but not what it means for what was held.
    pub fn unhold(&mut self, token: u64) -> Option<Hold> {
        let hold = self.holds.remove(&token)?;
        if let Some(tokens) = self.holds_of.get_mut(&hold.session) {
            tokens.remove(&token);
        }
        if let Some(due) = hold.due {
            self.hold_dues.remove(&(due, token));
        }
        Some(hold)
    }

    /// Gives back what stands under a token; `crashed`: its holder is gone.
    pub fn give_back(&mut self, token: u64, crashed: bool) {
        let Some(hold) = self.unhold(token) else { return };
        match hold.what {
            Held::Value { pool, place } => self.free_place(pool, place),
            Held::Lock { lock } => {
                self.locks[lock].remove(&token);
            }
            Held::Permits { semaphore } => {
                self.semaphores[semaphore].holders.remove(&token);
            }
            Held::Making { key } => self.keys.stop_making(key, token),
            Held::Item { queue, item } if crashed => self.item_failed(queue, item),
            Held::Item { queue, item } => self.item_put_back(queue, item),
        }
    }

    /// The session's own hold.
    pub fn own(&self, session: SessionId, token: u64) -> Option<Hold> {
        self.holds.get(&token).copied().filter(|hold| hold.session == session)
    }

    pub fn effect(&mut self, effect: &Effect) {
        match effect {
            Effect::Answer { session, ticket, outcome } => self.answered(*session, *ticket, outcome),
            Effect::Lost { session, token, .. } => {
                let Some(hold) = self.own(*session, *token) else {
                    breach(&format!("{session:?} lost the token {token}, which it does not hold"))
                };
                ensure!(hold.due.is_some_and(|due| due <= self.now), "token {token} was lost before its time");
                self.give_back(*token, false);
            }
            effect => ensure!(self.topics.told(effect), "not known to the model: {effect:?}"),
        }
    }

    pub fn opened(&mut self, session: SessionId, process: usize, thread: u64) {
        ensure!(self.sessions.insert(session, (process, thread)).is_none(), "{session:?} was opened twice");
    }

    pub fn closed(&mut self, session: SessionId, orderly: bool) {
        for ticket in self.waits_of.remove(&session).unwrap_or_default() {
            self.give_up(ticket);
        }
        self.topics.closed(session);
        for token in self.holds_of.get(&session).cloned().unwrap_or_default() {
            self.give_back(token, !orderly);
        }
        self.holds_of.remove(&session);
        self.reservations.retain(|_, by| *by != session);
        let thread = self.sessions.remove(&session);
        if !self.sessions.values().any(|other| Some(*other) == thread) {
            let gone: Vec<_> =
                self.leases.iter().filter(|(_, lease)| lease.holder == thread).map(|(&at, _)| at).collect();
            gone.into_iter().for_each(|(pool, worker)| self.drop_lease(pool, worker));
        }
    }

    pub fn reply(&mut self, step: &Step, outcome: &Result<Reply<'_>, Error>) {
        if let Err(Error::SessionRequired) = outcome {
            let by = step.command().and_then(|(by, _)| by);
            ensure!(by.is_some_and(|by| !self.sessions.contains_key(&by)), "{step:?} came to {outcome:?}");
            return;
        }
        match *step {
            Step::Topic(ref step) => self.topic_reply(step, outcome),
            Step::Renew { session, token, ttl } => match (self.own(session, token), outcome) {
                (None, Err(Error::NotHeld { .. })) => {}
                (Some(hold), Err(Error::Invalid { .. })) if !matches!(hold.what, Held::Value { .. }) => {}
                (Some(hold), Ok(Reply::Renewed(left))) if matches!(hold.what, Held::Value { .. }) => {
                    let ttl = ttl.map(|ms| ms * 1000).or(hold.ttl);
                    ensure!(*left == ttl, "token {token} has {ttl:?} left, not {left:?}");
                    self.unhold(token);
                    let due = ttl.map(|ttl| self.now + ttl);
                    self.holds.insert(token, Hold { ttl, due, ..hold });
                    self.holds_of.entry(session).or_default().insert(token);
                    self.hold_dues.extend(due.map(|due| (due, token)));
                }
                (hold, outcome) => breach(&format!("{step:?} of {hold:?} came to {outcome:?}")),
            },
            Step::Leak { session, token } => match (self.own(session, token), outcome) {
                (None, Ok(Reply::Leaked(None))) => {}
                (Some(_), Ok(Reply::Leaked(Some(_)))) => self.give_back(token, false),
                (hold, outcome) => breach(&format!("{step:?} of {hold:?} came to {outcome:?}")),
            },
            Step::Release { session, token, amount } => match (self.own(session, token), amount, outcome) {
                (None, _, Ok(Reply::Released(false))) => {}
                (Some(_), None, Ok(Reply::Released(true))) => self.give_back(token, false),
                (Some(hold), Some(amount), outcome) => self.released_some(token, hold, amount, outcome),
                (hold, _, outcome) => breach(&format!("{step:?} of {hold:?} came to {outcome:?}")),
            },
            Step::Reserve { session, space, ref values } => {
                let mut got = Vec::new();
                for (place, &value) in values.iter().enumerate() {
                    if let std::collections::btree_map::Entry::Vacant(free) = self.reservations.entry((space, value)) {
                        free.insert(session);
                        got.push(place);
                    }
                }
                ensure!(
                    *outcome == Ok(Reply::Reserved(got.clone())),
                    "{got:?} were free, and {step:?} came to {outcome:?}"
                );
            }
            Step::Unreserve { session, space, ref values } => {
                let distinct: BTreeSet<usize> = values.iter().copied().collect();
                let own = |value: &&usize| self.reservations.get(&(space, **value)) == Some(&session);
                let own: Vec<usize> = distinct.iter().filter(own).copied().collect();
                ensure!(
                    *outcome == Ok(Reply::Unreserved(own.len())),
                    "{own:?} of {VALUES:?} were reserved: {outcome:?}"
                );
                own.iter().for_each(|&value| {
                    self.reservations.remove(&(space, value));
                });
            }
            Step::Append { list, ref items } => {
                self.lists[list].extend(items.iter().cloned());
                ensure!(*outcome == Ok(Reply::Length(self.lists[list].len())), "{step:?} came to {outcome:?}");
            }
            Step::Collect { list, from } => {
                let Ok(Reply::Items { items, length, next: None }) = outcome else {
                    breach(&format!("{step:?} came to {outcome:?}"))
                };
                let kept = &self.lists[list];
                ensure!(
                    *length == kept.len() && items[..] == kept[from.min(kept.len())..],
                    "list {list} has lost items"
                );
            }
            Step::Describe { .. } => ensure!(*outcome == Ok(Reply::Done), "{step:?} came to {outcome:?}"),
            Step::Limit { limit, max, per, burst } => {
                self.limit_defined(limit, Limit::new(max, per * 1000, burst), outcome)
            }
            Step::DefinePool { .. } | Step::AddToPool { .. } | Step::Discard { .. } => self.pool_changed(step, outcome),
            Step::Lease { .. } | Step::ReleaseWorker { .. } => self.leases_changed(step, outcome),
            Step::Push { .. } | Step::Ack { .. } | Step::Nack { .. } => self.queue_changed(step, outcome),
            _ => self.key_changed(step, outcome),
        }
    }

    /// The step is over: nobody is left waiting who could be served, nothing is over and not told, and the engine counts as the model does.
    pub fn end(&mut self, engine: &Engine, thoroughly: bool) {
        self.keys.failing = None;
        for (&line, waits) in &self.lines {
            // Behind the first that cannot be served only pools and keys have some that can.
            let looked_at = match line {
                Line::Pool(_) | Line::Value(_) | Line::Queue(_) if thoroughly => usize::MAX,
                Line::Pool(_) | Line::Value(_) | Line::Queue(_) => 3,
                _ => 1,
            };
            for &ticket in waits.iter().take(looked_at) {
                ensure!(
                    !self.is_servable(ticket),
                    "lost waiter: request {ticket} for {:?} could be served",
                    self.pending[&ticket].want
                );
            }
        }
        for (ticket, other) in std::mem::take(&mut self.passed) {
            ensure!(!self.pending.contains_key(&other), "request {ticket} overtook {other} in a pool");
        }
        self.topics.end();
        self.barriers_settled();
        self.timed_out.clear();
        let over = |due: Option<&(Micros, u64)>| due.is_some_and(|&(due, _)| due <= self.now);
        ensure!(!over(self.wait_dues.first()), "request {:?} waits beyond its time", self.wait_dues.first());
        ensure!(!over(self.hold_dues.first()), "token {:?} is held beyond its time", self.hold_dues.first());
        let first = [self.wait_dues.first(), self.hold_dues.first()].into_iter().flatten().map(|&(due, _)| due).min();
        if let Some(first) = first {
            let next = engine.next_deadline();
            ensure!(
                next.is_some_and(|next| next <= first),
                "something is due at {first}, but the engine's next is {next:?}"
            );
        }
        ensure!(engine.waits() == self.pending.len(), "{} wait, not {}", self.pending.len(), engine.waits());
        let holds = self.holds.len() + self.reservations.len();
        ensure!(engine.holds() == holds, "{holds} things are held, not {}", engine.holds());
        ensure!(engine.sessions() == self.sessions.len(), "{} sessions are open", self.sessions.len());
        ensure!(engine.items() == self.keys.len(), "{} keys have values, not {}", self.keys.len(), engine.items());
        if thoroughly {
            self.check_views(engine);
        }
    }
}

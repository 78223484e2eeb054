//! The state machine: what the broker knows, and what a command does to it.
//!
//! Nothing here does I/O, reads a clock or draws a random number. Time is handed in as [`Micros`] and must not run
//! backwards. So a test can drive the engine through years in milliseconds, and a failing run can be replayed.
//!
//! - [`Engine::apply`] does one command for one [`SessionId`] (or for a connection without a session).
//! - [`Engine::ask`] takes a request that may have to wait; what comes of it is an [`Effect`], later or at once.
//! - [`Engine::tick`] does what is due; [`Engine::next_deadline`] says when that will be.
//! - [`Engine::take_effects`] hands over what sessions, and [`Engine::take_events`] what the host should hear of.
//!
//! Coordination rests on two tables. [`hold`] has what sessions hold, each under a token; [`wait`] has those who wait, in a line for each
//! [`resource`]. Whatever gives something back marks its resource, and before a command is over [`Engine::settle`] serves the lines of all that are
//! marked: so no primitive has to know who waits, and none can forget to wake anybody ([`asking`]). Each primitive is a file: [`pool`] and [`acquire`], [`permits`] (locks and
//! semaphores), [`once`], [`queue`], [`limit`], [`barrier`], [`reserve`], [`list`]; [`topic`] hands messages on through an [`inbox`] for each who listens; [`deadlock`] finds waits that cannot end, [`inspect`] shows it all.

mod acquire;
mod asking;
mod barrier;
mod change;
mod command;
mod config;
#[cfg(test)]
mod coordination_tests;
mod counters;
mod deadlines;
mod deadlock;
mod error;
mod event;
mod hold;
mod inbox;
mod inspect;
mod lease;
mod limit;
mod list;
mod matching;
mod numbers;
mod once;
mod permits;
mod pool;
mod queue;
mod reserve;
mod resource;
mod session;
mod store;
#[cfg(test)]
mod tests;
mod topic;
#[cfg(test)]
mod topic_tests;
mod views;
mod wait;

pub use command::{Ask, Command, Condition, Granted, Kept, LeaseGrant, PoolSpec, Reply, Value};
pub use config::Config;
pub use counters::{Action, Counters};
pub use error::Error;
pub use event::{Blocked, Event, LeaseRef};
pub use inbox::{Backlog, Encoding, Message, Overflow, Payload, Replies};
pub use pool::{Listed as PoolEntry, Policy};
pub use queue::Failure as QueueFailure;
pub use session::{Hello, SessionId};
pub use store::Listed;
pub use views::{Inspection, Obstacle, Party, Report};
pub use wait::{Terms, Ticket};

use deadlines::Deadlines;
use hashbrown::HashMap;
use hold::{Held, Holds, Token};
use inbox::Topics;
use inspect::Notes;
use lease::Leases;
use reserve::Reservations;
use resource::{Kind, ResourceId, Resources};
use session::Sessions;
use std::rc::Rc;
use store::Store;
use wait::Waits;

/// The most requests that wait at a time.
const MAX_WAITS: usize = 500_000;
/// The most things that are held under tokens at a time.
const MAX_HOLDS: usize = 1_000_000;
/// The most pools, queues and limits.
const MAX_RESOURCES: usize = 100_000;

/// A point in time: microseconds since the broker began.
pub type Micros = u64;

/// What a session is to be told, on its own connection.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// What a request that waited came to.
    Answer {
        /// Whom to tell.
        session: SessionId,
        /// Which of its requests.
        ticket: Ticket,
        /// What to tell.
        outcome: Result<Reply<'static>, Error>,
    },
    /// The time of something that it held is over.
    Lost {
        /// Whom to tell.
        session: SessionId,
        /// What is lost.
        token: u64,
        /// Its name, for people.
        what: String,
    },
    /// A message of something that it subscribed to, or a reply to one of its own.
    Message {
        /// Whom to tell.
        session: SessionId,
        /// The subscription's id, or that of the message replied to.
        subscription: u64,
        /// The message.
        message: Rc<Message>,
        /// How many were dropped since the one before.
        dropped: u64,
    },
    /// No more messages come.
    Ended {
        /// Whom to tell.
        session: SessionId,
        /// As for a message.
        subscription: u64,
        /// Why, where that is a failure.
        error: Option<Error>,
    },
}

impl Effect {
    /// Whom to tell.
    pub fn session(&self) -> SessionId {
        match self {
            Effect::Answer { session, .. }
            | Effect::Lost { session, .. }
            | Effect::Message { session, .. }
            | Effect::Ended { session, .. } => *session,
        }
    }
}

/// All of the broker's state.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    store: Store,
    leases: Leases,
    sessions: Sessions,
    counters: Counters,
    events: Vec<Event>,
    near_capacity: bool,
    effects: Vec<Effect>,
    resources: Resources,
    waits: Waits,
    holds: Holds,
    reservations: Reservations,
    topics: Topics,
    lists: HashMap<Box<str>, Vec<Box<str>>>,
    /// Bytes in lists and queues.
    kept_bytes: usize,
    /// When a resource is to be looked at again: a limit whose next may pass, a broken barrier that is forgotten.
    resource_times: Deadlines,
    last_token: Token,
    notes: Notes,
}

impl Engine {
    /// An empty broker.
    pub fn new(config: Config) -> Self {
        Self {
            store: Store::new(config.sweep_after),
            leases: Leases::new(config.lease_start),
            sessions: Sessions::default(),
            counters: Counters::default(),
            events: Vec::new(),
            near_capacity: false,
            effects: Vec::new(),
            resources: Resources::default(),
            waits: Waits::default(),
            holds: Holds::default(),
            reservations: Reservations::default(),
            topics: Topics::default(),
            lists: HashMap::new(),
            kept_bytes: 0,
            resource_times: Deadlines::default(),
            last_token: 0,
            notes: Notes::default(),
            config,
        }
    }

    /// What it was made with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Counts of what was done.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Values held, expired ones not among them.
    pub fn items(&self) -> usize {
        self.store.len()
    }

    /// Bytes of the keys and values held.
    pub fn bytes(&self) -> usize {
        self.store.bytes()
    }

    /// Leases held, of either kind.
    pub fn leases(&self) -> usize {
        let values = self.holds.iter().filter(|hold| matches!(hold.what, Held::Value { .. })).count();
        self.leases.len() + values
    }

    /// Everything that is held under a token.
    pub fn holds(&self) -> usize {
        self.holds.len()
    }

    /// Requests that wait.
    pub fn waits(&self) -> usize {
        self.waits.len()
    }

    /// Topics that are listened to, all inboxes, and the bytes in them.
    pub fn topics(&self) -> (usize, usize, usize) {
        (self.topics.by_topic.len(), self.topics.inboxes.len(), self.topics.bytes)
    }

    /// Whether the key is a defined pool, so that a lease of it may have to wait.
    pub fn is_pool(&self, key: &str) -> bool {
        self.resources.find(Kind::Pool, key).is_some()
    }

    /// Sessions open.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// All values' keys, with the time that is left to each.
    pub fn list(&self, now: Micros) -> impl Iterator<Item = Listed<'_>> {
        self.store.list(now)
    }

    /// When [`Engine::tick`] has something to do next.
    pub fn next_deadline(&self) -> Option<Micros> {
        let all = [
            self.store.next_deadline(),
            self.leases.next_deadline(),
            self.holds.next_deadline(),
            self.waits.next_deadline(),
            self.resource_times.next(),
        ];
        all.into_iter().flatten().min()
    }

    /// Ends what is over at `now`.
    pub fn tick(&mut self, now: Micros) {
        let resources = &self.resources;
        let mut expired_keys: Vec<String> = Vec::new();
        self.counters.expired_items += self.store.expire(now, |key| {
            if resources.has_keyed() {
                expired_keys.push(key.to_owned());
            }
        });
        expired_keys.iter().for_each(|key| self.touched(key));
        for expired in self.leases.expire(now) {
            self.counters.expired_leases += 1;
            let holder = expired.holder.and_then(|holder| self.sessions.describe(holder));
            let (name, pid) = holder.map_or((None, None), |(name, pid)| (Some(name), pid));
            self.events.push(Event::LeaseExpired { lease: expired.lease, token: expired.token, name, pid });
        }
        self.take_back_numbers();
        while let Some(token) = self.holds.pop_due(now) {
            self.counters.expired_leases += 1;
            self.lose(token);
        }
        while let Some(index) = self.resource_times.pop_due(now) {
            self.resources.mark(ResourceId::of_index(index));
        }
        // Whoever can be served now is not too late.
        self.settle(now);
        while let Some(wait) = self.waits.pop_due(now) {
            self.time_is_over(now, wait);
        }
        while let Some(wait) = self.waits.pop_slow(now) {
            self.events.extend(self.blocked(now, wait).map(Event::SlowWait));
        }
        self.settle(now);
        self.watch_capacity();
    }

    /// What has happened since the last call.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// What sessions are to be told since the last call, in order.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Whether [`Engine::take_effects`] has anything.
    pub fn has_effects(&self) -> bool {
        !self.effects.is_empty()
    }

    /// Opens a session for a connection.
    pub fn open(&mut self, now: Micros, hello: Hello) -> SessionId {
        self.sessions.open(now, hello)
    }

    /// Ends a session: its waits end, and what it holds is given back, in the order in which it was taken. Leases by a worker's name are given back unless
    /// another session of the same process and thread is open. `orderly` says that the worker took its leave, so that its host need not hear of it.
    pub fn close(&mut self, now: Micros, session: SessionId, orderly: bool) {
        self.tick(now);
        let is_last = self.sessions.is_last(session);
        if !orderly {
            self.note_leaks(now, session, is_last);
        }
        self.give_up_all(now, session);
        self.leave_topics(session);
        let mut items = Vec::new();
        for token in self.holds.tokens_of(session) {
            match self.holds.get(token).map(|hold| hold.what) {
                Some(Held::Item { .. }) => items.push(token),
                _ => {
                    self.release_token(token);
                }
            }
        }
        // The first that was taken is to be at the front.
        for token in items.into_iter().rev() {
            match self.holds.get(token).map(|hold| hold.what) {
                Some(Held::Item { queue }) if !orderly => self.item_lost(queue, token),
                _ => {
                    self.release_token(token);
                }
            }
        }
        if let Some(closed) = self.sessions.close(session)
            && let Some(holder) = closed.last_of_holder
        {
            let leases = self.leases.release_holder(holder);
            if !orderly && !leases.is_empty() {
                self.events.push(Event::WorkerLost { name: closed.name, pid: closed.pid, leases });
            }
        }
        self.take_back_numbers();
        self.settle(now);
    }

    /// Does one command at `now`.
    ///
    /// # Errors
    /// As `PROTOCOL.md` says of the command; nothing has changed then.
    pub fn apply(&mut self, now: Micros, session: Option<SessionId>, command: Command<'_>) -> Result<Reply<'_>, Error> {
        self.catch_up(now);
        let action = command.action();
        // The reply of a read borrows from the store: the outcome is counted first.
        let outcome = match command {
            Command::Get { key } => {
                let found = self.store.touch(now, &key, self.config.refresh_ttl_on_get);
                self.counters.record(action, found.is_ok());
                return found.map(|slot| Reply::Value(self.store.value(slot)));
            }
            Command::GetVersion { key } => {
                let found = self.store.touch(now, &key, self.config.refresh_ttl_on_get);
                self.counters.record(action, found.is_ok());
                return found
                    .map(|slot| Reply::Versioned { value: self.store.value(slot), version: self.store.version(slot) });
            }
            Command::Collect { list, from } => {
                self.counters.record(action, true);
                return Ok(self.collect(&list, from));
            }
            Command::Has { key } => Ok(Reply::Exists(self.store.has(&key))),
            command => self.change(now, session, command),
        };
        self.settle(now);
        self.counters.record(action, outcome.is_ok());
        outcome
    }

    fn catch_up(&mut self, now: Micros) {
        if self.next_deadline().is_some_and(|due| due <= now) {
            self.tick(now);
        }
    }

    fn next_token(&mut self) -> Token {
        self.last_token += 1;
        self.last_token
    }

    fn check_room(&self) -> Result<(), Error> {
        match self.resources.lasting() < MAX_RESOURCES {
            true => Ok(()),
            false => Err(Error::Full { what: "pools, queues and limits", limit: MAX_RESOURCES }),
        }
    }

    /// Counts an action that needs no state.
    pub fn record(&mut self, action: Action, ok: bool) {
        self.counters.record(action, ok);
    }

    /// Counts a value that was kept: for a compressed one its size before and after.
    pub fn record_value(&mut self, compressed: Option<(usize, usize)>) {
        self.counters.record_value(compressed);
    }

    /// How full it is, from 0 (empty, or without a limit) to 1.
    pub fn utilization(&self) -> f64 {
        match self.config.max_items {
            0 => 0.0,
            max => self.items() as f64 / max as f64,
        }
    }

    fn watch_capacity(&mut self) {
        let near = self.utilization() >= 0.9;
        if near && !self.near_capacity {
            self.events.push(Event::NearCapacity { items: self.items(), max_items: self.config.max_items });
        }
        self.near_capacity = near;
    }
}

//! The state machine: what the broker knows, and what a command does to it.
//!
//! Nothing here does I/O, reads a clock or draws a random number. Time is handed in as [`Micros`] and must not run
//! backwards. So a test can drive the engine through years in milliseconds, and a failing run can be replayed.
//!
//! - [`Engine::apply`] does one command for one [`SessionId`] (or for a connection without a session).
//! - [`Engine::tick`] does what is due; [`Engine::next_deadline`] says when that will be.
//! - [`Engine::take_events`] hands over what the host should hear of.

mod command;
mod config;
mod counters;
mod deadlines;
mod error;
mod event;
mod lease;
mod session;
mod store;
#[cfg(test)]
mod tests;

pub use command::{Command, Granted, Reply, Value};
pub use config::Config;
pub use counters::{Action, Counters};
pub use error::Error;
pub use event::{Event, LeaseRef};
pub use session::{Hello, SessionId};
pub use store::Listed;

use lease::Leases;
use session::Sessions;
use store::Store;

/// A point in time: microseconds since the broker began.
pub type Micros = u64;

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

    /// Leases held.
    pub fn leases(&self) -> usize {
        self.leases.len()
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
        [self.store.next_deadline(), self.leases.next_deadline()].into_iter().flatten().min()
    }

    /// Ends what is over at `now`.
    pub fn tick(&mut self, now: Micros) {
        self.counters.expired_items += self.store.expire(now);
        for expired in self.leases.expire(now) {
            self.counters.expired_leases += 1;
            let holder = expired.holder.and_then(|holder| self.sessions.describe(holder));
            let (name, pid) = holder.map_or((None, None), |(name, pid)| (Some(name), pid));
            self.events.push(Event::LeaseExpired { lease: expired.lease, token: expired.token, name, pid });
        }
        self.watch_capacity();
    }

    /// What has happened since the last call.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Opens a session for a connection.
    pub fn open(&mut self, hello: Hello) -> SessionId {
        self.sessions.open(hello)
    }

    /// Ends a session. What its process held through it is given back, unless another session of the same process and thread is open.
    /// `orderly` says that the worker took its leave, so that its host need not hear of it.
    pub fn close(&mut self, now: Micros, session: SessionId, orderly: bool) {
        self.tick(now);
        let Some(closed) = self.sessions.close(session) else { return };
        let Some(holder) = closed.last_of_holder else { return };
        let leases = self.leases.release_holder(holder);
        if !orderly && !leases.is_empty() {
            self.events.push(Event::WorkerLost { name: closed.name, pid: closed.pid, leases });
        }
    }

    /// Does one command at `now`.
    ///
    /// # Errors
    /// As the command's own page in `PROTOCOL.md` says; nothing has changed then.
    pub fn apply(&mut self, now: Micros, session: Option<SessionId>, command: Command<'_>) -> Result<Reply<'_>, Error> {
        if self.next_deadline().is_some_and(|due| due <= now) {
            self.tick(now);
        }
        let action = command.action();
        // The reply of a read borrows from the store: the outcome is counted first.
        let outcome = match command {
            Command::Get { key } => {
                let found = self.store.touch(now, key, self.config.refresh_ttl_on_get);
                self.counters.record(action, found.is_ok());
                return found.map(|slot| Reply::Value(self.store.value(slot)));
            }
            Command::Set { key, value, ttl } => {
                let result = self.store.set(now, &self.config, key, value, ttl);
                self.watch_capacity();
                result.map(|()| Reply::Done)
            }
            Command::Del { key } => {
                let deleted = self.store.del(key);
                self.watch_capacity();
                Ok(Reply::Deleted(deleted))
            }
            Command::Has { key } => Ok(Reply::Exists(self.store.has(key))),
            Command::Lease { key, worker, ttl, detached } => {
                let holder = session.and_then(|session| self.sessions.holder(session));
                let request = lease::Request { key, worker, ttl, detached, holder };
                self.leases.lease(now, &self.config, request, &self.sessions).map(Reply::Leased)
            }
            Command::Release { worker, key } => {
                let holder = session.and_then(|session| self.sessions.holder(session));
                self.leases.release(worker, key, holder, &self.sessions).map(Reply::Released)
            }
        };
        self.counters.record(action, outcome.is_ok());
        outcome
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

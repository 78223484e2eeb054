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
//! marked: so no primitive has to know who waits, and none can forget to wake anybody. Each primitive is a file: [`pool`], [`permits`] (locks and
//! semaphores), [`once`], [`queue`], [`limit`], [`barrier`], [`reserve`], [`list`]; [`deadlock`] finds waits that cannot end, [`inspect`] shows it all.

mod barrier;
mod command;
mod config;
mod counters;
mod deadlines;
mod deadlock;
mod error;
mod event;
mod hold;
mod inspect;
mod lease;
mod limit;
mod list;
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
mod wait;

pub use command::{Ask, Command, Condition, Granted, Kept, LeaseGrant, PoolSpec, Reply, Value};
pub use config::Config;
pub use counters::{Action, Counters};
pub use error::Error;
pub use event::{Blocked, Event, LeaseRef};
pub use inspect::{Inspection, Party, Report};
pub use pool::{Listed as PoolEntry, Policy};
pub use queue::Failure as QueueFailure;
pub use session::{Hello, SessionId};
pub use store::Listed;
pub use wait::{Terms, Ticket};

use deadlines::Deadlines;
use hashbrown::HashMap;
use hold::{Held, Hold, Holds, Token};
use inspect::Notes;
use lease::Leases;
use reserve::Reservations;
use resource::{Kind, ResourceId, Resources};
use session::Sessions;
use store::{Put, Store, checked_ttl};
use wait::{WaitId, Waits, Want};

/// The most requests that wait at a time.
const MAX_WAITS: usize = 500_000;
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
    lists: HashMap<Box<str>, Vec<Box<str>>>,
    /// Bytes in lists and queues.
    kept_bytes: usize,
    /// When the head of a limit's line may pass.
    limit_times: Deadlines,
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
            lists: HashMap::new(),
            kept_bytes: 0,
            limit_times: Deadlines::default(),
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
            self.limit_times.next(),
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
        while let Some(index) = self.limit_times.pop_due(now) {
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
        let waits: Vec<WaitId> = self.waits.of_session(session).collect();
        for wait in waits {
            let name = self.name_session(session);
            self.give_up(now, wait, &format!("{name} is gone"));
        }
        for token in self.holds.tokens_of(session) {
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

    fn change(
        &mut self,
        now: Micros,
        session: Option<SessionId>,
        command: Command<'_>,
    ) -> Result<Reply<'static>, Error> {
        match command {
            Command::Set { key, value, ttl, condition: Condition { if_version, keep_ttl } } => {
                let put = Put { value, ttl, if_version, keep_ttl, required: true };
                let written = self.store.put(now, &self.config, &key, put)?;
                self.watch_capacity();
                self.touched(&key);
                let plain = if_version.is_none() && !keep_ttl;
                Ok(if plain { Reply::Done } else { Reply::Set { set: written.set, version: written.version } })
            }
            Command::Del { key } => {
                let deleted = self.store.del(&key);
                self.watch_capacity();
                self.touched(&key);
                Ok(Reply::Deleted(deleted))
            }
            Command::Lease { key, worker, ttl, detached } => {
                let request = self.lease_request(session, &key, &worker, ttl, detached);
                self.lease(now, &request).map(Reply::Leased)
            }
            Command::Release { worker, key } => {
                let holder = session.and_then(|session| self.sessions.holder(session));
                let released = self.leases.release(&worker, key.as_deref(), holder, &self.sessions);
                self.take_back_numbers();
                released.map(Reply::Released)
            }
            Command::Incr { key, by, ttl } => self.incr(now, &key, by, ttl),
            Command::Append { list, items } => self.append(&list, &items),
            Command::DefinePool(spec) => self.define_pool(&spec),
            Command::AddToPool(spec) => self.add_to_pool(&spec),
            Command::Push { queue, items, max_attempts } => self.push(now, &queue, &items, max_attempts),
            Command::Limit { name, max, per, burst } => self.define_limit(&name, max, per, burst),
            command => {
                let session = session.filter(|&session| self.sessions.get(session).is_some());
                self.change_held(now, session.ok_or(Error::SessionRequired)?, command)
            }
        }
    }

    /// What concerns a session's own.
    fn change_held(&mut self, now: Micros, session: SessionId, command: Command<'_>) -> Result<Reply<'static>, Error> {
        match command {
            Command::Renew { token, ttl } => {
                let ttl = checked_ttl(ttl)?;
                if self.holds.of(session, token).is_none() {
                    return Err(Error::NotHeld { token });
                }
                Ok(Reply::Renewed(self.holds.renew(now, token, ttl)))
            }
            Command::ReleaseToken { token, amount: Some(amount) } => {
                self.release_some(session, token, amount).map(Reply::Released)
            }
            Command::ReleaseToken { token, amount: None } => {
                if self.holds.of(session, token).is_some() {
                    return Ok(Reply::Released(self.release_token(token)));
                }
                let holder = self.sessions.holder(session);
                let released = holder.is_some_and(|holder| self.leases.release_token(holder, token));
                self.take_back_numbers();
                Ok(Reply::Released(released))
            }
            Command::Discard { token, reason } => self.discard(session, token, reason.as_deref()),
            Command::Reserve { space, values } => self.reserve(now, session, &space, &values),
            Command::Unreserve { space, values } => Ok(Reply::Unreserved(self.unreserve(session, &space, &values))),
            Command::Fulfil { token, value, ttl } => self.fulfil(now, session, token, value, ttl),
            Command::Fail { token, reason, all } => self.fail(now, session, token, reason, all),
            Command::Ack { token } => self.ack(session, token).map(Reply::Acked),
            Command::Nack { token, reason } => self.nack(session, token, reason).map(Reply::Nacked),
            Command::Describe { text } => {
                self.sessions.describe_test(session, text.as_deref());
                Ok(Reply::Done)
            }
            // Done in `apply` and `change`.
            _ => Ok(Reply::Done),
        }
    }

    /// Takes a request that may have to wait. What it comes to is an [`Effect`] with this ticket, now or later.
    ///
    /// # Errors
    /// As `PROTOCOL.md` says: then there is no effect, and nothing has changed.
    pub fn ask(
        &mut self,
        now: Micros,
        session: SessionId,
        ticket: Ticket,
        terms: impl Into<Terms>,
        ask: &Ask<'_>,
    ) -> Result<(), Error> {
        self.catch_up(now);
        let outcome = self.begin(now, session, ticket, terms.into(), ask);
        self.counters.record(ask.action(), outcome.is_ok());
        self.settle(now);
        outcome
    }

    fn begin(
        &mut self,
        now: Micros,
        session: SessionId,
        ticket: Ticket,
        terms: Terms,
        ask: &Ask<'_>,
    ) -> Result<(), Error> {
        let patience = checked_span("wait", terms.wait)?;
        if self.sessions.get(session).is_none() {
            return Err(Error::SessionRequired);
        }
        if self.waits.len() >= MAX_WAITS {
            return Err(Error::MaxWaits { limit: MAX_WAITS });
        }
        let by = (session, ticket);
        let last_token = self.last_token;
        let id = match ask {
            Ask::Acquire { pools, ttl } => self.ask_for_values(now, by, pools, *ttl)?,
            Ask::Lease { key, worker, ttl, detached } => {
                let request = self.lease_request(Some(session), key, worker, *ttl, *detached);
                if self.leases.is_held(worker, key) || !self.is_pool(key) || self.leases.has_lost(worker, key) {
                    let granted = self.lease(now, &request)?;
                    self.effects.push(Effect::Answer { session, ticket, outcome: Ok(Reply::Leased(granted)) });
                    return Ok(());
                }
                self.ask_for_number(now, by, &request)?
            }
            Ask::Lock { name, shared } => self.ask_for_lock(now, by, name, *shared),
            Ask::Semaphore { name, permits, amount } => self.ask_for_semaphore(now, by, name, *permits, *amount)?,
            Ask::Once { key, refresh } => {
                let refresh = checked_span("refresh", *refresh)?.unwrap_or(0);
                self.ask_once(now, by, key, refresh)
            }
            Ask::WaitFor { key } => self.ask_for_key(now, by, key, Want::Value),
            Ask::Watch { key, after } => self.ask_for_key(now, by, key, Want::Change { after: *after }),
            Ask::Take { queue, until_done } => self.ask_for_item(now, by, queue, *until_done)?,
            Ask::Done { queue } => self.ask_for_end(now, by, queue)?,
            Ask::Throttle { name, cost } => self.ask_to_pass(now, by, name, *cost, patience)?,
            Ask::Barrier { name, parties } => self.ask_to_arrive(now, by, name, *parties)?,
        };
        self.settle(now);
        if self.waits.find(session, ticket) != Some(id) {
            return Ok(());
        }
        let within = terms.within.or(terms.seen.map(|_| Vec::new()));
        self.waits.set_origin(id, terms.seen.unwrap_or(last_token), within);
        if patience == Some(0) {
            self.time_is_over(now, id);
        } else if let Some(error) = self.deadlock(id) {
            self.remove(id);
            return Err(error);
        } else {
            let slow = self.config.slow_wait.filter(|_| self.can_be_slow(id));
            let after = |span: Micros| now.saturating_add(span);
            self.waits.set_times(id, patience.map(after), slow.map(after));
        }
        Ok(())
    }

    /// Ends the wait of a request; whether it still waited. Nobody is told.
    pub fn cancel(&mut self, now: Micros, session: SessionId, ticket: Ticket) -> bool {
        self.catch_up(now);
        let Some(wait) = self.waits.find(session, ticket) else { return false };
        let name = self.name_session(session);
        self.give_up(now, wait, &format!("{name} gave up"));
        self.settle(now);
        true
    }

    /// Nobody waits any more: all are told that the broker is about to stop.
    pub fn drain(&mut self, now: Micros) {
        for id in self.waits.all() {
            self.finish(now, id, Err(Error::Draining));
        }
    }

    fn catch_up(&mut self, now: Micros) {
        if self.next_deadline().is_some_and(|due| due <= now) {
            self.tick(now);
        }
    }

    /// Serves those who wait for whatever may have something to give.
    fn settle(&mut self, now: Micros) {
        while let Some(id) = self.resources.next_dirty() {
            let Some(kind) = self.resources.get(id).map(|resource| resource.kind) else { continue };
            match kind {
                Kind::Pool => self.serve_pool(now, id),
                Kind::Lock | Kind::Semaphore => self.serve_permits(now, id),
                Kind::Once => self.serve_once(now, id),
                Kind::Value => self.serve_watchers(now, id),
                Kind::Queue => self.serve_queue(now, id),
                Kind::Done => self.serve_end(now, id),
                Kind::Limit => self.serve_limit(now, id),
                Kind::Barrier => self.serve_barrier(now, id),
                Kind::Reservation => {}
            }
            self.resources.tidy(id);
        }
    }

    /// Stands in a resource's line, which is then served.
    fn join(&mut self, wait: WaitId, id: ResourceId) {
        self.join_quietly(wait, id);
        self.resources.mark(id);
    }

    fn join_quietly(&mut self, wait: WaitId, id: ResourceId) {
        if let Some(resource) = self.resources.get_mut(id) {
            self.waits.join(wait, id, &mut resource.line);
        }
    }

    /// Answers a wait, which is over with that.
    fn finish(&mut self, now: Micros, id: WaitId, outcome: Result<Reply<'static>, Error>) {
        self.note_wait(now, id);
        if let Some((session, ticket)) = self.remove(id) {
            self.effects.push(Effect::Answer { session, ticket, outcome });
        }
    }

    /// Takes a wait out of all lines. Those behind it may be served now.
    fn remove(&mut self, id: WaitId) -> Option<(SessionId, Ticket)> {
        let resources = self.waits.resources(id);
        for &resource in &resources {
            if let Some(found) = self.resources.get_mut(resource) {
                self.waits.leave(id, resource, &mut found.line);
            }
        }
        let wait = self.waits.remove(id)?;
        match wait.want {
            Want::Values { ref parts, .. } => self.left_pools(&resources, parts.len()),
            Want::Number { ref worker, .. } => self.left_name(resources[0], worker),
            Want::Take { until_done } => self.left_queue(resources[0], until_done),
            Want::Pass { cost } => self.left_limit(resources[0], cost),
            _ => {}
        }
        // To watch a key is no obstacle to others who do.
        if !matches!(wait.want, Want::Value | Want::Change { .. }) {
            resources.iter().for_each(|&resource| self.resources.mark(resource));
        } else {
            resources.iter().for_each(|&resource| self.resources.tidy(resource));
        }
        Some((wait.session, wait.ticket))
    }

    /// A wait ends without what it waited for, and nobody is told but those whom that concerns.
    fn give_up(&mut self, now: Micros, id: WaitId, why: &str) {
        let Some(resource) = self.waits.resource(id) else { return };
        let arrives = self.waits.get(id).is_some_and(|wait| matches!(wait.want, Want::Arrive));
        self.note_wait(now, id);
        self.remove(id);
        if arrives {
            self.break_barrier(now, resource, why);
        }
    }

    fn time_is_over(&mut self, now: Micros, id: WaitId) {
        let (Some(wait), Some(resource)) = (self.waits.get(id), self.waits.resource(id)) else { return };
        let session = wait.session;
        let arrives = matches!(wait.want, Want::Arrive);
        let outcome = match &wait.want {
            Want::Values { .. } | Want::Number { .. } => Err(self.exhausted(now, &self.waits.resources(id))),
            Want::Take { .. } => Ok(Reply::NoItem { done: false }),
            Want::Pass { .. } => Err(self.limited(now, resource)),
            Want::Arrive => Err(Error::Timeout {
                text: format!("{} others have not come to {}", self.missing(resource), self.name_resource(resource)),
            }),
            Want::Value | Want::Change { .. } => {
                Err(Error::Timeout { text: format!("nobody has set \"{}\" in time", self.name_of(resource)) })
            }
            Want::Done => {
                Err(Error::Timeout { text: format!("the queue \"{}\" is not done yet", self.name_of(resource)) })
            }
            Want::Permits { .. } | Want::Once { .. } => {
                let holders = self.name_parties(&self.parties(now, resource));
                let verb = if matches!(wait.want, Want::Once { .. }) { "is still being made" } else { "is held" };
                Err(Error::Timeout { text: format!("{} {verb}{holders}", self.name_resource(resource)) })
            }
        };
        self.finish(now, id, outcome);
        if arrives {
            let name = self.name_session(session);
            self.break_barrier(now, resource, &format!("{name} waited in vain"));
        }
    }

    fn can_be_slow(&self, id: WaitId) -> bool {
        let watches = |wait: &wait::Wait| matches!(wait.want, Want::Change { .. } | Want::Take { .. } | Want::Done);
        self.waits.get(id).is_some_and(|wait| !watches(wait))
    }

    /// Gives something to a session.
    fn hold(&mut self, now: Micros, session: SessionId, what: Held, ttl: Option<Micros>) -> Token {
        let token = self.next_token();
        let test = self.sessions.get(session).and_then(|session| session.test.clone());
        self.holds.insert(Hold { session, token, since: now, test, ttl, what });
        token
    }

    /// Gives back what stands under a token; whether there was anything.
    fn release_token(&mut self, token: Token) -> bool {
        let Some(hold) = self.holds.remove(token) else { return false };
        match hold.what {
            Held::Value { pool, place } => self.give_back_value(pool, place),
            Held::Permits { of, amount } => self.give_back_permits(of, token, amount),
            Held::Reservation => self.reservations.remove(token),
            Held::Making { key } => self.stop_making(key, token),
            Held::Item { queue } => self.put_back_item(queue, token),
        }
        true
    }

    /// The time of a hold is over.
    fn lose(&mut self, token: Token) {
        let Some(hold) = self.holds.get(token) else { return };
        let session = hold.session;
        let what = hold.what.resource().map_or_else(String::new, |resource| self.name_resource(resource));
        self.release_token(token);
        self.effects.push(Effect::Lost { session, token, what });
    }

    fn next_token(&mut self) -> Token {
        self.last_token += 1;
        self.last_token
    }

    fn lease_request<'a>(
        &self,
        session: Option<SessionId>,
        key: &'a str,
        worker: &'a str,
        ttl: Option<f64>,
        detached: bool,
    ) -> lease::Request<'a> {
        let holder = session.and_then(|session| self.sessions.holder(session));
        lease::Request { key, worker, ttl, detached, holder, session }
    }

    /// A number under a worker's name, at once or not at all.
    fn lease(&mut self, now: Micros, request: &lease::Request<'_>) -> Result<Granted, Error> {
        if let Some(pool) = self.resources.find(Kind::Pool, request.key)
            && !self.leases.is_held(request.worker, request.key)
        {
            return self.lease_bounded(now, pool, request);
        }
        let token = self.next_token();
        self.leases.lease(now, &self.config, request, &self.sessions, token)
    }

    fn incr(&mut self, now: Micros, key: &str, by: f64, ttl: Option<f64>) -> Result<Reply<'static>, Error> {
        const MAX_SAFE: f64 = 9_007_199_254_740_991.0;
        let wrong = |found: &str| Error::NotANumber { key: key.into(), found: found.into() };
        let (current, live) = match self.store.peek(now, key) {
            None => (0.0, false),
            Some((Value { json: Some(json), compressed: false }, ..)) => {
                (json.parse::<f64>().map_err(|_| wrong("not a number"))?, true)
            }
            Some(_) => return Err(wrong("not a number")),
        };
        let sum = current + by;
        if !sum.is_finite() || (sum.fract() == 0.0 && sum.abs() > MAX_SAFE) {
            return Err(wrong(&format!("{current}: with {by} more it is out of the range of exact numbers")));
        }
        let text = sum.to_string();
        let value = Value { json: Some(&text), compressed: false };
        let put = Put { value, ttl: ttl.filter(|_| !live), if_version: None, keep_ttl: true, required: false };
        self.store.put(now, &self.config, key, put)?;
        self.watch_capacity();
        self.touched(key);
        Ok(Reply::Number(sum))
    }

    fn check_room(&self) -> Result<(), Error> {
        match self.resources.len() < MAX_RESOURCES {
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

/// A span in ms, of which the member says what it is for.
fn checked_span(member: &str, span: Option<f64>) -> Result<Option<Micros>, Error> {
    match span {
        None => Ok(None),
        Some(ms) if (0.0..=1e15).contains(&ms) => Ok(Some((ms * 1000.0).ceil() as Micros)),
        Some(ms) => {
            Err(Error::Invalid { what: format!("{member} must be a number of milliseconds from 0 on, not {ms}") })
        }
    }
}

//! What may have to be waited for: how a request joins a line, is served, and leaves.

use super::command::{Ask, Reply};
use super::error::Error;
use super::hold::{Held, Hold, Token};
use super::resource::{Kind, ResourceId};
use super::session::SessionId;
use super::wait::{Terms, Ticket, Wait, WaitId, Want};
use super::{Effect, Engine, MAX_HOLDS, MAX_WAITS, Micros};
use std::collections::BTreeMap;

impl Engine {
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

    pub(super) fn begin(
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
        if self.holds.len() >= MAX_HOLDS {
            return Err(Error::Full { what: "things that are held", limit: MAX_HOLDS });
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
        let test = self.sessions.get(session).and_then(|session| session.test.clone());
        self.waits.set_origin(id, last_token, terms, test);
        if patience == Some(0) {
            self.time_is_over(now, id);
        } else if let Some(error) = self.deadlock(id) {
            self.remove(id);
            return Err(error);
        } else {
            let slow = self.config.slow_wait.filter(|_| self.is_hindered(id));
            let after = |span: Micros| now.saturating_add(span);
            self.waits.set_times(id, patience.map(after), slow.map(after));
        }
        Ok(())
    }

    /// Whether the request still waits.
    pub fn is_waiting(&self, session: SessionId, ticket: Ticket) -> bool {
        self.waits.find(session, ticket).is_some()
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

    /// Serves those who wait for whatever may have something to give.
    pub(super) fn settle(&mut self, now: Micros) {
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
    pub(super) fn join(&mut self, wait: WaitId, id: ResourceId) {
        self.join_quietly(wait, id);
        self.resources.mark(id);
    }

    pub(super) fn join_quietly(&mut self, wait: WaitId, id: ResourceId) {
        if let Some(resource) = self.resources.get_mut(id) {
            self.waits.join(wait, id, &mut resource.line);
        }
    }

    /// Answers a wait, which is over with that.
    pub(super) fn finish(&mut self, now: Micros, id: WaitId, outcome: Result<Reply<'static>, Error>) {
        self.note_wait(now, id);
        // Where a session does several things at once, it may have gone on to something else since it asked.
        if let (Some(test), Ok(reply)) = (self.waits.get(id).and_then(|wait| wait.test.clone()), &outcome) {
            for token in reply.tokens() {
                self.holds.set_test(token, &test);
            }
        }
        if let Some((session, ticket)) = self.remove(id) {
            self.effects.push(Effect::Answer { session, ticket, outcome });
        }
    }

    /// Takes a wait out of all lines. Those behind it may be served now.
    pub(super) fn remove(&mut self, id: WaitId) -> Option<(SessionId, Ticket)> {
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
    pub(super) fn give_up(&mut self, now: Micros, id: WaitId, why: &str) {
        let Some(resource) = self.waits.resource(id) else { return };
        let arrives = self.waits.get(id).is_some_and(|wait| matches!(wait.want, Want::Arrive));
        self.note_wait(now, id);
        self.remove(id);
        if arrives {
            self.break_barrier(now, resource, why, 1);
        }
    }

    /// A session is gone, and all its waits with it.
    pub(super) fn give_up_all(&mut self, now: Micros, session: SessionId) {
        let waits: Vec<WaitId> = self.waits.of_session(session).collect();
        let mut left: BTreeMap<ResourceId, u32> = BTreeMap::new();
        for id in waits {
            let arrives = self.waits.get(id).is_some_and(|wait| matches!(wait.want, Want::Arrive));
            if let Some(barrier) = self.waits.resource(id).filter(|_| arrives) {
                *left.entry(barrier).or_default() += 1;
            }
            self.note_wait(now, id);
            self.remove(id);
        }
        let why = format!("{} is gone", self.name_session(session));
        for (barrier, gone) in left {
            self.break_barrier(now, barrier, &why, gone);
        }
    }

    pub(super) fn time_is_over(&mut self, now: Micros, id: WaitId) {
        let (Some(wait), Some(resource)) = (self.waits.get(id), self.waits.resource(id)) else { return };
        let session = wait.session;
        let arrives = matches!(wait.want, Want::Arrive);
        let outcome = match &wait.want {
            Want::Values { .. } | Want::Number { .. } => Err(self.exhausted(now, &self.waits.resources(id))),
            Want::Take { .. } => Ok(Reply::NoItem { done: false }),
            Want::Pass { .. } => Err(self.limited(now, resource)),
            want => {
                let name = self.name_resource(resource);
                let text = match want {
                    Want::Arrive => format!("{} others have not come to {name}", self.missing(resource)),
                    Want::Done => format!("{name} is not done yet"),
                    Want::Value | Want::Change { .. } => {
                        format!("nobody has set \"{}\" in time", self.name_of(resource))
                    }
                    _ => {
                        let holders = self.name_parties(&self.parties(now, resource), self.holders(resource).len());
                        let verb = if matches!(want, Want::Once { .. }) { "is still being made" } else { "is held" };
                        format!("{name} {verb}{holders}")
                    }
                };
                Err(Error::Timeout { text, obstacle: Box::new(self.obstacle(now, &[resource])) })
            }
        };
        self.finish(now, id, outcome);
        if arrives {
            let name = self.name_session(session);
            self.break_barrier(now, resource, &format!("{name} waited in vain"), 1);
        }
    }

    /// An idle taker of jobs, and one who watches, are at their work; all others lose time.
    pub(super) fn is_hindered(&self, id: WaitId) -> bool {
        let watches = |wait: &Wait| matches!(wait.want, Want::Change { .. } | Want::Take { .. } | Want::Done);
        self.waits.get(id).is_some_and(|wait| !watches(wait))
    }

    /// Gives something to a session.
    pub(super) fn hold(&mut self, now: Micros, session: SessionId, what: Held, ttl: Option<Micros>) -> Token {
        let token = self.next_token();
        let test = self.sessions.get(session).and_then(|session| session.test.clone());
        let kept = matches!(what, Held::Reservation);
        self.holds.insert(Hold { session, token, since: now, test, ttl, what, kept });
        token
    }

    /// Gives back what stands under a token; whether there was anything.
    pub(super) fn release_token(&mut self, token: Token) -> bool {
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
    pub(super) fn lose(&mut self, token: Token) {
        let Some(hold) = self.holds.get(token) else { return };
        let session = hold.session;
        let what = hold.what.resource().map_or_else(String::new, |resource| self.name_resource(resource));
        self.release_token(token);
        self.effects.push(Effect::Lost { session, token, what });
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

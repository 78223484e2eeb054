//! What may be answered to a request, and when.

use crate::deadlock;
use crate::model::{Held, Line, Model, Pending, breach, ensure};
use crate::step::{Step, Want};
use ephemeral_broker::engine::{Error, Micros, Reply, SessionId};

impl Model {
    pub fn answered(&mut self, session: SessionId, ticket: u64, outcome: &Result<Reply<'static>, Error>) {
        let Some(Pending { session: asker, want, since, due, .. }) = self.pending.get(&ticket).cloned() else {
            breach(&format!("request {ticket} does not wait, and was answered {outcome:?}"))
        };
        ensure!(asker == session, "request {ticket} is not that of {session:?}");
        ensure!(self.sessions.contains_key(&session), "{session:?} is closed, and was answered");
        self.answers += 1;
        let reply = match outcome {
            Ok(reply) => reply,
            Err(error) => return self.refused(ticket, &want, due, error),
        };
        let told = match (&want, reply) {
            (Want::Values { parts, ttl }, Reply::Leases { leases, waited }) => {
                self.values_granted(session, ticket, parts, ttl.map(|ms| ms * 1000), leases);
                Some(*waited)
            }
            (&Want::Number { pool, worker, ttl, detached }, Reply::Leased(granted)) => {
                self.number_granted(Some(session), ticket, (pool, worker), ttl, detached, *granted);
                None
            }
            (&Want::Lock { lock, shared }, &Reply::Held { token, waited }) => {
                self.lock_granted(session, ticket, lock, shared, token);
                Some(waited)
            }
            (&Want::Permits { semaphore, amount, .. }, &Reply::Held { token, waited }) => {
                self.permits_granted(session, ticket, semaphore, amount, token);
                Some(waited)
            }
            (&Want::Once { key, refresh }, Reply::Kept { kept, token, waited }) => {
                self.ensure_head(Line::Once(key), ticket);
                self.keys.check_kept(self.now, key, kept);
                let due_soon = kept.expires_in.is_some_and(|left| left < refresh.unwrap_or(0) * 1000);
                let refreshes = due_soon && self.keys.is_idle(key);
                ensure!(token.is_some() == refreshes, "key {key} is to be made anew: {refreshes}, but {reply:?}");
                if let Some(token) = *token {
                    self.hold(session, token, None, Held::Making { key });
                    self.keys.refreshers[key] = Some(token);
                }
                Some(*waited)
            }
            (&Want::Once { key, .. }, &Reply::Run { token, waited }) => {
                self.ensure_head(Line::Once(key), ticket);
                ensure!(self.keys.get(key).is_none(), "key {key} has a value, and {ticket} is to make one");
                self.keys.ensure_not_made(key);
                self.hold(session, token, None, Held::Making { key });
                self.keys.makers[key] = Some(token);
                Some(waited)
            }
            (&Want::WaitFor { key }, Reply::Kept { kept, token: None, waited }) => {
                self.keys.check_kept(self.now, key, kept);
                Some(*waited)
            }
            (&Want::Watch { key, after }, Reply::Changed { kept, waited }) => {
                match kept {
                    Some(kept) => self.keys.check_kept(self.now, key, kept),
                    None => ensure!(self.keys.get(key).is_none(), "key {key} has a value, and a watcher was told none"),
                }
                let version = kept.as_ref().map_or(0, |kept| kept.version);
                ensure!(version != after, "a watcher of key {key} was told of version {after} again");
                Some(*waited)
            }
            (&Want::Take { queue, .. }, Reply::Item { json, token, attempt, waited }) => {
                self.item_given(session, ticket, queue, json, *token, *attempt);
                Some(*waited)
            }
            (&Want::Take { queue, until_done }, Reply::NoItem { done: true }) => {
                ensure!(
                    until_done && self.queues[queue].is_done(),
                    "queue {queue} is not done, and {ticket} was told so"
                );
                None
            }
            (&Want::Take { .. }, Reply::NoItem { done: false }) => {
                self.ensure_too_late(ticket, due);
                None
            }
            (&Want::Done { queue }, Reply::AllDone { acked, failures }) => {
                self.ensure_head(Line::Done(queue), ticket);
                self.check_done(queue, *acked, failures);
                None
            }
            (&Want::Pass { limit, cost }, &Reply::Passed { waited }) => {
                self.ensure_head(Line::Limit(limit), ticket);
                let now = self.now;
                let Some(limit) = &mut self.limits[limit] else { breach("a limit that is not defined let through") };
                limit.pass(now, cost);
                Some(waited)
            }
            (&Want::Arrive { barrier, parties }, &Reply::Arrived { index, waited }) => {
                self.arrived(ticket, barrier, parties, index);
                Some(waited)
            }
            _ => breach(&format!("request {ticket} for {want:?} was answered {reply:?}")),
        };
        let waited = self.now - since;
        ensure!(told.is_none_or(|told| told == waited), "{ticket} waited for {waited} µs and was told {told:?}");
        self.leave(ticket);
    }

    fn refused(&mut self, ticket: u64, want: &Want, due: Option<Micros>, error: &Error) {
        match (want, error) {
            (Want::Values { .. } | Want::Number { .. }, Error::PoolExhausted { .. })
            | (Want::Pass { .. }, Error::RateLimited { .. })
            | (
                Want::Lock { .. }
                | Want::Permits { .. }
                | Want::Once { .. }
                | Want::WaitFor { .. }
                | Want::Watch { .. }
                | Want::Done { .. }
                | Want::Arrive { .. },
                Error::Timeout { .. },
            ) => {
                self.ensure_too_late(ticket, due);
                self.give_up(ticket);
                return;
            }
            // What it waited for was discarded.
            (Want::Values { parts, .. }, Error::NoMatch { .. }) => self.ensure_no_match(parts),
            (&Want::Number { pool, .. }, Error::NoMatch { .. }) => self.ensure_no_match(&[(pool, None)]),
            (&Want::Number { pool, worker, .. }, Error::NotOwner { .. }) => {
                let session = self.pending[&ticket].session;
                self.ensure_not_owner(Some(session), pool, worker);
            }
            (&Want::Arrive { barrier, .. }, Error::BarrierBroken { .. }) => self.told_broken(barrier),
            (&Want::Once { key, .. }, Error::OnceFailed { .. }) => {
                self.ensure_head(Line::Once(key), ticket);
                ensure!(
                    self.keys.failing == Some(key),
                    "the maker of key {key} did not fail for all, and {ticket} was told so"
                );
            }
            _ => breach(&format!("request {ticket} for {want:?} was refused: {error}")),
        }
        self.leave(ticket);
    }

    /// It was given nothing: its time must be over, and it must have had to wait.
    fn ensure_too_late(&mut self, ticket: u64, due: Option<Micros>) {
        ensure!(
            due.is_some_and(|due| due <= self.now),
            "request {ticket} was told that its time is over before it was"
        );
        let lines = Self::lines_of(&self.pending[&ticket].want);
        if lines.is_disjoint(&self.timed_out) {
            ensure!(!self.is_servable(ticket), "request {ticket} could be served, and was told that its time is over");
        }
        self.timed_out.extend(lines);
    }

    /// Whether it can be said for certain that it should have been served.
    pub fn is_servable(&self, ticket: u64) -> bool {
        let want = &self.pending[&ticket].want;
        match *want {
            Want::Values { .. } | Want::Number { .. } => self.pool_can_serve(ticket, want),
            Want::Lock { lock, shared } => self.is_head(Line::Lock(lock), ticket) && self.lock_is_free(lock, shared),
            Want::Permits { semaphore, amount, .. } => {
                self.is_head(Line::Semaphore(semaphore), ticket)
                    && self.semaphores[semaphore].free() >= u64::from(amount)
            }
            Want::Once { key, .. } => {
                self.is_head(Line::Once(key), ticket) && (self.keys.get(key).is_some() || self.keys.is_idle(key))
            }
            Want::WaitFor { key } => self.keys.get(key).is_some(),
            Want::Watch { key, after } => self.keys.version(key).is_some_and(|version| version != after),
            Want::Take { queue, until_done } => {
                let queue_now = &self.queues[queue];
                (self.is_head(Line::Queue(queue), ticket) && !queue_now.ready.is_empty())
                    || (until_done && queue_now.is_done())
            }
            Want::Done { queue } => self.queues[queue].is_done(),
            Want::Pass { limit, cost } => {
                self.is_head(Line::Limit(limit), ticket)
                    && self.limits[limit].as_ref().is_some_and(|limit| limit.could_pass(self.now, cost))
            }
            Want::Arrive { barrier, parties } => self.waiting(Line::Barrier(barrier)) >= parties as usize,
        }
    }

    /// A request was refused at once.
    pub fn refused_at_once(&mut self, step: &Step, error: &Error) {
        let &Step::Ask { session, ticket, wait, ref within, ref want } = step else { return };
        match (want, error) {
            (_, Error::SessionRequired) => {
                ensure!(!self.sessions.contains_key(&session), "{session:?} is open, and has no session");
            }
            (Want::Values { parts, .. }, Error::NoPool { .. }) => {
                ensure!(parts.iter().any(|&(pool, _)| self.pools[pool].is_none()), "all pools are there: {parts:?}");
            }
            (Want::Values { parts, .. }, Error::NoMatch { .. }) => self.ensure_no_match(parts),
            (&Want::Number { pool, worker, .. }, Error::NotOwner { .. }) => {
                self.ensure_not_owner(Some(session), pool, worker);
            }
            (&Want::Number { pool, worker, .. }, Error::LeaseLost { .. }) => {
                ensure!(self.lost.remove(&(pool, worker)), "{worker} lost nothing of {pool}");
            }
            (&Want::Permits { semaphore, permits, amount }, Error::Mismatch { .. }) => {
                let there = &self.semaphores[semaphore];
                let used = !there.holders.is_empty() || self.waiting(Line::Semaphore(semaphore)) > 0;
                ensure!(used && there.capacity != permits && amount <= permits, "{want:?} should fit {there:?}");
            }
            (&Want::Permits { permits, amount, .. }, Error::Invalid { .. }) => {
                ensure!(amount == 0 || amount > permits, "{want:?} is valid");
            }
            (&Want::Pass { limit, .. }, Error::NoLimit { .. }) => {
                ensure!(self.limits[limit].is_none(), "the limit {limit} is there");
            }
            (&Want::Pass { limit, cost }, Error::Invalid { .. }) => {
                ensure!(
                    self.limits[limit].as_ref().is_some_and(|limit| cost == 0 || cost > limit.max),
                    "{want:?} is valid"
                );
            }
            (&Want::Pass { limit, cost }, Error::RateLimited { .. }) => {
                let Some(wait) = wait else { breach("who waits for ever was refused by a limit") };
                let until = self.now + wait * 1000;
                let free = self.limits[limit].as_ref().is_some_and(|limit| limit.could_pass(until, cost));
                ensure!(!free || self.waiting(Line::Limit(limit)) > 0, "{want:?} could pass within {wait} ms");
            }
            (&Want::Arrive { barrier, parties }, Error::Mismatch { .. }) => {
                let there = &self.barriers[barrier];
                let used = there.broken.is_some() || self.waiting(Line::Barrier(barrier)) > 0;
                ensure!(used && there.parties != parties, "{want:?} should fit {there:?}");
            }
            (&Want::Arrive { barrier, .. }, Error::BarrierBroken { .. }) => self.came_too_late(barrier),
            (_, Error::Deadlock { .. }) => {
                ensure!(wait != Some(0), "who does not wait was refused as in a deadlock");
                ensure!(
                    deadlock::has_cycle(self, session, within.as_deref(), want),
                    "{session:?} was refused {want:?} as a deadlock, but is in no cycle"
                );
                self.deadlocks += 1;
            }
            _ => breach(&format!("request {ticket} for {want:?} was refused: {error}")),
        }
    }
}

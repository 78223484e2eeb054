//! What sessions hold, by token.

use super::Micros;
use super::deadlines::Deadlines;
use super::resource::ResourceId;
use super::session::SessionId;
use hashbrown::HashMap;
use slab::Slab;
use std::collections::BTreeSet;
use std::rc::Rc;

/// A number for each grant, higher for each later one, so that whoever is written to can refuse who comes late (Martin Kleppmann's fencing tokens).
pub(super) type Token = u64;

/// Something that a session holds.
#[derive(Debug)]
pub(super) struct Hold {
    pub(super) session: SessionId,
    pub(super) token: Token,
    pub(super) since: Micros,
    /// What the session was doing when it got it.
    pub(super) test: Option<Rc<str>>,
    pub(super) ttl: Option<Micros>,
    pub(super) what: Held,
    /// It is meant to be held until the end of the session: no leak.
    pub(super) kept: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// The value of a pool at this place.
    Value { pool: ResourceId, place: u32 },
    /// Of a lock or a semaphore.
    Permits { of: ResourceId, amount: u32 },
    /// Its name is in the table of reservations.
    Reservation,
    /// The right to make the value of a key; or a new one while the old one lives.
    Making { key: ResourceId },
    /// An item of a queue.
    Item { queue: ResourceId },
}

impl Held {
    pub(super) fn resource(self) -> Option<ResourceId> {
        match self {
            Held::Value { pool, .. } => Some(pool),
            Held::Permits { of, .. } => Some(of),
            Held::Making { key } => Some(key),
            Held::Item { queue } => Some(queue),
            Held::Reservation => None,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Holds {
    slots: Slab<Hold>,
    tokens: HashMap<Token, u32>,
    /// In the order in which they were taken.
    by_session: HashMap<SessionId, BTreeSet<Token>>,
    deadlines: Deadlines,
}

impl Holds {
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn get(&self, token: Token) -> Option<&Hold> {
        self.tokens.get(&token).map(|&slot| &self.slots[slot as usize])
    }

    pub(super) fn get_mut(&mut self, token: Token) -> Option<&mut Hold> {
        self.tokens.get(&token).map(|&slot| &mut self.slots[slot as usize])
    }

    /// The session's own.
    pub(super) fn of(&self, session: SessionId, token: Token) -> Option<&Hold> {
        self.get(token).filter(|hold| hold.session == session)
    }

    pub(super) fn of_mut(&mut self, session: SessionId, token: Token) -> Option<&mut Hold> {
        self.get_mut(token).filter(|hold| hold.session == session)
    }

    pub(super) fn of_session(&self, session: SessionId) -> impl Iterator<Item = &Hold> {
        self.by_session.get(&session).into_iter().flatten().filter_map(|&token| self.get(token))
    }

    /// In the order in which they were taken.
    pub(super) fn tokens_of(&self, session: SessionId) -> Vec<Token> {
        self.by_session.get(&session).into_iter().flatten().copied().collect()
    }

    pub(super) fn insert(&mut self, hold: Hold) {
        let (session, token) = (hold.session, hold.token);
        let due = hold.ttl.map(|ttl| hold.since.saturating_add(ttl));
        let slot = self.slots.insert(hold) as u32;
        self.tokens.insert(token, slot);
        self.by_session.entry(session).or_default().insert(token);
        self.deadlines.set(slot, due);
    }

    pub(super) fn remove(&mut self, token: Token) -> Option<Hold> {
        let slot = self.tokens.remove(&token)?;
        let hold = self.slots.remove(slot as usize);
        self.deadlines.set(slot, None);
        if let Some(tokens) = self.by_session.get_mut(&hold.session) {
            tokens.remove(&token);
            if tokens.is_empty() {
                self.by_session.remove(&hold.session);
            }
        }
        Some(hold)
    }

    pub(super) fn set_test(&mut self, token: Token, test: &Rc<str>) {
        if let Some(hold) = self.get_mut(token) {
            hold.test = Some(test.clone());
        }
    }

    /// Starts the time of a hold again.
    pub(super) fn renew(&mut self, now: Micros, token: Token, ttl: Option<Micros>) -> Option<Micros> {
        let slot = *self.tokens.get(&token)?;
        let hold = &mut self.slots[slot as usize];
        hold.ttl = ttl.or(hold.ttl);
        self.deadlines.set(slot, hold.ttl.map(|ttl| now.saturating_add(ttl)));
        hold.ttl
    }

    pub(super) fn next_deadline(&self) -> Option<Micros> {
        self.deadlines.next()
    }

    pub(super) fn pop_due(&mut self, now: Micros) -> Option<Token> {
        self.deadlines.pop_due(now).map(|slot| self.slots[slot as usize].token)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Hold> {
        self.slots.iter().map(|(_, hold)| hold)
    }
}

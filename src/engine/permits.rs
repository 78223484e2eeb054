//! Locks and semaphores: permits, handed out in the order in which they were asked for.
//!
//! A lock is a semaphore of as many permits as there can be: who shares it takes one, who does not takes all.

use super::command::Reply;
use super::error::Error;
use super::hold::{Held, Token};
use super::resource::{Kind, ResourceId, State};
use super::session::SessionId;
use super::wait::{Ticket, WaitId, Want};
use super::{Engine, Micros};
use std::collections::BTreeMap;

/// All permits of a lock.
const ALL: u32 = u32::MAX;

#[derive(Debug)]
pub(super) struct Permits {
    capacity: u32,
    held: u32,
    holders: BTreeMap<Token, u32>,
}

impl Permits {
    pub(super) fn new(capacity: u32) -> Self {
        Self { capacity, held: 0, holders: BTreeMap::new() }
    }

    pub(super) fn is_free(&self) -> bool {
        self.held == 0
    }

    pub(super) fn free(&self) -> u32 {
        self.capacity - self.held
    }

    /// Who holds how many.
    pub(super) fn holders(&self) -> impl Iterator<Item = (Token, u32)> + '_ {
        self.holders.iter().map(|(&token, &amount)| (token, amount))
    }

    fn take(&mut self, token: Token, amount: u32) {
        self.held += amount;
        self.holders.insert(token, amount);
    }

    fn give_back(&mut self, token: Token, amount: u32) {
        self.held -= amount;
        match self.holders.get_mut(&token) {
            Some(held) if *held > amount => *held -= amount,
            _ => {
                self.holders.remove(&token);
            }
        }
    }
}

/// Whether a hold on a lock is shared.
pub(super) fn is_shared(amount: u32) -> bool {
    amount != ALL
}

impl Engine {
    pub(super) fn ask_for_lock(&mut self, now: Micros, by: (SessionId, Ticket), name: &str, shared: bool) -> WaitId {
        let id = self.resources.find_or_make(Kind::Lock, name, || State::Permits(Permits::new(ALL)));
        self.ask_for_permits(now, by, id, if shared { 1 } else { ALL })
    }

    pub(super) fn ask_for_semaphore(
        &mut self,
        now: Micros,
        by: (SessionId, Ticket),
        name: &str,
        permits: u32,
        amount: u32,
    ) -> Result<WaitId, Error> {
        if permits == 0 {
            return Err(Error::Invalid { what: "permits must be a whole number from 1 on, not 0".into() });
        }
        if amount == 0 || amount > permits {
            let what = format!("amount must be from 1 to all permits, {permits}, not {amount}");
            return Err(Error::Invalid { what });
        }
        let id = self.resources.find_or_make(Kind::Semaphore, name, || State::Permits(Permits::new(permits)));
        let capacity = self.permits(id).capacity;
        if capacity != permits {
            let what = format!("the semaphore \"{name}\" is in use with {capacity} permits, not {permits}");
            return Err(Error::Mismatch { what });
        }
        Ok(self.ask_for_permits(now, by, id, amount))
    }

    fn ask_for_permits(
        &mut self,
        now: Micros,
        (session, ticket): (SessionId, Ticket),
        of: ResourceId,
        amount: u32,
    ) -> WaitId {
        let wait = self.waits.insert(session, ticket, now, Want::Permits { amount });
        self.join(wait, of);
        wait
    }

    /// Hands permits out, as long as there are enough for the one at the head of the line.
    pub(super) fn serve_permits(&mut self, now: Micros, of: ResourceId) {
        while let Some(id) = self.resources.get(of).and_then(|resource| self.waits.first(resource.line)) {
            let Some(wait) = self.waits.get(id) else { return };
            let Want::Permits { amount } = wait.want else { return };
            let (session, since) = (wait.session, wait.since);
            if self.permits(of).free() < amount {
                return;
            }
            let token = self.hold(now, session, Held::Permits { of, amount }, None);
            self.permits(of).take(token, amount);
            self.finish(now, id, Ok(Reply::Held { token, waited: now - since }));
        }
    }

    pub(super) fn give_back_permits(&mut self, of: ResourceId, token: Token, amount: u32) {
        self.permits(of).give_back(token, amount);
        self.resources.mark(of);
    }

    /// Gives back a part of the permits under a token.
    pub(super) fn release_some(&mut self, session: SessionId, token: Token, amount: u32) -> Result<bool, Error> {
        let Some(hold) = self.holds.of(session, token) else { return Ok(false) };
        let Held::Permits { of, amount: held } = hold.what else {
            return Err(Error::Invalid { what: format!("amount is for a semaphore's permits; token {token} is none") });
        };
        if self.resources.get(of).is_none_or(|resource| resource.kind != Kind::Semaphore) {
            return Err(Error::Invalid {
                what: format!("amount is for a semaphore's permits; token {token} is a lock"),
            });
        }
        if amount == 0 || amount > held {
            let what = format!("amount must be from 1 to what is held under token {token}, {held}, not {amount}");
            return Err(Error::Invalid { what });
        }
        if amount == held {
            return Ok(self.release_token(token));
        }
        if let Some(hold) = self.holds.get_mut(token) {
            hold.what = Held::Permits { of, amount: held - amount };
        }
        self.give_back_permits(of, token, amount);
        Ok(true)
    }

    fn permits(&mut self, id: ResourceId) -> &mut Permits {
        match self.resources.get_mut(id).map(|resource| &mut resource.state) {
            Some(State::Permits(permits)) => permits,
            // Ids of them are found by their kinds, and are kept as long as anybody holds or waits.
            other => unreachable!("{other:?} has no permits"),
        }
    }
}

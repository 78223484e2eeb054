use super::Micros;
use super::command::Granted;
use super::config::Config;
use super::deadlines::Deadlines;
use super::error::Error;
use super::event::LeaseRef;
use super::numbers::Numbers;
use super::session::{HolderId, SessionId, Sessions};
use super::store::checked_ttl;
use hashbrown::HashMap;
use std::collections::BTreeSet;
use std::rc::Rc;

/// The most leases held at a time: far more than there are workers, so that one which leases in a loop does no harm.
const MAX_LEASES: usize = 100_000;
/// The most lost leases of which their workers have not been told yet.
const MAX_LOST: usize = 100_000;

/// The most keys of which it is remembered how many were held.
const MAX_PEAKS: usize = 1000;

/// Numbers that workers hold, for each key the lowest that is free.
#[derive(Debug)]
pub(super) struct Leases {
    start: u64,
    slots: Vec<Option<Lease>>,
    free_slots: Vec<u32>,
    deadlines: Deadlines,
    pools: HashMap<Rc<str>, Numbers>,
    workers: HashMap<Rc<str>, Worker>,
    /// What each holder is to give back when it goes, in the order in which it was taken.
    holders: HashMap<HolderId, BTreeSet<u32>>,
    /// The workers that lost a lease of each holder, to forget that when it goes.
    losers: HashMap<HolderId, BTreeSet<Rc<str>>>,
    /// Numbers of defined pools that were given back, for those to take.
    freed: Vec<(Rc<str>, u64)>,
    /// The most that were held of each key at a time.
    peaks: HashMap<Rc<str>, u64>,
    held: usize,
    lost: usize,
}

#[derive(Debug)]
struct Lease {
    key: Rc<str>,
    worker: Rc<str>,
    number: u64,
    token: u64,
    ttl: Option<Micros>,
    /// `None`: detached.
    holder: Option<HolderId>,
    /// Whether the number is of a defined pool, which keeps account of it.
    bounded: bool,
    /// The session that took it, and when.
    session: Option<SessionId>,
    since: Micros,
    test: Option<Rc<str>>,
    /// It is meant to be held until its holder goes.
    kept: bool,
}

/// What a worker's name stands for.
#[derive(Debug, Default)]
struct Worker {
    held: Vec<u32>,
    /// Leases that ran out, of which the worker has not been told.
    lost: Vec<Lost>,
}

#[derive(Debug)]
struct Lost {
    key: Rc<str>,
    number: u64,
    holder: Option<HolderId>,
}

/// A lease asked for.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) key: &'a str,
    pub(super) worker: &'a str,
    pub(super) ttl: Option<f64>,
    pub(super) detached: bool,
    pub(super) holder: Option<HolderId>,
    pub(super) session: Option<SessionId>,
}

/// A lease as reports have it.
#[derive(Debug)]
pub(super) struct Taken<'a> {
    pub(super) slot: u32,
    pub(super) key: &'a str,
    pub(super) worker: &'a str,
    pub(super) number: u64,
    pub(super) token: u64,
    pub(super) session: Option<SessionId>,
    pub(super) since: Micros,
    pub(super) test: Option<&'a Rc<str>>,
    pub(super) kept: bool,
}

/// A lease whose time is over.
#[derive(Debug)]
pub(super) struct Expired {
    pub(super) lease: LeaseRef,
    pub(super) token: u64,
    pub(super) holder: Option<HolderId>,
}

impl Leases {
    pub(super) fn new(start: u64) -> Self {
        Self {
            start,
            slots: Vec::new(),
            free_slots: Vec::new(),
            deadlines: Deadlines::default(),
            pools: HashMap::new(),
            workers: HashMap::new(),
            holders: HashMap::new(),
            losers: HashMap::new(),
            freed: Vec::new(),
            peaks: HashMap::new(),
            held: 0,
            lost: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.held
    }

    pub(super) fn next_deadline(&self) -> Option<Micros> {
        self.deadlines.next()
    }

    /// Takes a number, or renews the lease that the worker has.
    pub(super) fn lease(
        &mut self,
        now: Micros,
        config: &Config,
        request: &Request<'_>,
        sessions: &Sessions,
        token: u64,
    ) -> Result<Granted, Error> {
        let ttl = checked_ttl(request.ttl)?;
        match self.held_by(request.worker, request.key) {
            Some(slot) => self.renew(now, config, slot, ttl, request, sessions),
            None => self.take(now, config, ttl, request, sessions, token),
        }
    }

    /// Whether the worker has a lease on the key.
    pub(super) fn is_held(&self, worker: &str, key: &str) -> bool {
        self.held_by(worker, key).is_some()
    }

    /// Whether the worker is to be told of a lease on the key that ran out.
    pub(super) fn has_lost(&self, worker: &str, key: &str) -> bool {
        self.workers.get(worker).is_some_and(|known| known.lost.iter().any(|lost| *lost.key == *key))
    }

    /// Takes a number of a defined pool.
    pub(super) fn take_place(
        &mut self,
        now: Micros,
        config: &Config,
        request: &Request<'_>,
        sessions: &Sessions,
        (number, token): (u64, u64),
    ) -> Result<(u32, Granted), Error> {
        let ttl = checked_ttl(request.ttl)?;
        if self.held >= MAX_LEASES {
            return Err(Error::MaxLeases { key: request.key.into(), limit: MAX_LEASES });
        }
        let key = self.intern_key(request.key);
        Ok(self.give(now, config, ttl, request, sessions, (key, number, token, true)))
    }

    /// From now on the key's numbers are those of a defined pool: which are held, and by which leases.
    pub(super) fn bind(&mut self, key: &str) -> Vec<(u64, u32)> {
        self.pools.remove(key);
        self.peaks.remove(key);
        let of_key = self.slots.iter_mut().enumerate();
        of_key
            .filter_map(|(slot, lease)| {
                let lease = lease.as_mut().filter(|lease| *lease.key == *key)?;
                lease.bounded = true;
                Some((lease.number, slot as u32))
            })
            .collect()
    }

    /// Numbers of defined pools that were given back since the last call.
    pub(super) fn take_freed(&mut self) -> Vec<(Rc<str>, u64)> {
        std::mem::take(&mut self.freed)
    }

    pub(super) fn taken(&self, slot: u32) -> Option<Taken<'_>> {
        let lease = self.slots.get(slot as usize)?.as_ref()?;
        Some(Taken {
            slot,
            key: &lease.key,
            worker: &lease.worker,
            number: lease.number + self.start,
            token: lease.token,
            session: lease.session,
            since: lease.since,
            test: lease.test.as_ref(),
            kept: lease.kept,
        })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Taken<'_>> {
        (0..self.slots.len()).filter_map(|slot| self.taken(slot as u32))
    }

    pub(super) fn of_holder(&self, holder: HolderId) -> impl Iterator<Item = Taken<'_>> {
        self.holders.get(&holder).into_iter().flatten().filter_map(|&slot| self.taken(slot))
    }

    /// The most that were held at a time of each key that is no defined pool.
    pub(super) fn peaks(&self) -> impl Iterator<Item = (&str, u64)> {
        self.peaks.iter().map(|(key, &peak)| (&**key, peak))
    }

    /// Gives back what a worker holds: all of it, or its lease on `key`. `false`: there was nothing.
    pub(super) fn release(
        &mut self,
        worker: &str,
        key: Option<&str>,
        by: Option<HolderId>,
        sessions: &Sessions,
    ) -> Result<bool, Error> {
        if !self.workers.contains_key(worker) {
            return Ok(false);
        }
        let slots: Vec<u32> = match key {
            None => self.workers.get(worker).map_or_else(Vec::new, |known| known.held.clone()),
            Some(key) => self.held_by(worker, key).into_iter().collect(),
        };
        for &slot in &slots {
            self.check_owner(slot, by, sessions)?;
        }
        self.forget_losses(worker, |lost| key.is_none_or(|key| *lost.key == *key));
        for &slot in &slots {
            self.remove(slot);
        }
        self.forget_if_idle(worker);
        Ok(!slots.is_empty())
    }

    /// The lease of a holder that has this token.
    pub(super) fn of_token(&self, holder: HolderId, token: u64) -> Option<Taken<'_>> {
        self.of_holder(holder).find(|lease| lease.token == token)
    }

    /// From now on the lease of this slot is meant to be held until its holder goes.
    pub(super) fn keep(&mut self, slot: u32) {
        self.get_mut(slot).kept = true;
    }

    /// Gives back the lease of a holder that has this token; whether there was one.
    pub(super) fn release_token(&mut self, holder: HolderId, token: u64) -> bool {
        let slot = self.of_token(holder, token).map(|lease| lease.slot);
        slot.map(|slot| self.remove(slot)).is_some()
    }

    /// Gives back everything that a holder holds, because it is gone.
    pub(super) fn release_holder(&mut self, holder: HolderId) -> Vec<LeaseRef> {
        let slots = self.holders.remove(&holder).unwrap_or_default();
        let mut leases = Vec::with_capacity(slots.len());
        for slot in slots {
            let lease = self.remove(slot);
            leases.push(self.describe(&lease));
        }
        for worker in self.losers.remove(&holder).unwrap_or_default() {
            self.forget_losses(&worker, |lost| lost.holder == Some(holder));
            self.forget_if_idle(&worker);
        }
        leases
    }

    /// Ends the leases whose time is over.
    pub(super) fn expire(&mut self, now: Micros) -> Vec<Expired> {
        let mut expired = Vec::new();
        while let Some(slot) = self.deadlines.pop_due(now) {
            let lease = self.remove(slot);
            expired.push(Expired { lease: self.describe(&lease), token: lease.token, holder: lease.holder });
            self.remember_loss(lease);
        }
        expired
    }

    fn take(
        &mut self,
        now: Micros,
        config: &Config,
        ttl: Option<Micros>,
        request: &Request<'_>,
        sessions: &Sessions,
        token: u64,
    ) -> Result<Granted, Error> {
        if self.held >= MAX_LEASES {
            return Err(Error::MaxLeases { key: request.key.into(), limit: MAX_LEASES });
        }
        let lost = self.take_loss(request.worker, request.key);
        let key = self.intern_key(request.key);
        let pool = self.pools.entry(key.clone()).or_default();
        let number = match lost {
            Some(number) if pool.take(number) => number,
            Some(number) => return Err(self.lost_error(request.worker, request.key, number)),
            None => pool.take_lowest(),
        };
        let held = pool.held();
        self.note_peak(&key, held);
        Ok(self.give(now, config, ttl, request, sessions, (key, number, token, false)).1)
    }

    fn give(
        &mut self,
        now: Micros,
        config: &Config,
        ttl: Option<Micros>,
        request: &Request<'_>,
        sessions: &Sessions,
        (key, number, token, bounded): (Rc<str>, u64, u64, bool),
    ) -> (u32, Granted) {
        let holder = request.holder.filter(|_| !request.detached);
        let ttl = ttl.or(if holder.is_some() { config.lease_ttl } else { config.default_ttl });
        let worker = self.intern_worker(request.worker);
        let session = request.session;
        let test = session.and_then(|session| sessions.get(session)).and_then(|session| session.test.clone());
        let lease = Lease { key, worker, number, token, ttl, holder, bounded, session, since: now, test, kept: false };
        let slot = self.insert(lease);
        (slot, self.grant(now, slot))
    }

    fn note_peak(&mut self, key: &Rc<str>, held: u64) {
        if let Some(peak) = self.peaks.get_mut(key) {
            *peak = held.max(*peak);
        } else if self.peaks.len() < MAX_PEAKS {
            self.peaks.insert(key.clone(), held);
        }
    }

    fn renew(
        &mut self,
        now: Micros,
        config: &Config,
        slot: u32,
        ttl: Option<Micros>,
        request: &Request<'_>,
        sessions: &Sessions,
    ) -> Result<Granted, Error> {
        self.check_owner(slot, request.holder, sessions)?;
        let lease = self.get_mut(slot);
        lease.ttl = ttl.or(lease.ttl);
        if lease.holder.is_some() {
            if request.detached {
                lease.ttl = lease.ttl.or(config.default_ttl);
                self.hand_over(slot, None);
            } else {
                // Whichever thread of the process renewed it last is the one it ends with.
                self.hand_over(slot, request.holder);
            }
        }
        Ok(self.grant(now, slot))
    }

    fn hand_over(&mut self, slot: u32, to: Option<HolderId>) {
        let from = std::mem::replace(&mut self.get_mut(slot).holder, to);
        if let Some(from) = from {
            self.disown(from, slot);
        }
        if let Some(to) = to {
            self.holders.entry(to).or_default().insert(slot);
        }
    }

    /// Starts the lease's time.
    fn grant(&mut self, now: Micros, slot: u32) -> Granted {
        let start = self.start;
        let lease = self.get_mut(slot);
        let granted = Granted { number: lease.number + start, token: lease.token, expires_in: lease.ttl, waited: 0 };
        self.deadlines.set(slot, granted.expires_in.map(|ttl| now.saturating_add(ttl)));
        granted
    }

    fn insert(&mut self, lease: Lease) -> u32 {
        let slot = self.free_slots.pop().unwrap_or_else(|| {
            self.slots.push(None);
            (self.slots.len() - 1) as u32
        });
        self.workers.entry(lease.worker.clone()).or_default().held.push(slot);
        if let Some(holder) = lease.holder {
            self.holders.entry(holder).or_default().insert(slot);
        }
        self.slots[slot as usize] = Some(lease);
        self.held += 1;
        slot
    }

    fn remove(&mut self, slot: u32) -> Lease {
        self.deadlines.set(slot, None);
        // Slots come from this file's own indices, which name occupied ones only.
        #[allow(clippy::expect_used)]
        let lease = self.slots[slot as usize].take().expect("an occupied slot");
        self.free_slots.push(slot);
        self.held -= 1;
        if let Some(worker) = self.workers.get_mut(&lease.worker) {
            worker.held.retain(|&held| held != slot);
        }
        self.forget_if_idle(&lease.worker);
        if let Some(holder) = lease.holder {
            self.disown(holder, slot);
        }
        if lease.bounded {
            self.freed.push((lease.key.clone(), lease.number));
        } else if let Some(pool) = self.pools.get_mut(&lease.key) {
            pool.give_back(lease.number);
            if pool.is_empty() {
                self.pools.remove(&lease.key);
            }
        }
        lease
    }

    fn disown(&mut self, holder: HolderId, slot: u32) {
        if let Some(slots) = self.holders.get_mut(&holder) {
            slots.remove(&slot);
            if slots.is_empty() {
                self.holders.remove(&holder);
            }
        }
    }

    /// A worker that lost its number must not get another one unaware: it is told at its next request.
    fn remember_loss(&mut self, lease: Lease) {
        if self.lost >= MAX_LOST {
            return;
        }
        self.lost += 1;
        if let Some(holder) = lease.holder {
            self.losers.entry(holder).or_default().insert(lease.worker.clone());
        }
        let lost = Lost { key: lease.key, number: lease.number, holder: lease.holder };
        self.workers.entry(lease.worker).or_default().lost.push(lost);
    }

    pub(super) fn take_loss(&mut self, worker: &str, key: &str) -> Option<u64> {
        let number = self.workers.get(worker)?.lost.iter().find(|lost| *lost.key == *key)?.number;
        self.forget_losses(worker, |lost| *lost.key == *key);
        Some(number)
    }

    fn forget_losses(&mut self, worker: &str, which: impl Fn(&Lost) -> bool) {
        let Some(Worker { lost, .. }) = self.workers.get_mut(worker) else { return };
        let (forgotten, kept): (Vec<Lost>, Vec<Lost>) = std::mem::take(lost).into_iter().partition(which);
        self.lost -= forgotten.len();
        for holder in forgotten.iter().filter_map(|lost| lost.holder) {
            if kept.iter().any(|lost| lost.holder == Some(holder)) {
                continue;
            }
            if let Some(losers) = self.losers.get_mut(&holder) {
                losers.remove(worker);
                if losers.is_empty() {
                    self.losers.remove(&holder);
                }
            }
        }
        *lost = kept;
    }

    pub(super) fn lost_error(&mut self, worker: &str, key: &str, number: u64) -> Error {
        self.forget_if_idle(worker);
        Error::LeaseLost { key: key.into(), worker: worker.into(), number: number + self.start }
    }

    fn check_owner(&self, slot: u32, by: Option<HolderId>, sessions: &Sessions) -> Result<(), Error> {
        let Some(lease) = &self.slots[slot as usize] else { return Ok(()) };
        let Some(holder) = lease.holder else { return Ok(()) };
        if by.is_some_and(|by| sessions.same_process(by, holder)) {
            return Ok(());
        }
        let owner = match sessions.describe(holder) {
            Some((name, Some(pid))) => format!("{name} (pid {pid})"),
            Some((name, None)) => name,
            None => "another process".into(),
        };
        let LeaseRef { key, worker, number } = self.describe(lease);
        Err(Error::NotOwner { key, worker, number, owner })
    }

    fn held_by(&self, worker: &str, key: &str) -> Option<u32> {
        let held = &self.workers.get(worker)?.held;
        held.iter().copied().find(|&slot| self.slots[slot as usize].as_ref().is_some_and(|lease| *lease.key == *key))
    }

    fn forget_if_idle(&mut self, worker: &str) {
        if self.workers.get(worker).is_some_and(|known| known.held.is_empty() && known.lost.is_empty()) {
            self.workers.remove(worker);
        }
    }

    fn intern_key(&self, key: &str) -> Rc<str> {
        self.pools.get_key_value(key).map_or_else(|| key.into(), |(key, _)| key.clone())
    }

    fn intern_worker(&self, worker: &str) -> Rc<str> {
        self.workers.get_key_value(worker).map_or_else(|| worker.into(), |(worker, _)| worker.clone())
    }

    fn describe(&self, lease: &Lease) -> LeaseRef {
        LeaseRef { key: (*lease.key).into(), worker: (*lease.worker).into(), number: lease.number + self.start }
    }

    fn get_mut(&mut self, slot: u32) -> &mut Lease {
        // As in `remove`.
        #[allow(clippy::expect_used)]
        self.slots[slot as usize].as_mut().expect("an occupied slot")
    }
}

//! The model of pools, and of leases by workers' names: whose a value is, and whether somebody was overtaken.

use crate::model::{Held, Line, Model, breach, ensure};
use crate::step::{Member, POOLS, Pattern, Step, Want};
use ephemeral_broker::engine::{Engine, Error, Granted, LeaseGrant, Micros, Policy, Reply, SessionId};
use std::collections::BTreeSet;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    Free,
    Held(u64),
    Leased(usize),
    Discarded,
}

#[derive(Debug)]
pub struct Entry {
    pub member: Member,
    pub used: Use,
    /// The step in which it came free.
    freed: u64,
}

#[derive(Debug)]
pub struct Pool {
    policy: Policy,
    sized: bool,
    defined: Vec<Member>,
    pub entries: Vec<Entry>,
}

/// A number under a worker's name.
#[derive(Debug, Clone)]
pub struct Lease {
    pub number: u64,
    pub token: u64,
    pub ttl: Option<Micros>,
    pub due: Option<Micros>,
    /// The thread that it ends with; `None`: detached.
    pub holder: Option<(usize, u64)>,
    session: Option<SessionId>,
}

type Parts = [(usize, Option<Pattern>)];

impl Pool {
    fn places<'a>(
        &'a self,
        pattern: Option<Pattern>,
        usable: &'a dyn Fn(Use) -> bool,
    ) -> impl Iterator<Item = usize> + 'a {
        let fits = move |entry: &Entry| usable(entry.used) && entry.member.fits(pattern);
        self.entries.iter().enumerate().filter(move |(_, entry)| fits(entry)).map(|(place, _)| place)
    }

    pub fn in_service(&self) -> usize {
        self.entries.iter().filter(|entry| entry.used != Use::Discarded).count()
    }

    pub fn free(&self, pattern: Option<Pattern>) -> usize {
        self.places(pattern, &|used| used == Use::Free).count()
    }
}

impl Model {
    /// How many of the parts can have a value each at once, of those that are usable (augmenting paths).
    fn most_served(&self, parts: &Parts, usable: &dyn Fn(Use) -> bool) -> usize {
        type Taken = Vec<((usize, usize), usize)>;
        fn augment(
            options: &[Vec<(usize, usize)>],
            at: usize,
            seen: &mut BTreeSet<(usize, usize)>,
            taken: &mut Taken,
        ) -> bool {
            for &place in &options[at] {
                if !seen.insert(place) {
                    continue;
                }
                match taken.iter().position(|&(other, _)| other == place) {
                    None => {
                        taken.push((place, at));
                        return true;
                    }
                    Some(index) => {
                        let before = taken[index].1;
                        if augment(options, before, seen, taken) {
                            // Whoever had it has another now.
                            let index = taken.iter().position(|&(other, by)| other == place && by == before);
                            if let Some(index) = index {
                                taken[index].1 = at;
                            }
                            return true;
                        }
                    }
                }
            }
            false
        }
        let options: Vec<Vec<(usize, usize)>> = parts
            .iter()
            .map(|&(pool, pattern)| {
                let there = self.pools[pool].as_ref();
                there.map_or_else(Vec::new, |there| there.places(pattern, usable).map(|place| (pool, place)).collect())
            })
            .collect();
        let mut taken = Vec::new();
        (0..parts.len()).filter(|&at| augment(&options, at, &mut BTreeSet::new(), &mut taken)).count()
    }

    fn most_of(&self, parts: &Parts, only: usize) -> usize {
        let parts: Vec<_> = parts.iter().copied().filter(|&(pool, _)| pool == only).collect();
        self.most_served(&parts, &|used| used == Use::Free)
    }

    /// The first before a request in a pool's line that waits for several values at once.
    fn first_joint(&self, pool: usize, before: u64) -> Option<(u64, &Parts)> {
        self.line(Line::Pool(pool)).take_while(|&other| other < before).find_map(|other| {
            match &self.pending[&other].want {
                Want::Values { parts, .. } if parts.len() > 1 => Some((other, &parts[..])),
                _ => None,
            }
        })
    }

    fn has_joint(&self, pool: usize) -> bool {
        self.first_joint(pool, u64::MAX).is_some()
    }

    /// Takes values for a request; nobody before it may have had use for them.
    fn take_places(&mut self, ticket: u64, taken: &[(usize, usize, Use)]) {
        let pools: BTreeSet<usize> = taken.iter().map(|&(pool, ..)| pool).collect();
        let first =
            |&pool: &usize| self.first_joint(pool, ticket).map(|(other, parts)| (pool, (other, parts.to_vec())));
        let joints: Vec<_> = pools.iter().filter_map(first).collect();
        let before: Vec<usize> = joints.iter().map(|(pool, (_, parts))| self.most_of(parts, *pool)).collect();
        let mut passed = Vec::new();
        for &(pool, place, by) in taken {
            let Some(entry) = self.pools[pool].as_ref().and_then(|there| there.entries.get(place)) else {
                breach(&format!("capacity: the place {place} of pool {pool} does not exist"))
            };
            ensure!(
                entry.used == Use::Free,
                "two holders: the place {place} of pool {pool} is {:?}, and was given",
                entry.used
            );
            for other in self.line(Line::Pool(pool)).take_while(|&other| other < ticket) {
                let overtaken = match &self.pending[&other].want {
                    Want::Values { parts, .. } => parts.len() == 1 && entry.member.fits(parts[0].1),
                    _ => true,
                };
                // Who takes several may come before one in a pool that is served later in this step, if there is enough for both.
                if overtaken && taken.len() > 1 {
                    passed.push((ticket, other));
                } else {
                    let to = format_args!("pool {pool}: it was given place {place}");
                    ensure!(!overtaken, "request {ticket} overtook {other} in the {to}");
                }
            }
            if let Some(there) = &mut self.pools[pool] {
                there.entries[place].used = by;
            }
        }
        self.passed.extend(passed);
        for ((pool, (other, parts)), before) in joints.iter().zip(before) {
            let after = self.most_of(parts, *pool);
            let left = format_args!("of {parts:?}, {before} were there, and {after} are left");
            ensure!(after >= before, "request {ticket} overtook {other} in the pool {pool}: {left}");
        }
    }

    /// Where nobody waits for several values, it is plain which one the policy means.
    fn ensure_policy(&self, pool: usize, place: usize, pattern: Option<Pattern>) {
        let Some(there) = &self.pools[pool] else { return };
        if self.has_joint(pool) {
            return;
        }
        let mut free = there.places(pattern, &|used| used == Use::Free);
        let better = match there.policy {
            Policy::Lowest => free.find(|&other| other < place),
            Policy::Lru => free.find(|&other| there.entries[other].freed < there.entries[place].freed),
            Policy::Random => None,
        };
        ensure!(better.is_none(), "pool {pool}, {:?}: {better:?} is free, and {place} was given", there.policy);
    }

    pub fn free_place(&mut self, pool: usize, place: usize) {
        let freed = self.step;
        if let Some(there) = &mut self.pools[pool] {
            there.entries[place].used = Use::Free;
            there.entries[place].freed = freed;
        }
    }

    pub fn values_granted(
        &mut self,
        session: SessionId,
        ticket: u64,
        parts: &Parts,
        ttl: Option<Micros>,
        leases: &[LeaseGrant],
    ) {
        ensure!(leases.len() == parts.len(), "{parts:?} were asked for and {leases:?} given");
        let mut taken = Vec::new();
        for (&(pool, pattern), lease) in parts.iter().zip(leases) {
            let place = lease.number.wrapping_sub(self.settings.lease_start) as usize;
            let member =
                self.pools[pool].as_ref().and_then(|there| there.entries.get(place)).map(|entry| &entry.member);
            let fits =
                member.is_some_and(|member| member.fits(pattern) && member.json.as_deref() == lease.json.as_deref());
            ensure!(*lease.pool == *POOLS[pool] && fits, "{lease:?} is not {pattern:?} of {pool}: that is {member:?}");
            ensure!(lease.expires_in == ttl, "{lease:?} was asked for with {ttl:?}");
            taken.push((pool, place, Use::Held(lease.token)));
        }
        if let (&[(pool, pattern)], &[(_, place, _)]) = (parts, &taken[..]) {
            self.ensure_policy(pool, place, pattern);
        }
        self.take_places(ticket, &taken);
        for (lease, &(pool, place, _)) in leases.iter().zip(&taken) {
            self.hold(session, lease.token, ttl, Held::Value { pool, place });
        }
    }

    /// Whether it should have been served for certain. What those before it keep is taken to be the worst choice for it.
    pub fn pool_can_serve(&self, ticket: u64, want: &Want) -> bool {
        let one;
        let parts = match want {
            Want::Values { parts, .. } => &parts[..],
            Want::Number { pool, .. } => {
                one = [(*pool, None)];
                &one
            }
            _ => return false,
        };
        let first = parts.iter().all(|&(pool, _)| self.first_joint(pool, ticket).is_none());
        if first {
            return self.most_served(parts, &|used| used == Use::Free) == parts.len();
        }
        parts.iter().all(|&(pool, pattern)| {
            let own = parts.iter().filter(|&&(other, _)| other == pool).count() - 1;
            let kept: usize = self
                .line(Line::Pool(pool))
                .take_while(|&other| other < ticket)
                .map(|other| match &self.pending[&other].want {
                    Want::Values { parts, .. } if parts.len() > 1 => {
                        parts.iter().filter(|&&(other, _)| other == pool).count()
                    }
                    _ => 0,
                })
                .sum();
            self.pools[pool].as_ref().is_some_and(|there| there.free(pattern) > own + kept)
        })
    }

    pub fn ensure_no_match(&self, parts: &Parts) {
        let in_service = self.most_served(parts, &|used| used != Use::Discarded);
        ensure!(in_service < parts.len(), "{parts:?} can all be had, and were refused");
    }

    /// Who holds something of a pool, by which token.
    pub fn holders_of_pool(&self, pool: usize) -> Vec<(SessionId, u64)> {
        let values = self
            .holds
            .iter()
            .filter(|(_, hold)| hold.due.is_none() && matches!(hold.what, Held::Value { pool: of, .. } if of == pool));
        let leases = self.leases.iter().filter(|((of, _), lease)| *of == pool && lease.due.is_none());
        let leases = leases.filter_map(|(_, lease)| Some((lease.session?, lease.token)));
        values.map(|(&token, hold)| (hold.session, token)).chain(leases).collect()
    }

    /// Somebody was given a number under a worker's name.
    pub fn number_granted(
        &mut self,
        by: Option<SessionId>,
        ticket: u64,
        (pool, worker): (usize, usize),
        ttl: Option<u64>,
        detached: bool,
        granted: Granted,
    ) {
        let thread = by.and_then(|by| self.sessions.get(&by).copied());
        let ttl = ttl.map(|ms| ms * 1000);
        let lease = match self.leases.get(&(pool, worker)) {
            Some(lease) => {
                let owns = lease.holder.is_none_or(|(process, _)| thread.is_some_and(|(by, _)| by == process));
                ensure!(owns, "{by:?} renewed {lease:?}, of another process");
                ensure!((granted.number, granted.token) == (lease.number, lease.token), "{lease:?} became {granted:?}");
                let (ttl, detaches) = (ttl.or(lease.ttl), detached && lease.holder.is_some());
                let ttl = if detaches { ttl.or(self.settings.default_ttl) } else { ttl };
                let holder = lease.holder.and(if detached { None } else { thread });
                Lease { ttl, due: ttl.map(|ttl| self.now + ttl), holder, ..lease.clone() }
            }
            None => {
                let number = granted.number;
                let same = self.leases.iter().find(|((of, _), lease)| *of == pool && lease.number == number);
                ensure!(same.is_none(), "two holders: {worker} was given {number} of {pool}, which {same:?} has");
                self.note_token(granted.token);
                self.check_number(ticket, pool, worker, number);
                let holder = thread.filter(|_| !detached);
                let ttl = ttl.or(if holder.is_some() { self.settings.lease_ttl } else { self.settings.default_ttl });
                let due = ttl.map(|ttl| self.now + ttl);
                Lease { number, token: granted.token, ttl, due, holder, session: by }
            }
        };
        ensure!(granted.expires_in == lease.ttl, "{lease:?} was granted as {granted:?}");
        self.leases.insert((pool, worker), lease);
        self.lost.remove(&(pool, worker));
    }

    fn check_number(&mut self, ticket: u64, pool: usize, worker: usize, number: u64) {
        // Who has lost a number is given it again, if it is free.
        let had = self.lost.contains(&(pool, worker));
        let place = number.wrapping_sub(self.settings.lease_start) as usize;
        if self.pools[pool].is_some() {
            if !had {
                self.ensure_policy(pool, place, None);
            }
            self.take_places(if had { 0 } else { ticket }, &[(pool, place, Use::Leased(worker))]);
        } else if !had {
            let of_pool = self.leases.iter().filter(|((of, _), _)| *of == pool);
            let taken: BTreeSet<u64> = of_pool.map(|(_, lease)| lease.number).collect();
            let lowest = (self.settings.lease_start..).find(|number| !taken.contains(number));
            ensure!(Some(number) == lowest, "{lowest:?} of {pool} is free, and {number} was given");
        }
    }

    /// A lease is over.
    pub fn drop_lease(&mut self, pool: usize, worker: usize) {
        let Some(lease) = self.leases.remove(&(pool, worker)) else { return };
        let place = (lease.number - self.settings.lease_start) as usize;
        let there = self.pools[pool].as_ref().and_then(|there| there.entries.get(place));
        if there.is_some_and(|entry| entry.used == Use::Leased(worker)) {
            self.free_place(pool, place);
        }
    }

    fn owns(&self, by: Option<SessionId>, pool: usize, worker: usize) -> bool {
        let process = by.and_then(|by| self.sessions.get(&by)).map(|&(process, _)| process);
        let holder = self.leases.get(&(pool, worker)).and_then(|lease| lease.holder);
        holder.is_none_or(|(of, _)| Some(of) == process)
    }

    pub fn ensure_not_owner(&self, by: Option<SessionId>, pool: usize, worker: usize) {
        ensure!(!self.owns(by, pool, worker), "{by:?} owns the lease of {worker} on {pool}");
    }

    pub fn leases_changed(&mut self, step: &Step, outcome: &Result<Reply<'_>, Error>) {
        match *step {
            Step::Lease { session, pool, worker, ttl, detached } => match outcome {
                Ok(Reply::Leased(granted)) => {
                    self.number_granted(session, u64::MAX, (pool, worker), ttl, detached, *granted);
                }
                Err(Error::NotOwner { .. }) => self.ensure_not_owner(session, pool, worker),
                Err(Error::LeaseLost { .. }) => {
                    ensure!(self.lost.remove(&(pool, worker)), "{worker} lost nothing of {pool}")
                }
                Err(Error::PoolExhausted { .. }) => {
                    let free = self.pools[pool].as_ref().map(|there| there.free(None));
                    let taken = free == Some(0) || self.waiting(Line::Pool(pool)) > 0;
                    ensure!(taken, "{free:?} of pool {pool} are free, and nobody waits, and it is exhausted");
                }
                _ => breach(&format!("{step:?} came to {outcome:?}")),
            },
            Step::ReleaseWorker { session, worker, pool } => {
                let of = |&(of, by): &(usize, usize)| by == worker && pool.is_none_or(|pool| of == pool);
                let held: Vec<(usize, usize)> = self.leases.keys().copied().filter(|at| of(at)).collect();
                let owned = held.iter().all(|&(pool, worker)| self.owns(session, pool, worker));
                if let Err(Error::NotOwner { .. }) = outcome {
                    return ensure!(!owned, "{session:?} owns all of {held:?}");
                }
                ensure!(owned, "{session:?} does not own all of {held:?}");
                ensure!(*outcome == Ok(Reply::Released(!held.is_empty())), "{held:?} were held: {outcome:?}");
                held.into_iter().for_each(|(pool, worker)| self.drop_lease(pool, worker));
                self.lost.retain(|at| !of(at));
            }
            _ => {}
        }
    }

    pub fn pool_changed(&mut self, step: &Step, outcome: &Result<Reply<'_>, Error>) {
        match (step, outcome) {
            (Step::DefinePool { pool, members, sized, policy }, _) => match (&self.pools[*pool], outcome) {
                (None, Ok(Reply::Sized { size, created: Some(true) })) => {
                    ensure!(*size == members.len(), "{step:?} came to {outcome:?}");
                    let there = Pool { policy: *policy, sized: *sized, defined: members.clone(), entries: Vec::new() };
                    self.pools[*pool] = Some(there);
                    self.add(*pool, members);
                }
                (Some(there), outcome) => {
                    let same = (there.policy, there.sized, &there.defined) == (*policy, *sized, members);
                    let size = there.in_service();
                    let fine = match outcome {
                        Ok(Reply::Sized { size: told, created: Some(false) }) => same && *told == size,
                        Err(Error::Mismatch { .. }) => !same,
                        _ => false,
                    };
                    ensure!(fine, "{step:?} of {there:?} came to {outcome:?}");
                }
                _ => breach(&format!("{step:?} came to {outcome:?}")),
            },
            (Step::AddToPool { pool, .. }, Err(Error::NoPool { .. })) => {
                ensure!(self.pools[*pool].is_none(), "the pool {pool} is there");
            }
            (Step::AddToPool { pool, sized, .. }, Err(Error::Mismatch { .. })) => {
                ensure!(self.pools[*pool].as_ref().is_some_and(|there| there.sized != *sized), "{step:?} should fit");
            }
            (Step::AddToPool { pool, members, .. }, Ok(Reply::Sized { size, created: None })) => {
                self.add(*pool, members);
                ensure!(
                    self.pools[*pool].as_ref().map(Pool::in_service) == Some(*size),
                    "{step:?} came to {outcome:?}"
                );
            }
            (Step::Discard { session, token }, outcome) => match (self.own(*session, *token), outcome) {
                (None, Ok(Reply::Discarded(false))) => {}
                (Some(hold), Ok(Reply::Discarded(true))) => {
                    let Held::Value { pool, place } = hold.what else { breach(&format!("{hold:?} was discarded")) };
                    self.unhold(*token);
                    if let Some(there) = &mut self.pools[pool] {
                        there.entries[place].used = Use::Discarded;
                    }
                }
                (Some(hold), Err(Error::Invalid { .. })) => {
                    ensure!(!matches!(hold.what, Held::Value { .. }), "{hold:?} can be discarded");
                }
                (hold, outcome) => breach(&format!("{step:?} of {hold:?} came to {outcome:?}")),
            },
            _ => breach(&format!("{step:?} came to {outcome:?}")),
        }
    }

    /// Adds to a pool. What is leased already is not free.
    fn add(&mut self, pool: usize, members: &[Member]) {
        let start = self.settings.lease_start;
        let Some(there) = &mut self.pools[pool] else { return };
        for member in members {
            let number = there.entries.len() as u64 + start;
            let lease = self.leases.iter().find(|((of, _), lease)| *of == pool && lease.number == number);
            let used = lease.map_or(Use::Free, |(&(_, worker), _)| Use::Leased(worker));
            there.entries.push(Entry { member: member.clone(), used, freed: 0 });
        }
    }

    /// What the engine shows of itself against what the model knows.
    pub fn check_views(&self, engine: &Engine) {
        let values = self.holds.values().filter(|hold| matches!(hold.what, Held::Value { .. })).count();
        ensure!(engine.leases() == values + self.leases.len(), "{values} values, {} leases", self.leases.len());
        let view = engine.inspect(self.now, None);
        for shown in &view.pools {
            let Some(pool) = POOLS.iter().position(|name| *name == shown.name) else { breach("an unknown pool") };
            let Some(there) = &self.pools[pool] else {
                let leases = self.leases.keys().filter(|(of, _)| *of == pool).count();
                ensure!(shown.held == leases, "{leases} numbers of {} are leased: {shown:?}", shown.name);
                continue;
            };
            let count = |which: &dyn Fn(Use) -> bool| there.entries.iter().filter(|entry| which(entry.used)).count();
            let held = count(&|used| matches!(used, Use::Held(_) | Use::Leased(_)));
            let discarded = count(&|used| used == Use::Discarded);
            let waiting = self.waiting(Line::Pool(pool));
            let same = (shown.held, shown.discarded, shown.waiting) == (held, discarded, waiting);
            ensure!(same, "{held} held, {discarded} discarded, {waiting} waiting: {shown:?}");
        }
        for shown in &view.queues {
            let Some(queue) = crate::step::QUEUES.iter().position(|name| *name == shown.name) else { continue };
            let there = &self.queues[queue];
            let counts = (there.ready.len(), there.taken.len(), there.acked.len() as u64, there.failed.len());
            let same = counts == (shown.ready, shown.taken, shown.acked, shown.failed);
            ensure!(same, "a lost item: ready, taken, acked, failed are {counts:?}: {shown:?}");
        }
    }
}

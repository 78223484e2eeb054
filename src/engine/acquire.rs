//! Pools: values, or numbers, each held by one at a time.
//!
//! Who waits for a value stands in the pool's line. A value that comes free goes to the first in the line that it fits. Who waits for values of several
//! pools stands in the line of each; while one of them is missing, what the others have for him is kept for him, so that nobody who asks for less
//! overtakes him.

use super::command::{Granted, LeaseGrant, PoolSpec, Reply};
use super::error::Error;
use super::hold::{Held, Hold, Token};
use super::matching::Matching;
use super::pool::{Holder, Listed, Pool, Use, Value};
use super::resource::{Kind, ResourceId, State};
use super::session::SessionId;
use super::store::checked_ttl;
use super::wait::{Ticket, WaitId, Want};
use super::{Engine, Micros, lease};
use serde_json::Value as Json;
use std::borrow::Cow;
use std::collections::btree_map::{BTreeMap, Entry};
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

/// The most values of a pool.
const MAX_SIZE: usize = 100_000;
/// The most pools that are asked for at once.
const MAX_PARTS: usize = 64;

/// One of the values that are waited for.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) pool: ResourceId,
    pub(super) pattern: Option<Json>,
}

impl Engine {
    /// Makes a pool, or sees that it was made in the same way.
    pub(super) fn define_pool(&mut self, spec: &PoolSpec<'_>) -> Result<Reply<'static>, Error> {
        if let Some(id) = self.resources.find(Kind::Pool, &spec.name) {
            let pool = self.pool(id);
            return match pool.is_as(spec) {
                true => Ok(Reply::Sized { size: pool.size(), created: Some(false) }),
                false => Err(Error::Mismatch {
                    what: format!(
                        "the pool \"{}\" was defined with {} {}, policy {}",
                        spec.name,
                        pool.defined,
                        if pool.sized { "numbers" } else { "values" },
                        pool.policy.name()
                    ),
                }),
            };
        }
        check_size(spec, 0)?;
        self.check_room()?;
        self.keep_values(spec)?;
        let seed = self.config.seed ^ (self.resources.lasting() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut pool = Pool::new(spec, seed);
        // Numbers that are leased already are of this pool from now on.
        for (number, slot) in self.leases.bind(&spec.name) {
            pool.number_is_leased(number, slot);
        }
        let size = pool.size();
        self.resources.find_or_make(Kind::Pool, &spec.name, || State::Pool(pool));
        Ok(Reply::Sized { size, created: Some(true) })
    }

    /// Adds values, or numbers.
    pub(super) fn add_to_pool(&mut self, spec: &PoolSpec<'_>) -> Result<Reply<'static>, Error> {
        let id = self.find_pool(&spec.name)?;
        let pool = self.pool(id);
        check_size(spec, pool.entries.len())?;
        if pool.sized != spec.values.is_none() {
            let has = if pool.sized { "numbers: add a size" } else { "values: add values" };
            return Err(Error::Mismatch { what: format!("the pool \"{}\" has {has}", spec.name) });
        }
        self.keep_values(spec)?;
        let pool = self.pool(id);
        pool.add(spec);
        let size = pool.size();
        self.resources.mark(id);
        Ok(Reply::Sized { size, created: None })
    }

    fn keep_values(&mut self, spec: &PoolSpec<'_>) -> Result<(), Error> {
        let values = spec.values.as_deref().unwrap_or_default();
        self.keep_bytes(values, || format!("the pool \"{}\"", spec.name))
    }

    /// What is in a pool.
    ///
    /// # Errors
    /// There is no such pool.
    pub fn list_pool(&self, now: Micros, name: &str) -> Result<Vec<Listed>, Error> {
        let found = self.resources.find(Kind::Pool, name).and_then(|id| self.resources.get(id));
        let Some(State::Pool(pool)) = found.map(|resource| &resource.state) else {
            return Err(Error::NoPool { pool: name.into() });
        };
        let listed = |(place, entry): (usize, &Value)| {
            let (state, reason, holder) = match &entry.state {
                Use::Free => ("free", None, None),
                Use::Discarded(reason) => ("discarded", reason.clone(), None),
                Use::Held(token) => ("held", None, self.party(now, Holder::Token(*token))),
                Use::Leased(slot) => ("held", None, self.party(now, Holder::Lease(*slot))),
            };
            let number = place as u64 + self.config.lease_start;
            Listed { number, json: entry.json.clone(), state, reason, holder }
        };
        Ok(pool.entries.iter().enumerate().map(listed).collect())
    }

    /// Stands in line for values of pools.
    pub(super) fn ask_for_values(
        &mut self,
        now: Micros,
        (session, ticket): (SessionId, Ticket),
        pools: &[(Cow<'_, str>, Option<Json>)],
        ttl: Option<f64>,
    ) -> Result<WaitId, Error> {
        let ttl = checked_ttl(ttl)?;
        if pools.is_empty() || pools.len() > MAX_PARTS {
            return Err(Error::Invalid {
                what: format!("acquire takes 1 to {MAX_PARTS} pools at once, not {}", pools.len()),
            });
        }
        let mut parts = Vec::with_capacity(pools.len());
        for (name, pattern) in pools {
            let pool = self.find_pool(name)?;
            parts.push(Part { pool, pattern: pattern.clone() });
        }
        let distinct: BTreeSet<ResourceId> = parts.iter().map(|part| part.pool).collect();
        for &pool in &distinct {
            self.check_match(pool, &parts)?;
        }
        let joint = parts.len() > 1;
        let wait = self.waits.insert(session, ticket, now, Want::Values { parts, ttl });
        for &pool in &distinct {
            self.join_quietly(wait, pool);
            self.pool(pool).joint += usize::from(joint);
        }
        // Nothing has changed for the others.
        if let Some(&pool) = distinct.first() {
            self.serve_wait(now, pool, wait);
        }
        Ok(wait)
    }

    /// Sees that a pool has values for the parts, were they all free.
    fn check_match(&mut self, pool: ResourceId, parts: &[Part]) -> Result<(), Error> {
        let name = self.name_of(pool);
        let pool_state = self.pool(pool);
        let places = pool_state.places_in_service();
        // One that is empty may be filled yet.
        if pool_state.entries.is_empty() {
            return Ok(());
        }
        let wanted: Vec<Option<&Json>> =
            parts.iter().filter(|part| part.pool == pool).map(|part| part.pattern.as_ref()).collect();
        let mut matching = Matching::default();
        for pattern in &wanted {
            if !matching.add(&places, |claim, place| pool_state.fits(place, wanted[claim])) {
                let fitting = places.iter().filter(|&&place| pool_state.fits(place, *pattern)).count();
                let pattern = pattern.map_or("anything".into(), Json::to_string);
                let (wanted, in_service) = (wanted.len(), places.len());
                return Err(Error::NoMatch { pool: name.to_string(), pattern, wanted, fitting, in_service });
            }
        }
        Ok(())
    }

    /// Stands in line for a number of a pool, under a worker's name.
    pub(super) fn ask_for_number(
        &mut self,
        now: Micros,
        (session, ticket): (SessionId, Ticket),
        request: &lease::Request<'_>,
    ) -> Result<WaitId, Error> {
        checked_ttl(request.ttl)?;
        let pool = self.find_pool(request.key)?;
        let worker: Rc<str> = request.worker.into();
        *self.pool(pool).names.entry(worker.clone()).or_default() += 1;
        let want = Want::Number { worker, ttl: request.ttl, detached: request.detached };
        let wait = self.waits.insert(session, ticket, now, want);
        self.join_quietly(wait, pool);
        self.serve_wait(now, pool, wait);
        Ok(wait)
    }

    /// Takes a number of a defined pool at once, or not at all.
    pub(super) fn lease_bounded(
        &mut self,
        now: Micros,
        pool: ResourceId,
        request: &lease::Request<'_>,
    ) -> Result<Granted, Error> {
        checked_ttl(request.ttl)?;
        let alone = self.resources.get(pool).is_some_and(|resource| resource.line.is_empty());
        let place = match self.leases.take_loss(request.worker, request.key) {
            Some(number) if alone && self.pool(pool).is_free(number) => Some(number as u32),
            Some(number) => return Err(self.leases.lost_error(request.worker, request.key, number)),
            None if !alone => None,
            None => self.pool(pool).first_fitting(None),
        };
        let Some(place) = place else { return Err(self.exhausted(now, &[pool])) };
        self.lease_place(now, pool, place, request)
    }

    fn lease_place(
        &mut self,
        now: Micros,
        pool: ResourceId,
        place: u32,
        request: &lease::Request<'_>,
    ) -> Result<Granted, Error> {
        let token = self.next_token();
        let taken = (u64::from(place), token);
        let (slot, granted) = self.leases.take_place(now, &self.config, request, &self.sessions, taken)?;
        self.pool(pool).take(place, Use::Leased(slot));
        Ok(granted)
    }

    /// Hands out what is free, to those who have waited for longest.
    pub(super) fn serve_pool(&mut self, now: Micros, pool: ResourceId) {
        let mut at = self.resources.get(pool).and_then(|resource| resource.line.head());
        while let Some(place) = at {
            if self.pool(pool).free.is_empty() {
                return;
            }
            let (wait, next) = self.waits.step(place);
            at = next;
            if !self.serve_wait(now, pool, wait) {
                // Others have left the line too. It is marked, and served again.
                return;
            }
        }
    }

    /// Whether all others still stand where they stood.
    fn serve_wait(&mut self, now: Micros, pool: ResourceId, id: WaitId) -> bool {
        let Some(wait) = self.waits.get(id) else { return true };
        let (session, since) = (wait.session, wait.since);
        match &wait.want {
            Want::Number { worker, ttl, detached } => {
                let (worker, ttl, detached) = (worker.clone(), *ttl, *detached);
                if let Some(&[place]) = self.choose(pool, id).as_deref() {
                    let key = self.name_of(pool);
                    let request = self.lease_request(Some(session), &key, &worker, ttl, detached);
                    let outcome = self.lease_place(now, pool, place, &request);
                    let waited = now - since;
                    self.finish(now, id, outcome.map(|granted| Reply::Leased(Granted { waited, ..granted })));
                    return !self.serve_same_name(now, pool, &worker);
                }
            }
            Want::Values { parts, ttl } => {
                let ttl = *ttl;
                // Another of its pools is about to be served: there those before it come first, and it is looked at then.
                if parts.iter().any(|part| part.pool != pool && self.resources.is_marked(part.pool)) {
                    return true;
                }
                if let Some(places) = self.choose_all(id) {
                    let mut leases = Vec::with_capacity(places.len());
                    for (pool, place) in places {
                        leases.push(self.grant_value(now, session, pool, place, ttl));
                    }
                    self.finish(now, id, Ok(Reply::Leases { leases, waited: now - since }));
                }
            }
            _ => {}
        }
        true
    }

    /// A worker that asked several times at once has its number now: the others of these requests are renewals. Whether there were any.
    fn serve_same_name(&mut self, now: Micros, pool: ResourceId, name: &str) -> bool {
        if !self.pool(pool).names.contains_key(name) {
            return false;
        }
        let (key, line) = (self.name_of(pool), self.resources.get(pool).map(|found| found.line).unwrap_or_default());
        let of_name = |id: &WaitId| matches!(self.waits.get(*id).map(|wait| &wait.want), Some(Want::Number { worker, .. }) if **worker == *name);
        let same: Vec<WaitId> = self.waits.in_line(line).filter(of_name).collect();
        for id in same {
            let Some(wait) = self.waits.get(id) else { continue };
            let Want::Number { ttl, detached, .. } = wait.want else { continue };
            let (session, since) = (wait.session, wait.since);
            let request = self.lease_request(Some(session), &key, name, ttl, detached);
            let outcome = self.leases.lease(now, &self.config, &request, &self.sessions, 0);
            let waited = now - since;
            self.finish(now, id, outcome.map(|granted| Reply::Leased(Granted { waited, ..granted })));
        }
        true
    }

    fn grant_value(
        &mut self,
        now: Micros,
        session: SessionId,
        pool: ResourceId,
        place: u32,
        ttl: Option<Micros>,
    ) -> LeaseGrant {
        let token = self.hold(now, session, Held::Value { pool, place }, ttl);
        let name = self.name_of(pool);
        let number = u64::from(place) + self.config.lease_start;
        let held = self.pool(pool);
        held.take(place, Use::Held(token));
        let json = held.entries[place as usize].json.clone();
        LeaseGrant { pool: name, number, json, token, expires_in: ttl }
    }

    /// A value for each part of a wait; `None`: one is missing.
    fn choose_all(&mut self, id: WaitId) -> Option<Vec<(ResourceId, u32)>> {
        let Want::Values { parts, .. } = &self.waits.get(id)?.want else { return None };
        let pools: Vec<ResourceId> = parts.iter().map(|part| part.pool).collect();
        let mut chosen: BTreeMap<ResourceId, VecDeque<u32>> = BTreeMap::new();
        for &pool in &pools {
            if let Entry::Vacant(entry) = chosen.entry(pool) {
                entry.insert(self.choose(pool, id)?.into());
            }
        }
        pools.into_iter().map(|pool| Some((pool, chosen.get_mut(&pool)?.pop_front()?))).collect()
    }

    /// Values of one pool for the parts of a wait, beside what those before it in the line are to have.
    fn choose(&mut self, pool: ResourceId, id: WaitId) -> Option<Vec<u32>> {
        let is_joint = matches!(&self.waits.get(id)?.want, Want::Values { parts, .. } if parts.len() > 1);
        if !is_joint && !self.pool(pool).has_joint_waits() {
            // Those ahead have been looked at: there is nothing for them.
            let pattern = self.patterns(id, pool).pop()?.cloned();
            return self.pool(pool).first_fitting(pattern.as_ref()).map(|place| vec![place]);
        }
        let places = self.pool(pool).places_in_order();
        let Some(State::Pool(state)) = self.resources.get(pool).map(|found| &found.state) else { return None };
        let line = self.resources.get(pool).map(|found| found.line).unwrap_or_default();
        let mut patterns: Vec<Option<&Json>> = Vec::new();
        let mut matching = Matching::default();
        for ahead in self.waits.in_line(line).take_while(|&wait| wait != id) {
            for pattern in self.patterns(ahead, pool) {
                patterns.push(pattern);
                matching.add(&places, |claim, place| state.fits(place, patterns[claim]));
            }
            if matching.len() == places.len() {
                return None;
            }
        }
        let ahead = patterns.len();
        for pattern in self.patterns(id, pool) {
            patterns.push(pattern);
            if !matching.add(&places, |claim, place| state.fits(place, patterns[claim])) {
                return None;
            }
        }
        matching.places_from(ahead).collect()
    }

    /// What a wait is for in a pool: for each value the pattern that it must fit.
    pub(super) fn patterns(&self, id: WaitId, pool: ResourceId) -> Vec<Option<&Json>> {
        match self.waits.get(id).map(|wait| &wait.want) {
            Some(Want::Values { parts, .. }) => {
                parts.iter().filter(|part| part.pool == pool).map(|part| part.pattern.as_ref()).collect()
            }
            Some(Want::Number { .. }) => vec![None],
            _ => Vec::new(),
        }
    }

    /// A wait has left: those behind may have what was kept for it.
    pub(super) fn left_pools(&mut self, pools: &[ResourceId], parts: usize) {
        for &pool in pools {
            self.pool(pool).joint -= usize::from(parts > 1);
            self.resources.mark(pool);
        }
    }

    pub(super) fn left_name(&mut self, pool: ResourceId, worker: &str) {
        if let Some(count) = self.pool(pool).names.get_mut(worker) {
            *count -= 1;
            if *count == 0 {
                self.pool(pool).names.remove(worker);
            }
        }
    }

    pub(super) fn give_back_value(&mut self, pool: ResourceId, place: u32) {
        self.pool(pool).give_back(place);
        self.resources.mark(pool);
    }

    /// After the leases were changed: the numbers of defined pools that came free.
    pub(super) fn take_back_numbers(&mut self) {
        for (key, number) in self.leases.take_freed() {
            if let Some(id) = self.resources.find(Kind::Pool, &key) {
                self.pool(id).number_is_free(number);
                self.resources.mark(id);
            }
        }
    }

    /// Takes a value out of service.
    pub(super) fn discard(
        &mut self,
        now: Micros,
        session: SessionId,
        token: Token,
        reason: Option<&str>,
    ) -> Result<Reply<'static>, Error> {
        let Some(Hold { what, .. }) = self.holds.of(session, token) else {
            return Ok(Reply::Discarded(false));
        };
        let Held::Value { pool, place } = *what else {
            return Err(Error::Invalid {
                what: format!("only a pool's value can be discarded; token {token} is none"),
            });
        };
        self.holds.remove(token);
        self.pool(pool).discard(place, reason);
        self.turn_away(now, pool);
        Ok(Reply::Discarded(true))
    }

    /// Who waits for what is not in service any more waits in vain.
    fn turn_away(&mut self, now: Micros, pool: ResourceId) {
        let line = self.resources.get(pool).map(|found| found.line).unwrap_or_default();
        let all: Vec<WaitId> = self.waits.in_line(line).collect();
        for id in all {
            let patterns: Vec<Option<Json>> =
                self.patterns(id, pool).into_iter().map(|pattern| pattern.cloned()).collect();
            let parts: Vec<Part> = patterns.into_iter().map(|pattern| Part { pool, pattern }).collect();
            if let Err(error) = self.check_match(pool, &parts) {
                self.finish(now, id, Err(error));
            }
        }
    }

    pub(super) fn exhausted(&self, now: Micros, pools: &[ResourceId]) -> Error {
        let describe = |&id: &ResourceId| {
            let Some(resource) = self.resources.get(id) else { return String::new() };
            let State::Pool(pool) = &resource.state else { return String::new() };
            let holders = self.name_parties(&self.parties(now, id), pool.held());
            format!("{} ({} of {} held){holders}", resource.name, pool.held(), pool.size())
        };
        let text = pools.iter().map(describe).collect::<Vec<_>>().join("; ");
        Error::PoolExhausted { text, obstacle: Box::new(self.obstacle(now, pools)) }
    }

    pub(super) fn find_pool(&self, name: &str) -> Result<ResourceId, Error> {
        self.resources.find(Kind::Pool, name).ok_or_else(|| Error::NoPool { pool: name.into() })
    }

    pub(super) fn pool(&mut self, id: ResourceId) -> &mut Pool {
        match self.resources.get_mut(id).map(|resource| &mut resource.state) {
            Some(State::Pool(pool)) => pool,
            // Ids of pools are found by `Kind::Pool`, and pools are never removed.
            other => unreachable!("{other:?} is no pool"),
        }
    }
}

fn check_size(spec: &PoolSpec<'_>, there: usize) -> Result<(), Error> {
    let size = spec.values.as_ref().map_or(spec.size, Vec::len);
    if there + size > MAX_SIZE {
        let what = format!("a pool has {MAX_SIZE} values at most, not {}", there + size);
        return Err(Error::Invalid { what });
    }
    if spec.values.is_none() && size == 0 {
        return Err(Error::Invalid { what: "a pool has a size of at least 1, or values".into() });
    }
    Ok(())
}

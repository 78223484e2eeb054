//! Waits that can never end.
//!
//! Whoever waits releases nothing meanwhile: so what a session held when it began a wait is held until that wait is over. A wait that would close a circle of
//! these is refused. What was granted to the session after it had asked is held by another line of work of the same session, and is no obstacle.
//! (This is the wait-for graph in its AND-OR form: a wait may need one of several, or all. See Knapp, "Deadlock detection in distributed
//! databases", 1987.)

use super::Engine;
use super::error::Error;
use super::hold::Held;
use super::pool::Holder;
use super::resource::{ResourceId, State};
use super::session::SessionId;
use super::wait::{Wait, WaitId, Want};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The most waits that are looked at. Beyond, a wait is let wait: its time limit ends it.
const MAX_REACHED: usize = 256;
/// Who waits for more than this at a time does many things at once, and what it holds is no obstacle.
const MAX_WAITS: usize = 16;

impl Engine {
    /// Why a wait that has just begun could never end.
    pub(super) fn deadlock(&self, id: WaitId) -> Option<Error> {
        if !self.is_waited_for(id) {
            return None;
        }
        let reached = self.reach(id)?;
        // If it could not end even were it over, others are stuck, and not because of it.
        if !self.can_end(id, &self.ending(&reached, Some(id))) || self.ending(&reached, None).contains(&id) {
            return None;
        }
        Some(Error::Deadlock { text: self.describe_cycle(id) })
    }

    /// Whether anybody can be waiting for this wait's end at all. It is cheap to see that nobody is, which is nearly always so.
    fn is_waited_for(&self, id: WaitId) -> bool {
        let Some(session) = self.waits.get(id).map(|wait| wait.session) else { return false };
        let has_line = |resource: ResourceId| self.resources.get(resource).is_some_and(|held| !held.line.is_empty());
        self.holds.of_session(session).filter_map(|hold| hold.what.resource()).any(has_line)
            || self.leases_of(session).any(|lease| self.find_pool(lease.key).is_ok_and(has_line))
    }

    /// The waits that the end of one depends on, one way or another, itself included.
    fn reach(&self, from: WaitId) -> Option<Vec<WaitId>> {
        let mut reached = vec![from];
        let mut seen = BTreeSet::from([from]);
        let mut at = 0;
        while at < reached.len() {
            for obstacle in self.obstacles(reached[at]) {
                if seen.insert(obstacle) {
                    reached.push(obstacle);
                }
            }
            if reached.len() > MAX_REACHED {
                return None;
            }
            at += 1;
        }
        Some(reached)
    }

    /// Of these waits, those that can end; the given one is taken to be over.
    fn ending(&self, waits: &[WaitId], given: Option<WaitId>) -> BTreeSet<WaitId> {
        let mut ending: BTreeSet<WaitId> = given.into_iter().collect();
        loop {
            let before = ending.len();
            for &wait in waits {
                if !ending.contains(&wait) && self.can_end(wait, &ending) {
                    ending.insert(wait);
                }
            }
            if ending.len() == before {
                return ending;
            }
        }
    }

    /// Whether a wait can end if these end, with all being released that is held by those who do not wait then, and nobody does anything else.
    fn can_end(&self, id: WaitId, ending: &BTreeSet<WaitId>) -> bool {
        let Some((wait, resource)) = self.waits.get(id).zip(self.waits.resource(id)) else { return true };
        let stuck_before =
            |resource: ResourceId| self.before(id, resource).filter(|before| !ending.contains(before)).count();
        let released = |holder: Holder| self.held_up_by(holder).all(|wait| ending.contains(&wait));
        let obtainable = |pool: ResourceId, pattern: Option<&serde_json::Value>| {
            let Some(State::Pool(pool)) = self.resources.get(pool).map(|found| &found.state) else { return usize::MAX };
            let (free, holders) = pool.fitting(pattern);
            free + holders.into_iter().filter(|&holder| released(holder)).count()
        };
        match (&wait.want, self.resources.get(resource).map(|found| &found.state)) {
            (Want::Permits { amount }, Some(State::Permits(permits))) => {
                let given_back: u64 = permits
                    .holders()
                    .filter(|&(token, _)| released(Holder::Token(token)))
                    .map(|(_, held)| u64::from(held))
                    .sum();
                u64::from(permits.free()) + given_back >= u64::from(*amount) && stuck_before(resource) == 0
            }
            (Want::Values { parts, .. }, _) => {
                parts.iter().all(|part| obtainable(part.pool, part.pattern.as_ref()) > stuck_before(part.pool))
            }
            (Want::Number { .. }, _) => obtainable(resource, None) > stuck_before(resource),
            (Want::Once { .. }, Some(State::Once(making))) => {
                making.maker().is_none_or(|maker| self.is_own(wait, maker) || released(Holder::Token(maker)))
            }
            _ => true,
        }
    }

    /// A session may well wait for what another line of work of its own makes.
    fn is_own(&self, wait: &Wait, maker: u64) -> bool {
        self.holds.of(wait.session, maker).is_some() && !wait.within.iter().flatten().any(|&token| token == maker)
    }

    /// The waits that must be over before something is released.
    fn held_up_by(&self, holder: Holder) -> impl Iterator<Item = WaitId> + '_ {
        let (session, token, is_making) = match holder {
            Holder::Token(token) => {
                let hold = self.holds.get(token);
                (
                    hold.map(|hold| hold.session),
                    token,
                    hold.is_some_and(|hold| matches!(hold.what, Held::Making { .. })),
                )
            }
            Holder::Lease(slot) => {
                let lease = self.leases.taken(slot);
                // A lease may outlive the session that took it.
                let session = lease.as_ref().and_then(|lease| lease.session);
                (session, lease.map_or(0, |lease| lease.token), false)
            }
        };
        let holds_up = move |wait: &Wait| match &wait.within {
            Some(within) if is_making => within.contains(&token),
            _ => token <= wait.seen,
        };
        let session = session.filter(|&session| self.is_one_line(session));
        session
            .into_iter()
            .flat_map(|session| self.waits.of_session(session))
            .filter(move |&id| self.waits.get(id).is_some_and(holds_up))
    }

    fn is_one_line(&self, session: SessionId) -> bool {
        self.waits.of_session(session).nth(MAX_WAITS).is_none()
    }

    /// Those that stand before a wait in a line.
    fn before(&self, id: WaitId, resource: ResourceId) -> impl Iterator<Item = WaitId> + '_ {
        let line = self.resources.get(resource).map(|found| found.line).unwrap_or_default();
        self.waits.in_line(line).take_while(move |&wait| wait != id).take(2 * MAX_REACHED)
    }

    /// The waits that the end of a wait depends on directly.
    fn obstacles(&self, id: WaitId) -> BTreeSet<WaitId> {
        let Some(wait) = self.waits.get(id) else { return BTreeSet::new() };
        let is_once = matches!(wait.want, Want::Once { .. });
        if !is_once && !matches!(wait.want, Want::Permits { .. } | Want::Values { .. } | Want::Number { .. }) {
            return BTreeSet::new();
        }
        let mut obstacles = BTreeSet::new();
        for resource in self.waits.resources(id) {
            obstacles.extend(self.holders(resource).into_iter().flat_map(|holder| self.held_up_by(holder)));
            if !is_once {
                obstacles.extend(self.before(id, resource));
            }
        }
        obstacles
    }

    /// The circle, from the wait back to itself.
    fn describe_cycle(&self, start: WaitId) -> String {
        let mut came_from: BTreeMap<WaitId, WaitId> = BTreeMap::new();
        let mut next = VecDeque::from([start]);
        while let Some(wait) = next.pop_front() {
            for obstacle in self.obstacles(wait) {
                if let std::collections::btree_map::Entry::Vacant(entry) = came_from.entry(obstacle) {
                    entry.insert(wait);
                    next.push_back(obstacle);
                }
            }
            if came_from.contains_key(&start) {
                break;
            }
        }
        let mut steps = Vec::new();
        let mut at = start;
        while let Some(&wait) = came_from.get(&at) {
            let thing = self.waits.resource(wait).map_or_else(String::new, |resource| self.name_resource(resource));
            let name = |id: WaitId| self.waits.get(id).map_or_else(String::new, |wait| self.name_session(wait.session));
            let verb = if wait == start { "would wait" } else { "waits" };
            steps.push(format!("{} {verb} for {thing}, which {} has or is to have first", name(wait), name(at)));
            at = wait;
            if at == start {
                break;
            }
        }
        steps.reverse();
        let hint = if steps.len() == 1 {
            "; nothing is re-entrant: use what is held already, or a client for each line of work"
        } else {
            "; take things in the same order everywhere, or all at once"
        };
        steps.join("; ") + hint
    }
}

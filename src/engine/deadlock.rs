//! Waits that can never end.
//!
//! A line of work that waits releases nothing meanwhile: what it holds is held until its wait is over. A wait that would close a circle of these is
//! refused. Which holds are its line's own a request may say; else they are all that its session was granted before. Time limits do not count: nearly all waits
//! have one, and to run into it is what the refusal spares.
//! (This is the wait-for graph in its AND-OR form: a wait may need one of several, or all. See Knapp, "Deadlock detection in distributed
//! databases", 1987.)

use super::Engine;
use super::error::Error;
use super::matching::Matching;
use super::pool::Holder;
use super::resource::{ResourceId, State};
use super::session::SessionId;
use super::wait::{Wait, WaitId, Want};
use std::collections::btree_map::{BTreeMap, Entry};
use std::collections::{BTreeSet, VecDeque};

/// The most waits that are looked at. Beyond, a wait is let wait: its time limit ends it.
const MAX_REACHED: usize = 256;
/// Who waits for more than this at a time does many things at once, and what it holds is no obstacle.
const MAX_WAITS: usize = 16;

/// Waits, and which of them can end. Those that were not reached are taken to.
#[derive(Clone)]
struct Ending {
    reached: BTreeSet<WaitId>,
    over: BTreeSet<WaitId>,
}

impl Ending {
    fn contains(&self, wait: &WaitId) -> bool {
        self.over.contains(wait) || !self.reached.contains(wait)
    }
}

impl Engine {
    /// Why a wait that has just begun could never end.
    pub(super) fn deadlock(&self, id: WaitId) -> Option<Error> {
        if !self.is_waited_for(id) {
            return None;
        }
        // In a crowd those who stand before it in a line are passed over: by what is held alone a circle may be seen still.
        let reached = self.reach(id, true).or_else(|| self.reach(id, false))?;
        let all = Ending { over: reached.clone(), reached };
        if !self.can_end(id, &all) {
            // What nobody here can give is no circle.
            return None;
        }
        // Those that could not end even were this one over are stuck for reasons of their own, of which it is not to be blamed.
        let helped = self.ending(&all, BTreeSet::from([id])).over;
        let others: BTreeSet<WaitId> = all.reached.difference(&helped).copied().collect();
        if self.ending(&all, others).over.contains(&id) {
            return None;
        }
        let circle = self.circle(id);
        let session = self.waits.get(id)?.session;
        let is_own = circle.iter().all(|&wait| self.waits.get(wait).is_some_and(|wait| wait.session == session));
        if is_own && self.waits.get(id)?.unsure {
            return None;
        }
        Some(Error::Deadlock { text: self.describe(&circle) })
    }

    /// Whether anybody can be waiting for this wait's end at all. It is cheap to see that nobody is, which is nearly always so.
    fn is_waited_for(&self, id: WaitId) -> bool {
        let Some(session) = self.waits.get(id).map(|wait| wait.session) else { return false };
        let has_line = |resource: ResourceId| self.resources.get(resource).is_some_and(|held| !held.line.is_empty());
        self.holds.of_session(session).filter_map(|hold| hold.what.resource()).any(has_line)
    }

    /// The waits that the end of one depends on, one way or another, itself included; with those that stand before them in their lines, or without.
    fn reach(&self, from: WaitId, in_line: bool) -> Option<BTreeSet<WaitId>> {
        let mut reached = vec![from];
        let mut seen = BTreeSet::from([from]);
        let mut at = 0;
        while at < reached.len() {
            for obstacle in self.obstacles(reached[at], in_line) {
                if seen.insert(obstacle) {
                    reached.push(obstacle);
                }
            }
            if reached.len() > MAX_REACHED {
                return None;
            }
            at += 1;
        }
        Some(seen)
    }

    /// Those of the waits reached that can end, where the given ones do.
    fn ending(&self, all: &Ending, given: BTreeSet<WaitId>) -> Ending {
        let mut ending = Ending { over: given, ..all.clone() };
        loop {
            let before = ending.over.len();
            for &wait in &all.reached {
                if !ending.over.contains(&wait) && self.can_end(wait, &ending) {
                    ending.over.insert(wait);
                }
            }
            if ending.over.len() == before {
                return ending;
            }
        }
    }

    /// Whether a wait can end if these end, with all being released that is held by those who do not wait then, and nobody does anything else.
    fn can_end(&self, id: WaitId, ending: &Ending) -> bool {
        let Some((wait, resource)) = self.waits.get(id).zip(self.waits.resource(id)) else { return true };
        let stuck_before =
            |resource: ResourceId| self.before(id, resource).filter(|before| !ending.contains(before)).count();
        let released = |holder: Holder| self.held_up_by(holder).all(|wait| ending.contains(&wait));
        // Those before it that are stuck keep what they could have.
        let obtainable = |resource: ResourceId| {
            let Some(State::Pool(pool)) = self.resources.get(resource).map(|found| &found.state) else { return true };
            let places = pool.places_if(released);
            let mut patterns = Vec::new();
            let mut matching = Matching::default();
            for before in self.before(id, resource).filter(|before| !ending.contains(before)) {
                for pattern in self.patterns(before, resource) {
                    patterns.push(pattern);
                    matching.add(&places, |claim, place| pool.fits(place, patterns[claim]));
                }
            }
            self.patterns(id, resource).into_iter().all(|pattern| {
                patterns.push(pattern);
                matching.add(&places, |claim, place| pool.fits(place, patterns[claim]))
            })
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
            (Want::Values { .. } | Want::Number { .. }, _) => self.waits.resources(id).into_iter().all(obtainable),
            (Want::Once { .. }, Some(State::Once(making))) => {
                making.maker().is_none_or(|maker| released(Holder::Token(maker)))
            }
            _ => true,
        }
    }

    /// The waits that must be over before something is released.
    fn held_up_by(&self, holder: Holder) -> impl Iterator<Item = WaitId> + '_ {
        // What has a TTL comes back by itself; and what is leased under a worker's name is that worker's, not a line's.
        let hold = match holder {
            Holder::Token(token) => self.holds.get(token).filter(|hold| hold.ttl.is_none()),
            Holder::Lease(_) => None,
        };
        let (session, token) = (hold.map(|hold| hold.session), hold.map_or(0, |hold| hold.token));
        let holds_up = move |wait: &Wait| match &wait.within {
            Some(within) => within.contains(&token),
            None => token <= wait.seen,
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
    fn obstacles(&self, id: WaitId, in_line: bool) -> BTreeSet<WaitId> {
        let Some(wait) = self.waits.get(id) else { return BTreeSet::new() };
        let is_once = matches!(wait.want, Want::Once { .. });
        if !is_once && !matches!(wait.want, Want::Permits { .. } | Want::Values { .. } | Want::Number { .. }) {
            return BTreeSet::new();
        }
        let mut obstacles = BTreeSet::new();
        for resource in self.waits.resources(id) {
            obstacles.extend(self.holders(resource).into_iter().flat_map(|holder| self.held_up_by(holder)));
            if in_line && !is_once {
                obstacles.extend(self.before(id, resource));
            }
        }
        obstacles
    }

    /// From the wait by those that it depends on back to itself.
    fn circle(&self, start: WaitId) -> Vec<WaitId> {
        let mut came_from: BTreeMap<WaitId, WaitId> = BTreeMap::new();
        let mut next = VecDeque::from([start]);
        while let Some(wait) = next.pop_front() {
            for obstacle in self.obstacles(wait, true) {
                if let Entry::Vacant(entry) = came_from.entry(obstacle) {
                    entry.insert(wait);
                    next.push_back(obstacle);
                }
            }
            if came_from.contains_key(&start) {
                break;
            }
        }
        let mut circle = Vec::new();
        let mut at = start;
        while let Some(&wait) = came_from.get(&at) {
            circle.push(wait);
            at = wait;
            if at == start {
                break;
            }
        }
        circle.reverse();
        circle
    }

    fn describe(&self, circle: &[WaitId]) -> String {
        let name = |id: WaitId| self.waits.get(id).map_or_else(String::new, |wait| self.name_session(wait.session));
        let mut steps = Vec::new();
        for (at, &wait) in circle.iter().enumerate() {
            let things: Vec<String> =
                self.waits.resources(wait).into_iter().map(|resource| self.name_resource(resource)).collect();
            let verb = if at == 0 { "would wait" } else { "waits" };
            let next = circle[(at + 1) % circle.len()];
            let things = things.join(" and ");
            steps.push(format!("{} {verb} for {things}, which {} has or is to have first", name(wait), name(next)));
        }
        let hint = if steps.len() == 1 {
            "; nothing is re-entrant: use what is held already, or a client for each line of work"
        } else {
            "; take things in the same order everywhere, or all at once"
        };
        steps.join("; ") + hint
    }
}

//! What can be seen from outside: who holds what, who waits for whom.

use super::event::{Blocked, Event};
use super::hold::{Held, Hold, Token};
use super::lease::Taken;
use super::permits;
use super::pool::Holder;
use super::resource::{Kind, Resource, ResourceId, State};
use super::session::SessionId;
use super::views::{
    BarrierView, HoldView, Inspection, Leak, LimitView, LongWait, Obstacle, Party, PeakView, PoolView, QueueView,
    Report, SessionView, WaitView,
};
use super::wait::{Wait, WaitId};
use super::{Engine, Micros};
use hashbrown::HashMap;
use std::rc::Rc;

/// The most holders that a message names.
const MAX_NAMED: usize = 10;
/// The most leaks that are told one by one.
const MAX_LEAKS: usize = 100;
/// The most waits that are remembered as the longest.
const LONGEST: usize = 10;
/// The most things that are listed of a session.
const MAX_LISTED: usize = 1000;

/// What is noted as it happens, for the report.
#[derive(Debug, Default)]
pub(super) struct Notes {
    leaked: Vec<Leak>,
    leaked_count: usize,
    /// The longest first.
    longest: Vec<(Micros, LongWait)>,
}

impl Notes {
    fn leak(&mut self, leak: Leak) {
        self.leaked_count += 1;
        if self.leaked.len() < MAX_LEAKS {
            self.leaked.push(leak);
        }
    }
}

fn ms(span: Micros) -> f64 {
    span as f64 / 1000.0
}

/// `worker-3 pid 4242 'logs in'`.
fn name_worker(worker: Option<&str>, pid: Option<u32>, test: Option<&str>) -> String {
    let mut name = worker.unwrap_or("somebody").to_owned();
    // A worker without a name is called after its pid.
    if let Some(pid) = pid.filter(|pid| name != format!("pid-{pid}")) {
        name.push_str(&format!(" pid {pid}"));
    }
    if let Some(test) = test {
        name.push_str(&format!(" '{test}'"));
    }
    name
}

impl Engine {
    /// All of it.
    pub fn inspect(&self, now: Micros, asker: Option<SessionId>) -> Inspection {
        let ahead = self.count_ahead();
        let mut view = Inspection {
            asker: asker.map(|asker| asker.0),
            sessions: self.sessions.sorted().into_iter().map(|(id, _)| self.view_session(now, id, &ahead)).collect(),
            pools: Vec::new(),
            queues: Vec::new(),
            limits: Vec::new(),
            barriers: Vec::new(),
        };
        for (_, Resource { name, line, state, .. }) in self.resources.sorted() {
            let (name, waiting) = (name.to_string(), line.len());
            match state {
                State::Pool(pool) => view.pools.push(PoolView {
                    name,
                    size: Some(pool.size()),
                    held: pool.held(),
                    discarded: pool.discarded(),
                    waiting,
                    peak: pool.peak(),
                    policy: pool.policy().name(),
                }),
                State::Queue(queue) => {
                    let (ready, taken, acked, failed) = queue.counts();
                    view.queues.push(QueueView { name, ready, taken, acked, failed, waiting });
                }
                State::Limit(limit) => {
                    let (max, per, burst, passed) = limit.figures();
                    view.limits.push(LimitView { name, max, per: ms(per), burst, waiting, passed });
                }
                State::Barrier(barrier) => {
                    let (parties, broken) = (barrier.parties(), !barrier.is_new());
                    view.barriers.push(BarrierView { name, parties, waiting, broken });
                }
                _ => {}
            }
        }
        view.pools.extend(self.open_pools());
        view
    }

    /// Keys that are leased without being defined as pools.
    fn open_pools(&self) -> Vec<PoolView> {
        let mut held: std::collections::BTreeMap<&str, usize> = Default::default();
        for lease in self.leases.iter().filter(|lease| self.find_pool(lease.key).is_err()) {
            *held.entry(lease.key).or_default() += 1;
        }
        let peaks: std::collections::BTreeMap<&str, u64> = self.leases.peaks().collect();
        let view = |(name, held): (&str, usize)| PoolView {
            name: name.into(),
            size: None,
            held,
            discarded: 0,
            waiting: 0,
            peak: peaks.get(name).map_or(held, |&peak| peak as usize),
            policy: "lowest",
        };
        held.into_iter().map(view).collect()
    }

    /// How many stand before each wait, in the line where that are most.
    fn count_ahead(&self) -> HashMap<WaitId, usize> {
        let mut ahead: HashMap<WaitId, usize> = HashMap::new();
        for (_, resource) in self.resources.sorted() {
            for (place, wait) in self.waits.in_line(resource.line).enumerate() {
                let before = ahead.entry(wait).or_default();
                *before = place.max(*before);
            }
        }
        ahead
    }

    fn view_session(&self, now: Micros, id: SessionId, ahead: &HashMap<WaitId, usize>) -> SessionView {
        let session = self.sessions.get(id);
        let mut holds: Vec<HoldView> =
            self.holds.of_session(id).take(MAX_LISTED).map(|hold| self.view_hold(now, hold)).collect();
        holds.extend(self.leases_of(id).map(|lease| HoldView {
            kind: Kind::Pool.name(),
            name: lease.key.into(),
            number: Some(lease.number),
            token: lease.token,
            held_for: ms(now.saturating_sub(lease.since)),
            shared: None,
            amount: None,
        }));
        holds.sort_by_key(|hold| hold.token);
        let view = |wait| self.view_wait(now, wait, ahead.get(&wait).copied().unwrap_or(0));
        let mut waits: Vec<WaitView> = self.waits.of_session(id).take(MAX_LISTED).filter_map(view).collect();
        waits.sort_by(|a, b| b.waited.total_cmp(&a.waited));
        SessionView {
            session: id.0,
            name: session.map_or_else(String::new, |session| session.name.to_string()),
            pid: session.and_then(|session| session.pid),
            test: session.and_then(|session| session.test.as_ref()).map(|test| test.to_string()),
            connected_for: session.map_or(0.0, |session| ms(now.saturating_sub(session.since))),
            holds,
            waits,
            subscriptions: self.topics.subscriptions_of(id),
        }
    }

    fn view_hold(&self, now: Micros, hold: &Hold) -> HoldView {
        let (kind, name, number) = self.identify(hold);
        let (shared, amount) = match (hold.what, kind) {
            (Held::Permits { amount, .. }, Kind::Lock) => (Some(permits::is_shared(amount)), None),
            (Held::Permits { amount, .. }, _) => (None, Some(amount)),
            _ => (None, None),
        };
        HoldView {
            kind: kind.name(),
            name,
            number,
            token: hold.token,
            held_for: ms(now.saturating_sub(hold.since)),
            shared,
            amount,
        }
    }

    fn view_wait(&self, now: Micros, id: WaitId, ahead: usize) -> Option<WaitView> {
        let resource = self.resources.get(self.waits.resource(id)?)?;
        Some(WaitView {
            kind: resource.kind.name(),
            name: resource.name.to_string(),
            waited: ms(now.saturating_sub(self.waits.get(id)?.since)),
            ahead,
        })
    }

    /// The leases that a session took, and that are its thread's.
    pub(super) fn leases_of(&self, id: SessionId) -> impl Iterator<Item = Taken<'_>> {
        let holder = self.sessions.holder(id);
        holder
            .into_iter()
            .flat_map(|holder| self.leases.of_holder(holder))
            .filter(move |lease| lease.session == Some(id))
    }

    /// What a hold is of.
    fn identify(&self, hold: &Hold) -> (Kind, String, Option<u64>) {
        let resource = hold.what.resource().and_then(|id| self.resources.get(id));
        match (hold.what, resource) {
            (Held::Value { place, .. }, Some(resource)) => {
                (resource.kind, resource.name.to_string(), Some(u64::from(place) + self.config.lease_start))
            }
            (_, Some(resource)) => (resource.kind, resource.name.to_string(), None),
            (_, None) => {
                let name = self.reservations.name(hold.token);
                (Kind::Reservation, name.map_or_else(String::new, |(_, value)| value.to_string()), None)
            }
        }
    }

    /// What holds of a resource there are.
    pub(super) fn holders(&self, id: ResourceId) -> Vec<Holder> {
        match self.resources.get(id).map(|resource| &resource.state) {
            Some(State::Pool(pool)) => pool.holders().collect(),
            Some(State::Permits(permits)) => permits.holders().map(|(token, _)| Holder::Token(token)).collect(),
            Some(State::Once(making)) => making.maker().map(Holder::Token).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn party(&self, now: Micros, holder: Holder) -> Option<Party> {
        let (session, since, test, worker) = match holder {
            Holder::Token(token) => {
                let hold = self.holds.get(token)?;
                (Some(hold.session), hold.since, hold.test.clone(), None)
            }
            Holder::Lease(slot) => {
                let lease = self.leases.taken(slot)?;
                (lease.session, lease.since, lease.test.cloned(), Some(lease.worker.to_owned()))
            }
        };
        let session = session.and_then(|session| self.sessions.get(session));
        let name = session.map(|session| session.name.to_string());
        Some(Party {
            session: name.clone().filter(|name| worker.as_ref().is_some_and(|worker| worker != name)),
            worker: worker.or(name),
            pid: session.and_then(|session| session.pid),
            test: test.or_else(|| session.and_then(|session| session.test.clone())).map(|test| test.to_string()),
            held_for: ms(now.saturating_sub(since)),
        })
    }

    /// The first of those who hold something of a resource.
    pub(super) fn parties(&self, now: Micros, id: ResourceId) -> Vec<Party> {
        self.holders(id).into_iter().take(MAX_NAMED).filter_map(|holder| self.party(now, holder)).collect()
    }

    /// What somebody waits for, and who has it.
    pub(super) fn obstacle(&self, now: Micros, resources: &[ResourceId]) -> Obstacle {
        let first = resources.first().and_then(|&id| self.resources.get(id));
        Obstacle {
            kind: first.map_or("", |resource| resource.kind.name()),
            name: first.map_or_else(String::new, |resource| resource.name.to_string()),
            holders: resources.iter().flat_map(|&id| self.parties(now, id)).collect(),
        }
    }

    /// `: worker-3 pid 4242 'logs in' for 12.3 s, …`, for the end of a message.
    pub(super) fn name_parties(&self, parties: &[Party], count: usize) -> String {
        if parties.is_empty() {
            return String::new();
        }
        let named: Vec<String> = parties
            .iter()
            .map(|party| {
                let alias = party.worker.as_ref().zip(party.session.as_ref());
                let worker = alias.map(|(worker, session)| format!("{worker} ({session})"));
                let worker = worker.as_deref().or(party.worker.as_deref());
                let name = name_worker(worker, party.pid, party.test.as_deref());
                format!("{name} for {:.1} s", party.held_for / 1000.0)
            })
            .collect();
        let more = count.saturating_sub(named.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!(": {}{more}", named.join(", "))
    }

    pub(super) fn name_session(&self, id: SessionId) -> String {
        let Some(session) = self.sessions.get(id) else { return "somebody".into() };
        name_worker(Some(&session.name), session.pid, session.test.as_deref())
    }

    /// `the lock "a"`.
    pub(super) fn name_resource(&self, id: ResourceId) -> String {
        let Some(resource) = self.resources.get(id) else { return String::new() };
        let kind = if resource.kind == Kind::Once { "value of once" } else { resource.kind.name() };
        format!("the {kind} \"{}\"", resource.name)
    }

    /// Who waits, and for whom.
    pub(super) fn blocked(&self, now: Micros, id: WaitId) -> Option<Blocked> {
        let (wait, resource) = (self.waits.get(id)?, self.waits.resource(id)?);
        let session = self.sessions.get(wait.session);
        Some(Blocked {
            kind: self.resources.get(resource)?.kind.name(),
            name: self.name_of(resource).to_string(),
            worker: session.map(|session| session.name.to_string()),
            pid: session.and_then(|session| session.pid),
            test: self.test_of(wait),
            waited: ms(now.saturating_sub(wait.since)),
            holders: self.parties(now, resource),
        })
    }

    /// In which test somebody waits.
    fn test_of(&self, wait: &Wait) -> Option<String> {
        let now = || self.sessions.get(wait.session).and_then(|session| session.test.as_ref());
        wait.test.as_ref().or_else(now).map(|test| test.to_string())
    }

    /// Notes how long somebody waited.
    pub(super) fn note_wait(&mut self, now: Micros, id: WaitId) {
        let Some(wait) = self.waits.get(id) else { return };
        let waited = now - wait.since;
        let told = self.config.long_wait.is_some_and(|limit| waited >= limit);
        let longest = &self.notes.longest;
        let among_longest = longest.len() < LONGEST || longest.last().is_none_or(|&(last, _)| last < waited);
        if waited == 0 || !(told || among_longest) || !self.is_hindered(id) {
            return;
        }
        let Some(resource) = self.waits.resource(id).and_then(|resource| self.resources.get(resource)) else { return };
        let session = self.sessions.get(wait.session);
        let long = LongWait {
            kind: resource.kind.name(),
            name: resource.name.to_string(),
            worker: session.map(|session| session.name.to_string()),
            test: self.test_of(wait),
            waited: ms(waited),
        };
        if told {
            self.events.push(Event::Waited(long.clone()));
        }
        if among_longest {
            let at = self.notes.longest.partition_point(|&(other, _)| other >= waited);
            self.notes.longest.insert(at, (waited, long));
            self.notes.longest.truncate(LONGEST);
        }
    }

    /// Notes what a session did not release.
    pub(super) fn note_leaks(&mut self, now: Micros, session: SessionId, with_leases: bool) {
        let mut leaks = Vec::new();
        for hold in self.holds.of_session(session) {
            if !hold.kept {
                leaks.push(self.leaked_hold(now, hold));
            }
        }
        if with_leases && let Some(holder) = self.sessions.holder(session) {
            let leases = self.leases.of_holder(holder).filter(|lease| !lease.kept);
            leaks.extend(leases.map(|lease| self.leaked_lease(now, &lease)));
        }
        for leak in leaks {
            self.note_leak(leak);
        }
    }

    fn note_leak(&mut self, leak: Leak) {
        self.events.push(Event::Leaked(leak.clone()));
        self.notes.leak(leak);
    }

    /// What a session forgot to release: it is noted, and given back. `None`: nothing is held by that token.
    pub(super) fn leak(&mut self, now: Micros, session: SessionId, token: Token) -> Option<Leak> {
        let leak = match self.holds.of(session, token) {
            Some(hold) => self.leaked_hold(now, hold),
            None => {
                let holder = self.sessions.holder(session)?;
                self.leaked_lease(now, &self.leases.of_token(holder, token)?)
            }
        };
        self.note_leak(leak.clone());
        if !self.release_token(token) {
            let holder = self.sessions.holder(session)?;
            self.leases.release_token(holder, token);
            self.take_back_numbers();
        }
        Some(leak)
    }

    /// What is meant to be held until the session's end is no leak then. False: nothing is held by that token.
    pub(super) fn keep(&mut self, session: SessionId, token: Token) -> bool {
        if let Some(hold) = self.holds.of_mut(session, token) {
            hold.kept = true;
            return true;
        }
        let holder = self.sessions.holder(session);
        let slot = holder.and_then(|holder| self.leases.of_token(holder, token)).map(|lease| lease.slot);
        slot.map(|slot| self.leases.keep(slot)).is_some()
    }

    fn leaked_hold(&self, now: Micros, hold: &Hold) -> Leak {
        let (kind, name, number) = self.identify(hold);
        leak(kind, name, number, self.party(now, Holder::Token(hold.token)), hold.test.as_ref())
    }

    fn leaked_lease(&self, now: Micros, lease: &Taken<'_>) -> Leak {
        let party = self.party(now, Holder::Lease(lease.slot));
        leak(Kind::Pool, lease.key.into(), Some(lease.number), party, lease.test)
    }

    /// What is told at the end. What is held now counts as left behind.
    pub fn report(&mut self, now: Micros) -> Report {
        let sessions: Vec<SessionId> = self.sessions.sorted().into_iter().map(|(id, _)| id).collect();
        for session in sessions {
            self.note_leaks(now, session, false);
        }
        let leases = self.leases.iter().filter(|lease| !lease.kept);
        let leaks: Vec<Leak> = leases.map(|lease| self.leaked_lease(now, &lease)).collect();
        leaks.into_iter().for_each(|leak| self.note_leak(leak));
        for wait in self.waits.all() {
            self.note_wait(now, wait);
        }
        let mut pools: Vec<PeakView> = Vec::new();
        for (_, resource) in self.resources.sorted() {
            if let State::Pool(pool) = &resource.state {
                let (size, peak) = (Some(pool.size() + pool.discarded()), pool.peak() as u64);
                pools.push(PeakView { name: resource.name.to_string(), size, peak });
            }
        }
        let mut open: Vec<PeakView> =
            self.leases.peaks().map(|(name, peak)| PeakView { name: name.into(), size: None, peak }).collect();
        open.sort_by(|a, b| a.name.cmp(&b.name));
        pools.extend(open);
        let notes = std::mem::take(&mut self.notes);
        let longest_waits = notes.longest.into_iter().map(|(_, wait)| wait).collect();
        Report { leaked: notes.leaked, leaked_count: notes.leaked_count, longest_waits, pools }
    }

    /// The name of a resource.
    pub(super) fn name_of(&self, id: ResourceId) -> Rc<str> {
        self.resources.get(id).map_or_else(|| "".into(), |resource| resource.name.clone())
    }
}

/// `test`: the one that took it, not the one that the session is in by now.
fn leak(kind: Kind, name: String, number: Option<u64>, party: Option<Party>, test: Option<&Rc<str>>) -> Leak {
    let test = test.map(|test| test.to_string());
    let Some(Party { worker, pid, held_for, .. }) = party else {
        return Leak { kind: kind.name(), name, number, worker: None, pid: None, test, held_for: 0.0 };
    };
    Leak { kind: kind.name(), name, number, worker, pid, test, held_for }
}

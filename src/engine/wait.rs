//! Those who wait: one table of them, and a line for each resource, first come, first served.
//!
//! A line is a doubly linked list through a slab, so that joining it, leaving it from anywhere and serving its head cost the same however long it is.

use super::Micros;
use super::acquire::Part;
use super::deadlines::Deadlines;
use super::hold::Token;
use super::resource::ResourceId;
use super::session::SessionId;
use hashbrown::HashMap;
use slab::Slab;
use std::collections::BTreeSet;
use std::rc::Rc;

/// The name that the transport gives to a request that may wait, to find out whom the answer is for.
pub type Ticket = u64;

pub(super) type WaitId = u32;

/// How somebody asks for what may have to be waited for.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// How long to wait, in ms; `None`: for as long as it takes.
    pub wait: Option<f64>,
    /// The tokens of what is held by the line of work that asks; `None`: of all that its session holds.
    pub within: Option<Vec<u64>>,
    /// It is not sure that the line of work holds those: a circle in which no other session takes part is let be.
    pub unsure: bool,
}

impl From<Option<f64>> for Terms {
    fn from(wait: Option<f64>) -> Self {
        Self { wait, ..Self::default() }
    }
}

/// What somebody waits for.
#[derive(Debug)]
pub(super) enum Want {
    /// A value of each, all at once.
    Values { parts: Vec<Part>, ttl: Option<Micros> },
    /// A number under a worker's name.
    Number { worker: Rc<str>, ttl: Option<f64>, detached: bool },
    /// Permits of a lock or a semaphore.
    Permits { amount: u32 },
    /// The value of a key, or to make it.
    Once { refresh: Micros },
    /// The value of a key.
    Value,
    /// That a key's version is not this one.
    Change { after: u64 },
    /// An item.
    Take { until_done: bool },
    /// That all of a queue is done.
    Done,
    /// To be let through.
    Pass { cost: u32 },
    /// The others.
    Arrive,
}

#[derive(Debug)]
pub(super) struct Wait {
    pub(super) session: SessionId,
    pub(super) ticket: Ticket,
    pub(super) since: Micros,
    pub(super) want: Want,
    /// What the line of work holds that waits; `None`: not told.
    pub(super) within: Option<Vec<Token>>,
    /// What the session was doing when it asked.
    pub(super) test: Option<Rc<str>>,
    /// What is told of that is a guess.
    pub(super) unsure: bool,
    /// The last token when it asked: where it was not told, nothing that was granted later is held by the line of work that waits.
    pub(super) seen: Token,
    /// Where it stands: one place for each resource.
    places: Vec<u32>,
}

/// Those who wait for one resource.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Line {
    head: Option<u32>,
    tail: Option<u32>,
    len: u32,
}

impl Line {
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    /// The place at its head, for [`Waits::step`].
    pub(super) fn head(&self) -> Option<u32> {
        self.head
    }
}

#[derive(Debug)]
struct Place {
    wait: WaitId,
    resource: ResourceId,
    previous: Option<u32>,
    next: Option<u32>,
}

#[derive(Debug, Default)]
pub(super) struct Waits {
    slots: Slab<Wait>,
    places: Slab<Place>,
    tickets: HashMap<(SessionId, Ticket), WaitId>,
    by_session: HashMap<SessionId, BTreeSet<WaitId>>,
    deadlines: Deadlines,
    /// When it is to be told that a wait is slow.
    slow: Deadlines,
}

impl Waits {
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn get(&self, id: WaitId) -> Option<&Wait> {
        self.slots.get(id as usize)
    }

    pub(super) fn find(&self, session: SessionId, ticket: Ticket) -> Option<WaitId> {
        self.tickets.get(&(session, ticket)).copied()
    }

    pub(super) fn of_session(&self, session: SessionId) -> impl Iterator<Item = WaitId> + '_ {
        self.by_session.get(&session).into_iter().flatten().copied()
    }

    pub(super) fn next_deadline(&self) -> Option<Micros> {
        [self.deadlines.next(), self.slow.next()].into_iter().flatten().min()
    }

    pub(super) fn pop_due(&mut self, now: Micros) -> Option<WaitId> {
        self.deadlines.pop_due(now)
    }

    pub(super) fn pop_slow(&mut self, now: Micros) -> Option<WaitId> {
        self.slow.pop_due(now)
    }

    /// Enters a wait that stands in no line yet.
    pub(super) fn insert(&mut self, session: SessionId, ticket: Ticket, since: Micros, want: Want) -> WaitId {
        let wait = Wait {
            session,
            ticket,
            since,
            want,
            seen: Token::MAX,
            within: None,
            test: None,
            unsure: false,
            places: Vec::with_capacity(1),
        };
        let id = self.slots.insert(wait) as WaitId;
        self.tickets.insert((session, ticket), id);
        self.by_session.entry(session).or_default().insert(id);
        id
    }

    pub(super) fn set_origin(&mut self, id: WaitId, seen: Token, terms: Terms, test: Option<Rc<str>>) {
        if let Some(wait) = self.slots.get_mut(id as usize) {
            wait.test = test;
            (wait.seen, wait.within, wait.unsure) = (seen, terms.within, terms.unsure);
        }
    }

    pub(super) fn set_times(&mut self, id: WaitId, deadline: Option<Micros>, slow: Option<Micros>) {
        self.deadlines.set(id, deadline);
        self.slow.set(id, slow);
    }

    /// Goes to the end of a line.
    pub(super) fn join(&mut self, id: WaitId, resource: ResourceId, line: &mut Line) {
        let place = self.places.insert(Place { wait: id, resource, previous: line.tail, next: None }) as u32;
        match line.tail {
            Some(tail) => self.places[tail as usize].next = Some(place),
            None => line.head = Some(place),
        }
        line.tail = Some(place);
        line.len += 1;
        self.slots[id as usize].places.push(place);
    }

    /// The resources in whose lines it stands.
    pub(super) fn resources(&self, id: WaitId) -> Vec<ResourceId> {
        let places = self.get(id).map_or(&[][..], |wait| &wait.places);
        places.iter().map(|&place| self.places[place as usize].resource).collect()
    }

    /// The first resource in whose line it stands.
    pub(super) fn resource(&self, id: WaitId) -> Option<ResourceId> {
        let place = *self.get(id)?.places.first()?;
        Some(self.places[place as usize].resource)
    }

    /// Leaves a line.
    pub(super) fn leave(&mut self, id: WaitId, resource: ResourceId, line: &mut Line) {
        let Some(wait) = self.slots.get_mut(id as usize) else { return };
        let Some(at) = wait.places.iter().position(|&place| self.places[place as usize].resource == resource) else {
            return;
        };
        let Place { previous, next, .. } = self.places.remove(wait.places.swap_remove(at) as usize);
        match previous {
            Some(previous) => self.places[previous as usize].next = next,
            None => line.head = next,
        }
        match next {
            Some(next) => self.places[next as usize].previous = previous,
            None => line.tail = previous,
        }
        line.len -= 1;
    }

    /// Takes out a wait that stands in no line any more.
    pub(super) fn remove(&mut self, id: WaitId) -> Option<Wait> {
        let wait = self.slots.try_remove(id as usize)?;
        self.deadlines.set(id, None);
        self.slow.set(id, None);
        self.tickets.remove(&(wait.session, wait.ticket));
        if let Some(waits) = self.by_session.get_mut(&wait.session) {
            waits.remove(&id);
            if waits.is_empty() {
                self.by_session.remove(&wait.session);
            }
        }
        Some(wait)
    }

    /// Who stands at a place, and the place behind it.
    pub(super) fn step(&self, place: u32) -> (WaitId, Option<u32>) {
        let Place { wait, next, .. } = self.places[place as usize];
        (wait, next)
    }

    /// All who stand in a line, from its head.
    pub(super) fn in_line(&self, line: Line) -> impl Iterator<Item = WaitId> + '_ {
        let mut at = line.head;
        std::iter::from_fn(move || {
            let (wait, next) = self.step(at?);
            at = next;
            Some(wait)
        })
    }

    /// Everybody, in no order.
    pub(super) fn all(&self) -> Vec<WaitId> {
        self.slots.iter().map(|(id, _)| id as WaitId).collect()
    }

    /// Who stands at the head of a line.
    pub(super) fn first(&self, line: Line) -> Option<WaitId> {
        line.head.map(|place| self.places[place as usize].wait)
    }
}

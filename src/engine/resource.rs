use super::barrier::Barrier;
use super::limit::Limit;
use super::once::Making;
use super::permits::Permits;
use super::pool::Pool;
use super::queue::Queue;
use super::wait::Line;
use hashbrown::{Equivalent, HashMap};
use slab::Slab;
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

/// What can be held, or waited for. The order is that of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Pool,
    Lock,
    Semaphore,
    Reservation,
    Once,
    /// Those who wait for a key's value, or for its change.
    Value,
    Queue,
    /// Those who wait until a queue is done.
    Done,
    Limit,
    Barrier,
}

impl Kind {
    /// Its name for people and programs.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Pool => "pool",
            Kind::Lock => "lock",
            Kind::Semaphore => "semaphore",
            Kind::Reservation => "reservation",
            Kind::Once => "once",
            Kind::Value => "value",
            Kind::Queue | Kind::Done => "queue",
            Kind::Limit => "limit",
            Kind::Barrier => "barrier",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ResourceId(u32);

impl ResourceId {
    pub(super) fn index(self) -> u32 {
        self.0
    }

    pub(super) fn of_index(index: u32) -> Self {
        Self(index)
    }
}

/// Something by name, with those who wait for it.
#[derive(Debug)]
pub(super) struct Resource {
    pub(super) kind: Kind,
    pub(super) name: Rc<str>,
    pub(super) line: Line,
    pub(super) state: State,
}

#[derive(Debug)]
pub(super) enum State {
    Pool(Pool),
    Permits(Permits),
    Once(Making),
    Queue(Queue),
    Limit(Limit),
    Barrier(Barrier),
    /// The line is all there is to it: `Value`, `Done`.
    Bare,
}

impl State {
    /// Whether there is nothing to remember once nobody waits.
    fn is_idle(&self) -> bool {
        match self {
            State::Permits(permits) => permits.is_free(),
            State::Once(making) => making.is_idle(),
            State::Barrier(barrier) => barrier.is_new(),
            State::Bare => true,
            State::Pool(_) | State::Queue(_) | State::Limit(_) => false,
        }
    }
}

/// A key of the index, by which to look up without making one.
#[derive(Hash)]
struct Sought<'a>(Kind, &'a str);

impl Equivalent<(Kind, Rc<str>)> for Sought<'_> {
    fn equivalent(&self, (kind, name): &(Kind, Rc<str>)) -> bool {
        self.0 == *kind && *self.1 == **name
    }
}

/// All resources, and which of them may have something to give.
#[derive(Debug, Default)]
pub(super) struct Resources {
    slots: Slab<Resource>,
    index: HashMap<(Kind, Rc<str>), ResourceId>,
    dirty: VecDeque<ResourceId>,
    is_dirty: BTreeSet<ResourceId>,
    /// How many are there of `Once` and `Value`: where there are none, a write need not look for them.
    keyed: usize,
    /// How many are there of those that are never removed.
    lasting: usize,
}

impl Resources {
    pub(super) fn find(&self, kind: Kind, name: &str) -> Option<ResourceId> {
        self.index.get(&Sought(kind, name)).copied()
    }

    pub(super) fn find_or_make(&mut self, kind: Kind, name: &str, state: impl FnOnce() -> State) -> ResourceId {
        if let Some(id) = self.find(kind, name) {
            return id;
        }
        let name: Rc<str> = name.into();
        let resource = Resource { kind, name: name.clone(), line: Line::default(), state: state() };
        let id = ResourceId(self.slots.insert(resource) as u32);
        self.index.insert((kind, name), id);
        self.keyed += usize::from(matches!(kind, Kind::Once | Kind::Value));
        self.lasting += usize::from(matches!(kind, Kind::Pool | Kind::Queue | Kind::Limit));
        id
    }

    pub(super) fn get(&self, id: ResourceId) -> Option<&Resource> {
        self.slots.get(id.0 as usize)
    }

    pub(super) fn get_mut(&mut self, id: ResourceId) -> Option<&mut Resource> {
        self.slots.get_mut(id.0 as usize)
    }

    /// Pools, queues and limits.
    pub(super) fn lasting(&self) -> usize {
        self.lasting
    }

    pub(super) fn has_keyed(&self) -> bool {
        self.keyed > 0
    }

    /// By kind and name.
    pub(super) fn sorted(&self) -> Vec<(ResourceId, &Resource)> {
        let mut all: Vec<_> = self.slots.iter().map(|(id, resource)| (ResourceId(id as u32), resource)).collect();
        all.sort_by(|(_, a), (_, b)| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
        all
    }

    /// Notes that it may have something to give.
    pub(super) fn mark(&mut self, id: ResourceId) {
        if self.is_dirty.insert(id) {
            self.dirty.push_back(id);
        }
    }

    pub(super) fn is_marked(&self, id: ResourceId) -> bool {
        self.is_dirty.contains(&id)
    }

    pub(super) fn next_dirty(&mut self) -> Option<ResourceId> {
        let id = self.dirty.pop_front()?;
        self.is_dirty.remove(&id);
        Some(id)
    }

    /// Forgets it, unless somebody waits or there is something to remember.
    pub(super) fn tidy(&mut self, id: ResourceId) {
        let idle = self.get(id).is_some_and(|resource| resource.line.is_empty() && resource.state.is_idle());
        if idle {
            let resource = self.slots.remove(id.0 as usize);
            self.keyed -= usize::from(matches!(resource.kind, Kind::Once | Kind::Value));
            self.index.remove(&(resource.kind, resource.name));
        }
    }
}

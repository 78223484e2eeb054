//! Units that could start now, best first, by what may hold them back.
//!
//! What counts in the same limits and may go to the same workers is one class: of each class only the best is looked at. A class whose limit is
//! reached is taken out of sight until somebody leaves that limit. So a decision costs the logarithm of what is ready, however much of it is
//! held back.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A place in the order in which units are preferred; the lowest is the best.
pub(super) type Rank = usize;
/// A place in the sets of limits.
pub(super) type LimitSet = usize;
type ClassId = usize;

/// Who may take a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Lane {
    /// Any worker.
    Any,
    /// The worker that has begun it.
    Worker(usize),
}

/// How many may run of what counts in it.
#[derive(Debug)]
struct Limit {
    max: usize,
    running: usize,
    parked: Vec<ClassId>,
}

#[derive(Debug)]
struct Class {
    set: LimitSet,
    lane: Lane,
    ready: BTreeSet<Rank>,
    /// Whether it stands in the line of a limit, and in no lane.
    parked: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Ready {
    limits: Vec<Limit>,
    sets: Vec<Vec<usize>>,
    set_ids: HashMap<Vec<usize>, LimitSet>,
    classes: Vec<Class>,
    class_ids: HashMap<(LimitSet, Lane), ClassId>,
    /// The best of each class in sight.
    lanes: BTreeMap<Lane, BTreeMap<Rank, ClassId>>,
    /// By group, those of [`Lane::Any`] that are to be found by it.
    near: HashMap<usize, BTreeMap<LimitSet, BTreeSet<Rank>>>,
}

impl Ready {
    pub(super) fn new(limits: impl Iterator<Item = usize>) -> Ready {
        let limits = limits.map(|max| Limit { max, running: 0, parked: Vec::new() }).collect();
        Ready { limits, ..Ready::default() }
    }

    /// The set of these limits, by their places.
    pub(super) fn set(&mut self, mut limits: Vec<usize>) -> LimitSet {
        limits.sort_unstable();
        limits.dedup();
        let sets = &mut self.sets;
        *self.set_ids.entry(limits).or_insert_with_key(|limits| {
            sets.push(limits.clone());
            sets.len() - 1
        })
    }

    pub(super) fn push(&mut self, rank: Rank, set: LimitSet, lane: Lane) {
        let classes = &mut self.classes;
        let id = *self.class_ids.entry((set, lane)).or_insert_with(|| {
            classes.push(Class { set, lane, ready: BTreeSet::new(), parked: false });
            classes.len() - 1
        });
        self.hide(id);
        self.classes[id].ready.insert(rank);
        self.show(id);
    }

    /// Lets it be found by its group too; it is ready for any worker.
    pub(super) fn push_near(&mut self, rank: Rank, set: LimitSet, group: usize) {
        self.push(rank, set, Lane::Any);
        self.near.entry(group).or_default().entry(set).or_default().insert(rank);
    }

    /// The best that its limits let start.
    pub(super) fn best(&mut self, lane: Lane) -> Option<Taken> {
        loop {
            let (&rank, &class) = self.lanes.get(&lane)?.first_key_value()?;
            let Some(limit) = self.reached(self.classes[class].set) else { return Some(Taken { rank, class }) };
            self.hide(class);
            self.classes[class].parked = true;
            self.limits[limit].parked.push(class);
        }
    }

    /// The best of a group that its limits let start.
    pub(super) fn best_near(&self, group: usize) -> Option<Taken> {
        let sets = self.near.get(&group)?.iter().filter(|(set, _)| self.is_open(**set));
        let (rank, set) = sets.filter_map(|(&set, ranks)| Some((*ranks.first()?, set))).min()?;
        Some(Taken { rank, class: *self.class_ids.get(&(set, Lane::Any))? })
    }

    /// Takes out what was told of as the best, and counts it in its limits.
    pub(super) fn start(&mut self, Taken { rank, class }: Taken, group: usize) {
        let set = self.classes[class].set;
        self.hide(class);
        self.classes[class].ready.remove(&rank);
        self.show(class);
        if let Some(ranks) = self.near.get_mut(&group).and_then(|sets| sets.get_mut(&set)) {
            ranks.remove(&rank);
        }
        for &limit in &self.sets[set] {
            self.limits[limit].running += 1;
        }
    }

    /// What has run counts no more.
    pub(super) fn finish(&mut self, set: LimitSet) {
        for at in 0..self.sets[set].len() {
            let limit = &mut self.limits[self.sets[set][at]];
            limit.running -= 1;
            for class in std::mem::take(&mut limit.parked) {
                self.classes[class].parked = false;
                self.show(class);
            }
        }
    }

    /// Whether no limit of the set is reached.
    pub(super) fn is_open(&self, set: LimitSet) -> bool {
        self.reached(set).is_none()
    }

    /// Takes out all that waits for one worker.
    pub(super) fn drain(&mut self, lane: Lane) -> Vec<Rank> {
        let mut all = Vec::new();
        for id in 0..self.classes.len() {
            if self.classes[id].lane == lane {
                self.hide(id);
                all.extend(std::mem::take(&mut self.classes[id].ready));
            }
        }
        all
    }

    /// Takes out all.
    pub(super) fn clear(&mut self) {
        self.lanes.clear();
        self.near.clear();
        self.classes.iter_mut().for_each(|class| class.ready.clear());
    }

    fn reached(&self, set: LimitSet) -> Option<usize> {
        self.sets[set].iter().copied().find(|&limit| self.limits[limit].running >= self.limits[limit].max)
    }

    fn show(&mut self, id: ClassId) {
        let class = &self.classes[id];
        if let Some(&best) = class.ready.first().filter(|_| !class.parked) {
            self.lanes.entry(class.lane).or_default().insert(best, id);
        }
    }

    fn hide(&mut self, id: ClassId) {
        let class = &self.classes[id];
        if let (Some(best), Some(lane)) = (class.ready.first(), self.lanes.get_mut(&class.lane)) {
            lane.remove(best);
        }
    }
}

/// What [`Ready`] has told of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    pub(super) rank: Rank,
    class: ClassId,
}

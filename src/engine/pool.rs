//! The values of a pool, or its numbers, and which of them are free.

use super::command::PoolSpec;
use super::hold::Token;
use hashbrown::HashMap;
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::rc::Rc;

/// Which of the free values is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// The first.
    #[default]
    Lowest,
    /// The one that has been free for longest.
    Lru,
    /// Any.
    Random,
}

impl Policy {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Policy::Lowest => "lowest",
            Policy::Lru => "lru",
            Policy::Random => "random",
        }
    }
}

#[derive(Debug)]
pub(super) struct Pool {
    pub(super) policy: Policy,
    /// It has numbers only.
    pub(super) sized: bool,
    /// How many there were when it was defined.
    pub(super) defined: usize,
    pub(super) entries: Vec<Value>,
    /// By when they were given back, where the policy asks for that, then by place.
    pub(super) free: BTreeSet<(u64, u32)>,
    pub(super) discarded: usize,
    pub(super) peak: usize,
    /// Waits in its line that are for other pools too.
    pub(super) joint: usize,
    /// Numbers beyond its size that are leased, from before it was a pool.
    pub(super) beyond: HashMap<u64, u32>,
    /// How many waits in its line are for a number under a worker's name.
    pub(super) names: HashMap<Rc<str>, usize>,
    /// Counts what was given back.
    pub(super) clock: u64,
    pub(super) random: u64,
}

#[derive(Debug)]
pub(super) struct Value {
    pub(super) json: Option<Rc<str>>,
    /// The value, looked into only here, because `match` asks for it.
    pub(super) fields: Json,
    pub(super) state: Use,
    /// Its place among the free ones: where the policy asks for that, when it was given back.
    pub(super) order: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Use {
    Free,
    /// By a grant.
    Held(Token),
    /// By `lease`, under a worker's name.
    Leased(u32),
    Discarded(Option<Box<str>>),
}

/// A value of a pool as reports have it.
#[derive(Debug)]
pub struct Listed {
    /// Its number.
    pub number: u64,
    /// Its JSON, where it has any.
    pub json: Option<Rc<str>>,
    /// `free`, `held` or `discarded`.
    pub state: &'static str,
    /// Why it was discarded.
    pub reason: Option<Box<str>>,
    /// Who holds it.
    pub holder: Option<super::Party>,
}

impl Pool {
    pub(super) fn new(spec: &PoolSpec<'_>, seed: u64) -> Self {
        let mut pool = Self {
            policy: spec.policy,
            sized: spec.values.is_none(),
            defined: 0,
            entries: Vec::new(),
            free: BTreeSet::new(),
            discarded: 0,
            peak: 0,
            joint: 0,
            beyond: HashMap::new(),
            names: HashMap::new(),
            clock: 0,
            random: seed,
        };
        pool.add(spec);
        pool.defined = pool.entries.len();
        pool
    }

    pub(super) fn add(&mut self, spec: &PoolSpec<'_>) {
        let mut push = |json: Option<&str>| {
            let fields = json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
            let place = self.entries.len() as u32;
            self.entries.push(Value { json: json.map(Rc::from), fields, state: Use::Free, order: 0 });
            self.free.insert((0, place));
            if let Some(slot) = self.beyond.remove(&u64::from(place)) {
                self.take(place, Use::Leased(slot));
            }
        };
        match &spec.values {
            Some(values) => values.iter().for_each(|json| push(Some(json))),
            None => (0..spec.size).for_each(|_| push(None)),
        }
    }

    pub(super) fn is_as(&self, spec: &PoolSpec<'_>) -> bool {
        let same = match &spec.values {
            Some(values) => {
                !self.sized
                    && values.len() == self.defined
                    && self.entries.iter().zip(values).all(|(entry, json)| entry.json.as_deref() == Some(&**json))
            }
            None => self.sized && spec.size == self.defined,
        };
        same && self.policy == spec.policy
    }

    pub(super) fn is_free(&self, number: u64) -> bool {
        self.entries.get(number as usize).is_some_and(|entry| entry.state == Use::Free)
    }

    pub(super) fn size(&self) -> usize {
        self.entries.len() - self.discarded
    }

    pub(super) fn held(&self) -> usize {
        self.size() - self.free.len()
    }

    pub(super) fn discarded(&self) -> usize {
        self.discarded
    }

    pub(super) fn peak(&self) -> usize {
        self.peak
    }

    pub(super) fn policy(&self) -> Policy {
        self.policy
    }

    pub(super) fn fits(&self, place: u32, pattern: Option<&Json>) -> bool {
        pattern.is_none_or(|pattern| matches(pattern, &self.entries[place as usize].fields))
    }

    /// The places of all values in service.
    pub(super) fn places_in_service(&self) -> Vec<u32> {
        let in_service = |(_, entry): &(usize, &Value)| !matches!(entry.state, Use::Discarded(_));
        self.entries.iter().enumerate().filter(in_service).map(|(place, _)| place as u32).collect()
    }

    /// The free place that is to be handed out first of those that fit.
    pub(super) fn first_fitting(&mut self, pattern: Option<&Json>) -> Option<u32> {
        match self.policy {
            Policy::Random => self.places_in_order().into_iter().find(|&place| self.fits(place, pattern)),
            _ => self.free.iter().map(|&(_, place)| place).find(|&place| self.fits(place, pattern)),
        }
    }

    /// The free places, that to be handed out first first.
    pub(super) fn places_in_order(&mut self) -> Vec<u32> {
        let mut places: Vec<u32> = self.free.iter().map(|&(_, place)| place).collect();
        if self.policy == Policy::Random {
            // Fisher–Yates.
            for left in (1..places.len()).rev() {
                let other = self.draw() % (left as u64 + 1);
                places.swap(left, other as usize);
            }
        }
        places
    }

    pub(super) fn has_joint_waits(&self) -> bool {
        self.joint > 0
    }

    /// A number of it that was leased before it was a pool; it may be beyond the pool's size.
    pub(super) fn number_is_leased(&mut self, number: u64, slot: u32) {
        if (number as usize) < self.entries.len() {
            self.take(number as u32, Use::Leased(slot));
        } else {
            self.beyond.insert(number, slot);
        }
    }

    pub(super) fn number_is_free(&mut self, number: u64) {
        if self.beyond.remove(&number).is_none() {
            self.give_back(number as u32);
        }
    }

    /// SplitMix64 (Steele, Lea and Flood): the same draws again for the same seed.
    pub(super) fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn take(&mut self, place: u32, by: Use) {
        let entry = &mut self.entries[place as usize];
        self.free.remove(&(entry.order, place));
        entry.state = by;
        self.peak = self.peak.max(self.held());
    }

    pub(super) fn give_back(&mut self, place: u32) {
        self.clock += 1;
        let entry = &mut self.entries[place as usize];
        if self.policy == Policy::Lru {
            entry.order = self.clock;
        }
        entry.state = Use::Free;
        self.free.insert((entry.order, place));
    }

    pub(super) fn discard(&mut self, place: u32, reason: Option<&str>) {
        self.entries[place as usize].state = Use::Discarded(reason.map(Box::from));
        self.discarded += 1;
    }

    /// The tokens, and the leases' slots, by which its values are held.
    pub(super) fn holders(&self) -> impl Iterator<Item = Holder> + '_ {
        self.entries.iter().filter_map(|entry| match entry.state {
            Use::Held(token) => Some(Holder::Token(token)),
            Use::Leased(slot) => Some(Holder::Lease(slot)),
            _ => None,
        })
    }

    /// The places of the values that are free, or would be if their holders gave them back for whom this holds.
    pub(super) fn places_if(&self, released: impl Fn(Holder) -> bool) -> Vec<u32> {
        let free = |(_, entry): &(usize, &Value)| match entry.state {
            Use::Free => true,
            Use::Held(token) => released(Holder::Token(token)),
            Use::Leased(slot) => released(Holder::Lease(slot)),
            Use::Discarded(_) => false,
        };
        self.entries.iter().enumerate().filter(free).map(|(place, _)| place as u32).collect()
    }
}

/// By what something is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    Token(Token),
    Lease(u32),
}

/// Whether a value has all members of the pattern.
pub(super) fn matches(pattern: &Json, value: &Json) -> bool {
    match (pattern, value) {
        (Json::Object(wanted), Json::Object(members)) => {
            wanted.iter().all(|(name, wanted)| members.get(name).is_some_and(|member| matches(wanted, member)))
        }
        // 1 and 1.0 are one number in JSON.
        (Json::Number(a), Json::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        _ => pattern == value,
    }
}

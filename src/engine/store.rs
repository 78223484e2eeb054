use super::Micros;
use super::command::Value;
use super::config::Config;
use super::deadlines::Deadlines;
use super::error::Error;
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;
use zeroize::Zeroize;

/// The most keys of expired values that are remembered.
const MAX_REMEMBERED: usize = 4096;
const NOT_JSON: &str = "";

/// The values: a hash table of slots, and their deadlines.
///
/// A million small values are the aim: a slot has 40 bytes, and key and value share one allocation.
#[derive(Debug)]
pub(super) struct Store {
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
    slots: Vec<Option<Entry>>,
    free: Vec<u32>,
    /// Of a value that lives: its end. Of one that has expired: when its key is forgotten.
    deadlines: Deadlines,
    sweep_after: Micros,
    live: usize,
    bytes: usize,
    last_version: u64,
}

/// A value to be kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Put<'a> {
    pub(super) value: Value<'a>,
    pub(super) ttl: Option<f64>,
    /// The version that it must still have; 0: there must be none.
    pub(super) if_version: Option<u64>,
    /// Its time goes on as it runs, if no TTL is given.
    pub(super) keep_ttl: bool,
    /// Whether it needs a TTL where all do.
    pub(super) required: bool,
}

/// What came of a [`Put`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) set: bool,
    pub(super) version: u64,
}

/// An entry of [`Engine::list`](super::Engine::list).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed<'a> {
    /// The key.
    pub key: &'a str,
    /// What is left of its TTL.
    pub expires_in: Option<Micros>,
    /// Whether its setter sent a value.
    pub has_value: bool,
}

#[derive(Debug)]
struct Entry {
    /// The key, then the value. Wiped when dropped.
    text: Box<str>,
    /// What it was set with, for sliding expiry; 0: for ever.
    ttl: Micros,
    /// Higher for each later write of any key.
    version: u64,
    key_len: u16,
    compressed: bool,
    expired: bool,
}

impl Entry {
    fn new(key: &str, value: Value<'_>, ttl: Option<Micros>, version: u64) -> Self {
        let json = value.json.unwrap_or(NOT_JSON);
        let mut text = String::with_capacity(key.len() + json.len());
        text.push_str(key);
        text.push_str(json);
        Self {
            text: text.into_boxed_str(),
            ttl: ttl.unwrap_or(0),
            version,
            key_len: key.len() as u16,
            compressed: value.compressed,
            expired: false,
        }
    }

    fn key(&self) -> &str {
        &self.text[..usize::from(self.key_len)]
    }

    fn json(&self) -> &str {
        &self.text[usize::from(self.key_len)..]
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.text.zeroize();
    }
}

impl Store {
    pub(super) fn new(sweep_after: Micros) -> Self {
        Self {
            index: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            slots: Vec::new(),
            free: Vec::new(),
            deadlines: Deadlines::default(),
            sweep_after,
            live: 0,
            bytes: 0,
            last_version: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.live
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn next_deadline(&self) -> Option<Micros> {
        self.deadlines.next()
    }

    /// The slot of a live value, its TTL begun again where `refresh` says so.
    pub(super) fn touch(&mut self, now: Micros, key: &str, refresh: bool) -> Result<u32, Error> {
        let Some(slot) = self.find(key) else { return Err(Error::NotFound { key: key.into() }) };
        let entry = self.entry(slot);
        if entry.expired {
            return Err(Error::Expired { key: key.into() });
        }
        if refresh && entry.ttl > 0 {
            self.deadlines.set(slot, Some(now.saturating_add(entry.ttl)));
        }
        Ok(slot)
    }

    pub(super) fn value(&self, slot: u32) -> Value<'_> {
        let entry = self.entry(slot);
        let json = entry.json();
        Value { json: (!json.is_empty()).then_some(json), compressed: entry.compressed }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.find(key).is_some_and(|slot| !self.entry(slot).expired)
    }

    /// A live value, its version, and what is left of its time; its TTL is not begun again.
    pub(super) fn peek(&self, now: Micros, key: &str) -> Option<(Value<'_>, u64, Option<Micros>)> {
        let slot = self.find(key)?;
        let entry = Some(self.entry(slot)).filter(|entry| !entry.expired)?;
        let left = self.deadlines.get(slot).map(|due| due.saturating_sub(now));
        Some((self.value(slot), entry.version, left))
    }

    pub(super) fn version(&self, slot: u32) -> u64 {
        self.entry(slot).version
    }

    /// Keeps a value, and gives its version: or, where a condition is not met, that of the one that is there.
    pub(super) fn put(&mut self, now: Micros, config: &Config, key: &str, put: Put<'_>) -> Result<Written, Error> {
        let given = checked_ttl(put.ttl)?;
        let found = self.find(key);
        let live = found.filter(|&slot| !self.entry(slot).expired);
        let version = live.map_or(0, |slot| self.entry(slot).version);
        if put.if_version.is_some_and(|wanted| wanted != version) {
            return Ok(Written { set: false, version });
        }
        let keeps = live.filter(|_| put.keep_ttl && given.is_none());
        let ttl = match (keeps, given) {
            (Some(slot), _) => Some(self.entry(slot).ttl).filter(|&ttl| ttl > 0),
            (None, Some(ttl)) => Some(ttl),
            (None, None) if !put.required => None,
            (None, None) if config.require_ttl => return Err(Error::TtlRequired { key: key.into() }),
            (None, None) => config.default_ttl,
        };
        let size = put.value.json.map_or(0, str::len);
        if size > config.max_value_size {
            return Err(Error::ValueTooLarge { key: key.into(), size, limit: config.max_value_size });
        }
        if live.is_none() && config.max_items > 0 && self.live >= config.max_items {
            return Err(Error::MaxItems { key: key.into(), limit: config.max_items });
        }
        self.last_version += 1;
        let entry = Entry::new(key, put.value, ttl, self.last_version);
        self.bytes += entry.text.len();
        self.live += usize::from(live.is_none());
        let slot = match found {
            Some(slot) => {
                if live.is_some() {
                    self.bytes -= self.entry(slot).text.len();
                }
                self.slots[slot as usize] = Some(entry);
                slot
            }
            None => self.insert(key, entry),
        };
        if keeps.is_none() {
            self.deadlines.set(slot, ttl.map(|ttl| now.saturating_add(ttl)));
        }
        Ok(Written { set: true, version: self.last_version })
    }

    /// Whether there was a live value.
    pub(super) fn del(&mut self, key: &str) -> bool {
        let Some(slot) = self.find(key) else { return false };
        let live = !self.entry(slot).expired;
        if live {
            self.live -= 1;
            self.bytes -= self.entry(slot).text.len();
        }
        self.remove(slot);
        live
    }

    /// Ends the values whose time is over, and returns how many those were. Their keys are remembered for a while, and told to `on_expired`.
    pub(super) fn expire(&mut self, now: Micros, mut on_expired: impl FnMut(&str)) -> u64 {
        let mut expired = 0;
        while let Some(slot) = self.deadlines.pop_due(now) {
            if self.entry(slot).expired {
                self.remove(slot);
                continue;
            }
            expired += 1;
            on_expired(self.entry(slot).key());
            self.live -= 1;
            self.bytes -= self.entry(slot).text.len();
            if self.sweep_after == 0 || self.index.len() - self.live > MAX_REMEMBERED {
                self.remove(slot);
            } else {
                self.forget_value(slot);
                self.deadlines.set(slot, Some(now.saturating_add(self.sweep_after)));
            }
        }
        expired
    }

    pub(super) fn list(&self, now: Micros) -> impl Iterator<Item = Listed<'_>> {
        self.slots.iter().enumerate().filter_map(move |(slot, entry)| {
            let entry = entry.as_ref().filter(|entry| !entry.expired)?;
            let expires_in = self.deadlines.get(slot as u32).map(|due| due.saturating_sub(now));
            Some(Listed { key: entry.key(), expires_in, has_value: !entry.json().is_empty() })
        })
    }

    fn forget_value(&mut self, slot: u32) {
        let key = self.entry(slot).key().to_owned();
        let mut entry = Entry::new(&key, Value { json: None, compressed: false }, None, 0);
        entry.expired = true;
        self.slots[slot as usize] = Some(entry);
    }

    fn find(&self, key: &str) -> Option<u32> {
        let hash = self.hasher.hash_one(key);
        self.index.find(hash, |&slot| self.entry(slot).key() == key).copied()
    }

    fn insert(&mut self, key: &str, entry: Entry) -> u32 {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(entry);
                slot
            }
            None => {
                self.slots.push(Some(entry));
                (self.slots.len() - 1) as u32
            }
        };
        let (slots, hasher) = (&self.slots, &self.hasher);
        let rehash = |&slot: &u32| slots[slot as usize].as_ref().map_or(0, |entry| hasher.hash_one(entry.key()));
        self.index.insert_unique(hasher.hash_one(key), slot, rehash);
        slot
    }

    fn remove(&mut self, slot: u32) {
        let hash = self.hasher.hash_one(self.entry(slot).key());
        if let Ok(found) = self.index.find_entry(hash, |&other| other == slot) {
            found.remove();
        }
        self.slots[slot as usize] = None;
        self.deadlines.set(slot, None);
        self.free.push(slot);
    }

    fn entry(&self, slot: u32) -> &Entry {
        // A slot in the index or among the deadlines is occupied: that is what this file keeps true.
        #[allow(clippy::expect_used)]
        self.slots[slot as usize].as_ref().expect("an occupied slot")
    }
}

/// A TTL in milliseconds as a time span; 0 counts as none given.
pub(super) fn checked_ttl(ttl: Option<f64>) -> Result<Option<Micros>, Error> {
    const MAX: f64 = 9_007_199_254_740_991.0;
    match ttl {
        None => Ok(None),
        Some(0.0) => Ok(None),
        Some(ms) if ms > 0.0 && ms <= MAX => Ok(Some((ms * 1000.0).ceil() as Micros)),
        Some(ms) => Err(Error::InvalidTtl { got: ms.to_string() }),
    }
}

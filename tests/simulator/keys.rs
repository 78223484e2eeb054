//! The model of keys: their values, who makes them, and what those are told who wait for them.

use crate::model::{Held, Model, breach, ensure};
use crate::step::{KEYS, Step};
use ephemeral_broker::engine::{Error, Kept, Micros, Reply};

#[derive(Debug, Clone)]
pub struct Entry {
    json: String,
    /// `None` until somebody is told of it.
    version: Option<u64>,
    /// The version must be higher than this.
    above: u64,
    ttl: Option<Micros>,
    due: Option<Micros>,
}

#[derive(Debug)]
pub struct Keys {
    entries: Vec<Option<Entry>>,
    /// The highest version that anybody was told of.
    last_version: u64,
    pub makers: Vec<Option<u64>>,
    pub refreshers: Vec<Option<u64>>,
    /// The key whose maker fails in this step, and all who wait with him.
    pub failing: Option<usize>,
}

impl Default for Keys {
    fn default() -> Self {
        let nobody = vec![None; KEYS.len()];
        Self {
            entries: vec![None; KEYS.len()],
            last_version: 0,
            makers: nobody.clone(),
            refreshers: nobody,
            failing: None,
        }
    }
}

impl Keys {
    pub fn len(&self) -> usize {
        self.entries.iter().flatten().count()
    }

    pub fn get(&self, key: usize) -> Option<&Entry> {
        self.entries[key].as_ref()
    }

    pub fn expire(&mut self, now: Micros) {
        for entry in &mut self.entries {
            if entry.as_ref().and_then(|entry| entry.due).is_some_and(|due| due <= now) {
                *entry = None;
            }
        }
    }

    /// The version, where it is known; 0: there is no value.
    pub fn version(&self, key: usize) -> Option<u64> {
        self.get(key).map_or(Some(0), |entry| entry.version)
    }

    /// Somebody was told of the key's version.
    fn learn(&mut self, key: usize, version: u64) {
        let Some(entry) = &mut self.entries[key] else {
            breach(&format!("key {key} has no value, and version {version}"))
        };
        match entry.version {
            Some(known) => ensure!(known == version, "key {key} has version {known}, not {version}"),
            None => ensure!(version > entry.above, "key {key}: version {version} is not above {}", entry.above),
        }
        entry.version = Some(version);
        self.last_version = self.last_version.max(version);
    }

    pub fn check_kept(&mut self, now: Micros, key: usize, kept: &Kept) {
        self.learn(key, kept.version);
        let Some(entry) = self.get(key) else { return };
        ensure!(kept.json.as_deref() == Some(&entry.json), "key {key} is {entry:?}, and somebody was told {kept:?}");
        let left = entry.due.map(|due| due - now);
        ensure!(kept.expires_in == left, "key {key} has {left:?} left, and somebody was told {kept:?}");
    }

    pub fn is_idle(&self, key: usize) -> bool {
        self.makers[key].is_none() && self.refreshers[key].is_none()
    }

    pub fn ensure_not_made(&self, key: usize) {
        let (maker, refresher) = (self.makers[key], self.refreshers[key]);
        ensure!(self.is_idle(key), "two makers of key {key}: {maker:?} or {refresher:?} makes it");
    }

    pub fn stop_making(&mut self, key: usize, token: u64) {
        for making in [&mut self.makers[key], &mut self.refreshers[key]] {
            if *making == Some(token) {
                *making = None;
            }
        }
    }

    fn put(&mut self, key: usize, json: &str, ttl: Option<Micros>, due: Option<Micros>) {
        let above = self.last_version;
        self.entries[key] = Some(Entry { json: json.into(), version: None, above, ttl, due });
    }
}

impl Model {
    fn is_full_for(&self, key: usize) -> bool {
        let max = self.settings.max_items;
        max > 0 && self.keys.get(key).is_none() && self.keys.len() >= max
    }

    fn refresh(&mut self, key: usize) {
        if !self.settings.refresh_on_get {
            return;
        }
        let now = self.now;
        if let Some(entry) = &mut self.keys.entries[key] {
            entry.due = entry.ttl.map(|ttl| now + ttl);
        }
    }

    pub fn key_changed(&mut self, step: &Step, outcome: &Result<Reply<'_>, Error>) {
        let wrong = || -> ! { breach(&format!("{step:?} came to {outcome:?}")) };
        match *step {
            Step::Get { key } | Step::GetVersion { key } => match (self.keys.get(key), outcome) {
                (None, Err(Error::NotFound { .. } | Error::Expired { .. })) => {}
                (Some(entry), Ok(Reply::Value(value))) if value.json == Some(&entry.json) => self.refresh(key),
                (Some(entry), Ok(Reply::Versioned { value, version })) if value.json == Some(&entry.json) => {
                    self.keys.learn(key, *version);
                    self.refresh(key);
                }
                _ => wrong(),
            },
            Step::Has { key } => {
                let there = self.keys.get(key).is_some();
                ensure!(*outcome == Ok(Reply::Exists(there)), "key {key} is there: {there}, not {outcome:?}");
            }
            Step::Del { key } => {
                let there = self.keys.entries[key].take().is_some();
                ensure!(*outcome == Ok(Reply::Deleted(there)), "key {key} was there: {there}, not {outcome:?}");
            }
            Step::Set { key, ref json, ttl, if_version, keep_ttl } => {
                let known = self.keys.version(key);
                match outcome {
                    Err(Error::MaxItems { .. }) => {
                        ensure!(
                            self.is_full_for(key) && if_version.is_none_or(|wanted| wanted == 0),
                            "there is room: {step:?}"
                        );
                        return;
                    }
                    Ok(Reply::Set { set: false, version }) => {
                        ensure!(
                            if_version.is_some_and(|wanted| wanted != *version),
                            "{step:?} was refused at {version}"
                        );
                        ensure!(
                            known.is_none_or(|known| known == *version),
                            "{step:?}: the version is {known:?}: {outcome:?}"
                        );
                        if *version > 0 {
                            self.keys.learn(key, *version);
                        }
                        return;
                    }
                    Ok(Reply::Set { set: true, .. }) | Ok(Reply::Done) => {
                        let may = known.is_none() || if_version.is_none_or(|wanted| Some(wanted) == known);
                        ensure!(may, "{step:?} was done, at version {known:?}");
                    }
                    _ => wrong(),
                }
                ensure!(!self.is_full_for(key), "{step:?} went beyond maxItems");
                let given = ttl.map(|ms| ms * 1000);
                let (ttl, due) = match self.keys.get(key) {
                    Some(entry) if keep_ttl && given.is_none() => (entry.ttl, entry.due),
                    _ => {
                        let ttl = given.or(self.settings.default_ttl);
                        (ttl, ttl.map(|ttl| self.now + ttl))
                    }
                };
                self.keys.put(key, json, ttl, due);
                if let Ok(Reply::Set { version, .. }) = outcome {
                    self.keys.learn(key, *version);
                }
            }
            Step::Incr { key, by, ttl } => {
                let before = match self.keys.get(key) {
                    None => Some((0, ttl.map(|ms| ms * 1000), None)),
                    Some(entry) => entry.json.parse::<i64>().ok().map(|number| (number, entry.ttl, Some(entry.due))),
                };
                match (before, outcome) {
                    (None, Err(Error::NotANumber { .. })) => {}
                    (Some(_), Err(Error::MaxItems { .. })) if self.is_full_for(key) => {}
                    (Some((number, ttl, due)), Ok(Reply::Number(sum))) => {
                        ensure!(*sum == (number + by) as f64, "{number} and {by} are not {sum}");
                        let due = due.unwrap_or(ttl.map(|ttl| self.now + ttl));
                        self.keys.put(key, &(number + by).to_string(), ttl, due);
                    }
                    _ => wrong(),
                }
            }
            Step::Fulfil { session, token, ref json, ttl } => {
                let held = self.own(session, token).map(|hold| hold.what);
                let Some(Held::Making { key }) = held else {
                    ensure!(matches!(outcome, Err(Error::NotHeld { .. })), "{step:?} of {held:?} came to {outcome:?}");
                    return;
                };
                self.give_back(token, false);
                match outcome {
                    Ok(Reply::Done) => {
                        let ttl = ttl.map(|ms| ms * 1000);
                        ensure!(!self.is_full_for(key), "{step:?} went beyond maxItems");
                        self.keys.put(key, json, ttl, ttl.map(|ttl| self.now + ttl));
                    }
                    Err(Error::MaxItems { .. }) if self.is_full_for(key) => {}
                    _ => wrong(),
                }
            }
            Step::Fail { session, token, all } => {
                let held = self.own(session, token).map(|hold| hold.what);
                let Some(Held::Making { key }) = held else {
                    ensure!(matches!(outcome, Err(Error::NotHeld { .. })), "{step:?} of {held:?} came to {outcome:?}");
                    return;
                };
                ensure!(*outcome == Ok(Reply::Done), "{step:?} came to {outcome:?}");
                self.keys.failing = Some(key).filter(|_| all);
                self.give_back(token, false);
            }
            _ => breach(&format!("{step:?} is not known")),
        }
    }
}

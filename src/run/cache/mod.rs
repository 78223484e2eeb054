//! Which tests need not be run: those that passed when all that they depend on was as it is now.
//!
//! # What a result depends on
//!
//! The test's id, command, file, name and pattern; what the configuration says for it; the same of all tests that it depends on; the content of
//! the inputs, of the lockfiles and of its own file; the variables that count ([`VOLATILE`] says which do not); the toolchain's outputs; the
//! program's path and content, of a large one size and time; the platform; and the version of this format. Files count by name, content and
//! permission to be executed.
//!
//! # Never a stale pass
//!
//! Files are read when the run begins, and results recorded under what was read. So a pass is only *pending* at first: [`ResultCache::check`] looks at
//! all files again, and records what passed before it looked. Where files have changed, it drops what is pending and records nothing further in
//! the run. A file that was written but holds what it held, or one that came and went, costs only the passes of tests that had started by the time of
//! the look. That a file was written shows in its times, if its file system's clock has ticked since: [`clock`] waits until it has. A failure takes an earlier pass away at once, on the disk too.

mod clock;
mod content;
mod digest;
pub(super) mod disk;
mod environment;
mod folders;
mod keys;
mod platform;
mod snapshot;
mod store;
mod why;

pub use environment::{Environment, VOLATILE};
pub use snapshot::Program;

use super::files::{FilesError, Inputs};
use super::plan::{Cache, Plan, TestIndex};
use clock::Clock;
use keys::{Keyed, Keys};
use snapshot::{Since, Snapshot};
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;
use store::{Hints, Pass, Store};

/// A pass that is in use is noted so often, in seconds: a run in which nothing changed writes nothing.
const USE_NOTED: u64 = 24 * 3600;

/// What is known of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookUp {
    /// It passed, and nothing has changed since.
    Hit,
    /// It has to be run.
    Miss {
        /// In words, such as `changed: src/a.ts`.
        why: String,
    },
}

/// The results of earlier runs, for one run.
#[derive(Debug)]
pub struct ResultCache {
    folder: PathBuf,
    full: bool,
    verify: f64,
    snapshot: Snapshot,
    /// The snapshot's inputs: their name in the store, and what is in it.
    inputs: (String, Hints),
    keys: Keys,
    store: Store,
    told: HashMap<String, Option<snapshot::Difference>>,
    /// Passes that no check has confirmed, with the time of their start.
    pending: Vec<(TestIndex, Instant)>,
    /// Tests that started before this may have seen a file hold something else for a while.
    touched: Option<Instant>,
    /// What the file does not have yet.
    unsaved: Vec<Change>,
    /// Ids that failed in this run: no other try of theirs counts.
    failed: HashSet<String>,
    /// Why nothing is recorded any more.
    stopped: Option<String>,
    warnings: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Passed(TestIndex),
    Failed(TestIndex),
    Used(TestIndex),
}

impl ResultCache {
    /// Reads all inputs. `None`: the plan has no cache. `output` is the run's folder; the cache lies in it. `environment` is what this process has, and
    /// `programs` what the commands of [`Plan::settings`] run, in their order; `None` where that is not known.
    pub fn open(
        plan: &Plan,
        output: &Path,
        environment: &Environment,
        programs: &[Option<Program>],
    ) -> Result<Option<ResultCache>, FilesError> {
        let Some(cache) = &plan.cache else { return Ok(None) };
        let inputs = Inputs::new(&cache.root, cache.inputs.as_deref(), output)?;
        let files = plan.tests.iter().filter_map(|test| test.file.clone());
        let named = cache.lockfiles.iter().cloned().chain(files).collect();
        let small = programs.iter().flatten().filter(|program| program.content.is_some());
        let folder = output.join("cache");
        let small = small.map(|program| program.path.clone()).collect();
        let snapshot = Snapshot::take(inputs, named, small, Clock::of(&folder))?;
        let (mut store, warning) = Store::load(&folder);
        let keys = Keys::new(plan, cache, &snapshot, environment, programs);
        keys.describe(&mut store);
        let mut warnings: Vec<String> = warning.into_iter().collect();
        warnings
            .extend(snapshot.unmatched().iter().map(|pattern| format!("`cache.inputs`: no file matches `{pattern}`")));
        Ok(Some(ResultCache::new(cache, folder, snapshot, keys, store, warnings)))
    }

    fn new(
        cache: &Cache,
        folder: PathBuf,
        snapshot: Snapshot,
        keys: Keys,
        store: Store,
        warnings: Vec<String>,
    ) -> ResultCache {
        ResultCache {
            folder,
            full: cache.full,
            verify: cache.verify,
            inputs: (keys.inputs.clone(), snapshot.hints()),
            snapshot,
            keys,
            store,
            told: HashMap::new(),
            pending: Vec::new(),
            touched: None,
            unsaved: Vec::new(),
            failed: HashSet::new(),
            stopped: None,
            warnings,
        }
    }

    /// What is wrong with the cache, though the run can go on: for a person.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Whether the test passed with everything as it is now.
    pub fn look_up(&mut self, test: TestIndex) -> LookUp {
        let Some(keyed) = self.keys.tests.get(test) else { return miss("no such test") };
        let Some(key) = &keyed.key else { return miss("its cache is off") };
        if self.full {
            return miss("--full");
        }
        if let Some(reason) = &self.stopped {
            return miss(reason);
        }
        if let Some(pass) = self.store.pass(&keyed.id, key) {
            let now = disk::now();
            if now.saturating_sub(pass.used) > USE_NOTED {
                self.store.touch(&keyed.id, key, now);
                self.unsaved.push(Change::Used(test));
            }
            return LookUp::Hit;
        }
        let why = self.explain(test);
        LookUp::Miss { why }
    }

    fn explain(&mut self, test: TestIndex) -> String {
        let keyed = &self.keys.tests[test];
        let Some(record) = self.store.tests.get(&keyed.id) else { return "no result yet".to_owned() };
        if record.failed.as_ref().is_some_and(|(key, _)| record.passes.is_empty() || Some(key) == keyed.key.as_ref()) {
            return "failed last time".to_owned();
        }
        let now = why::Now {
            own: &keyed.own,
            context: &self.keys.contexts[keyed.settings].1,
            inputs: &self.inputs.1,
            file: keyed.file.as_deref(),
        };
        why::Explainer { folder: &self.folder, store: &self.store, told: &mut self.told }.explain(&record.passes, &now)
    }

    /// Whether a test that was hit is to be run all the same, to see whether the inputs are all that it depends on: the share `cache.verify`, drawn anew
    /// by each `seed`.
    pub fn verifies(&self, test: TestIndex, seed: u64) -> bool {
        let Some(keyed) = self.keys.tests.get(test) else { return false };
        let digest = digest::Parts::of("verify").number(seed).add(&keyed.id).end();
        let drawn = u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]]);
        f64::from(drawn) < self.verify * (f64::from(u32::MAX) + 1.0)
    }

    /// A clean pass: at the first attempt, and nothing speaks against it. It is recorded by a later [`ResultCache::check`]. `started` is when the attempt
    /// was started, or what it relies on: a server read files too.
    pub fn passed(&mut self, test: TestIndex, started: Instant) {
        if self.stopped.is_none()
            && self.keys.tests.get(test).is_some_and(|keyed| keyed.key.is_some() && !self.failed.contains(&keyed.id))
        {
            self.pending.push((test, started));
        }
    }

    /// Any other end than a clean pass, but for a test that was not run. Other tries of the same test in this run do not count any more either.
    pub fn failed(&mut self, test: TestIndex) -> io::Result<()> {
        let Some((id, key)) = self.keys.get(test) else { return Ok(()) };
        let (id, key) = (id.to_owned(), key.to_owned());
        let tests = &self.keys.tests;
        self.pending.retain(|(other, _)| tests[*other].id != id);
        self.unsaved
            .retain(|change| !matches!(change, Change::Passed(other) | Change::Used(other) if tests[*other].id == id));
        self.unsaved.push(Change::Failed(test));
        let recorded = self.store.pass(&id, &key).is_some();
        self.store.fail(&id, &key, disk::now());
        self.failed.insert(id);
        if recorded { store::log_failure(&self.folder, &key) } else { Ok(()) }
    }

    /// Looks at all files again, and records the passes so far or drops them. Takes about as long as listing the files; to be called every second
    /// or two, and when the last test has ended. The answer: why passes are not recorded, when that comes up.
    pub fn check(&mut self) -> Option<String> {
        if self.pending.is_empty() || self.stopped.is_some() {
            return None;
        }
        let mut pending = std::mem::take(&mut self.pending);
        let mut writer = String::from("a file was written");
        match self.snapshot.since() {
            Ok(Since::Unchanged) => {}
            Ok(Since::Touched(what)) => {
                // What still runs was there too: it ends after this check. When it was touched is not asked: a file system's clock is not ours.
                self.touched = Some(Instant::now());
                writer = what;
            }
            Ok(Since::Changed(difference)) => {
                return self.stop(&format!("files changed during the run ({difference})"));
            }
            Err(error) => return self.stop(&format!("the inputs cannot be listed any more ({error})")),
        }
        let before = pending.len();
        pending.retain(|(_, started)| self.touched.is_none_or(|until| *started > until));
        let dropped = before - pending.len();
        let note = (dropped > 0)
            .then(|| format!("{writer} while tests ran: {dropped} of their passes are not recorded in the cache"));
        let now = disk::now();
        for (test, _) in pending {
            if let Some((id, pass)) = self.keys.pass(test, now) {
                self.store.add(&id, pass);
                self.unsaved.push(Change::Passed(test));
            }
        }
        note
    }

    fn stop(&mut self, reason: &str) -> Option<String> {
        self.stopped = Some(reason.to_owned());
        Some(format!("{reason}: passes from then on are not recorded in the cache"))
    }

    /// Writes what was recorded, together with what other runs wrote meanwhile.
    pub fn save(&mut self) -> io::Result<()> {
        if self.unsaved.is_empty() {
            return Ok(());
        }
        let now = disk::now();
        let (keys, unsaved) = (&self.keys, &self.unsaved);
        let mut store = store::update(&self.folder, (&self.inputs.0, &self.inputs.1), now, |store| {
            keys.describe(store);
            for change in unsaved {
                keys.apply(*change, store, now);
            }
        })?;
        self.keys.describe(&mut store);
        self.store = store;
        self.unsaved.clear();
        Ok(())
    }
}

impl Keys {
    fn apply(&self, change: Change, store: &mut Store, now: u64) {
        let (Change::Passed(test) | Change::Failed(test) | Change::Used(test)) = change;
        let Some((id, key)) = self.get(test) else { return };
        match change {
            Change::Failed(_) => store.fail(id, key, now),
            Change::Used(_) => store.touch(id, key, now),
            Change::Passed(_) => {
                if let Some((id, pass)) = self.pass(test, now) {
                    store.add(&id, pass);
                }
            }
        }
    }

    fn get(&self, test: TestIndex) -> Option<(&str, &str)> {
        let Keyed { id, key, .. } = self.tests.get(test)?;
        Some((id, key.as_deref()?))
    }

    fn pass(&self, test: TestIndex, now: u64) -> Option<(String, Pass)> {
        let Keyed { id, key, own, settings, .. } = self.tests.get(test)?;
        let context = self.contexts.get(*settings)?.0.clone();
        Some((id.clone(), Pass { key: key.clone()?, context, own: own.clone(), used: now }))
    }
}

fn miss(why: &str) -> LookUp {
    LookUp::Miss { why: why.to_owned() }
}

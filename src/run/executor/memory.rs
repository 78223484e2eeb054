//! What is known of earlier runs, and what is learnt in this one: how long tests took, how they ended, and which passes need not be repeated.

use super::context::Environment;
use super::setup;
use crate::process;
use crate::run::cache::{LookUp, Program, ResultCache};
use crate::run::history::{Ended, History};
use crate::run::plan::{Millis, Past, Plan, TestIndex};
use crate::run::report::{Outcome, RunError, Status, TestResult};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// What the cache is to be told when it has time.
enum Learnt {
    Passed(TestIndex, Instant),
    Failed(TestIndex),
}

pub(super) struct Memory {
    cache: Option<Arc<Mutex<ResultCache>>>,
    learnt: Vec<Learnt>,
    /// `None` once it was written down.
    history: Option<History>,
    past: Vec<Past>,
    /// Why the cache had no result, by test.
    why: Vec<Option<String>>,
    /// Those that the cache has, and that are run all the same.
    verified: Vec<TestIndex>,
    errors: Vec<RunError>,
    notes: Vec<String>,
    folder: PathBuf,
}

impl Memory {
    /// Reads what earlier runs left, and all files that results depend on.
    ///
    /// # Errors
    /// The files cannot be listed.
    pub(super) fn open(plan: &Plan, store: &Path, env: &Environment) -> Result<Self, String> {
        let history = History::load(store);
        let past = plan.tests.iter().map(|test| {
            let past = history.past(&test.id).unwrap_or_default();
            // What was just edited is what somebody waits for.
            Past { failed: past.failed || test.affected, ..past }
        });
        let past = past.collect();
        let environment = env.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let programs: Vec<Option<Program>> = plan.settings.iter().map(|settings| program(settings, env)).collect();
        let cache = ResultCache::open(plan, store, &environment, &programs)
            .map_err(|error| format!("invalid_config: cache: {error}"))?;
        let mut notes: Vec<String> = history.warning().into_iter().map(str::to_string).collect();
        notes.extend(cache.iter().flat_map(|cache| cache.warnings().to_vec()));
        Ok(Self {
            cache: cache.map(|cache| Arc::new(Mutex::new(cache))),
            learnt: Vec::new(),
            history: Some(history),
            past,
            why: vec![None; plan.tests.len()],
            verified: Vec::new(),
            errors: Vec::new(),
            notes,
            folder: store.to_path_buf(),
        })
    }

    pub(super) fn past(&self) -> &[Past] {
        &self.past
    }

    pub(super) fn expected(&self, test: TestIndex) -> Option<Millis> {
        self.past.get(test)?.duration
    }

    pub(super) fn why(&mut self, test: TestIndex) -> Option<String> {
        self.why.get_mut(test)?.take()
    }

    /// The tests that need not be run.
    pub(super) fn look_up(&mut self, plan: &Plan, seed: u64) -> Vec<TestIndex> {
        let Some(cache) = &self.cache else { return Vec::new() };
        let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
        let mut hits = Vec::new();
        for test in 0..plan.tests.len() {
            match cache.look_up(test) {
                LookUp::Hit if cache.verifies(test, seed) => {
                    self.why[test] = Some("cache.verify: unchanged, run all the same".into());
                    self.verified.push(test);
                }
                LookUp::Hit => hits.push(test),
                LookUp::Miss { why } => self.why[test] = Some(why),
            }
        }
        hits
    }

    /// Learns how a test ended. `started`: when its last attempt was, or what that relied on.
    pub(super) fn record(&mut self, test: TestIndex, result: &TestResult, started: Option<Instant>) {
        let ended = match result.status {
            Status::Passed | Status::Flaky => Some(Ended::Passed),
            // What was skipped for another's sake was not run.
            Status::Skipped if result.attempts.is_empty() => Some(Ended::NotRun),
            Status::Skipped => Some(Ended::Passed),
            Status::Failed | Status::TimedOut | Status::Error => Some(Ended::Failed),
            Status::NotRun => Some(Ended::NotRun),
            Status::Cached => None,
        };
        if let Some(ended) = ended {
            let passed = result.attempts.iter().find(|attempt| attempt.status == Outcome::Passed);
            if let Some(history) = &mut self.history {
                history.record(&result.id, passed.map(|attempt| attempt.duration.ceil() as Millis), ended);
            }
        }
        if self.cache.is_none() {
            return;
        }
        match (result.status, result.attempts.as_slice(), started) {
            (Status::Cached | Status::NotRun, ..) | (Status::Skipped, [], _) => {}
            (Status::Passed, [only], Some(started)) if !only.leaked => {
                self.learnt.push(Learnt::Passed(test, started));
            }
            _ => {
                let failed = !matches!(result.status, Status::Passed | Status::Skipped);
                if failed && self.verified.contains(&test) {
                    self.errors.push(setup::error("cache_wrong", wrong(&result.id)));
                }
                self.learnt.push(Learnt::Failed(test));
            }
        }
    }

    /// Records what has passed, where nothing that it depends on has changed meanwhile, and forgets what has failed. `last`: writes down all else too.
    ///
    /// It reads the folders of all inputs, and may have to wait for another run that writes: others have things to do meanwhile.
    pub(super) fn check(&mut self, last: bool) -> impl Future<Output = Vec<String>> + use<> {
        let (cache, learnt) = (self.cache.clone(), std::mem::take(&mut self.learnt));
        let history = last.then(|| self.history.take()).flatten();
        let folder = self.folder.clone();
        let work = move || {
            let mut notes = Vec::new();
            if let Some(cache) = cache {
                let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
                notes.extend(tell(&mut cache, learnt, last, &folder));
            }
            if let Some(Err(error)) = history.map(|mut history| history.save()) {
                notes.push(format!("the durations cannot be written in {}: {error}", folder.display()));
            }
            notes
        };
        async move { tokio::task::spawn_blocking(work).await.unwrap_or_default() }
    }

    pub(super) fn note(&mut self, notes: Vec<String>) {
        self.notes.extend(notes);
    }

    pub(super) fn take_errors(&mut self) -> Vec<RunError> {
        std::mem::take(&mut self.errors)
    }

    pub(super) fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }
}

fn wrong(id: &str) -> String {
    format!(
        "{id} passed before, nothing among cache.inputs has changed, and it does not pass now: it is flaky, or depends on something else"
    )
}

/// What is worth a note.
fn tell(cache: &mut ResultCache, learnt: Vec<Learnt>, last: bool, folder: &Path) -> Vec<String> {
    let mut failed = None;
    for one in learnt {
        match one {
            Learnt::Passed(test, started) => cache.passed(test, started),
            Learnt::Failed(test) => failed = failed.or(cache.failed(test).err()),
        }
    }
    let note = cache.check();
    // Whoever kills the run loses little. That it cannot be written is told of at the end.
    let saved = cache.save().err().filter(|_| last);
    let unwritten =
        failed.or(saved).map(|error| format!("the cache cannot be written in {}: {error}", folder.display()));
    note.into_iter().chain(unwritten).collect()
}

/// What a command runs.
fn program(settings: &crate::run::plan::Settings, env: &Environment) -> Option<Program> {
    let program = super::running::program(&settings.command);
    let path = process::find_program(&program, &settings.cwd, env.get("PATH").map(AsRef::as_ref))?;
    Program::of(&path).ok()
}

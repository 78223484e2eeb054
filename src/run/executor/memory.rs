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
use std::time::{Duration, SystemTime};

pub(super) struct Memory {
    cache: Option<Arc<Mutex<ResultCache>>>,
    history: History,
    past: Vec<Past>,
    /// Why the cache had no result, by test.
    why: Vec<Option<String>>,
    /// Those that the cache has, and that are run all the same.
    verified: Vec<TestIndex>,
    errors: Vec<RunError>,
    notes: Vec<String>,
    root: PathBuf,
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
            history,
            past,
            why: vec![None; plan.tests.len()],
            verified: Vec::new(),
            errors: Vec::new(),
            notes,
            root: store.to_path_buf(),
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

    /// Learns how a test ended.
    pub(super) fn record(&mut self, test: TestIndex, result: &TestResult) {
        let ended = match result.status {
            Status::Passed | Status::Flaky | Status::Skipped => Some(Ended::Passed),
            Status::Failed | Status::TimedOut | Status::Error => Some(Ended::Failed),
            Status::NotRun => Some(Ended::NotRun),
            Status::Cached => None,
        };
        if let Some(ended) = ended {
            let passed = result.attempts.iter().find(|attempt| attempt.status == Outcome::Passed);
            self.history.record(&result.id, passed.map(|attempt| attempt.duration.ceil() as Millis), ended);
        }
        let Some(cache) = &self.cache else { return };
        let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
        match (result.status, result.attempts.as_slice()) {
            (Status::Cached | Status::NotRun, _) => {}
            (Status::Passed, [only]) if !only.leaked => {
                cache.passed(test, SystemTime::now() - Duration::from_secs_f64(only.duration.max(0.0) / 1000.0));
            }
            _ => {
                let failed = !matches!(result.status, Status::Passed | Status::Skipped);
                if failed && self.verified.contains(&test) {
                    self.errors.push(setup::error("cache_wrong", wrong(&result.id)));
                }
                if let Err(error) = cache.failed(test) {
                    self.notes.push(format!("the cache cannot be written: {error}"));
                }
            }
        }
    }

    /// Records what has passed, where nothing that it depends on has changed meanwhile.
    pub(super) fn check(&self) -> impl Future<Output = Option<String>> + use<> {
        let cache = self.cache.clone();
        async move {
            let cache = cache?;
            // It reads the folders of all inputs: others have things to do meanwhile.
            let checked = tokio::task::spawn_blocking(move || {
                let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
                let note = cache.check();
                // Whoever kills the run loses little. That it fails is told of at the end.
                let _ = cache.save();
                note
            });
            checked.await.ok().flatten()
        }
    }

    pub(super) fn note(&mut self, note: Option<String>) {
        self.notes.extend(note);
    }

    /// Writes down what was learnt.
    pub(super) fn save(&mut self) {
        if let Some(cache) = &self.cache
            && let Err(error) = cache.lock().unwrap_or_else(PoisonError::into_inner).save()
        {
            self.notes.push(format!("the cache cannot be written in {}: {error}", self.root.display()));
        }
        if let Err(error) = self.history.save() {
            self.notes.push(format!("the durations cannot be written in {}: {error}", self.root.display()));
        }
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

/// What a command runs.
fn program(settings: &crate::run::plan::Settings, env: &Environment) -> Option<Program> {
    let program = super::running::program(&settings.command);
    let path = process::find_program(&program, &settings.cwd, env.get("PATH").map(AsRef::as_ref))?;
    Program::of(&path).ok()
}

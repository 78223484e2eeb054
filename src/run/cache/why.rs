//! Why a test has no result: for a person.

use super::snapshot::{Difference, some_of};
use super::store::{self, Context, Hints, Own, Pass, Store};
use std::collections::HashMap;
use std::path::Path;

/// What is now.
pub(super) struct Now<'a> {
    pub(super) own: &'a Own,
    pub(super) context: &'a Context,
    pub(super) inputs: &'a Hints,
    /// The test's file, where it is no input.
    pub(super) file: Option<&'a str>,
}

/// What changed, in words.
pub(super) struct Explainer<'a> {
    pub(super) folder: &'a Path,
    pub(super) store: &'a Store,
    /// By an earlier list of inputs: thousands of tests are told the same.
    pub(super) told: &'a mut HashMap<String, Option<Difference>>,
}

impl Explainer<'_> {
    /// What tells now from the most similar of the passes, of these from the latest.
    pub(super) fn explain(&mut self, passes: &[Pass], now: &Now<'_>) -> String {
        let nearest = passes.iter().min_by_key(|pass| (self.distance(pass, now), std::cmp::Reverse(pass.used)));
        let Some(pass) = nearest else { return "no result yet".to_owned() };
        let mut reasons = own_reasons(&pass.own, now);
        match self.store.contexts.get(&pass.context) {
            Some(before) => reasons.extend(self.context_reasons(before, now)),
            None => reasons.push("what it was run with is not known any more".to_owned()),
        }
        if reasons.is_empty() {
            // The digests are short, or the platform is another.
            return "another platform or version".to_owned();
        }
        reasons.join("; ")
    }

    fn distance(&self, pass: &Pass, now: &Now<'_>) -> usize {
        let (own, with) = (&pass.own, now.own);
        let own =
            [own.command != with.command, own.config != with.config, own.file != with.file, own.before != with.before];
        let Some(before) = self.store.contexts.get(&pass.context) else { return usize::MAX };
        let context = [
            before.inputs != now.context.inputs,
            before.environment != now.context.environment,
            before.lockfiles != now.context.lockfiles,
            before.toolchain != now.context.toolchain,
            before.program != now.context.program,
        ];
        own.into_iter().chain(context).filter(|differs| *differs).count()
    }

    fn context_reasons(&mut self, before: &Context, now: &Now<'_>) -> Vec<String> {
        let context = now.context;
        let mut reasons = Vec::new();
        if before.program != context.program {
            reasons.push("program changed".to_owned());
        }
        if before.toolchain != context.toolchain {
            reasons.push(self.named("toolchain changed", &before.toolchain, &context.toolchain, |names| {
                format!("toolchain changed: {names}")
            }));
        }
        let mut lockfiles = Vec::new();
        if before.lockfiles != context.lockfiles {
            lockfiles = self.differing(&before.lockfiles, &context.lockfiles);
            reasons.push(self.named("lockfiles changed", &before.lockfiles, &context.lockfiles, |names| {
                format!("lockfile {names} changed")
            }));
        }
        if before.environment != context.environment {
            reasons.push(self.named("environment changed", &before.environment, &context.environment, |names| {
                format!("environment: {names} changed")
            }));
        }
        if before.inputs != context.inputs {
            reasons.extend(self.input_reason(&before.inputs, now.inputs, &lockfiles));
        }
        reasons
    }

    fn differing(&self, before: &str, now: &str) -> Vec<String> {
        match (self.store.hints.get(before), self.store.hints.get(now)) {
            (Some(before), Some(now)) => Difference::between(before, now).names(),
            _ => Vec::new(),
        }
    }

    fn named(&self, nameless: &str, before: &str, now: &str, told: impl Fn(String) -> String) -> String {
        match self.differing(before, now) {
            names if names.is_empty() => nameless.to_owned(),
            names => told(some_of(&names)),
        }
    }

    /// Files, but for the lockfiles, which have been named already.
    fn input_reason(&mut self, before: &str, now: &Hints, lockfiles: &[String]) -> Option<String> {
        let folder = self.folder;
        let told = self.told.entry(before.to_owned()).or_insert_with(|| {
            let before = store::load_inputs(folder, before)?;
            Some(Difference::between(&before, now))
        });
        let Some(difference) = told else { return Some("changed: input files".to_owned()) };
        let rest = |names: &[String]| names.iter().filter(|name| !lockfiles.contains(name)).cloned().collect();
        let rest = Difference {
            changed: rest(&difference.changed),
            added: rest(&difference.added),
            removed: rest(&difference.removed),
        };
        (!rest.is_empty()).then(|| rest.to_string())
    }
}

fn own_reasons(before: &Own, now: &Now<'_>) -> Vec<String> {
    let mut reasons = Vec::new();
    let mut tell = |differs: bool, reason: &str| {
        if differs {
            reasons.push(reason.to_owned());
        }
    };
    tell(before.command != now.own.command, "command changed");
    tell(before.config != now.own.config, "configuration changed");
    tell(before.before != now.own.before, "a test that it depends on changed");
    tell(before.file != now.own.file, &format!("changed: {}", now.file.unwrap_or("its file")));
    reasons
}

//! The keys of all tests of a plan, and what tells them from other keys.

use super::super::plan::{Cache, Command, Plan, Settings, Test, TestIndex};
use super::digest::{Digest, Parts, hint, key};
use super::environment::{self, Environment};
use super::snapshot::{Program, Snapshot};
use super::store::{Context, FORMAT, Hints, Own, Store};
use std::collections::HashMap;
use std::collections::{BTreeMap, BTreeSet};

/// All keys.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) tests: Vec<Keyed>,
    /// By settings: the name in the store, and what it stands for.
    pub(super) contexts: Vec<(String, Context)>,
    hints: BTreeMap<String, Hints>,
    /// The list of inputs' name in the store.
    pub(super) inputs: String,
}

/// A test.
#[derive(Debug)]
pub(super) struct Keyed {
    pub(super) id: String,
    /// `None`: it is not cached.
    pub(super) key: Option<String>,
    pub(super) own: Own,
    /// Its file, where that is no input.
    pub(super) file: Option<String>,
    pub(super) settings: usize,
}

/// A test's own digests.
struct Parted {
    command: Digest,
    config: Digest,
    file: Digest,
}

impl Keys {
    pub(super) fn new(
        plan: &Plan,
        cache: &Cache,
        snapshot: &Snapshot,
        base: &Environment,
        programs: &[Option<Program>],
    ) -> Keys {
        let common = Common::new(plan, cache, snapshot, base);
        let programs: Vec<Digest> =
            (0..plan.settings.len()).map(|at| Program::digest(programs.get(at).and_then(Option::as_ref))).collect();
        let contexts = programs.iter().map(|program| common.context(program)).collect();
        let parted: Vec<Option<Parted>> = plan
            .tests
            .iter()
            .map(|test| Some(Parted::new(test, plan.settings.get(test.settings)?, cache, snapshot)))
            .collect();
        let mut keys = Keys { tests: Vec::new(), contexts, hints: common.hints, inputs: common.inputs };
        // Those of a project often depend on the same.
        let mut known: HashMap<&[TestIndex], Digest> = HashMap::new();
        for (index, (test, own)) in plan.tests.iter().zip(&parted).enumerate() {
            let before = *known.entry(&test.depends_on).or_insert_with(|| before(plan, index, &parted, &programs));
            keys.tests.push(keyed(plan, test, own.as_ref(), &before, common.digest, &programs, snapshot));
        }
        keys
    }

    /// Puts what passes of this run refer to into the store.
    pub(super) fn describe(&self, store: &mut Store) {
        store.hints.extend(self.hints.iter().map(|(id, hints)| (id.clone(), hints.clone())));
        store.contexts.extend(self.contexts.iter().cloned());
    }
}

fn keyed(
    plan: &Plan,
    test: &Test,
    own: Option<&Parted>,
    before: &Digest,
    common: Digest,
    programs: &[Digest],
    snapshot: &Snapshot,
) -> Keyed {
    let cached = plan.settings.get(test.settings).is_some_and(|settings| settings.cache.is_some());
    let key = own.filter(|_| cached).map(|own| {
        let mut parts = Parts::of("result");
        parts.number(u64::from(FORMAT)).add(common).add(programs[test.settings]);
        key(&parts.add(&test.id).add(own.command).add(own.config).add(own.file).add(before).end())
    });
    let hints = own.map(|own| Own {
        command: hint(&own.command),
        config: hint(&own.config),
        file: hint(&own.file),
        before: hint(before),
    });
    let none = || Own { command: String::new(), config: String::new(), file: String::new(), before: String::new() };
    let file = test.file.clone().filter(|file| !snapshot.is_input(file));
    Keyed { id: test.id.clone(), key, own: hints.unwrap_or_else(none), file, settings: test.settings }
}

impl Parted {
    fn new(test: &Test, settings: &Settings, cache: &Cache, snapshot: &Snapshot) -> Parted {
        let mut command = Parts::of("command");
        match &settings.command {
            Command::Argv(arguments) => {
                command.add("argv").number(arguments.len() as u64);
                for argument in arguments {
                    command.add(argument);
                }
            }
            Command::Shell(line) => {
                command.add("shell").add(line);
            }
        }
        let cwd = settings.cwd.strip_prefix(&cache.root).unwrap_or(&settings.cwd);
        command
            .add(cwd.as_os_str().as_encoded_bytes())
            .add(&test.project)
            .add(&test.group)
            .maybe(test.file.as_ref())
            .maybe(test.name.as_ref())
            .maybe(test.pattern.as_ref());
        let mut config = Parts::of("config");
        config.maybe(settings.cache.as_ref().map(|cache| &cache.config)).number(settings.env.len() as u64);
        for (name, value) in &settings.env {
            config.add(name).add(value);
        }
        let file = test.file.as_ref().filter(|file| !snapshot.is_input(file)).and_then(|file| snapshot.named(file));
        Parted { command: command.end(), config: config.end(), file: Parts::of("test file").maybe(file).end() }
    }
}

/// Of all tests that must have passed before: what they do may be what the test finds.
fn before(plan: &Plan, test: TestIndex, parted: &[Option<Parted>], programs: &[Digest]) -> Digest {
    let mut parts = Parts::of("before");
    if plan.tests[test].depends_on.is_empty() {
        return parts.end();
    }
    let mut seen = BTreeSet::new();
    let mut open = plan.tests[test].depends_on.clone();
    while let Some(next) = open.pop() {
        if seen.insert(next) {
            open.extend(plan.tests.get(next).into_iter().flat_map(|test| &test.depends_on));
        }
    }
    // By id: the order of a list may be another next time.
    let mut all: Vec<(&str, TestIndex)> =
        seen.into_iter().filter_map(|at| Some((plan.tests.get(at)?.id.as_str(), at))).collect();
    all.sort_unstable();
    for (id, at) in all {
        if let Some(own) = &parted[at] {
            parts.add(id).add(own.command).add(own.config).add(own.file).add(programs[plan.tests[at].settings]);
        }
    }
    parts.end()
}

/// What all tests depend on, but for the program.
struct Common {
    digest: Digest,
    inputs: String,
    environment: String,
    lockfiles: String,
    toolchain: String,
    hints: BTreeMap<String, Hints>,
}

impl Common {
    fn new(plan: &Plan, cache: &Cache, snapshot: &Snapshot, base: &Environment) -> Common {
        let inputs = snapshot.digest();
        let environment = environment::of_plan(plan, cache, base);
        let environment = environment.iter().map(|(name, value)| {
            (name.to_string_lossy().into_owned(), name.as_encoded_bytes(), value.as_encoded_bytes())
        });
        let lockfiles = cache.lockfiles.iter().map(|name| (name.clone(), name.as_bytes(), snapshot.named(name)));
        let toolchain =
            cache.toolchain.iter().map(|(command, output)| (command.clone(), command.as_bytes(), output.as_bytes()));
        let mut hints = BTreeMap::new();
        let environment =
            map_digest("environment", environment.map(|(name, raw, value)| (name, raw, value.to_vec())), &mut hints);
        let lockfiles = map_digest(
            "lockfiles",
            lockfiles.map(|(name, raw, digest)| (name, raw, digest.unwrap_or_default().to_vec())),
            &mut hints,
        );
        let toolchain =
            map_digest("toolchain", toolchain.map(|(name, raw, output)| (name, raw, output.to_vec())), &mut hints);
        let mut all = Parts::of("common");
        all.add(inputs)
            .add(environment)
            .add(lockfiles)
            .add(toolchain)
            .add(std::env::consts::OS)
            .add(std::env::consts::ARCH);
        let [environment, lockfiles, toolchain] = [environment, lockfiles, toolchain].map(|digest| key(&digest));
        Common { digest: all.end(), inputs: key(&inputs), environment, lockfiles, toolchain, hints }
    }

    fn context(&self, program: &Digest) -> (String, Context) {
        let context = Context {
            inputs: self.inputs.clone(),
            environment: self.environment.clone(),
            lockfiles: self.lockfiles.clone(),
            toolchain: self.toolchain.clone(),
            program: hint(program),
        };
        (key(&Parts::of("context").add(self.digest).add(program).end()), context)
    }
}

/// The digest of all values by name. `hints` gets each of them, under the name of the digest.
fn map_digest<'a>(
    what: &str,
    values: impl Iterator<Item = (String, &'a [u8], Vec<u8>)>,
    hints: &mut BTreeMap<String, Hints>,
) -> Digest {
    let mut parts = Parts::of(what);
    let mut each = Hints::new();
    for (name, raw, value) in values {
        parts.add(raw).add(&value);
        each.insert(name, hint(&Parts::of("value").add(raw).add(&value).end()));
    }
    let digest = parts.end();
    hints.insert(key(&digest), each);
    digest
}

//! The result cache beside an oracle that knows the whole state in which each test passed: whatever is edited, between runs and while tests run, no test is
//! taken from the cache that did not pass in just that state.
//!
//! It holds on file systems whose clocks tick seldom too: `RUN_CACHE_CASES=20 TMPDIR=…` on such a one (`mkfs.ext3 -I 128` makes one with whole seconds).

#![allow(clippy::unwrap_used)]

use ephemeral_broker::run::cache::{Environment, LookUp, ResultCache};
use ephemeral_broker::run::plan::Plan;
use proptest::prelude::*;
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;
use std::time::Instant;

const TESTS: usize = 3;

#[derive(Debug, Clone)]
enum Edit {
    Write(usize, u8),
    /// Other content of the same size, with the times that programs can set put back.
    Disguised(usize, u8),
    /// Something else for a moment.
    Flicker(usize),
    Delete(usize),
    Rename(usize, usize),
    Executable(usize),
    Lockfile(u8),
}

#[derive(Debug, Clone)]
enum Setting {
    Variable(u8),
    Argument(u8),
    Config(u8),
    Program(u8),
}

#[derive(Debug, Clone)]
struct Run {
    edits: Vec<Edit>,
    settings: Vec<Setting>,
    /// By test.
    during: Vec<Option<Edit>>,
    fails: [bool; TESTS],
    checks: [bool; TESTS],
    /// All tests start before the first ends.
    at_once: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Settings {
    variable: u8,
    argument: u8,
    config: u8,
    program: u8,
}

/// All that a test can depend on.
type State = (Settings, BTreeMap<String, (Vec<u8>, bool)>);

fn edit() -> impl Strategy<Value = Edit> {
    let (file, content) = (0..4_usize, b'a'..b'd');
    prop_oneof![
        (file.clone(), content.clone()).prop_map(|(file, content)| Edit::Write(file, content)),
        (file.clone(), content.clone()).prop_map(|(file, content)| Edit::Disguised(file, content)),
        file.clone().prop_map(Edit::Flicker),
        file.clone().prop_map(Edit::Delete),
        (file.clone(), file.clone()).prop_map(|(from, to)| Edit::Rename(from, to)),
        file.prop_map(Edit::Executable),
        content.prop_map(Edit::Lockfile),
    ]
}

fn setting() -> impl Strategy<Value = Setting> {
    prop_oneof![
        (0..2_u8).prop_map(Setting::Variable),
        (0..2_u8).prop_map(Setting::Argument),
        (0..2_u8).prop_map(Setting::Config),
        (0..2_u8).prop_map(Setting::Program)
    ]
}

fn run() -> impl Strategy<Value = Run> {
    let during = prop::collection::vec(prop::option::weighted(0.15, edit()), TESTS);
    let settings = prop::collection::vec(setting(), 0..2);
    (
        prop::collection::vec(edit(), 0..2),
        settings,
        during,
        prop::array::uniform3(prop::bool::weighted(0.1)),
        any::<[bool; TESTS]>(),
        any::<bool>(),
    )
        .prop_map(|(edits, settings, during, fails, checks, at_once)| Run {
            edits,
            settings,
            during,
            fails,
            checks,
            at_once,
        })
}

/// Returns whether anything was done.
fn apply(root: &Path, edit: &Edit) -> bool {
    let path = |file: usize| root.join("src").join(format!("f{file}"));
    match edit {
        Edit::Write(file, content) => fs::write(path(*file), [*content; 9]).is_ok(),
        Edit::Disguised(file, content) => {
            let Ok(at) = fs::metadata(path(*file)) else { return false };
            fs::write(path(*file), vec![*content; at.len() as usize]).unwrap();
            let times = fs::FileTimes::new().set_modified(at.modified().unwrap()).set_accessed(at.accessed().unwrap());
            fs::File::options().write(true).open(path(*file)).unwrap().set_times(times).is_ok()
        }
        Edit::Flicker(file) => {
            let Ok(content) = fs::read(path(*file)) else { return false };
            fs::write(path(*file), b"something else").unwrap();
            fs::write(path(*file), content).is_ok()
        }
        Edit::Delete(file) => fs::remove_file(path(*file)).is_ok(),
        // To its own name, nothing happens.
        Edit::Rename(from, to) => from != to && fs::rename(path(*from), path(*to)).is_ok(),
        Edit::Executable(file) => toggle_executable(&path(*file)),
        Edit::Lockfile(content) => fs::write(root.join("lock.json"), [*content]).is_ok(),
    }
}

#[cfg(unix)]
fn toggle_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let Ok(at) = fs::metadata(path) else { return false };
    fs::set_permissions(path, fs::Permissions::from_mode(at.permissions().mode() ^ 0o100)).is_ok()
}

#[cfg(not(unix))]
fn toggle_executable(_path: &Path) -> bool {
    false
}

fn state(root: &Path, settings: &Settings) -> State {
    let mut files = BTreeMap::new();
    for folder in [root.to_owned(), root.join("src")] {
        for entry in
            fs::read_dir(folder).unwrap().map(Result::unwrap).filter(|entry| entry.file_type().unwrap().is_file())
        {
            files.insert(
                entry.path().display().to_string(),
                (fs::read(entry.path()).unwrap(), is_executable(&entry.path())),
            );
        }
    }
    (settings.clone(), files)
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions()) & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_path: &Path) -> bool {
    false
}

fn plan(root: &Path, settings: &Settings, inputs: Option<&[&str]>) -> Plan {
    let tests: Vec<_> = (0..TESTS)
        .map(|test| {
            serde_json::json!({ "id": format!("t{test}"), "project": "p", "group": "p", "file": "src/f0", "name": format!("n{test}"), "settings": 0,
                "dependsOn": if test == 2 { vec![0] } else { vec![] } })
        })
        .collect();
    serde_json::from_value(serde_json::json!({
        "workers": 1, "grouped": false, "isolation": "worker", "tests": tests,
        "settings": [{ "command": { "argv": ["run", settings.argument.to_string()] }, "cwd": root, "timeout": 1, "slow": 1, "grace": 1,
            "cache": { "config": settings.config.to_string() } }],
        "cache": { "root": root, "inputs": inputs, "lockfiles": ["lock.json"], "toolchain": { "node --version": "v20" } },
    }))
    .unwrap()
}

fn open(root: &Path, settings: &Settings, inputs: Option<&[&str]>) -> ResultCache {
    let environment: Environment =
        [("VARIABLE", settings.variable.to_string())].map(|(name, value)| (name.into(), value.into())).into();
    let program = ephemeral_broker::run::cache::Program {
        path: "/bin/run".into(),
        size: settings.program.into(),
        modified: None,
        content: None,
    };
    ResultCache::open(&plan(root, settings, inputs), &root.join(".ephemeral-broker"), &environment, &[Some(program)])
        .unwrap()
        .unwrap()
}

struct World {
    folder: tempfile::TempDir,
    settings: Settings,
    /// In which states which tests passed, with nothing edited meanwhile.
    passed: HashSet<(usize, State)>,
    hits: usize,
}

impl World {
    fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("src")).unwrap();
        fs::write(folder.path().join("lock.json"), "{}").unwrap();
        fs::write(folder.path().join("src/f0"), "first").unwrap();
        World { folder, settings: Settings::default(), passed: HashSet::new(), hits: 0 }
    }

    fn run(&mut self, run: &Run, inputs: Option<&[&str]>) {
        let root = self.folder.path().to_owned();
        for edit in &run.edits {
            apply(&root, edit);
        }
        for setting in &run.settings {
            match *setting {
                Setting::Variable(to) => self.settings.variable = to,
                Setting::Argument(to) => self.settings.argument = to,
                Setting::Config(to) => self.settings.config = to,
                Setting::Program(to) => self.settings.program = to,
            }
        }
        fs::write(root.join("src/always"), "").unwrap();
        let begun = state(&root, &self.settings);
        let mut cache = open(&root, &self.settings, inputs);
        let mut to_run = Vec::new();
        for test in 0..TESTS {
            match cache.look_up(test) {
                LookUp::Hit => {
                    assert!(
                        self.passed.contains(&(test, begun.clone())),
                        "t{test} is taken from the cache in a state in which it never passed"
                    );
                    self.hits += 1;
                }
                LookUp::Miss { why } => {
                    assert!(!why.is_empty());
                    to_run.push(test);
                }
            }
        }
        self.execute(&mut cache, run, &to_run, &root);
        cache.check();
        cache.save().unwrap();
        if run.during.iter().all(Option::is_none) {
            let mut again = open(&root, &self.settings, inputs);
            for test in to_run {
                assert_eq!(again.look_up(test) == LookUp::Hit, !run.fails[test], "t{test}: {:?}", again.look_up(test));
            }
        }
    }

    fn execute(&mut self, cache: &mut ResultCache, run: &Run, to_run: &[usize], root: &Path) {
        let (all_started, mut edited_since) = (Instant::now(), false);
        for &test in to_run {
            let started = if run.at_once { all_started } else { Instant::now() };
            let before = state(root, &self.settings);
            let edited = run.during[test].as_ref().is_some_and(|edit| apply(root, edit));
            edited_since |= edited;
            let disturbed = if run.at_once { edited_since } else { edited };
            if run.fails[test] {
                self.passed.remove(&(test, before));
                cache.failed(test).unwrap();
            } else {
                if !disturbed {
                    self.passed.insert((test, before));
                }
                cache.passed(test, started);
            }
            if run.checks[test] {
                cache.check();
            }
        }
    }
}

#[test]
fn no_test_is_taken_from_the_cache_in_a_state_in_which_it_did_not_pass() {
    let hits = std::cell::Cell::new(0);
    let cases = std::env::var("RUN_CACHE_CASES").map_or(150, |cases| cases.parse().unwrap());
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let result = proptest::test_runner::TestRunner::new(config).run(
        &(prop::collection::vec(run(), 1..8), any::<bool>()),
        |(runs, named)| {
            let mut world = World::new();
            let inputs: Option<&[&str]> = if named { Some(&["src/**"]) } else { None };
            runs.iter().for_each(|run| world.run(run, inputs));
            hits.set(hits.get() + world.hits);
            Ok(())
        },
    );
    if let Err(error) = result {
        panic!("{error}");
    }
    assert!(hits.get() >= cases as usize / 2, "only {} hits: this proves nothing", hits.get());
}

fn why(cache: &mut ResultCache) -> String {
    match cache.look_up(0) {
        LookUp::Hit => "hit".to_owned(),
        LookUp::Miss { why } => why,
    }
}

fn pass_all(root: &Path, settings: &Settings) {
    let mut cache = open(root, settings, None);
    (0..TESTS).for_each(|test| cache.passed(test, Instant::now()));
    assert_eq!(cache.check(), None);
    cache.save().unwrap();
}

#[test]
fn a_miss_says_what_changed() {
    let world = World::new();
    let (root, settings) = (world.folder.path(), Settings::default());
    assert_eq!(why(&mut open(root, &settings, None)), "no result yet");
    pass_all(root, &settings);
    assert_eq!(why(&mut open(root, &settings, None)), "hit");
    let other = |change: fn(&mut Settings)| {
        let mut settings = Settings::default();
        change(&mut settings);
        why(&mut open(root, &settings, None))
    };
    assert_eq!(other(|settings| settings.variable = 1), "environment: VARIABLE changed");
    assert_eq!(other(|settings| settings.argument = 1), "command changed");
    assert_eq!(other(|settings| settings.config = 1), "configuration changed");
    assert_eq!(other(|settings| settings.program = 1), "program changed");
    fs::write(root.join("lock.json"), "[]").unwrap();
    assert_eq!(why(&mut open(root, &settings, None)), "lockfile lock.json changed");
    fs::write(root.join("lock.json"), "{}").unwrap();
    fs::write(root.join("src/new"), "").unwrap();
    fs::write(root.join("src/f0"), "other").unwrap();
    assert_eq!(why(&mut open(root, &settings, None)), "changed: src/f0; added: src/new");
    (0..5).for_each(|file| fs::write(root.join(format!("src/x{file}")), "").unwrap());
    assert_eq!(why(&mut open(root, &settings, None)), "changed: src/f0; added: src/new, src/x0 and 4 more");
    (0..5).for_each(|file| fs::remove_file(root.join(format!("src/x{file}"))).unwrap());
    fs::remove_file(root.join("src/new")).unwrap();
    fs::write(root.join("src/f0"), "first").unwrap();
    let mut cache = open(root, &settings, None);
    assert_eq!(why(&mut cache), "hit");
    cache.failed(0).unwrap();
    // Even if the run is killed before it saves.
    assert_eq!(why(&mut open(root, &settings, None)), "no result yet");
    cache.save().unwrap();
    assert_eq!(why(&mut open(root, &settings, None)), "failed last time");
}

#[test]
fn passes_of_a_run_in_which_files_changed_are_dropped_and_it_is_said() {
    let world = World::new();
    let root = world.folder.path();
    let mut cache = open(root, &Settings::default(), None);
    cache.passed(0, Instant::now());
    assert_eq!(cache.check(), None);
    cache.passed(1, Instant::now());
    fs::write(root.join("src/f0"), "other").unwrap();
    assert!(cache.check().unwrap().contains("changed: src/f0"));
    cache.passed(2, Instant::now());
    cache.check();
    cache.save().unwrap();
    fs::write(root.join("src/f0"), "first").unwrap();
    let mut cache = open(root, &Settings::default(), None);
    let hits: Vec<bool> = (0..TESTS).map(|test| cache.look_up(test) == LookUp::Hit).collect();
    assert_eq!(hits, [true, false, false]);
}

#[test]
fn runs_that_save_at_once_lose_nothing() {
    let world = World::new();
    let root = world.folder.path();
    std::thread::scope(|scope| {
        for argument in 0..6 {
            scope.spawn(move || pass_all(root, &Settings { argument, ..Settings::default() }));
        }
    });
    for argument in 0..6 {
        assert_eq!(why(&mut open(root, &Settings { argument, ..Settings::default() }, None)), "hit");
    }
}

#[test]
fn a_file_cut_anywhere_is_an_empty_cache_with_a_warning() {
    let world = World::new();
    let root = world.folder.path();
    pass_all(root, &Settings::default());
    let path = root.join(".ephemeral-broker/cache/results.json");
    let whole = fs::read(&path).unwrap();
    for end in 0..whole.len() {
        fs::write(&path, &whole[..end]).unwrap();
        let mut cache = open(root, &Settings::default(), None);
        assert_eq!((why(&mut cache), cache.warnings().len()), ("no result yet".to_owned(), 1), "cut at {end}");
    }
    let newer = String::from_utf8(whole).unwrap().replace("\"format\":1", "\"format\":2");
    fs::write(&path, newer).unwrap();
    assert!(open(root, &Settings::default(), None).warnings()[0].contains("format 2"));
    pass_all(root, &Settings::default());
    assert_eq!(why(&mut open(root, &Settings::default(), None)), "hit");
}

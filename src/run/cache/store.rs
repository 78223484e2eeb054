//! Results in a file, and by what they were got.
//!
//! A pass is found by its key alone. All else says why a key is another now: what thousands of tests share, such as the environment, is kept once,
//! under its own digest, so that files of two runs can be put together without renumbering. The inputs' names and digests are the largest part;
//! they lie in files of their own, which are read only when a person is to be told what changed.

use super::disk;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::{fs, io};

/// Of the file and of keys.
pub(super) const FORMAT: u32 = 1;
/// So many different states of one test are remembered: branches, profiles, machines' settings.
const PASSES_A_TEST: usize = 8;
const MAX_PASSES: usize = 50_000;
const MAX_AGE: u64 = 30 * 24 * 3600;
/// So many lists of inputs are kept to explain with.
const INPUT_LISTS: usize = 16;

const RESULTS: &str = "results.json";
const INPUTS: &str = "inputs";
/// Keys that failed since the file was written: each ends a line.
const FAILED: &str = "failed.log";
const LOCK: &str = "lock";

/// Digests by name.
pub(super) type Hints = BTreeMap<String, String>;

#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
pub(super) struct Store {
    format: u32,
    pub(super) contexts: BTreeMap<String, Context>,
    pub(super) hints: BTreeMap<String, Hints>,
    pub(super) tests: HashMap<String, Record>,
}

/// What results have in common: each but `program` is a key of [`Store::hints`], or the name of a file.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) inputs: String,
    pub(super) environment: String,
    pub(super) lockfiles: String,
    pub(super) toolchain: String,
    pub(super) program: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, PartialEq)]
pub(super) struct Record {
    /// The key and the time of a failure, if that was the last that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) failed: Option<(String, u64)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) passes: Vec<Pass>,
}

#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
pub(super) struct Pass {
    pub(super) key: String,
    pub(super) context: String,
    pub(super) own: Own,
    /// When it was of use last, in seconds since 1970.
    pub(super) used: u64,
}

/// A test's own parts.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) command: String,
    pub(super) config: String,
    /// Of its file, where that is no input.
    pub(super) file: String,
    /// Of what it depends on.
    pub(super) before: String,
}

impl Default for Store {
    fn default() -> Store {
        Store { format: FORMAT, contexts: BTreeMap::new(), hints: BTreeMap::new(), tests: HashMap::new() }
    }
}

impl Store {
    /// What the folder has. A file that is broken or foreign counts as none; then there is a warning.
    pub(super) fn load(folder: &Path) -> (Store, Option<String>) {
        let path = folder.join(RESULTS);
        let parsed = disk::read(&path)
            .map_err(|error| error.to_string())
            .and_then(|content| content.map_or(Ok(Store::default()), |content| parse(&content)));
        let (mut store, warning) = match parsed {
            Ok(store) => (store, None),
            Err(reason) => (
                Store::default(),
                Some(format!("the cache {} is not used, and will be written anew: {reason}", path.display())),
            ),
        };
        match disk::read(&folder.join(FAILED)) {
            Ok(None) => {}
            Ok(Some(log)) => store.forget(&String::from_utf8_lossy(&log).lines().collect()),
            // Without it, one cannot know which of the passes still count.
            Err(error) => {
                return (Store::default(), Some(format!("the cache {} is not used: {error}", folder.display())));
            }
        }
        (store, warning)
    }

    /// Removes passes by their keys.
    fn forget(&mut self, keys: &HashSet<&str>) {
        if !keys.is_empty() {
            for record in self.tests.values_mut() {
                record.passes.retain(|pass| !keys.contains(pass.key.as_str()));
            }
        }
    }

    pub(super) fn pass(&self, id: &str, key: &str) -> Option<&Pass> {
        self.tests.get(id)?.passes.iter().find(|pass| pass.key == key)
    }

    pub(super) fn add(&mut self, id: &str, pass: Pass) {
        let record = self.tests.entry(id.to_owned()).or_default();
        record.failed = None;
        record.passes.retain(|other| other.key != pass.key);
        record.passes.push(pass);
        if record.passes.len() > PASSES_A_TEST
            && let Some(oldest) = (0..record.passes.len()).min_by_key(|&at| record.passes[at].used)
        {
            record.passes.remove(oldest);
        }
    }

    pub(super) fn fail(&mut self, id: &str, key: &str, now: u64) {
        let record = self.tests.entry(id.to_owned()).or_default();
        record.passes.retain(|pass| pass.key != key);
        record.failed = Some((key.to_owned(), now));
    }

    pub(super) fn touch(&mut self, id: &str, key: &str, now: u64) {
        if let Some(pass) =
            self.tests.get_mut(id).and_then(|record| record.passes.iter_mut().find(|pass| pass.key == key))
        {
            pass.used = now;
        }
    }

    /// Lets go of what is old, too much, or belongs to nothing.
    fn prune(&mut self, now: u64) {
        let mut since = now.saturating_sub(MAX_AGE);
        let mut used: Vec<u64> = self.tests.values().flat_map(|record| &record.passes).map(|pass| pass.used).collect();
        if used.len() > MAX_PASSES {
            used.sort_unstable_by(|one, other| other.cmp(one));
            since = since.max(used[MAX_PASSES].saturating_add(1));
        }
        self.tests.retain(|_, record| {
            record.passes.retain(|pass| pass.used >= since);
            record.failed.take_if(|(_, at)| *at < since);
            record.failed.is_some() || !record.passes.is_empty()
        });
        let contexts: HashSet<&str> =
            self.tests.values().flat_map(|record| &record.passes).map(|pass| pass.context.as_str()).collect();
        self.contexts.retain(|id, _| contexts.contains(id.as_str()));
        let hints: HashSet<&String> = self
            .contexts
            .values()
            .flat_map(|context| [&context.environment, &context.lockfiles, &context.toolchain])
            .collect();
        self.hints.retain(|id, _| hints.contains(id));
    }

    /// The lists of inputs that were of use last.
    fn input_lists(&self) -> BTreeSet<&str> {
        let mut used: BTreeMap<&str, u64> = BTreeMap::new();
        for pass in self.tests.values().flat_map(|record| &record.passes) {
            if let Some(context) = self.contexts.get(&pass.context) {
                let latest = used.entry(&context.inputs).or_default();
                *latest = pass.used.max(*latest);
            }
        }
        let mut lists: Vec<(&str, u64)> = used.into_iter().collect();
        lists.sort_unstable_by_key(|(_, used)| std::cmp::Reverse(*used));
        lists.into_iter().take(INPUT_LISTS).map(|(id, _)| id).collect()
    }
}

fn parse(content: &[u8]) -> Result<Store, String> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    match serde_json::from_slice::<Store>(content) {
        Ok(store) if store.format == FORMAT => Ok(store),
        parsed => match serde_json::from_slice::<Format>(content) {
            Ok(Format { format }) if format != FORMAT => {
                Err(format!("it has format {format}, and this version writes {FORMAT}"))
            }
            _ => Err(parsed.err().map_or_else(|| "it is damaged".to_owned(), |error| error.to_string())),
        },
    }
}

/// Remembers at once, come what may, that a pass does not count any more.
pub(super) fn log_failure(folder: &Path, key: &str) -> io::Result<()> {
    disk::locked(folder, LOCK, || {
        let mut log = fs::OpenOptions::new().create(true).append(true).open(folder.join(FAILED))?;
        io::Write::write_all(&mut log, format!("\n{key}\n").as_bytes())
    })
}

/// Puts what `change` does on top of what other runs wrote meanwhile. `inputs` is the list of this run.
pub(super) fn update(
    folder: &Path,
    inputs: (&str, &Hints),
    now: u64,
    change: impl FnOnce(&mut Store),
) -> io::Result<Store> {
    disk::locked(folder, LOCK, || {
        let (mut store, _) = Store::load(folder);
        change(&mut store);
        store.prune(now);
        save_inputs(folder, &store.input_lists(), inputs)?;
        disk::replace(folder, RESULTS, &serde_json::to_vec(&store)?)?;
        match fs::remove_file(folder.join(FAILED)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(store),
        }
    })
}

fn save_inputs(folder: &Path, kept: &BTreeSet<&str>, (id, inputs): (&str, &Hints)) -> io::Result<()> {
    let folder = folder.join(INPUTS);
    fs::create_dir_all(&folder)?;
    for entry in fs::read_dir(&folder)? {
        let entry = entry?;
        if !entry.file_name().to_str().and_then(|name| name.strip_suffix(".json")).is_some_and(|id| kept.contains(id)) {
            fs::remove_file(entry.path())?;
        }
    }
    let name = format!("{id}.json");
    if kept.contains(id) && !folder.join(&name).exists() {
        disk::replace(&folder, &name, &serde_json::to_vec(inputs)?)?;
    }
    Ok(())
}

/// A list of inputs, where it is still there and whole.
pub(super) fn load_inputs(folder: &Path, id: &str) -> Option<Hints> {
    let content = disk::read(&folder.join(INPUTS).join(format!("{id}.json"))).ok()??;
    serde_json::from_slice(&content).ok()
}

#[cfg(test)]
mod tests;

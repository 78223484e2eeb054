//! Which of the tests that were listed a run takes.
//!
//! What is asked for ([`filter`]), with all that it depends on ([`depend`]), and of that this machine's share ([`shard`]). Each step keeps the
//! order of the listing, and the same input gives the same answer on every machine.

mod depend;
mod filter;
mod shard;
#[cfg(test)]
mod tests;

use super::plan::{Millis, Past};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use depend::resolve;

/// A test as it was listed, and what is known of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Listed {
    /// Unique.
    pub id: String,
    /// Its project's name.
    pub project: String,
    /// Its group's name.
    pub group: String,
    /// From the root.
    #[serde(default)]
    pub file: Option<String>,
    /// As the command knows it.
    #[serde(default)]
    pub name: Option<String>,
    /// What it is filtered by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Ids, names or files of tests, or names of projects.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// How long it took the last time.
    #[serde(default)]
    pub duration: Option<Millis>,
    /// Whether it did not pass the last time.
    #[serde(default)]
    pub failed: bool,
    /// Whether there was a last time.
    #[serde(default)]
    pub known: bool,
}

/// What is asked for. What is empty asks for all; of each kind one must fit, and all kinds must.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Selection {
    /// Parts of ids.
    pub filters: Vec<String>,
    /// A regular expression found in ids.
    pub grep: Option<String>,
    /// Parts of files.
    pub files: Vec<String>,
    /// Names of projects or groups.
    pub projects: Vec<String>,
    /// Tags of which it has one.
    pub tags: Vec<String>,
    /// Tags of which it has none.
    pub exclude_tags: Vec<String>,
    /// Only what did not pass the last time, or is new.
    pub last_failed: bool,
    /// Only what a change may concern.
    pub changed: Option<Changed>,
    /// This machine's share.
    pub shard: Option<Shard>,
    /// How shares are cut.
    pub shard_by: ShardBy,
}

/// What has changed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Changed {
    /// Paths from the root, with `/` or the system's separator.
    pub files: Vec<String>,
    /// By project, globs of what its tests depend on; a leading `!` takes out. A project without has all files.
    #[serde(default)]
    pub inputs: BTreeMap<String, Vec<String>>,
}

/// One of several machines that share a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// From 1 on.
    pub index: usize,
    /// How many there are.
    pub count: usize,
}

/// How shares are cut. What depends on each other stays together, and in a grouped run each group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShardBy {
    /// Each is to take equally long.
    #[default]
    Duration,
    /// One behind the other, as listed.
    Slice,
    /// By ids, so that a test stays where it is when others come and go.
    Hash,
}

/// What a run takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Selected {
    /// Places in the list, ascending.
    pub selected: Vec<usize>,
    /// Those of them that were not asked for, but others depend on them.
    pub pulled_in: Vec<usize>,
    /// What all shards take together; `None`: there are no shards.
    pub whole: Option<Whole>,
}

/// All tests that were cut into shards: machines whose lists or histories differ cut differently, and this tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Whole {
    /// How many there are.
    pub total: usize,
    /// Of their ids.
    pub digest: String,
}

impl Whole {
    fn of(tests: &[Listed], taken: &[bool]) -> Self {
        let mut hash = blake3::Hasher::new();
        let ids = tests.iter().zip(taken).filter(|(_, taken)| **taken).map(|(test, _)| &test.id);
        let mut total = 0;
        for id in ids {
            hash.update(&(id.len() as u64).to_le_bytes()).update(id.as_bytes());
            total += 1;
        }
        let digest = hash.finalize().to_hex().chars().take(16).collect();
        Self { total, digest }
    }
}

/// Why there is no selection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // the texts say what each is
pub enum SelectError {
    #[error("invalid_config: grep \"{pattern}\" is not a regular expression: {why}")]
    Grep { pattern: String, why: String },
    #[error("invalid_config: inputs of \"{project}\" have \"{glob}\", which is not a glob: {why}")]
    Glob { project: String, glob: String, why: String },
    #[error("invalid_config: there is no project or group \"{name}\"{}; there are {}", suggest(nearest), known.join(", "))]
    Project { name: String, nearest: Option<String>, known: Vec<String> },
    #[error("invalid_config: shard {index}/{count} is none: the index is 1 to the count, the count at least 1")]
    Shard { index: usize, count: usize },
    #[error(
        "invalid_config: \"{test}\" depends on \"{reference}\", which is no id, name or file of a test and no project{}",
        suggest(nearest)
    )]
    Reference { test: String, reference: String, nearest: Option<String> },
    #[error("invalid_config: tests depend on each other in a circle: {}; take one of these out of dependsOn", path.join(" → "))]
    Cycle { path: Vec<String> },
    #[error("invalid_config: the selection cannot be read: {why}")]
    Json { why: String },
}

fn suggest(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or(String::new(), |nearest| format!("; did you mean \"{nearest}\"?"))
}

/// Chooses. `grouped`: groups are not to be torn apart by shards.
pub fn choose(tests: &[Listed], selection: &Selection, grouped: bool) -> Result<Selected, SelectError> {
    if let Some(Shard { index, count }) = selection.shard.filter(|shard| shard.index == 0 || shard.index > shard.count)
    {
        return Err(SelectError::Shard { index, count });
    }
    let depends_on = resolve(tests)?;
    let asked = filter::filter(tests, selection)?;
    let mut taken = depend::with_dependencies(&asked, &depends_on);
    let whole = selection.shard.map(|_| Whole::of(tests, &taken));
    if let Some(shard) = selection.shard {
        shard::keep(&mut taken, tests, &depends_on, shard, selection.shard_by, grouped);
    }
    let selected: Vec<usize> = (0..tests.len()).filter(|&test| taken[test]).collect();
    let pulled_in = selected.iter().copied().filter(|&test| !asked[test]).collect();
    Ok(Selected { selected, pulled_in, whole })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Input {
    tests: Vec<Listed>,
    #[serde(default)]
    selection: Selection,
    #[serde(default)]
    grouped: bool,
}

/// [`choose`] for JavaScript: `{ tests, selection, grouped }` gives `{ selected, pulledIn }`. `past`: what is known of a test by its id.
pub fn select(json: &str, past: impl Fn(&str) -> Option<Past>) -> Result<String, SelectError> {
    let mut input: Input = serde_json::from_str(json).map_err(unreadable)?;
    for test in &mut input.tests {
        if let Some(past) = past(&test.id) {
            test.known = true;
            test.failed = past.failed;
            test.duration = past.duration;
        }
    }
    let selected = choose(&input.tests, &input.selection, input.grouped)?;
    serde_json::to_string(&selected).map_err(unreadable)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tests {
    tests: Vec<Listed>,
}

/// [`resolve`] for JavaScript: `{ tests }` gives, by test, a list of places.
pub fn resolve_dependencies(json: &str) -> Result<String, SelectError> {
    let input: Tests = serde_json::from_str(json).map_err(unreadable)?;
    serde_json::to_string(&resolve(&input.tests)?).map_err(unreadable)
}

fn unreadable(error: serde_json::Error) -> SelectError {
    SelectError::Json { why: error.to_string() }
}

/// The name that was probably meant: not further away than two fifths of its letters.
fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let near = names.map(|name| (distance(wanted, name), name)).min()?;
    (near.0 * 5 <= wanted.chars().count() * 2).then(|| near.1.to_owned())
}

/// How many letters must be put in, taken out or replaced (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (at, letter) in from.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], at + 1);
        for (column, other) in to.iter().enumerate() {
            let replaced = corner + usize::from(letter != *other);
            corner = row[column + 1];
            row[column + 1] = replaced.min(corner + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

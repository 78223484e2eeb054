//! How long tests took and how they ended, by id: for the order in which they are run, for the time that is left, and for `--last-failed`.

use super::cache::disk;
use super::plan::{Millis, Past};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

const FORMAT: u32 = 1;
const FILE: &str = "history.json";
const LOCK: &str = "history.lock";
/// Seconds after which a test that nobody ran is forgotten.
const MAX_AGE: u64 = 90 * 24 * 3600;
/// How much the latest duration counts against all before it: one odd run does not turn the order over, and a few show that a test has become slow.
const WEIGHT: f64 = 0.4;

/// How a test ended, as far as the next run is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// It passed, or did so before and has not changed since.
    Passed,
    /// It failed in any way.
    Failed,
    /// The run ended first.
    NotRun,
}

/// What is known of tests.
#[derive(Debug)]
pub struct History {
    folder: PathBuf,
    document: Document,
    unsaved: Vec<(String, Option<Millis>, Ended)>,
    warning: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Document {
    format: u32,
    tests: HashMap<String, Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    /// Milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    duration: Option<f64>,
    ended: Ended,
    /// Seconds since 1970.
    at: u64,
}

impl History {
    /// What the run's folder has. A file that is broken or of another version counts as none; [`History::warning`] says so.
    pub fn load(folder: &Path) -> History {
        let (document, warning) = load(folder);
        History { folder: folder.to_owned(), document, unsaved: Vec::new(), warning }
    }

    /// What is wrong with the file, for a person.
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// `None`: the test is not known.
    pub fn past(&self, id: &str) -> Option<Past> {
        let entry = self.document.tests.get(id)?;
        Some(Past {
            duration: entry.duration.map(|duration| duration.round() as Millis),
            failed: entry.ended != Ended::Passed,
        })
    }

    /// Whether `--last-failed` runs it: it failed, was not run, or is not known.
    pub fn is_unsettled(&self, id: &str) -> bool {
        self.past(id).is_none_or(|past| past.failed)
    }

    /// `duration` is that of the attempt that passed; `None` where none did.
    pub fn record(&mut self, id: &str, duration: Option<Millis>, ended: Ended) {
        self.document.record(id, duration, ended, disk::now());
        self.unsaved.push((id.to_owned(), duration, ended));
    }

    /// Writes what was recorded, together with what other runs wrote meanwhile.
    pub fn save(&mut self) -> io::Result<()> {
        if self.unsaved.is_empty() {
            return Ok(());
        }
        let now = disk::now();
        self.document = disk::locked(&self.folder, LOCK, || {
            let (mut document, _) = load(&self.folder);
            for (id, duration, ended) in &self.unsaved {
                document.record(id, *duration, *ended, now);
            }
            document.tests.retain(|_, entry| now.saturating_sub(entry.at) <= MAX_AGE);
            disk::replace(&self.folder, FILE, &serde_json::to_vec(&document)?)?;
            Ok(document)
        })?;
        self.unsaved.clear();
        Ok(())
    }
}

impl Document {
    fn record(&mut self, id: &str, duration: Option<Millis>, ended: Ended, at: u64) {
        let entry = self.tests.entry(id.to_owned()).or_insert(Entry { duration: None, ended, at });
        if let Some(duration) = duration.map(|duration| duration as f64) {
            entry.duration = Some(entry.duration.map_or(duration, |before| before + WEIGHT * (duration - before)));
        }
        (entry.ended, entry.at) = (ended, at);
    }
}

fn load(folder: &Path) -> (Document, Option<String>) {
    let path = folder.join(FILE);
    let parsed = disk::read(&path).map_err(|error| error.to_string()).and_then(|content| match content {
        None => Ok(Document { format: FORMAT, tests: HashMap::new() }),
        Some(content) => serde_json::from_slice::<Document>(&content).map_err(|error| error.to_string()),
    });
    let reason = match parsed {
        Ok(document) if document.format == FORMAT => return (document, None),
        Ok(document) => format!("it has format {}, and this version writes {FORMAT}", document.format),
        Err(reason) => reason,
    };
    let warning = format!("the durations in {} are not used, and will be written anew: {reason}", path.display());
    (Document { format: FORMAT, tests: HashMap::new() }, Some(warning))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn recent_durations_weigh_more_and_what_did_not_pass_is_unsettled() {
        let folder = tempfile::tempdir().unwrap();
        let mut history = History::load(folder.path());
        for duration in [100, 100, 200] {
            history.record("a", Some(duration), Ended::Passed);
        }
        history.record("b", None, Ended::Failed);
        history.record("c", Some(5), Ended::Passed);
        history.record("c", None, Ended::NotRun);
        history.save().unwrap();
        let history = History::load(folder.path());
        assert_eq!(history.past("a"), Some(Past { duration: Some(140), failed: false }));
        assert_eq!(history.past("b"), Some(Past { duration: None, failed: true }));
        assert_eq!(history.past("c"), Some(Past { duration: Some(5), failed: true }));
        assert_eq!(["a", "b", "c", "d"].map(|id| history.is_unsettled(id)), [false, true, true, true]);
    }

    #[test]
    fn runs_at_once_keep_each_others_durations() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for run in 0..4 {
                let folder = folder.path();
                scope.spawn(move || {
                    let mut history = History::load(folder);
                    for test in 0..25 {
                        history.record(&format!("{run}-{test}"), Some(test), Ended::Passed);
                        history.save().unwrap();
                    }
                });
            }
        });
        assert_eq!(History::load(folder.path()).document.tests.len(), 100);
    }

    #[test]
    fn old_entries_go_and_broken_files_are_none() {
        let folder = tempfile::tempdir().unwrap();
        let old = r#"{"format":1,"tests":{"old":{"ended":"passed","at":1}}}"#;
        for end in 0..old.len() {
            std::fs::write(folder.path().join(FILE), &old[..end]).unwrap();
            let history = History::load(folder.path());
            assert!(history.warning().is_some() && history.past("old").is_none(), "cut at {end}");
        }
        std::fs::write(folder.path().join(FILE), old).unwrap();
        let mut history = History::load(folder.path());
        assert!(history.warning().is_none() && history.past("old").is_some());
        history.record("new", None, Ended::Passed);
        history.save().unwrap();
        assert!(history.past("old").is_none() && history.past("new").is_some());
        std::fs::write(folder.path().join(FILE), old.replace("\"format\":1", "\"format\":2")).unwrap();
        assert!(History::load(folder.path()).warning().unwrap().contains("format 2"));
    }
}

//! The folders in which inputs are sought. A file that came and went leaves no trace but their time of change.

use super::clock::is_present;
use super::digest::{Digest, Parts};
use super::platform;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{fs, io};

/// Folders as they were when they were looked at last.
#[derive(Debug)]
pub(super) struct Folders(BTreeMap<PathBuf, Option<Folder>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Folder {
    changed: SystemTime,
    entries: Entries,
}

/// Of the names of all that lies in it, whether it counts or not, and what each is. `None`: nothing does.
type Entries = Option<Digest>;

impl Folders {
    /// To be called before files are read.
    pub(super) fn of(folders: BTreeSet<PathBuf>) -> Folders {
        let look = |path: PathBuf| {
            let folder = Folder::read(&path).ok();
            (path, folder)
        };
        Folders(folders.into_iter().map(look).collect())
    }

    /// A folder in which something came and went since the last look. Where the entries are others now, their own coming and going has changed the
    /// folder: those that count are told by the list of files. One that is not there is one in which nothing lies. `new`: those that there are now.
    pub(super) fn disturbed(&mut self, new: BTreeSet<PathBuf>) -> Option<&Path> {
        for path in new {
            self.0.entry(path).or_default();
        }
        let mut disturbed = None;
        for (path, before) in &mut self.0 {
            if before.as_ref().map(|folder| folder.changed) == changed(path).ok() {
                continue;
            }
            let now = Folder::read(path).ok();
            let entries = |folder: &Option<Folder>| folder.as_ref().and_then(|folder| folder.entries);
            if entries(before) == entries(&now) {
                disturbed = Some(path.as_path());
            }
            *before = now;
        }
        disturbed
    }

    /// When one was changed to which that may happen again with the same time.
    pub(super) fn fresh(&self, now: SystemTime) -> Option<SystemTime> {
        self.0.values().flatten().map(|folder| folder.changed).filter(|changed| is_present(*changed, now)).max()
    }
}

impl Folder {
    fn read(path: &Path) -> io::Result<Folder> {
        let changed = changed(path)?;
        let mut entries = fs::read_dir(path)?
            .map(|entry| entry.map(|entry| (entry.file_name(), platform::number(&entry))))
            .collect::<io::Result<Vec<_>>>()?;
        entries.sort_unstable();
        let mut parts = Parts::of("entries");
        for (name, number) in &entries {
            parts.add(name.as_encoded_bytes()).number(*number);
        }
        Ok(Folder { changed, entries: (!entries.is_empty()).then(|| parts.end()) })
    }
}

fn changed(path: &Path) -> io::Result<SystemTime> {
    fs::metadata(path).map(|at| platform::changed_at(&at))
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Until the clock of the file system has gone on.
    fn tick(folder: &Path) {
        let before = changed(folder).unwrap();
        while changed(folder).unwrap() == before {
            fs::write(folder.join("tick"), "").unwrap();
            fs::remove_file(folder.join("tick")).unwrap();
        }
    }

    #[test]
    fn only_what_came_and_went_disturbs() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let all = || BTreeSet::from([root.to_owned()]);
        fs::write(root.join("a"), "").unwrap();
        let mut folders = Folders::of(all());
        assert_eq!(folders.disturbed(all()), None);
        tick(root);
        assert_eq!(folders.disturbed(all()), Some(root));
        assert_eq!(folders.disturbed(all()), None);
        tick(root);
        // What stays is told by the list of files, if it counts.
        fs::write(root.join("coverage"), "").unwrap();
        assert_eq!(folders.disturbed(all()), None);
    }

    #[test]
    fn what_came_and_went_in_a_new_folder_disturbs() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let [kept, new] = ["kept", "new"].map(|name| root.join(name));
        let mut folders = Folders::of(BTreeSet::from([root.to_owned()]));
        fs::create_dir(&kept).unwrap();
        fs::write(kept.join("x.pyc"), "").unwrap();
        assert_eq!(folders.disturbed(BTreeSet::from([root.to_owned(), kept.clone()])), None);
        fs::create_dir(&new).unwrap();
        fs::write(new.join("x"), "").unwrap();
        fs::remove_file(new.join("x")).unwrap();
        assert_eq!(folders.disturbed(BTreeSet::from([root.to_owned(), kept, new.clone()])), Some(new.as_path()));
        tick(root);
        fs::remove_dir(&new).unwrap();
        assert_eq!(folders.disturbed(BTreeSet::from([root.to_owned()])), Some(new.as_path()));
    }
}

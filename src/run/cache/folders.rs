//! The folders of files that count. A file that came and went leaves no trace but their time of change.

use super::content::latest_end;
use super::digest::{Digest, Parts};
use super::platform;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{fs, io};

/// Folders as they were when they were looked at last.
#[derive(Debug)]
pub(super) struct Folders(BTreeMap<PathBuf, Option<Folder>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Folder {
    changed: SystemTime,
    /// Of the names of all that lies in it, whether it counts or not, and what each is.
    entries: Digest,
}

impl Folders {
    /// The folders of these files. To be called before the files are read.
    pub(super) fn of<'a>(files: impl Iterator<Item = &'a Path>) -> Folders {
        let folders: BTreeMap<_, _> = files.filter_map(Path::parent).map(|folder| (folder.to_owned(), None)).collect();
        let look = |(path, _): (PathBuf, Option<Folder>)| {
            let folder = Folder::read(&path).ok();
            (path, folder)
        };
        Folders(folders.into_iter().map(look).collect())
    }

    /// A folder in which something came and went since the last look, with the time when it was gone. Where the entries are others now, their own
    /// coming and going has changed the folder: those that count are told by the list of files.
    pub(super) fn disturbed(&mut self) -> Option<(SystemTime, &Path)> {
        let mut latest = None;
        for (path, before) in &mut self.0 {
            if before.as_ref().map(|folder| folder.changed) == changed(path).ok() {
                continue;
            }
            let now = Folder::read(path).ok();
            if let (Some(before), Some(now)) = (&before, &now)
                && before.entries == now.entries
            {
                latest = latest.max(Some((latest_end(now.changed), path.as_path())));
            }
            *before = now;
        }
        latest
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
        for (name, number) in entries {
            parts.add(name.as_encoded_bytes()).number(number);
        }
        Ok(Folder { changed, entries: parts.end() })
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
        let file = root.path().join("a");
        fs::write(&file, "").unwrap();
        let mut folders = Folders::of([file.as_path()].into_iter());
        assert!(folders.disturbed().is_none());
        tick(root.path());
        assert_eq!(folders.disturbed().map(|(_, folder)| folder.to_owned()), Some(root.path().to_owned()));
        assert!(folders.disturbed().is_none());
        tick(root.path());
        // What stays is told by the list of files, if it counts.
        fs::write(root.path().join("coverage"), "").unwrap();
        assert!(folders.disturbed().is_none());
    }
}

//! A walk through folders, only where a pattern may lead.

use super::{Found, Globs, Listed, globs};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Folders that could not be read.
type Unreadable = Vec<(PathBuf, io::Error)>;

/// All that is no folder and that `globs` take, sorted; and the folders that were looked into.
pub(super) fn walk(root: &Path, globs: &Globs) -> (Listed, Unreadable) {
    let mut walk = Walk { globs, up: 0, found: Vec::new(), folders: BTreeSet::new(), unreadable: Vec::new() };
    for up in globs::starts(globs.wanted.iter()) {
        let mut base = root.to_owned();
        for _ in 0..up {
            base.pop();
        }
        walk.up = up;
        walk.folder(&base, &mut Vec::new());
    }
    walk.found.sort_unstable();
    walk.found.dedup();
    (Listed { files: walk.found, folders: walk.folders }, walk.unreadable)
}

struct Walk<'a> {
    globs: &'a Globs,
    up: usize,
    found: Vec<Found>,
    folders: BTreeSet<PathBuf>,
    unreadable: Unreadable,
}

impl Walk<'_> {
    fn folder(&mut self, path: &Path, names: &mut Vec<String>) {
        if let Err(error) = self.entries(path, names) {
            // What is gone holds nothing; so does what became a file, which a later walk finds.
            if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) {
                self.unreadable.push((path.to_owned(), error));
            }
        }
    }

    fn entries(&mut self, path: &Path, names: &mut Vec<String>) -> io::Result<()> {
        let entries = fs::read_dir(path)?;
        self.folders.insert(path.to_owned());
        for entry in entries {
            let entry = entry?;
            let is_folder = entry.file_type()?.is_dir();
            names.push(entry.file_name().to_string_lossy().into_owned());
            let parts: Vec<&str> = names.iter().map(String::as_str).collect();
            if is_folder {
                if self.globs.may_hold(self.up, &parts) {
                    self.folder(&entry.path(), names);
                }
            } else if self.globs.takes(self.up, &parts) {
                let name = format!("{}{}", "../".repeat(self.up), parts.join("/"));
                self.found.push(Found { name, path: entry.path() });
            }
            names.pop();
        }
        Ok(())
    }
}

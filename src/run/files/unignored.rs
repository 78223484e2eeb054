//! All files that git does not ignore: those that it tracks, whatever its rules say, and those that no rule ignores.
//!
//! No git is run, and none is needed: the rules are followed by the crate `ignore`, and what is tracked stands in the index. Outside a repository the
//! `.gitignore` files from the root on count, those above it do not: they were not written for it.

use super::{FilesError, Found, Listed, git_index, name_of};
use ignore::WalkBuilder;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Walks from `root`; `output` is not looked into.
pub(super) fn list(root: &Path, output: &Path) -> Result<Listed, FilesError> {
    let top = root.ancestors().find(|folder| fs::symlink_metadata(folder.join(".git")).is_ok());
    // A root that is ignored would have no inputs at all, and its results would never be out of date.
    let top = top.filter(|top| !is_ignored(top, root));
    let mut listing =
        Listing { root, output, paths: BTreeSet::new(), folders: BTreeSet::new(), repositories: BTreeSet::new() };
    listing.repositories.extend(top.map(Path::to_owned));
    listing.walk(root, top.is_some())?;
    let mut read = BTreeSet::new();
    while let Some(repository) = listing.repositories.pop_first() {
        if read.insert(repository.clone()) {
            listing.add_tracked(&repository)?;
        }
    }
    let files = listing.paths.into_iter().map(|path| Found { name: name_of(root, &path), path }).collect();
    Ok(Listed { files, folders: listing.folders })
}

struct Listing<'a> {
    root: &'a Path,
    output: &'a Path,
    paths: BTreeSet<PathBuf>,
    folders: BTreeSet<PathBuf>,
    /// Tops of repositories whose index is still to be read: submodules have their own.
    repositories: BTreeSet<PathBuf>,
}

impl Listing<'_> {
    fn walk(&mut self, from: &Path, parents: bool) -> Result<(), FilesError> {
        let output = self.output.to_owned();
        let walk = rules(from, parents)
            .filter_entry(move |entry| {
                !matches!(entry.file_name().to_str(), Some(".git" | "node_modules")) && entry.path() != output
            })
            .build();
        for entry in walk {
            match entry {
                Ok(entry) if entry.file_type().is_some_and(|kind| kind.is_dir()) => {
                    let path = entry.into_path();
                    if fs::symlink_metadata(path.join(".git")).is_ok() {
                        self.repositories.insert(path.clone());
                    }
                    self.folders.insert(path);
                }
                Ok(entry) => drop(self.paths.insert(entry.into_path())),
                Err(error) => self.paths.extend(unreadable(error, from)?),
            }
        }
        Ok(())
    }

    fn add_tracked(&mut self, top: &Path) -> Result<(), FilesError> {
        for tracked in git_index::read(top)? {
            let path = top.join(path_of(&tracked.name));
            if !path.starts_with(self.root) || self.paths.contains(&path) {
                continue;
            }
            let Ok(at) = fs::symlink_metadata(&path) else { continue };
            if !at.is_dir() {
                self.paths.insert(path);
            } else if tracked.submodule
                && fs::symlink_metadata(path.join(".git")).is_ok()
                && self.repositories.insert(path.clone())
            {
                self.walk(&path, true)?;
            }
        }
        Ok(())
    }
}

/// Git's rules, and only those.
fn rules(from: &Path, parents: bool) -> WalkBuilder {
    let mut rules = WalkBuilder::new(from);
    rules
        .standard_filters(false)
        .git_ignore(true)
        .git_exclude(true)
        .git_global(true)
        .parents(parents)
        .require_git(false);
    rules
}

/// Whether a rule of the repository ignores `root`, or a folder above it.
fn is_ignored(top: &Path, root: &Path) -> bool {
    let target = root.to_owned();
    let mut walk = rules(top, true).filter_entry(move |entry| target.starts_with(entry.path())).build();
    !walk.any(|entry| entry.is_ok_and(|entry| entry.path() == root))
}

/// The folder that could not be read stands for what it holds: that it can be read again is a change. What is gone was not there.
fn unreadable(error: ignore::Error, from: &Path) -> Result<Option<PathBuf>, FilesError> {
    let path = path_in(&error).map_or_else(|| from.to_owned(), Path::to_owned);
    match error.into_io_error() {
        Some(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Some(source) if path == from => Err(FilesError::Unreadable { path, source }),
        _ => Ok(Some(path)),
    }
}

fn path_in(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => path_in(err),
        _ => None,
    }
}

#[cfg(unix)]
fn path_of(name: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(name))
}

#[cfg(not(unix))]
fn path_of(name: &[u8]) -> PathBuf {
    // From parts, so that separators are the platform's.
    String::from_utf8_lossy(name).split('/').collect()
}

//! Which files: those that globs name, and those that results of tests depend on.
//!
//! Names are from a root, with `/` between their parts on every platform, and lists are sorted by them: the same tree gives the same list.

mod git_index;
mod globs;
mod unignored;
mod walk;

pub use globs::{GlobError, Globs};

use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The folder in which a run keeps what it writes, unless the configuration names another.
pub const OUTPUT: &str = ".ephemeral-broker";

/// A file that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// From the root, for people and globs. What is no Unicode is replaced, so this does not always open the file.
    pub name: String,
    /// What opens it.
    pub path: PathBuf,
}

/// What was found, and where it was sought.
#[derive(Debug, Default)]
pub struct Listed {
    /// Sorted.
    pub files: Vec<Found>,
    /// The folders that may hold such files, and those of the files.
    pub folders: BTreeSet<PathBuf>,
}

/// Files could not be listed.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A pattern is none.
    #[error(transparent)]
    Glob(#[from] GlobError),
    /// A folder that may hold what is sought.
    #[error("cannot read the folder {}: {source}", path.display())]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What git tracks is not known.
    #[error("cannot read git's index {}: {reason}. Name the files with `cache.inputs`", path.display())]
    Index {
        /// The index.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A typing error there would make every result look as if nothing had changed.
    #[error("no file matches `cache.inputs` ({patterns}) in {}: name the files that tests depend on", root.display())]
    NoInputs {
        /// As they were given.
        patterns: String,
        /// Where they begin.
        root: PathBuf,
    },
    /// The folder of the output is not one of its own.
    #[error("the output cannot be kept in {}, which holds the root: name a folder of its own, such as `{OUTPUT}`", path.display())]
    Output {
        /// The folder.
        path: PathBuf,
    },
}

/// The files that `patterns`, which begin at `cwd`, match. A pattern with a leading `!` leaves out what it matches.
///
/// What git ignores is found too: a generated file that is named counts. Links to files are found, links to folders not followed.
pub fn find(root: &Path, cwd: &Path, patterns: &[impl AsRef<str>]) -> Result<Vec<Found>, FilesError> {
    let globs = Globs::new(patterns)?.in_folder(root, cwd)?;
    let (Listed { files: mut found, .. }, unreadable) = walk::walk(root, &globs);
    if let Some((path, source)) = unreadable.into_iter().next() {
        return Err(FilesError::Unreadable { path, source });
    }
    found.retain(|file| fs::metadata(&file.path).is_ok_and(|at| at.is_file()));
    Ok(found)
}

/// [`find`] for JavaScript: `{"root","cwd","patterns"}` gives an array of names. The error is a sentence.
pub fn find_files(request: &str) -> Result<String, String> {
    #[derive(Deserialize)]
    struct Request {
        root: PathBuf,
        cwd: PathBuf,
        patterns: Vec<String>,
    }
    let request: Request = serde_json::from_str(request).map_err(|error| error.to_string())?;
    let found = find(&request.root, &request.cwd, &request.patterns).map_err(|error| error.to_string())?;
    let names: Vec<&str> = found.iter().map(|file| file.name.as_str()).collect();
    serde_json::to_string(&names).map_err(|error| error.to_string())
}

/// Which files results depend on: a list that can be made again, to see what was added and removed.
#[derive(Debug)]
pub struct Inputs {
    root: PathBuf,
    globs: Option<Globs>,
    output: PathBuf,
}

impl Inputs {
    /// `patterns` begin at `root`; `None` stands for all files that git does not ignore, whether there is a repository or not. `output` is never
    /// among them.
    pub fn new(root: &Path, patterns: Option<&[String]>, output: &Path) -> Result<Inputs, FilesError> {
        let globs = patterns.map(Globs::of_inputs).transpose()?;
        if root.starts_with(output) {
            return Err(FilesError::Output { path: output.to_owned() });
        }
        Ok(Inputs { root: root.to_owned(), globs, output: output.to_owned() })
    }

    /// Where names begin.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The files as they are now. A folder that cannot be read is listed in place of what it holds.
    pub fn list(&self) -> Result<Listed, FilesError> {
        let mut listed = match &self.globs {
            None => unignored::list(&self.root, &self.output)?,
            Some(globs) => {
                let (mut listed, unreadable) = walk::walk(&self.root, globs);
                let unreadable = unreadable.into_iter().map(|(path, _)| path);
                listed.files.extend(unreadable.map(|path| Found { name: name_of(&self.root, &path), path }));
                listed
            }
        };
        let usual = self.root.join(OUTPUT);
        let counts = |path: &Path| !path.starts_with(&self.output) && !path.starts_with(&usual);
        listed.files.retain(|file| counts(&file.path));
        listed.files.sort_unstable();
        listed.files.dedup();
        listed.folders.extend(listed.files.iter().filter_map(|file| Some(file.path.parent()?.to_owned())));
        listed.folders.retain(|folder| counts(folder));
        match &self.globs {
            Some(globs) if listed.files.is_empty() => {
                Err(FilesError::NoInputs { patterns: globs.to_string(), root: self.root.clone() })
            }
            _ => Ok(listed),
        }
    }

    /// The patterns that none of `files` matches: likely a typing error.
    pub fn unmatched(&self, files: &[Found]) -> Vec<String> {
        self.globs
            .as_ref()
            .map(|globs| globs.unmatched(files.iter().map(|file| file.name.as_str())))
            .unwrap_or_default()
    }
}

/// Makes the folder for what runs write, and keeps it out of git. It may be there already, with a `.gitignore` of its user's.
pub fn prepare_output(root: &Path, dir: &Path) -> io::Result<()> {
    if root.starts_with(dir) {
        return Err(io::Error::other(FilesError::Output { path: dir.to_owned() }));
    }
    fs::create_dir_all(dir)?;
    match fs::OpenOptions::new().write(true).create_new(true).open(dir.join(".gitignore")) {
        Ok(mut file) => io::Write::write_all(&mut file, b"*\n"),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// `path` from `root`, with `/`.
fn name_of(root: &Path, path: &Path) -> String {
    let path = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

#[cfg(test)]
mod tests;

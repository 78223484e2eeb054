//! The files that results depend on, as they were when the run began.

use super::super::files::{FilesError, Found, Inputs, Listed};
use super::clock::Clock;
use super::content::{Content, Look};
use super::digest::{Digest, Parts, hint};
use super::folders::Folders;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Reading is bound by the system sooner than by processors.
const MAX_THREADS: usize = 8;
/// So many files are worth a thread.
const FILES_A_THREAD: usize = 64;
/// How often files that are being written are awaited.
const PATIENCE: usize = 3;
/// So many files are named to a person.
const NAMED: usize = 3;

/// All files, read once.
#[derive(Debug)]
pub(super) struct Snapshot {
    inputs: Inputs,
    /// Canonical: links out of it are told by it.
    root: PathBuf,
    files: Vec<File>,
    /// Files that count although they may not be inputs: lockfiles, and the tests' own.
    named: Vec<File>,
    /// Small programs: their content is a part of the keys.
    programs: Vec<File>,
    folders: Folders,
    clock: Clock,
}

#[derive(Debug)]
struct File {
    found: Found,
    content: Content,
    look: Look,
}

/// What is not as it was.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) changed: Vec<String>,
    pub(super) added: Vec<String>,
    pub(super) removed: Vec<String>,
}

/// What has become of the files since they were read.
#[derive(Debug)]
pub(super) enum Since {
    /// They are as they were, and were so all the time.
    Unchanged,
    /// They are as they were, but one may have held something else meanwhile, or there may have been another. The text says what happened.
    Touched(String),
    /// They are not.
    Changed(Difference),
}

impl Snapshot {
    /// Reads all inputs, all of `named`, paths from the root, and programs. `clock` is written beside the cache.
    pub(super) fn take(
        inputs: Inputs,
        named: BTreeSet<String>,
        programs: BTreeSet<PathBuf>,
        clock: Clock,
    ) -> Result<Snapshot, FilesError> {
        let root = inputs.root().canonicalize().unwrap_or_else(|_| inputs.root().to_owned());
        let now = clock.now();
        let Listed { files, mut folders } = inputs.list()?;
        let files: Vec<File> = files.into_iter().map(File::new).collect();
        let named: Vec<File> =
            named.into_iter().map(|name| File::new(Found { path: inputs.root().join(&name), name })).collect();
        folders.extend(named.iter().filter_map(|file| Some(file.found.path.parent()?.to_owned())));
        let folders = Folders::of(folders);
        let programs = programs.into_iter().map(|path| Found { name: path.display().to_string(), path });
        let programs = programs.map(File::new).collect();
        let mut snapshot = Snapshot { inputs, root, files, named, programs, folders, clock };
        snapshot.look(now);
        snapshot.settle(now);
        Ok(snapshot)
    }

    /// Looks at all files, and says of each what it found. `now` is a time before that.
    fn look(&mut self, now: SystemTime) {
        for files in [&mut self.files, &mut self.named, &mut self.programs] {
            in_parallel(files, |file, buffer| file.look(&self.root, now, buffer));
        }
    }

    /// Waits until a further change of any file or folder shows in its times, and looks again at those that it had to wait for. It does not wait for ever
    /// where one is written all the time: it is read anew at each look then.
    fn settle(&mut self, mut now: SystemTime) {
        for _ in 0..PATIENCE {
            let all = || self.files.iter().chain(&self.named).chain(&self.programs);
            let files = all().filter_map(|file| file.content.fresh()).max();
            let Some(latest) = files.max(self.folders.fresh(now)) else { return };
            now = self.clock.wait_past(latest);
            let (files, mut buffer) = (&mut self.files, Vec::new());
            let again = files.iter_mut().chain(&mut self.named).chain(&mut self.programs);
            again
                .filter(|file| file.content.fresh().is_some())
                .for_each(|file| file.look(&self.root, now, &mut buffer));
        }
    }

    /// Of all inputs: which they are, and what they hold.
    pub(super) fn digest(&self) -> Digest {
        let mut parts = Parts::of("inputs");
        for file in &self.files {
            parts.add(
                file.found
                    .path
                    .strip_prefix(self.inputs.root())
                    .unwrap_or(&file.found.path)
                    .as_os_str()
                    .as_encoded_bytes(),
            );
            parts.add(file.content.digest);
        }
        parts.end()
    }

    /// Each input's name, and by what its content is told from another.
    pub(super) fn hints(&self) -> BTreeMap<String, String> {
        self.files.iter().map(|file| (file.found.name.clone(), hint(&file.content.digest))).collect()
    }

    pub(super) fn is_input(&self, name: &str) -> bool {
        self.files.binary_search_by(|file| file.found.name.as_str().cmp(name)).is_ok()
    }

    /// The digest of a named file.
    pub(super) fn named(&self, name: &str) -> Option<Digest> {
        self.named
            .binary_search_by(|file| file.found.name.as_str().cmp(name))
            .ok()
            .map(|at| self.named[at].content.digest)
    }

    /// Patterns that no file matches.
    pub(super) fn unmatched(&self) -> Vec<String> {
        let found: Vec<Found> = self.files.iter().map(|file| file.found.clone()).collect();
        self.inputs.unmatched(&found)
    }

    /// Lists and looks at all files again.
    pub(super) fn since(&mut self) -> Result<Since, FilesError> {
        for file in self.files.iter_mut().chain(&mut self.named).chain(&mut self.programs) {
            file.look = Look::Same;
        }
        let now = self.clock.now();
        let (mut difference, folders) = self.listed_difference()?;
        self.look(now);
        let folder =
            self.folders.disturbed(folders).map(|folder| format!("a file came and went in {}", folder.display()));
        self.settle(now);
        let mut touched = folder;
        for file in self.files.iter().chain(&self.named).chain(&self.programs) {
            match file.look {
                Look::Same => {}
                Look::Touched => touched = Some(format!("{} was written", file.found.name)),
                Look::Changed if difference.removed.contains(&file.found.name) => {}
                Look::Changed => difference.changed.push(file.found.name.clone()),
            }
        }
        difference.changed.sort_unstable();
        difference.changed.dedup();
        Ok(match touched {
            _ if !difference.is_empty() => Since::Changed(difference),
            Some(what) => Since::Touched(what),
            None => Since::Unchanged,
        })
    }

    /// Which files are others now, and which folders there are.
    fn listed_difference(&self) -> Result<(Difference, BTreeSet<PathBuf>), FilesError> {
        let Listed { files: now, folders } = match self.inputs.list() {
            // The last of the files that the patterns match is gone.
            Err(FilesError::NoInputs { .. }) => Listed::default(),
            listed => listed?,
        };
        if now.iter().eq(self.files.iter().map(|file| &file.found)) {
            return Ok((Difference::default(), folders));
        }
        let now: BTreeSet<&Found> = now.iter().collect();
        let before: BTreeSet<&Found> = self.files.iter().map(|file| &file.found).collect();
        let names = |files: Vec<&&Found>| files.into_iter().map(|file| file.name.clone()).collect();
        let difference = Difference {
            changed: Vec::new(),
            added: names(now.difference(&before).collect()),
            removed: names(before.difference(&now).collect()),
        };
        Ok((difference, folders))
    }
}

impl File {
    fn new(found: Found) -> File {
        File { found, content: Content::missing(), look: Look::Same }
    }

    /// What it finds adds to what it found before.
    fn look(&mut self, root: &Path, now: SystemTime, buffer: &mut Vec<u8>) {
        self.look = self.look.max(self.content.look(root, &self.found.path, now, buffer));
    }
}

impl Difference {
    /// What tells `now` from `before`: digests by name.
    pub(super) fn between(before: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Difference {
        let missing_in = |from: &BTreeMap<String, String>, other: &BTreeMap<String, String>| {
            from.keys().filter(|name| !other.contains_key(*name)).cloned().collect()
        };
        Difference {
            changed: now
                .iter()
                .filter(|(name, digest)| before.get(*name).is_some_and(|old| old != *digest))
                .map(|(name, _)| name.clone())
                .collect(),
            added: missing_in(now, before),
            removed: missing_in(before, now),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.added.is_empty() && self.removed.is_empty()
    }

    /// All names.
    pub(super) fn names(self) -> Vec<String> {
        [self.changed, self.added, self.removed].concat()
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [("changed", &self.changed), ("added", &self.added), ("removed", &self.removed)];
        let told: Vec<String> = kinds
            .into_iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(kind, names)| format!("{kind}: {}", some_of(names)))
            .collect();
        out.write_str(&told.join("; "))
    }
}

/// A few names, and how many there are besides.
pub(super) fn some_of(names: &[String]) -> String {
    match names {
        [first, second, rest @ ..] if names.len() > NAMED => format!("{first}, {second} and {} more", rest.len()),
        _ => names.join(", "),
    }
}

/// Does `work` for each file, with a buffer that it may use.
fn in_parallel(files: &mut [File], work: impl Fn(&mut File, &mut Vec<u8>) + Sync) {
    let threads = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(MAX_THREADS)
        .min(files.len() / FILES_A_THREAD + 1);
    let chunks = Mutex::new(files.chunks_mut(16));
    let run = || {
        let mut buffer = Vec::new();
        loop {
            let next = chunks.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(chunk) = next else { return };
            chunk.iter_mut().for_each(|file| work(file, &mut buffer));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            // Where the system has no thread left, this one does it all.
            let _ = std::thread::Builder::new().spawn_scoped(scope, run);
        }
        run();
    });
}

/// A program: what is run is a part of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Canonical.
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// When it was written last, where it is too large to be read each time.
    pub modified: Option<SystemTime>,
    /// What is in it, where it is small: packages are installed with one time for all their files.
    pub content: Option<[u8; 32]>,
}

/// So many bytes are read of a program.
const SMALL: u64 = 1 << 20;

impl Program {
    /// The program that `path`, already looked up, leads to.
    pub fn of(path: &Path) -> std::io::Result<Program> {
        let path = path.canonicalize()?;
        let at = std::fs::metadata(&path)?;
        let content = if at.len() <= SMALL { Some(*blake3::hash(&std::fs::read(&path)?).as_bytes()) } else { None };
        let modified = if content.is_none() { at.modified().ok() } else { None };
        Ok(Program { path, size: at.len(), modified, content })
    }

    pub(super) fn digest(program: Option<&Program>) -> Digest {
        let mut parts = Parts::of("program");
        if let Some(program) = program {
            parts
                .add(program.path.as_os_str().as_encoded_bytes())
                .number(program.size)
                .add(format!("{:?}", program.modified))
                .add(program.content.unwrap_or_default());
        }
        parts.end()
    }
}

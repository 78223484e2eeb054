//! What one file holds, and how to see cheaply that it still does.

use super::clock::is_present;
use super::digest::{Digest, Parts};
use super::platform;
use std::fs::{self, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// How often a file that is being written is read, before what was read stands. If it is no more what the file holds, [`Content::look`] finds out.
const TRIES: usize = 3;
const BUFFER: usize = 128 * 1024;

/// What the system says of a file without its being read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stat {
    size: u64,
    modified: Option<SystemTime>,
    changed: SystemTime,
    identity: (u64, u64),
    executable: bool,
}

impl Stat {
    fn of(at: &Metadata) -> Stat {
        Stat {
            size: at.len(),
            modified: at.modified().ok(),
            changed: platform::changed_at(at),
            identity: platform::identity(at),
            executable: platform::is_executable(at),
        }
    }
}

/// A file, at the time when it was read.
#[derive(Debug, Clone)]
pub(super) struct Content {
    /// Of its content; of a link, of its target's name too.
    pub(super) digest: Digest,
    /// `None`: nothing is there.
    stat: Option<Stat>,
    /// Of a link that leads to a file within the root.
    target: Option<Stat>,
    /// It had just been changed when it was read: a further change may leave its times as they were.
    fresh: Option<SystemTime>,
}

/// What became of a file; from the least to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Look {
    /// It was not touched.
    Same,
    /// It holds what it held, but may have held something else meanwhile.
    Touched,
    /// It holds something else.
    Changed,
}

impl Content {
    /// Nothing is there.
    pub(super) fn missing() -> Content {
        Content { digest: Parts::of("missing").end(), stat: None, target: None, fresh: None }
    }

    /// `root` is canonical: links that lead out of it count by their target's name alone. `now` is the file system's time.
    pub(super) fn read(root: &Path, path: &Path, now: SystemTime, buffer: &mut Vec<u8>) -> Content {
        let mut content = Content::read_once(root, path, now, buffer);
        for _ in 1..TRIES {
            if content.stats_are(root, path) {
                break;
            }
            content = Content::read_once(root, path, now, buffer);
        }
        content
    }

    /// Compares what is there with what was.
    pub(super) fn look(&mut self, root: &Path, path: &Path, now: SystemTime, buffer: &mut Vec<u8>) -> Look {
        if self.stats_are(root, path) && self.fresh.is_none() {
            return Look::Same;
        }
        let before = std::mem::replace(self, Content::read(root, path, now, buffer));
        if before.digest == self.digest { Look::Touched } else { Look::Changed }
    }

    /// When it was changed, where a further change might leave its times as they are.
    pub(super) fn fresh(&self) -> Option<SystemTime> {
        self.fresh
    }

    fn read_once(root: &Path, path: &Path, now: SystemTime, buffer: &mut Vec<u8>) -> Content {
        let mut content = Content::missing();
        let at = match fs::symlink_metadata(path) {
            Ok(at) => at,
            Err(error) if is_missing(&error) => return content,
            Err(error) => {
                content.digest = Parts::of("unknown").add(error.kind().to_string()).end();
                return content;
            }
        };
        let stat = Stat::of(&at);
        let digest = if at.is_symlink() {
            let linked = linked_file(root, path);
            content.target = linked.as_ref().map(|(_, at)| Stat::of(at));
            link_digest(path, linked, buffer)
        } else if at.is_dir() {
            Ok(Parts::of("folder").end())
        } else if at.is_file() {
            file_digest(path, stat.executable, buffer)
        } else {
            Ok(Parts::of("special").end())
        };
        content.digest = digest.unwrap_or_else(|_| unreadable(&stat));
        let stats = [Some(&stat), content.target.as_ref()].into_iter().flatten().filter(|_| !at.is_dir());
        content.fresh = stats.map(|stat| stat.changed).filter(|changed| is_present(*changed, now)).max();
        content.stat = Some(stat);
        content
    }

    fn stats_are(&self, root: &Path, path: &Path) -> bool {
        match (fs::symlink_metadata(path), &self.stat) {
            // Its times tell of what lies in it, which is not its content.
            (Ok(at), Some(stat)) if at.is_dir() => stat.identity == platform::identity(&at),
            (Ok(at), Some(stat)) if at.is_symlink() => {
                *stat == Stat::of(&at) && self.target == linked_file(root, path).map(|(_, target)| Stat::of(&target))
            }
            (Ok(at), Some(stat)) => *stat == Stat::of(&at),
            (Err(error), None) => is_missing(&error),
            _ => false,
        }
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Nobody knows what it holds. While nobody changes it, that stays the same.
fn unreadable(stat: &Stat) -> Digest {
    Parts::of("unreadable").add(format!("{stat:?}")).end()
}

fn file_digest(path: &Path, executable: bool, buffer: &mut Vec<u8>) -> io::Result<Digest> {
    let mut file = platform::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file any more"));
    }
    let mut hasher = blake3::Hasher::new();
    buffer.resize(BUFFER, 0);
    loop {
        match file.read(buffer) {
            Ok(0) => break,
            Ok(read) => hasher.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
    }
    Ok(Parts::of("file").number(u64::from(executable)).add(hasher.finalize().as_bytes()).end())
}

/// The file within the root that a link leads to in the end.
fn linked_file(root: &Path, path: &Path) -> Option<(PathBuf, Metadata)> {
    let target = fs::canonicalize(path).ok().filter(|target| target.starts_with(root))?;
    let at = fs::metadata(&target).ok().filter(Metadata::is_file)?;
    Some((target, at))
}

fn link_text(path: &Path) -> Vec<u8> {
    fs::read_link(path).map(|target| target.as_os_str().as_encoded_bytes().to_vec()).unwrap_or_default()
}

fn link_digest(path: &Path, linked: Option<(PathBuf, Metadata)>, buffer: &mut Vec<u8>) -> io::Result<Digest> {
    let mut parts = Parts::of("link");
    parts.add(link_text(path));
    match linked {
        Some((target, at)) => parts.add(file_digest(&target, platform::is_executable(&at), buffer)?),
        None => parts.maybe(None::<&str>),
    };
    Ok(parts.end())
}

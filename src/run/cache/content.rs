//! What one file holds, and how to see cheaply that it still does.

use super::digest::{Digest, Parts};
use super::platform;
use std::fs::{self, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A change so soon after another may leave the times as they were: file systems count in ticks of up to this.
const RACY: Duration = Duration::from_secs(2);
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
    /// It had just been changed when it was read, so equal times prove nothing.
    racy: bool,
}

/// What became of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// It was not touched.
    Same,
    /// It holds what it held, but may have held something else until then.
    Touched(SystemTime),
    /// It holds something else.
    Changed,
}

impl Content {
    /// Nothing is there.
    pub(super) fn missing() -> Content {
        Content { digest: Parts::of("missing").end(), stat: None, target: None, racy: false }
    }

    /// `root` is canonical: links that lead out of it count by their target's name alone.
    pub(super) fn read(root: &Path, path: &Path, buffer: &mut Vec<u8>) -> Content {
        let mut content = Content::read_once(root, path, buffer);
        for _ in 1..TRIES {
            if content.stats_are(root, path) {
                break;
            }
            content = Content::read_once(root, path, buffer);
        }
        content
    }

    /// Compares what is there with what was.
    pub(super) fn look(&mut self, root: &Path, path: &Path, buffer: &mut Vec<u8>) -> Look {
        let same_stats = self.stats_are(root, path);
        if same_stats && !self.racy {
            return Look::Same;
        }
        let now = Content::read(root, path, buffer);
        if now.digest != self.digest {
            return Look::Changed;
        }
        let look = if same_stats { Look::Same } else { Look::Touched(self.touched_until(&now)) };
        *self = now;
        look
    }

    fn read_once(root: &Path, path: &Path, buffer: &mut Vec<u8>) -> Content {
        let now = SystemTime::now();
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
        content.racy =
            !at.is_dir() && [Some(&stat), content.target.as_ref()].into_iter().flatten().any(|stat| is_racy(stat, now));
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

    /// The last moment at which a file that holds the same may have held something else.
    fn touched_until(&self, now: &Content) -> SystemTime {
        let pairs = [(&self.stat, &now.stat), (&self.target, &now.target)];
        let touched = pairs.into_iter().filter(|(before, after)| before != after).map(|pair| match pair {
            // The same file's own clock tells; another file may have come at any time.
            (Some(before), Some(after))
                if cfg!(unix) && before.identity == after.identity && before.changed != after.changed =>
            {
                latest_end(after.changed)
            }
            _ => SystemTime::now(),
        });
        touched.max().unwrap_or_else(SystemTime::now)
    }
}

/// The last moment that a time in a file system may stand for: they count in ticks.
pub(super) fn latest_end(time: SystemTime) -> SystemTime {
    let coarse = time.duration_since(SystemTime::UNIX_EPOCH).is_ok_and(|time| time.subsec_nanos() == 0);
    time + if coarse { RACY } else { Duration::from_millis(20) }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn is_racy(stat: &Stat, now: SystemTime) -> bool {
    let changed = stat.modified.map_or(stat.changed, |modified| if cfg!(unix) { stat.changed } else { modified });
    now.duration_since(changed).map_or(true, |age| age < RACY)
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

use std::fs::{DirEntry, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirEntryExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Device and inode.
pub(crate) fn identity(at: &Metadata) -> (u64, u64) {
    (at.dev(), at.ino())
}

/// What tells an entry of a folder from a later one of the same name.
pub(crate) fn number(entry: &DirEntry) -> u64 {
    entry.ino()
}

pub(crate) fn is_executable(at: &Metadata) -> bool {
    at.mode() & 0o111 != 0
}

/// When content, name or mode changed last: the one time that programs cannot set.
pub(crate) fn changed_at(at: &Metadata) -> SystemTime {
    let seconds = Duration::from_secs(at.ctime().unsigned_abs());
    let time = if at.ctime() < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(seconds)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(seconds)
    };
    let nanos = Duration::from_nanos(at.ctime_nsec().unsigned_abs());
    time.and_then(|time| time.checked_add(nanos)).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Opens what was a file a moment ago: what has become a link or a pipe since is neither followed nor waited for.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY).open(path)
}

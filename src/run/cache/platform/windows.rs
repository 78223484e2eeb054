use std::fs::{DirEntry, File, Metadata};
use std::io;
use std::os::windows::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

/// The time of creation and the attributes: a file that took another's place seldom has the same.
pub(crate) fn identity(at: &Metadata) -> (u64, u64) {
    (at.creation_time(), u64::from(at.file_attributes()))
}

/// Its time of creation, which comes with the list.
pub(crate) fn number(entry: &DirEntry) -> u64 {
    entry.metadata().map_or(0, |at| at.creation_time())
}

pub(crate) fn is_executable(_at: &Metadata) -> bool {
    false
}

/// The last write.
pub(crate) fn changed_at(at: &Metadata) -> SystemTime {
    at.modified().unwrap_or(SystemTime::UNIX_EPOCH)
}

pub(crate) fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

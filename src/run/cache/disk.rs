//! Files that runs share: read by anybody, replaced under a lock, in one step.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Others hold the lock while they write a file. One who holds it longer is stopped or stuck.
const LOCK_WAIT: Duration = Duration::from_secs(20);

/// Does `work` while no other run does its own with the same lock. The folder is made if it is not there.
pub(in super::super) fn locked<T>(folder: &Path, lock: &str, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    fs::create_dir_all(folder)?;
    let file = File::options().create(true).truncate(false).write(true).open(folder.join(lock))?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if begun.elapsed() > LOCK_WAIT => {
                let reason = format!(
                    "another run has held {} for {} s: end it, or wait for it",
                    folder.join(lock).display(),
                    LOCK_WAIT.as_secs()
                );
                return Err(io::Error::new(io::ErrorKind::TimedOut, reason));
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    // The lock ends with the file.
    work()
}

/// Replaces a file: whoever reads meanwhile, or after a crash, sees the old or the new one. To be called under the lock.
pub(in super::super) fn replace(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let temporary = folder.join(format!("{name}.tmp"));
    fs::write(&temporary, content)?;
    fs::rename(&temporary, folder.join(name))
}

/// A file's content; `None` where there is none.
pub(in super::super) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Seconds since 1970.
pub(in super::super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

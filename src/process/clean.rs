//! What runs have left whose host and watchdog were killed.

use super::platform;
#[cfg(unix)]
use super::record;
use super::record::{RUN, Run};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// What the name of a run's directory begins with. Others are not looked into.
pub const RUN_PREFIX: &str = "ephemeral-run-";

/// How long a host takes at most to write down who it is.
const BEGINNING: std::time::Duration = std::time::Duration::from_secs(60);

/// What was removed of one run.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cleaned {
    /// The run's id.
    pub run_id: String,
    /// Its directory.
    pub dir: PathBuf,
    /// Processes that were ended.
    pub killed: Vec<u32>,
    /// Whether the directory is gone.
    pub removed: bool,
}

/// Ends and removes what is left of runs in this folder whose host is dead. Processes are known by their id with their start time, and by their
/// marker. Runs of other users, and those whose host lives, are left alone.
pub fn clean(tmp_dir: &Path) -> Vec<Cleaned> {
    let entries = fs::read_dir(tmp_dir).into_iter().flatten().flatten();
    let dirs = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(RUN_PREFIX));
    dirs.filter_map(|entry| clean_run(&entry.path())).collect()
}

fn clean_run(dir: &Path) -> Option<Cleaned> {
    if !is_own(dir) {
        return None;
    }
    let path = dir.join(RUN);
    let Ok(file) = File::options().read(true).write(true).open(&path) else {
        remove_beginning(dir);
        return None;
    };
    // Held until the end: a second `clean` leaves it to this one.
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return None,
        // A file system without locks: the host's id and start time must do.
        Err(TryLockError::Error(_)) => {}
    }
    let run: Run = serde_json::from_reader(&file).ok()?;
    let is_same_boot = run.boot == platform::boot();
    if is_same_boot && run.start != 0 && platform::start_time(run.pid) == run.start {
        return None;
    }
    let killed = if is_same_boot { kill(dir, &run) } else { Vec::new() };
    for path in &run.sockets {
        // As the watchdog does it.
        let _ = if path.is_dir() { remove_sockets_in(path) } else { fs::remove_file(path) };
    }
    #[cfg(windows)]
    drop(file);
    let removed = fs::remove_dir_all(dir).is_ok();
    Some(Cleaned { run_id: run.id, dir: dir.into(), killed, removed })
}

/// With the directory, if nothing else is in it.
fn remove_sockets_in(dir: &Path) -> io::Result<()> {
    #[cfg(unix)]
    for entry in fs::read_dir(dir)?.flatten() {
        if entry.file_type().is_ok_and(|kind| std::os::unix::fs::FileTypeExt::is_socket(&kind)) {
            let _ = fs::remove_file(entry.path());
        }
    }
    fs::remove_dir(dir)
}

/// Of a host that was killed before it had written down who it is, or while it removed that. Directories that were kept have something in them.
fn remove_beginning(dir: &Path) {
    let is_old = |path: &Path| {
        let written = fs::metadata(path).and_then(|meta| meta.modified()).ok();
        written.and_then(|written| written.elapsed().ok()).is_some_and(|age| age > BEGINNING)
    };
    if is_old(dir) {
        for name in record::FILES {
            let _ = fs::remove_file(dir.join(name));
        }
        let _ = fs::remove_dir(dir);
    }
}

/// A real directory of this user: not a link that leads elsewhere.
fn is_own(dir: &Path) -> bool {
    let Ok(meta) = fs::symlink_metadata(dir) else { return false };
    #[cfg(unix)]
    // SAFETY: the call takes nothing and cannot fail.
    return meta.is_dir() && std::os::unix::fs::MetadataExt::uid(&meta) == unsafe { libc::geteuid() };
    #[cfg(windows)]
    return meta.is_dir();
}

/// On Windows processes die with their host.
#[cfg(windows)]
fn kill(_dir: &Path, _run: &Run) -> Vec<u32> {
    Vec::new()
}

#[cfg(unix)]
fn kill(dir: &Path, run: &Run) -> Vec<u32> {
    use super::marker::Scope;
    use std::time::{Duration, Instant};
    let mut killed: Vec<u32> = Vec::new();
    for (pid, start) in record::processes(dir) {
        // Whoever is in the group of a leader that lives is its own; a group without its leader may be a stranger's by now.
        if start != 0 && platform::start_time(pid) == start {
            // SAFETY: the call takes no pointer.
            unsafe { libc::kill(-pid.cast_signed(), libc::SIGKILL) };
            killed.push(pid);
        }
    }
    let scope = Scope::run(&run.id);
    let deadline = Instant::now() + Duration::from_secs(2);
    loop {
        let left = platform::family(&scope, None);
        if left.is_empty() || Instant::now() >= deadline {
            killed.sort_unstable();
            killed.dedup();
            return killed;
        }
        left.iter().copied().for_each(super::unix::kill);
        killed.extend(left);
        std::thread::sleep(Duration::from_millis(5));
    }
}

//! The files that say which processes a run has, for whoever must end them when its host cannot.

use super::platform;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// In a run's directory: its host. Locked while that lives.
pub(super) const RUN: &str = "run.json";
/// In a run's directory: a line of [`SLOT`] bytes for each living group, `<pid> <start time>`; 0 is nobody.
pub(super) const PROCESSES: &str = "processes";
/// All that a host may have written before it had written down who it is.
pub(super) const FILES: [&str; 2] = [PROCESSES, UNFINISHED];
const UNFINISHED: &str = "run.json.new";
const SLOT: u64 = 32;

/// Who runs a run, and what else it left in the file system.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) id: String,
    pub(super) pid: u32,
    pub(super) start: u64,
    pub(super) boot: String,
    pub(super) sockets: Vec<PathBuf>,
}

impl Run {
    pub(super) fn of_this_process(id: &str, sockets: &[PathBuf]) -> Self {
        let pid = std::process::id();
        let (start, boot) = (platform::start_time(pid), platform::boot());
        Run { id: id.into(), pid, start, boot, sockets: sockets.into() }
    }
}

/// Both files.
#[derive(Debug)]
pub(super) struct Record {
    dir: PathBuf,
    /// Locked.
    _run: File,
    processes: File,
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    free: Vec<u64>,
    count: u64,
}

impl Record {
    pub(super) fn new(dir: &Path, run: &Run) -> io::Result<Self> {
        let processes = create(&dir.join(PROCESSES))?;
        // Under another name first: nobody must find it unlocked or in part.
        let unfinished = dir.join(UNFINISHED);
        let mut file = create(&unfinished)?;
        file.lock()?;
        file.write_all(&serde_json::to_vec(run)?)?;
        fs::rename(unfinished, dir.join(RUN))?;
        Ok(Record { dir: dir.into(), _run: file, processes, slots: Mutex::default() })
    }

    /// Writes a group down. The answer is its slot.
    pub(super) fn add(&self, pid: u32) -> io::Result<u64> {
        let start = platform::start_time(pid);
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.free.pop().unwrap_or_else(|| {
                slots.count += 1;
                slots.count - 1
            })
        };
        self.write(slot, pid, start).map(|()| slot)
    }

    pub(super) fn remove(&self, slot: u64) {
        // A line that cannot be overwritten names a process by its start time too: no stranger is taken for it.
        let _ = self.write(slot, 0, 0);
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).free.push(slot);
    }

    /// Removes the files.
    pub(super) fn close(&self) {
        let _ = fs::remove_file(self.dir.join(RUN));
        let _ = fs::remove_file(self.dir.join(PROCESSES));
    }

    fn write(&self, slot: u64, pid: u32, start: u64) -> io::Result<()> {
        let line = format!("{pid:>10} {start:>20}\n");
        #[cfg(unix)]
        return std::os::unix::fs::FileExt::write_all_at(&self.processes, line.as_bytes(), slot * SLOT);
        #[cfg(windows)]
        return std::os::windows::fs::FileExt::seek_write(&self.processes, line.as_bytes(), slot * SLOT).map(|_| ());
    }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The living groups of a record: ids and start times.
#[cfg(any(unix, test))]
pub(super) fn processes(dir: &Path) -> Vec<(u32, u64)> {
    let text = fs::read_to_string(dir.join(PROCESSES)).unwrap_or_default();
    let line = |line: &str| {
        let (pid, start) = line.trim().split_once(' ')?;
        Some((pid.parse().ok()?, start.trim().parse().ok()?))
    };
    text.lines().filter_map(line).filter(|(pid, _)| *pid > 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_used_again() {
        let dir = std::env::temp_dir().join(format!("ephemeral-record-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let record = Record::new(&dir, &Run::of_this_process("x", &[])).unwrap();
        let own = std::process::id();
        let first = record.add(own).unwrap();
        let second = record.add(own).unwrap();
        assert_eq!(processes(&dir), [(own, platform::start_time(own)); 2]);
        record.remove(first);
        assert_eq!(processes(&dir).len(), 1);
        assert_eq!(record.add(own).unwrap(), first);
        record.remove(second);
        record.remove(first);
        assert_eq!(fs::metadata(dir.join(PROCESSES)).unwrap().len(), 2 * SLOT);
        assert!(Record::new(&dir, &Run::of_this_process("y", &[])).is_err(), "a directory is one run's");
        record.close();
        fs::remove_dir(&dir).unwrap();
    }
}

//! Processes as `ps` shows them, where there is no `/proc`: macOS and the BSDs. There are no subreapers there: orphans are found by their group,
//! and by their marker when a run is over.

use super::marker::{MARKER, Scope};
use std::collections::HashSet;
use std::process::Command;

/// Nothing has to be set up.
#[derive(Debug)]
pub(super) struct Adoption;

impl Adoption {
    pub(super) fn new(_run_id: &str, _exclusive: bool) -> Self {
        Adoption
    }
}

pub(super) fn add_leader(_pid: u32) {}

pub(super) fn remove_leader(_pid: u32) {}

/// It takes `ps` some milliseconds: the group is asked instead, when its leader was reaped.
pub(super) fn look(_scope: &Scope, _pipe: Option<u64>) -> Left {
    Left::Nothing
}

/// Whether something has outlived its parents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(dead_code, reason = "it is known only where orphans are adopted")]
pub(super) enum Left {
    Nothing,
    Perhaps,
    Something,
}

/// When it was started: a number that tells it from another with the same id. 0: it is not there, or the system does not say.
#[cfg(target_os = "macos")]
pub(super) fn start_time(pid: u32) -> u64 {
    let mut info = std::mem::MaybeUninit::<libc::proc_bsdinfo>::zeroed();
    let size = size_of::<libc::proc_bsdinfo>() as libc::c_int;
    // SAFETY: the buffer is as long as is said, and lives until after the call.
    let read =
        unsafe { libc::proc_pidinfo(pid.cast_signed(), libc::PROC_PIDTBSDINFO, 0, info.as_mut_ptr().cast(), size) };
    if read != size {
        return 0;
    }
    // SAFETY: the system filled it, and zeros are valid in it too.
    let info = unsafe { info.assume_init() };
    info.pbi_start_tvsec * 1_000_000 + info.pbi_start_tvusec
}

/// The system does not say it cheaply.
#[cfg(not(target_os = "macos"))]
pub(super) fn start_time(_pid: u32) -> u64 {
    0
}

/// Its command, as one line.
pub(super) fn command(pid: u32) -> Option<String> {
    let output = Command::new("ps").args(["-ww", "-o", "command=", "-p", &pid.to_string()]).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned()).filter(|line| !line.is_empty())
}

struct Row {
    pid: u32,
    parent: u32,
    group: u32,
    has_marker: bool,
}

/// The living processes that are meant, and all that descend from them.
pub(super) fn family(scope: &Scope, _pipe: Option<u64>) -> Vec<u32> {
    // With the environment behind the command, of this user's processes.
    let environment = if cfg!(target_os = "macos") { "-AEww" } else { "-Aeww" };
    let output = Command::new("ps").args([environment, "-o", "pid=,ppid=,pgid=,stat=,command="]).output();
    let Ok(output) = output else { return Vec::new() };
    let text = String::from_utf8_lossy(&output.stdout);
    let rows: Vec<Row> = text.lines().filter_map(|line| row(scope, line)).collect();
    let is_meant = |row: &&Row| scope.group() == Some(row.group) || row.has_marker;
    let mut found: HashSet<u32> = rows.iter().filter(is_meant).map(|row| row.pid).collect();
    loop {
        let before = found.len();
        let children = rows.iter().filter(|row| found.contains(&row.parent)).map(|row| row.pid);
        found.extend(children.collect::<Vec<_>>());
        if found.len() == before {
            return found.into_iter().collect();
        }
    }
}

fn row(scope: &Scope, line: &str) -> Option<Row> {
    let mut words = line.split_ascii_whitespace();
    let mut number = || words.next()?.parse::<u32>().ok();
    let (pid, parent, group) = (number()?, number()?, number()?);
    if words.next()?.starts_with('Z') || pid == std::process::id() {
        return None;
    }
    let value = words.find_map(|word| word.strip_prefix(MARKER)?.strip_prefix('='));
    Some(Row { pid, parent, group, has_marker: value.is_some_and(|value| scope.has_marker(value.as_bytes())) })
}

/// What tells this start of the system from others: start times do so here.
pub(super) fn boot() -> String {
    String::new()
}

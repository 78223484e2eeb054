//! Processes as `/proc` shows them.

use super::marker::{MARKER, Scope};
use std::collections::HashSet;
use std::fs;

/// What `/proc/<pid>/stat` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) is_zombie: bool,
    pub(super) parent: u32,
    pub(super) group: u32,
    /// Clock ticks since the system's start.
    pub(super) start: u64,
}

pub(super) fn stat(pid: u32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The name, in parentheses, may hold anything: fields are counted from its end.
fn parse_stat(text: &str) -> Option<Stat> {
    let mut fields = text.rsplit_once(") ")?.1.split(' ');
    let is_zombie = matches!(fields.next()?, "Z" | "X");
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    let start = fields.nth(16)?.parse().ok()?;
    Some(Stat { is_zombie, parent, group, start })
}

/// When it was started: a number that tells it from another with the same id. 0: it is not there.
pub(super) fn start_time(pid: u32) -> u64 {
    stat(pid).map_or(0, |stat| stat.start)
}

/// Its marker's value.
pub(super) fn marker(pid: u32) -> Option<Vec<u8>> {
    let environ = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let value = |entry: &[u8]| Some(entry.strip_prefix(MARKER.as_bytes())?.strip_prefix(b"=")?.to_vec());
    environ.split(|&byte| byte == 0).find_map(value)
}

/// Its command, as one line.
pub(super) fn command(pid: u32) -> Option<String> {
    let words = fs::read(format!("/proc/{pid}/cmdline")).ok().filter(|words| !words.is_empty());
    let words = words.or_else(|| fs::read(format!("/proc/{pid}/comm")).ok())?;
    let line: Vec<u8> = words.iter().map(|&byte| if byte == 0 || byte == b'\n' { b' ' } else { byte }).collect();
    Some(String::from_utf8_lossy(&line).trim_end().to_owned())
}

/// All processes, zombies too.
pub(super) fn all() -> impl Iterator<Item = (u32, Stat)> {
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter_map(|pid| Some((pid, stat(pid)?)))
}

/// The living processes that are meant, and all that descend from them.
pub(super) fn family(scope: &Scope, pipe: Option<u64>) -> Vec<u32> {
    let own = std::process::id();
    // One of ours that is about to run its program has all that we have open.
    let orphans = if pipe.is_some() { super::adopt::orphans() } else { HashSet::new() };
    let alive: Vec<_> = all().filter(|(pid, stat)| !stat.is_zombie && *pid != own).collect();
    let is_meant = |(pid, stat): &&(u32, Stat)| {
        scope.group() == Some(stat.group)
            || marker(*pid).is_some_and(|value| scope.has_marker(&value))
            || orphans.contains(pid) && pipe.is_some_and(|pipe| holds_pipe(*pid, pipe))
    };
    let mut found: HashSet<u32> = alive.iter().filter(is_meant).map(|(pid, _)| *pid).collect();
    found.extend(super::adopt::strays(scope));
    loop {
        let before = found.len();
        let children = alive.iter().filter(|(_, stat)| found.contains(&stat.parent)).map(|(pid, _)| *pid);
        found.extend(children.collect::<Vec<_>>());
        if found.len() == before {
            return found.into_iter().collect();
        }
    }
}

/// Whether one of its descriptors is an end of this pipe.
pub(super) fn holds_pipe(pid: u32, pipe: u64) -> bool {
    descriptors(pid).any(|target| target == format!("pipe:[{pipe}]"))
}

/// What its descriptors lead to, as in `socket:[1234]`. None, where that is not ours to know.
pub(super) fn descriptors(pid: u32) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    entries.filter_map(|entry| fs::read_link(entry.path()).ok()?.into_os_string().into_string().ok())
}

/// What tells this start of the system from others.
pub(super) fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_is_read_whatever_the_name_is() {
        let rest = "S 41 42 43 0 -1 4194560 1 0 0 0 1 2 3 4 20 0 1 0 987654 1 1 1";
        for name in ["sh", "a b", ") Z 1 2", "((", "a\nb"] {
            let stat = parse_stat(&format!("7 ({name}) {rest}\n")).unwrap();
            assert_eq!(stat, Stat { is_zombie: false, parent: 41, group: 42, start: 987_654 }, "{name:?}");
        }
        assert_eq!(parse_stat("7 (x"), None);
    }

    #[test]
    fn this_process_is_found() {
        let own = std::process::id();
        assert!(all().any(|(pid, _)| pid == own));
        assert!(start_time(own) > 0);
        assert!(command(own).unwrap().contains("ephemeral"));
    }
}

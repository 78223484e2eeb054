//! Orphans: while a [`super::Host`] lives, this process is the parent of all that lost theirs ("child subreaper"), so none gets out of sight.
//!
//! This process has children of its own too, which Node waits for. Those are left alone, dead or alive.

use super::linux::{self, Stat};
use super::marker::Scope;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a process may take to run its program, on a machine that has much to do.
const SILENCE: Duration = Duration::from_millis(100);

/// A dead child that Node could be waiting for is taken for an orphan after this.
const DOUBT: Duration = Duration::from_secs(60);

static REGISTRY: LazyLock<Mutex<Registry>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Registry {
    /// What the markers of each host's processes begin with.
    runs: Vec<Scope>,
    /// Whether this process was a subreaper before the first host.
    was_subreaper: bool,
    /// Children that someone else here waits for and reaps.
    leaders: HashSet<u32>,
    /// Orphans that were seen alive, with our marker.
    orphans: HashSet<u32>,
    /// Dead children of which it is not known whose they are.
    doubtful: HashMap<u32, Instant>,
    /// Living children that do not say whose they are, since when they have been seen.
    silent: HashMap<u32, Instant>,
    /// Children that this process had before its hosts.
    before: HashSet<u32>,
    /// Whether this process starts no children but those of its hosts.
    exclusive: bool,
}

/// Whether something has outlived its parents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Left {
    /// Nothing.
    Nothing,
    /// A process that does not say whose it is: one that is about to run its program has no environment for a moment.
    Perhaps,
    /// A process that is meant.
    Something,
}

fn registry() -> MutexGuard<'static, Registry> {
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A host's part in it.
#[derive(Debug)]
pub(super) struct Adoption {
    prefix: String,
}

impl Adoption {
    /// `exclusive`: this process starts no children itself as long as this lives.
    pub(super) fn new(run_id: &str, exclusive: bool) -> Self {
        let mut registry = registry();
        registry.exclusive = exclusive;
        if registry.runs.is_empty() {
            let mut was: libc::c_int = 0;
            // SAFETY: the pointer is to an int that lives until after the call.
            unsafe { libc::prctl(libc::PR_GET_CHILD_SUBREAPER, &raw mut was) };
            registry.was_subreaper = was != 0;
            set_subreaper(true);
            registry.before = children(std::process::id()).into_iter().collect();
        }
        registry.runs.push(Scope::run(run_id));
        Adoption { prefix: format!("{run_id}.") }
    }
}

impl Drop for Adoption {
    fn drop(&mut self) {
        let mut registry = registry();
        let is_it = |scope: &Scope| matches!(scope, Scope::Run { prefix } if *prefix == self.prefix);
        if let Some(at) = registry.runs.iter().position(is_it) {
            registry.runs.swap_remove(at);
        }
        if registry.runs.is_empty() {
            registry.orphans.clear();
            registry.doubtful.clear();
            registry.silent.clear();
            registry.before.clear();
            if !registry.was_subreaper {
                set_subreaper(false);
            }
        }
    }
}

fn set_subreaper(on: bool) {
    // SAFETY: this command takes a number and no pointer. Where the system does not know it, orphans are found by their group and marker alone.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, libc::c_ulong::from(on)) };
}

/// This child is waited for and reaped by who started it.
pub(super) fn add_leader(pid: u32) {
    registry().leaders.insert(pid);
}

/// It was reaped.
pub(super) fn remove_leader(pid: u32) {
    registry().leaders.remove(&pid);
}

/// Whether a process that is meant has outlived its parents. Orphans that are dead are reaped.
///
/// What descends from a leader that is dead descends from an orphan, so a look at this process's own children is enough.
pub(super) fn look(scope: &Scope, pipe: Option<u64>) -> Left {
    let own = std::process::id();
    let mut registry = registry();
    let mut left = Left::Nothing;
    let children = children(own);
    registry.silent.retain(|pid, _| children.contains(pid));
    for pid in children {
        if registry.leaders.contains(&pid) || registry.before.contains(&pid) {
            continue;
        }
        let Some(stat) = linux::stat(pid).filter(|stat| stat.parent == own) else { continue };
        if stat.is_zombie {
            registry.reap(pid, stat, own);
            continue;
        }
        let marker = linux::marker(pid);
        let has_marker = |scope: &Scope| marker.as_ref().is_some_and(|value| scope.has_marker(value));
        if registry.runs.iter().any(has_marker) {
            registry.orphans.insert(pid);
        }
        let is_meant = scope.group() == Some(stat.group)
            || has_marker(scope)
            || pipe.is_some_and(|pipe| linux::holds_pipe(pid, pipe))
            || marker.is_none() && registry.is_stray(pid, scope);
        if is_meant {
            registry.orphans.insert(pid);
            left = Left::Something;
        } else if marker.is_none() && registry.silent.entry(pid).or_insert_with(Instant::now).elapsed() < SILENCE {
            left = left.max(Left::Perhaps);
        }
    }
    left
}

/// Orphans without a marker that can be nobody's but this one's.
pub(super) fn strays(scope: &Scope) -> Vec<u32> {
    let registry = registry();
    let is_stray = |pid: &u32| registry.is_stray(*pid, scope) && linux::marker(*pid).is_none();
    children(std::process::id()).into_iter().filter(is_stray).collect()
}

impl Registry {
    /// Whether a child without a marker has lost it on the way here from a process that is meant: it could come from any that runs.
    fn is_stray(&self, pid: u32, scope: &Scope) -> bool {
        let is_only_one = match scope {
            // Each run has a watchdog besides.
            Scope::Process { .. } => self.leaders.len() == 1 + self.runs.len(),
            Scope::Run { .. } => self.runs.len() == 1,
        };
        let is_settled = self.silent.get(&pid).is_some_and(|since| since.elapsed() >= SILENCE / 2);
        self.exclusive && is_only_one && is_settled && !self.leaders.contains(&pid) && !self.before.contains(&pid)
    }

    /// A child that this process started itself is in its group or leads one, if it does not do strange things. All others are orphans.
    fn reap(&mut self, pid: u32, stat: Stat, own: u32) {
        let own_group = linux::stat(own).map_or(own, |stat| stat.group);
        let is_orphan = self.orphans.contains(&pid) || stat.group != pid && stat.group != own_group;
        let is_over = || stat.group == pid && self.doubtful.get(&pid).is_some_and(|since| since.elapsed() > DOUBT);
        if is_orphan || is_over() {
            // SAFETY: a null pointer is allowed where the status is not wanted.
            unsafe { libc::waitpid(pid.cast_signed(), std::ptr::null_mut(), libc::WNOHANG) };
            self.orphans.remove(&pid);
            self.doubtful.remove(&pid);
        } else {
            self.doubtful.entry(pid).or_insert_with(Instant::now);
        }
    }
}

/// Children of this process that none of its threads waits for. None, where the system does not tell those from the children of threads that are
/// just starting something.
pub(super) fn orphans() -> HashSet<u32> {
    let registry = registry();
    adopted(std::process::id()).into_iter().flatten().filter(|pid| !registry.leaders.contains(pid)).collect()
}

fn children(own: u32) -> Vec<u32> {
    // Otherwise a system that is built without this file.
    adopted(own).unwrap_or_else(|| linux::all().filter(|(_, stat)| stat.parent == own).map(|(pid, _)| pid).collect())
}

/// Orphans become children of the main thread.
fn adopted(own: u32) -> Option<Vec<u32>> {
    let pids = fs::read_to_string(format!("/proc/self/task/{own}/children")).ok()?;
    Some(pids.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn children_are_seen_and_those_of_others_are_not_reaped() {
        let mut child = Command::new("/bin/sleep").arg("1000").spawn().unwrap();
        let in_file = fs::read_to_string("/proc/thread-self/children").unwrap();
        assert!(in_file.contains(&child.id().to_string()));
        let scope = Scope::Process { group: 1, marker: "nobody.1".into() };
        assert_ne!(look(&scope, None), Left::Something);
        child.kill().unwrap();
        assert_ne!(look(&scope, None), Left::Something);
        assert!(child.wait().is_ok());
    }
}

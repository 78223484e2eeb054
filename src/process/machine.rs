//! What this machine, or the container, has to give.

/// How many tests may run at a time: processors that this process may use, by its affinity and its container's quota.
pub fn workers_auto() -> usize {
    // The standard library minds both, of cgroup v1 and v2.
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Bytes of memory that can be had without swapping, in the container too. `None`: the system does not say.
pub fn available_memory() -> Option<u64> {
    imp::available_memory()
}

#[cfg(target_os = "linux")]
mod imp {
    use std::fs;
    use std::path::{Path, PathBuf};

    pub(super) fn available_memory() -> Option<u64> {
        let system = value(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:").map(|kib| kib << 10);
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        system.into_iter().chain(groups.lines().filter_map(group)).min()
    }

    /// The least that a control group of memory, or one above it, leaves.
    fn group(line: &str) -> Option<u64> {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let (root, names) = match controllers {
            "" => ("/sys/fs/cgroup", ["memory.max", "memory.current", "inactive_file"]),
            list if list.split(',').any(|name| name == "memory") => {
                ("/sys/fs/cgroup/memory", ["memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"])
            }
            _ => return None,
        };
        let root = Path::new(root);
        // In a container the path may be the host's: then the limits are at the root.
        let mut folder: PathBuf = root.join(path.trim_start_matches('/'));
        let mut least = None;
        while folder.starts_with(root) {
            least = least.into_iter().chain(left(&folder, names)).min();
            folder.pop();
        }
        least
    }

    fn left(folder: &Path, [limit, usage, cached]: [&str; 3]) -> Option<u64> {
        let number = |name: &str| fs::read_to_string(folder.join(name)).ok()?.trim().parse::<u64>().ok();
        let (limit, usage) = (number(limit)?, number(usage)?);
        // Files that were read and are not in use give way.
        let cached = fs::read_to_string(folder.join("memory.stat")).ok().and_then(|text| value(&text, cached));
        Some(limit.saturating_sub(usage.saturating_sub(cached.unwrap_or(0))))
    }

    /// The number after a name at the start of a line.
    fn value(text: &str, name: &str) -> Option<u64> {
        let words = text.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
        words.into_iter().find(|words| words.first() == Some(&name))?.get(1)?.parse().ok()
    }
}

#[cfg(target_os = "macos")]
mod imp {
    pub(super) fn available_memory() -> Option<u64> {
        let output = std::process::Command::new("/usr/bin/vm_stat").output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let page: u64 = text.split_once("page size of ")?.1.split(' ').next()?.parse().ok()?;
        let pages = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().trim_end_matches('.').parse::<u64>().ok()
        };
        Some((pages("Pages free:")? + pages("Pages inactive:")?) * page)
    }
}

#[cfg(windows)]
mod imp {
    use windows_sys::Win32::System::SystemInformation::{GlobalMemoryStatusEx, MEMORYSTATUSEX};

    pub(super) fn available_memory() -> Option<u64> {
        let mut status = MEMORYSTATUSEX { dwLength: size_of::<MEMORYSTATUSEX>() as u32, ..Default::default() };
        // SAFETY: the structure says its size, and lives until after the call.
        let read = unsafe { GlobalMemoryStatusEx(&raw mut status) };
        (read != 0).then_some(status.ullAvailPhys)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
mod imp {
    pub(super) fn available_memory() -> Option<u64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_something_to_give() {
        assert!(workers_auto() >= 1);
        assert!(available_memory().is_none_or(|bytes| bytes > 1 << 20));
    }
}

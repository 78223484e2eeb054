//! A host in a directory of its own, and what can be seen of its processes from outside.

use ephemeral_broker::process::{Env, Host, HostOptions, Process, Program, Spawn};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub(crate) const SETTLE: Duration = Duration::from_millis(100);
pub(crate) const SOON: Duration = Duration::from_secs(10);

pub(crate) struct Run {
    pub(crate) host: Host,
    pub(crate) id: String,
    pub(crate) dir: PathBuf,
}

/// A number that no other process on this machine has among its arguments: `sleep` sleeps so long.
pub(crate) fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("9{:07}{:04}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Run {
    pub(crate) fn new() -> Self {
        let id = format!("t{}", unique());
        let dir = std::env::temp_dir().join(format!("ephemeral-process-test-{id}"));
        Run::at(&id, dir)
    }

    pub(crate) fn at(id: &str, dir: PathBuf) -> Self {
        fs::create_dir_all(&dir).unwrap();
        let options = HostOptions { run_id: id.into(), dir: dir.clone(), sockets: Vec::new(), exclusive: false };
        Run { host: Host::new(options).unwrap(), id: id.into(), dir }
    }

    pub(crate) fn shell(&self, line: &str) -> Process {
        self.host.spawn(Spawn::new(Program::shell(line), &self.dir, env())).unwrap()
    }

    pub(crate) async fn close(self) {
        self.host.close().await;
        assert!(with_marker(&self.id).is_empty());
        fs::remove_dir_all(&self.dir).unwrap();
    }
}

pub(crate) fn env() -> Env {
    std::env::vars_os().collect()
}

/// In a runtime of one thread, as in the host.
pub(crate) fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Processes, alive, of which a file in `/proc` holds the text.
pub(crate) fn holding(file: &str, text: &str) -> Vec<u32> {
    let pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| {
        let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        memchr::memmem::find(&bytes, text.as_bytes()).is_some()
    })
    .collect()
}

pub(crate) fn with_marker(run_id: &str) -> Vec<u32> {
    holding("environ", &format!("EPHEMERAL_PROCESS={run_id}."))
}

/// Processes that sleep so long.
pub(crate) fn sleeping(seconds: &str) -> Vec<u32> {
    holding("cmdline", &format!("sleep\0{seconds}\0"))
}

pub(crate) fn until(what: &str, within: Duration, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < within, "not within {within:?}: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub(crate) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < SOON, "not within {SOON:?}: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

pub(crate) fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

//! A shell that outlives this process, should it be killed, and ends what it leaves.

use super::platform;
use super::unix::{self, Waiter};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::time::Duration;

const SCRIPT: &str = include_str!("watchdog.sh");
/// It ends at once when it is told to; this is for a system that does nothing at once.
const PATIENCE: Duration = Duration::from_secs(5);

/// It sleeps in a read until this process ends. Dropped without [`Watchdog::dismiss`], it does its work.
#[derive(Debug)]
pub(super) struct Watchdog {
    pid: u32,
    waiter: Waiter,
    line: Option<ChildStdin>,
}

impl Watchdog {
    pub(super) fn new(run_id: &str, dir: &Path, sockets: &[PathBuf]) -> io::Result<Self> {
        // A group of its own: what a terminal sends to ours does not reach it.
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT, "ephemeral-watchdog", run_id]).arg(dir).args(sockets).process_group(0);
        command.env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin").env("LC_ALL", "C").current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        platform::add_leader(child.id());
        Ok(Watchdog { pid: child.id(), waiter: Waiter::new(child.id()), line: child.stdin.take() })
    }

    /// Ends it: there is nothing left to do for it.
    pub(super) async fn dismiss(mut self) {
        if let Some(mut line) = self.line.take() {
            // Where it is gone already, nothing reads this.
            let _ = line.write_all(b"bye\n");
        }
        if tokio::time::timeout(PATIENCE, self.waiter.ended()).await.is_err() {
            unix::kill(self.pid);
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        let pid = self.pid;
        let was_dismissed = self.line.take().is_none();
        if was_dismissed {
            return unix::wait(pid);
        }
        // It has work to do, and nobody waits for that. Without a thread it stays a zombie, until this process ends.
        let _ = std::thread::Builder::new().stack_size(64 << 10).spawn(move || unix::wait(pid));
    }
}

//! Apart from the other tests of processes: here nobody else in this process has children.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use ephemeral_broker::process::{Host, HostOptions, Program, Spawn};
use std::time::Duration;

/// Nothing of it says whose it is: it has no marker, no group and no pipe of ours. Only that it can be nobody else's.
#[tokio::test]
async fn an_orphan_that_says_nothing_is_found_where_it_can_be_nobody_elses() {
    let dir = tempfile::tempdir().unwrap();
    let options = HostOptions { run_id: "alone".into(), dir: dir.path().into(), sockets: Vec::new(), exclusive: true };
    let host = Host::new(options).unwrap();
    for daemons in [1, 0] {
        let daemon = "env -i PATH=$PATH setsid sh -c 'sleep 1000; true' >/dev/null 2>&1 </dev/null &".repeat(daemons);
        let env = std::env::vars_os().collect();
        let process = host.spawn(Spawn::new(Program::shell(format!("{daemon} true 'x'")), "/", env)).unwrap();
        assert!(process.wait().await.is_success());
        let left = process.close(Duration::from_millis(100)).await;
        let commands: Vec<&str> = left.processes.iter().map(|process| process.command.as_str()).collect();
        assert_eq!(commands.contains(&"sleep 1000"), daemons == 1, "{commands:?}");
        assert_eq!(commands.len(), 2 * daemons, "{commands:?}");
    }
    host.close().await;
}

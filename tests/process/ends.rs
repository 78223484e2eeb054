use super::support::*;
use std::collections::HashSet;
use std::fs;
use std::time::{Duration, Instant};

/// Starts it, waits for the leader's end, and closes it: what was left is told of, and gone.
fn is_ended(line: &str, pipe_open: bool) {
    run(async {
        let run = Run::new();
        let number = unique();
        let process = run.shell(&line.replace("{}", &number));
        assert!(process.wait().await.is_success());
        eventually("it sleeps", || !sleeping(&number).is_empty()).await;
        let expected: HashSet<u32> = sleeping(&number).into_iter().collect();
        let left = process.close(SETTLE).await;
        let found: HashSet<u32> = left.processes.iter().map(|left| left.pid).collect();
        assert!(found.is_superset(&expected), "{left:?}, not {expected:?}");
        assert!(left.processes.iter().any(|left| left.command == format!("sleep {number}")), "{left:?}");
        assert_eq!(left.pipe_open, pipe_open);
        assert!(sleeping(&number).is_empty());
        assert!(process.output().text().ends_with("started\n"));
        run.close().await;
    });
}

#[test]
fn a_child_that_outlives_its_parent() {
    is_ended("sleep {} >/dev/null 2>&1 & echo started", false);
}

#[test]
fn a_child_that_holds_the_pipe() {
    is_ended("sleep {} & echo started", true);
}

#[test]
fn a_child_without_our_environment() {
    is_ended("env -i sleep {} >/dev/null 2>&1 & echo started", false);
}

#[test]
fn a_daemon_in_a_session_of_its_own() {
    is_ended("setsid sleep {} >/dev/null 2>&1 & echo started", false);
}

#[test]
fn a_daemon_in_a_session_of_its_own_that_was_forked_twice() {
    is_ended("(setsid sh -c 'sleep {} & :' >/dev/null 2>&1 &); echo started", false);
}

#[test]
fn a_daemon_without_our_environment_that_holds_the_pipe() {
    is_ended("setsid env -i sleep {} & echo started", true);
}

#[test]
fn a_daemon_that_ignores_signals_and_has_children() {
    is_ended(
        "setsid sh -c 'trap \"\" TERM HUP INT; sleep {} & sleep {} & wait; sleep {}' >/dev/null 2>&1 & echo started",
        false,
    );
}

#[test]
fn a_child_that_ends_soon_after_its_parent_is_no_leak() {
    run(async {
        let run = Run::new();
        let process = run.shell("(sleep 0.02; echo last) & echo first");
        let left = process.close(Duration::from_secs(5)).await;
        assert!(left.is_empty(), "{left:?}");
        assert_eq!(process.output().text(), "first\nlast\n");
        run.close().await;
    });
}

#[test]
fn what_ignores_sigterm_is_killed_after_its_grace() {
    run(async {
        let run = Run::new();
        let number = unique();
        let process =
            run.shell(&format!("trap '' TERM; sleep {number} & echo ready; wait; while :; do sleep 0.01; done"));
        eventually("it is ready", || process.output().text() == "ready\n").await;
        let begun = Instant::now();
        let exit = process.end(Duration::from_millis(100)).await;
        assert_eq!(exit.signal_name().as_deref(), Some("SIGKILL"));
        assert!(begun.elapsed() >= Duration::from_millis(100));
        process.close(SETTLE).await;
        assert!(sleeping(&number).is_empty());
        run.close().await;
    });
}

#[test]
fn what_minds_sigterm_ends_in_its_own_way() {
    run(async {
        let run = Run::new();
        let process = run.shell("trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.01; done");
        eventually("it is ready", || process.output().text() == "ready\n").await;
        assert_eq!(process.end(SOON).await.code, Some(7));
        process.close(SETTLE).await;
        // The shell may say of its child that it was terminated.
        assert!(process.output().text().ends_with("bye\n"));
        // The group is gone: these must hit nobody.
        process.terminate();
        process.kill();
        assert!(process.close(SETTLE).await.is_empty());
        run.close().await;
    });
}

#[test]
fn killing_ends_what_left_the_group_too() {
    run(async {
        let run = Run::new();
        let number = unique();
        let process = run.shell(&format!("setsid env -i sleep {number} & setsid sleep {number} & wait"));
        eventually("both sleep", || sleeping(&number).len() == 2).await;
        process.kill();
        process.wait().await;
        eventually("both are gone", || sleeping(&number).is_empty()).await;
        process.close(SETTLE).await;
        run.close().await;
    });
}

#[test]
fn a_process_that_is_dropped_is_ended() {
    run(async {
        let run = Run::new();
        let number = unique();
        let process = run.shell(&format!("setsid sleep {number} & sleep {number}"));
        eventually("both sleep", || sleeping(&number).len() == 2).await;
        drop(process);
        eventually("both are gone", || sleeping(&number).is_empty()).await;
        run.close().await;
    });
}

#[test]
fn a_host_that_is_dropped_has_the_watchdog_end_all() {
    run(async {
        let (number, run) = (unique(), Run::new());
        let process = run.shell(&format!("setsid sleep {number} & sleep {number}"));
        eventually("both sleep", || sleeping(&number).len() == 2).await;
        let Run { host, dir, .. } = run;
        drop(host);
        eventually("all is gone", || sleeping(&number).is_empty() && !exists(&dir)).await;
        drop(process);
    });
}

#[test]
fn two_hosts_do_not_touch_each_others_processes() {
    run(async {
        let (one, two) = (Run::new(), Run::new());
        let number = unique();
        let kept = two.shell(&format!("(setsid sleep {number} >/dev/null 2>&1 &); sleep {number}"));
        eventually("both sleep", || sleeping(&number).len() == 2).await;
        for _ in 0..20 {
            let process = one.shell("(setsid sleep 0.001 &) ; (sleep 0.001 &) ; /bin/true");
            assert!(process.close(SOON).await.processes.is_empty());
        }
        one.close().await;
        assert_eq!(sleeping(&number).len(), 2);
        kept.kill();
        kept.close(SETTLE).await;
        assert!(sleeping(&number).is_empty());
        two.close().await;
    });
}

#[test]
fn children_of_this_process_itself_are_left_to_it() {
    run(async {
        let run = Run::new();
        let number = unique();
        let mut own = std::process::Command::new("setsid").args(["sleep", &number]).spawn().unwrap();
        let mut dead = std::process::Command::new("sh").args(["-c", "exit 9"]).spawn().unwrap();
        let status = format!("/proc/{}/stat", dead.id());
        eventually("it is dead", || fs::read_to_string(&status).unwrap().contains(") Z ")).await;
        for _ in 0..5 {
            let process = run.shell("sleep 1000 & setsid sleep 1000 & :");
            assert_eq!(process.close(Duration::ZERO).await.processes.len(), 2);
        }
        run.close().await;
        assert_eq!(dead.wait().unwrap().code(), Some(9));
        assert_eq!(own.try_wait().unwrap(), None);
        own.kill().unwrap();
        own.wait().unwrap();
    });
}

use super::support::*;
use ephemeral_broker::process::clean;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const DIR: &str = "PROCESS_TEST_DIR";
const NUMBER: &str = "PROCESS_TEST_NUMBER";

/// Is a host in a process of its own, when it is asked to: starts processes of all kinds until it is killed.
#[test]
fn host_of_its_own() {
    let (Ok(dir), Ok(number)) = (std::env::var(DIR), std::env::var(NUMBER)) else { return };
    run(async {
        let run = Run::at(&format!("t{number}"), dir.into());
        let mut kept = Vec::new();
        let line = format!(
            "sleep {number} & env -i sleep {number} & setsid sleep {number} & (setsid sh -c 'sleep {number} & :' &) ; echo ready; {{}}"
        );
        loop {
            let ends = run.shell(&line.replace("{}", ":"));
            kept.push(run.shell(&line.replace("{}", "trap '' TERM; wait")));
            ends.close(Duration::ZERO).await;
            // Seen by who is to kill this; the test's harness writes to stdout too.
            eprintln!("round");
            if kept.len() > 3 {
                kept.remove(0);
            }
        }
    });
}

fn start(dir: &Path, number: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "killed::host_of_its_own", "--nocapture", "--test-threads=1"]);
    command.env(DIR, dir).env(NUMBER, number).stderr(Stdio::piped()).stdout(Stdio::null());
    command.spawn().unwrap()
}

fn wait_for_round(host: &mut Child) {
    let mut line = String::new();
    BufReader::new(host.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "round\n");
}

#[test]
fn a_host_that_is_killed_at_any_moment_leaves_nothing() {
    let mut slowest = Duration::ZERO;
    for round in 0..50u64 {
        let number = unique();
        let dir = std::env::temp_dir().join(format!("ephemeral-process-test-{number}"));
        let mut host = start(&dir, &number);
        if round % 5 != 0 {
            wait_for_round(&mut host);
        }
        // Any moment: primes spread them over a round's time.
        std::thread::sleep(Duration::from_micros(round * 7919 % 30_011));
        host.kill().unwrap();
        host.wait().unwrap();
        let begun = Instant::now();
        let id = format!("t{number}");
        let left = || (sleeping(&number), with_marker(&id));
        while left() != (Vec::new(), Vec::new()) {
            assert!(begun.elapsed() < Duration::from_secs(1), "round {round}: {:?} are left", left());
            std::thread::sleep(Duration::from_millis(2));
        }
        slowest = slowest.max(begun.elapsed());
        // Killed before it had a watchdog it leaves a directory at most, which is for `clean`.
        until("the directory is gone", SOON, || round % 5 == 0 || !exists(&dir));
        let _ = fs::remove_dir_all(&dir);
    }
    eprintln!("the slowest of 50 took {slowest:?}");
}

#[test]
fn what_a_killed_watchdog_leaves_is_cleaned() {
    let number = unique();
    let tmp = std::env::temp_dir().join(format!("ephemeral-clean-test-{number}"));
    let (dead, live) = (tmp.join("ephemeral-run-dead"), tmp.join("ephemeral-run-live"));
    fs::create_dir_all(tmp.join("other")).unwrap();
    run(async {
        let live_number = unique();
        let live_run = Run::at(&format!("t{live_number}"), live.clone());
        let process = live_run.shell(&format!("sleep {live_number}"));
        let mut host = start(&dead, &number);
        wait_for_round(&mut host);
        // Its watchdog is the child that has the directory among its arguments.
        let watchdogs = holding("cmdline", &format!("ephemeral-watchdog\0t{number}\0"));
        assert_eq!(watchdogs.len(), 1);
        let kill = |pid: &str| assert!(Command::new("kill").args(["-KILL", pid]).status().unwrap().success());
        kill(&watchdogs[0].to_string());
        host.kill().unwrap();
        host.wait().unwrap();
        assert!(!sleeping(&number).is_empty());
        let cleaned = clean(&tmp);
        assert_eq!(cleaned.len(), 1, "{cleaned:?}");
        assert_eq!((cleaned[0].run_id.as_str(), cleaned[0].removed), (format!("t{number}").as_str(), true));
        assert!(!cleaned[0].killed.is_empty());
        assert!(!exists(&dead) && exists(&live) && exists(&tmp.join("other")));
        until("its processes are gone", SOON, || with_marker(&format!("t{number}")).is_empty());
        assert_eq!(sleeping(&live_number).len(), 1);
        assert_eq!(clean(&tmp), []);
        process.kill();
        process.close(SETTLE).await;
        live_run.close().await;
        fs::remove_dir_all(&tmp).unwrap();
    });
    for pid in sleeping(&number) {
        // Those that cleared their environment and whose group has no leader any more are not known to be ours.
        let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
    }
}

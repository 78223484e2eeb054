use super::support::*;
use ephemeral_broker::process::{Program, Spawn};
use std::process::Command;
use std::time::Instant;

/// Two at a time, against what `xargs` does: printed, for a machine that is busy says nothing.
#[test]
#[ignore = "a measurement"]
fn what_a_process_costs() {
    const EACH: usize = 1_000;
    run(async {
        let run = Run::new();
        let begun = Instant::now();
        let one = || async {
            for _ in 0..EACH {
                let process = run.host.spawn(Spawn::new(Program::argv(["/bin/true"]), "/", env())).unwrap();
                assert!(process.close(SETTLE).await.is_empty());
                assert!(process.wait().await.is_success());
            }
        };
        tokio::join!(one(), one());
        let ours = begun.elapsed();
        let begun = Instant::now();
        let line = format!("seq {} | xargs -P2 -n1 /bin/true", 2 * EACH);
        assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
        let theirs = begun.elapsed();
        eprintln!("ours {ours:?}, xargs {theirs:?}: {:.2}", ours.as_secs_f64() / theirs.as_secs_f64());
        run.close().await;
    });
}

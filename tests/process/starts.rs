use super::support::*;
use ephemeral_broker::process::{Program, Redactor, Spawn, SpawnError, quote};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[test]
fn a_process_has_its_environment_its_directory_and_one_output() {
    run(async {
        let run = Run::new();
        let mut spawn = Spawn::new(
            Program::shell("pwd; echo err >&2; env; cat; exit 3"),
            &run.dir,
            [("A".into(), "b c".into())].into(),
        );
        spawn.log = Some(run.dir.join("logs/a.log"));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let ears = lines.clone();
        spawn.on_line = Some(Box::new(move |line| {
            ears.lock().unwrap().push(line.to_owned());
            true
        }));
        let process = run.host.spawn(spawn).unwrap();
        let exit = process.wait().await;
        assert_eq!((exit.code, exit.signal), (Some(3), None));
        assert!(process.close(SETTLE).await.is_empty());
        let text = process.output().text();
        assert!(text.starts_with(&format!("{}\nerr\n", run.dir.display())), "{text}");
        assert!(text.contains("\nA=b c\n") && text.contains(&format!("\nEPHEMERAL_PROCESS={}.1\n", run.id)), "{text}");
        assert!(!text.contains("\nHOME="), "{text}");
        assert_eq!(fs::read_to_string(process.output().log().unwrap()).unwrap(), text);
        assert_eq!(lines.lock().unwrap().join("\n") + "\n", text);
        run.close().await;
    });
}

#[test]
fn a_process_that_writes_nothing_has_no_log() {
    run(async {
        let run = Run::new();
        let mut spawn = Spawn::new(Program::argv(["true"]), &run.dir, env());
        spawn.log = Some(run.dir.join("a.log"));
        let process = run.host.spawn(spawn).unwrap();
        assert!(process.close(SETTLE).await.is_empty());
        assert!(process.wait().await.is_success());
        assert_eq!(process.output().log(), None);
        assert!(!exists(&run.dir.join("a.log")));
        run.close().await;
    });
}

#[test]
fn what_cannot_be_started_says_why() {
    run(async {
        let run = Run::new();
        let file = |name: &str, text: &str, mode| {
            fs::write(run.dir.join(name), text).unwrap();
            fs::set_permissions(run.dir.join(name), fs::Permissions::from_mode(mode)).unwrap();
        };
        file("text", "x", 0o644);
        file("lost", "#!/nowhere/at/all\n", 0o755);
        let error = |program: Program, cwd: &str| {
            let spawn = Spawn::new(program, run.dir.join(cwd), [("PATH".into(), "/nowhere:/bin".into())].into());
            run.host.spawn(spawn).unwrap_err()
        };
        let missing = error(Program::shell("no-such-tool --x"), ".");
        assert!(matches!(missing, SpawnError::NotFound { .. }));
        assert_eq!(missing.to_string(), "command not found: no-such-tool (PATH is /nowhere:/bin)");
        assert_eq!(error(Program::argv(["./nothing"]), ".").to_string(), "command not found: ./nothing");
        assert!(matches!(error(Program::argv(["./text"]), "."), SpawnError::NotExecutable { .. }));
        assert!(matches!(error(Program::argv(["./lost"]), "."), SpawnError::NoInterpreter { .. }));
        for program in [Program::argv(["true"]), Program::shell("true | true"), Program::argv(["./x"])] {
            assert!(matches!(error(program, "missing"), SpawnError::NoDirectory { .. }));
        }
        assert!(matches!(error(Program::argv([""]), "."), SpawnError::Empty));
        assert!(matches!(error(Program::shell(" "), "."), SpawnError::Empty));
        run.close().await;
    });
}

#[test]
fn a_script_without_a_first_line_is_run_by_the_shell() {
    run(async {
        let run = Run::new();
        fs::write(run.dir.join("script"), "echo \"$1 here\"\n").unwrap();
        fs::set_permissions(run.dir.join("script"), fs::Permissions::from_mode(0o755)).unwrap();
        let process = run.shell("./script i-am");
        process.close(SETTLE).await;
        assert_eq!(process.output().text(), "i-am here\n");
        run.close().await;
    });
}

#[test]
fn a_quoted_value_is_a_value_whatever_it_is() {
    run(async {
        let run = Run::new();
        let value = "a'; touch hacked; $(touch hacked) \"`touch hacked`\n* ~";
        let process = run.shell(&format!("printf %s {}", quote(value)));
        process.close(SETTLE).await;
        assert_eq!(process.output().text(), value);
        assert!(!exists(&run.dir.join("hacked")));
        run.close().await;
    });
}

#[test]
fn a_hundred_megabytes_are_read_and_not_kept() {
    run(async {
        let run = Run::new();
        let mut spawn = Spawn::new(Program::shell("yes | head -c 100000000; echo secret-word"), &run.dir, env());
        spawn.log = Some(run.dir.join("a.log"));
        spawn.redactor = Arc::new(Redactor::new(["secret-word"]));
        let begun = Instant::now();
        let process = run.host.spawn(spawn).unwrap();
        assert!(process.close(SETTLE).await.is_empty());
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        assert_eq!(process.output().size(), 100_000_012);
        let text = process.output().text();
        assert!(text.len() < 70_000 && text.ends_with("y\n[hidden]\n"));
        let log = fs::read_to_string(run.dir.join("a.log")).unwrap();
        assert!(log.len() < 18 << 20 && log.ends_with("y\n[hidden]\n"));
        run.close().await;
    });
}

#[test]
fn an_output_that_is_closed_early_is_not_the_end() {
    run(async {
        let run = Run::new();
        assert!(std::process::Command::new("mkfifo").arg(run.dir.join("fifo")).status().unwrap().success());
        let process = run.shell("exec >&- 2>&-; read -r line < fifo; exit 4");
        process.output().ended().await;
        fs::write(run.dir.join("fifo"), "go\n").unwrap();
        assert_eq!(process.wait().await.code, Some(4));
        assert!(process.close(SETTLE).await.is_empty());
        run.close().await;
    });
}

//! Commands around the run and around each worker.

use super::context::{Context, Environment};
use super::running::{Running, Start};
use super::stop::Stop;
use super::template::Values;
use crate::run::plan::{Command, Millis};
use crate::run::report::{Event, RunError, SetupStep};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

const USUAL_TIMEOUT: Millis = 10 * 60 * 1000;
/// Between SIGTERM and SIGKILL, in milliseconds.
const GRACE: Millis = 5000;

/// Runs one, and returns the variables that it left in the file that `EPHEMERAL_ENV` names.
///
/// # Errors
/// It failed, took too long, or was stopped.
pub(super) async fn run(
    context: &Context,
    step: SetupStep,
    worker: Option<usize>,
    command: &Command,
    values: &Values,
    env: &Environment,
) -> Result<Environment, RunError> {
    let began = Instant::now();
    context.tell(Event::SetupStarted { at: context.at(), step, worker });
    let done = attempt(context, step, worker, command, values, env).await;
    let duration = began.elapsed().as_secs_f64() * 1000.0;
    context.tell(Event::SetupFinished {
        at: context.at(),
        step,
        worker,
        duration,
        error: done.as_ref().err().cloned(),
    });
    done
}

async fn attempt(
    context: &Context,
    step: SetupStep,
    worker: Option<usize>,
    command: &Command,
    values: &Values,
    env: &Environment,
) -> Result<Environment, RunError> {
    let (name, code) = match step {
        SetupStep::GlobalSetup => ("globalSetup", "setup_failed"),
        SetupStep::WorkerSetup => ("workerSetup", "setup_failed"),
        SetupStep::GlobalTeardown => ("globalTeardown", "teardown_failed"),
        SetupStep::WorkerTeardown => ("workerTeardown", "teardown_failed"),
    };
    let of = worker.map_or(String::new(), |worker| format!(" of worker {worker}"));
    let say = |why: String| error(code, format!("{name}{of}: {why}"));

    if context.stopping.asked() == Stop::Now {
        return Err(say("the run was stopped".into()));
    }
    let log = context.log(&format!("{name}{}", worker.map_or(String::new(), |worker| format!("-worker-{worker}"))));
    let exports = context.dir.join(format!("{}.env", log.file_stem().unwrap_or_default().to_string_lossy()));
    fs::write(&exports, "").map_err(|error| say(format!("cannot write {}: {error}", exports.display())))?;
    let mut env = env.clone();
    env.insert("EPHEMERAL_ENV".into(), exports.to_string_lossy().into_owned());

    let filled = values.fill_command(command, &mut env);
    let running =
        Running::start(context, Start { command: &filled, cwd: &context.root, env, log: log.clone(), on_line: None })
            .await
            .map_err(|error| say(error.to_string()))?;
    let limit = match context.plan.setup.timeout {
        0 => USUAL_TIMEOUT,
        given => given,
    };
    // A teardown is let run when the run is stopped; but not when it is stopped at once.
    let teardown = matches!(step, SetupStep::GlobalTeardown | SetupStep::WorkerTeardown);
    let stop = if teardown { Stop::Now } else { Stop::Gently };
    let why = tokio::select! {
        exit = running.ended() => if exit.is_success() { None } else { Some(format!("ended with {exit}")) },
        () = tokio::time::sleep(Duration::from_millis(limit)) => Some(format!("timed out after {} s", limit as f64 / 1000.0)),
        () = context.stopping.until(stop) => Some("the run was stopped".into()),
    };
    if why.is_some() {
        running.end_within(GRACE);
    }
    running.closed().await;
    match why {
        None => read_exports(&exports).map_err(say),
        Some(why) => Err(RunError {
            output: Some(running.output().text()),
            log: Some(log.to_string_lossy().into_owned()),
            ..say(why)
        }),
    }
}

pub(super) fn error(code: &'static str, message: String) -> RunError {
    RunError { code, message: format!("{code}: {message}"), output: None, log: None }
}

fn read_exports(file: &Path) -> Result<Environment, String> {
    let text =
        fs::read_to_string(file).map_err(|error| format!("cannot read what it left in EPHEMERAL_ENV: {error}"))?;
    let _ = fs::remove_file(file);
    let mut exported = Environment::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        let named = line.strip_prefix("export ").unwrap_or(line).split_once('=').filter(|(name, _)| is_name(name));
        let (name, value) =
            named.ok_or_else(|| format!("left \"{line}\" in EPHEMERAL_ENV, where lines are NAME=value"))?;
        exported.insert(name.to_string(), value.to_string());
    }
    Ok(exported)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|sign: char| sign.is_ascii_digit())
        && name.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '_')
}

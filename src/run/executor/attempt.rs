//! One attempt at a test.

use super::context::Context;
use super::place::Place;
use super::running::{Running, Start};
use super::server::Server;
use super::stop::Stop;
use super::template::Values;
use super::verdict::{self, End, Said, Words};
use crate::process::{Exit, Leftovers, LineSink, Mark};
use crate::run::plan::{Leaks, Settings, Test};
use crate::run::report::{Attempt, Event, Outcome, ServerLog};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// What is attempted.
pub(super) struct Task<'a> {
    pub(super) test: &'a Test,
    pub(super) settings: &'a Settings,
    pub(super) words: &'a Arc<Words>,
    pub(super) attempt: u32,
}

/// How the process came to its end.
enum Cause {
    Itself,
    TimedOut,
    /// A server died meanwhile.
    Server(String),
    Stopped,
}

/// Runs it, and judges how it ended.
pub(super) async fn run(context: &Rc<Context>, place: &Place, task: &Task<'_>, values: &Values) -> Attempt {
    let at = context.at();
    let began = Instant::now();
    let servers = place.servers_of(task.settings);
    let marks: Vec<Mark> = servers.iter().map(|server| server.running.output().mark()).collect();
    let log = context.log(&task.test.id);
    let mut env = place.environment(values, Some(task.settings));
    let command = values.fill_command(&task.settings.command, &mut env);
    let mut result = Attempt {
        attempt: task.attempt,
        status: Outcome::Error,
        worker: place.worker,
        at,
        duration: 0.0,
        exit_code: None,
        signal: None,
        reason: None,
        leaked: false,
        slow: false,
        output: None,
        output_size: 0,
        log: None,
        server_logs: Vec::new(),
    };
    let said = Said::default();
    let on_line = ears(context, task, place.worker, &said);
    let start = Start { command: &command, cwd: &task.settings.cwd, env, log, on_line };
    let running = match Running::start(context, start).await {
        Ok(running) => running,
        Err(error) => {
            result.reason = Some(error.to_string());
            return result;
        }
    };
    let cause = oversee(context, task, &running, &servers, &mut result).await;
    let (exit, left) = running.closed().await;
    result.duration = began.elapsed().as_secs_f64() * 1000.0;
    conclude(task, cause, exit, &left, &said, &mut result);
    result.output_size = running.output().size();
    result.log = running.output().log().map(|log| log.to_string_lossy().into_owned());
    if result.status != Outcome::Passed {
        result.output = Some(running.output().text());
        result.server_logs = servers.iter().zip(marks).map(|(server, mark)| slice(server, mark)).collect();
    }
    result
}

/// Waits for its end, and brings it about where it must be.
async fn oversee(
    context: &Context,
    task: &Task<'_>,
    running: &Running,
    servers: &[Rc<Server>],
    result: &mut Attempt,
) -> Cause {
    let Settings { timeout, slow, grace, .. } = *task.settings;
    let mut ended = pin!(running.ended());
    let mut died = pin!(first_death(servers));
    let mut stopped = pin!(context.stopping.until(Stop::Gently));
    let mut late = pin!(tokio::time::sleep(Duration::from_millis(timeout)));
    let mut slowly = pin!(tokio::time::sleep(Duration::from_millis(slow)));
    loop {
        tokio::select! {
            biased;
            _ = &mut ended => return first_dead(servers).map_or(Cause::Itself, Cause::Server),
            why = &mut died => {
                // It may be about to say what happened.
                running.end_within(grace);
                ended.await;
                return Cause::Server(why);
            }
            () = &mut stopped => {
                running.end_within(grace);
                return Cause::Stopped;
            }
            () = &mut late => {
                running.end_within(grace);
                return Cause::TimedOut;
            }
            () = &mut slowly, if !result.slow && slow < timeout => {
                result.slow = true;
                let duration = context.at() - result.at;
                context.tell(Event::TestSlow { at: context.at(), id: task.test.id.clone(), worker: result.worker, duration, timeout });
            }
        }
    }
}

fn conclude(task: &Task<'_>, cause: Cause, exit: Exit, left: &Leftovers, said: &Said, result: &mut Attempt) {
    result.exit_code = exit.code;
    result.signal = exit.signal_name();
    result.leaked = matches!(cause, Cause::Itself) && !left.is_empty() && task.settings.leaks != Leaks::Off;
    let (status, reason) = match cause {
        Cause::Itself => {
            let end = End { code: exit.code, signal: result.signal.as_deref(), leaked: result.leaked };
            verdict::judge(end, task.words, task.settings.leaks, said)
        }
        Cause::TimedOut => {
            (Outcome::TimedOut, Some(format!("timed out after {} s", task.settings.timeout as f64 / 1000.0)))
        }
        Cause::Server(why) => (Outcome::Error, Some(why)),
        Cause::Stopped => (Outcome::Cancelled, Some("the run was stopped".into())),
    };
    let left = describe(left);
    result.reason = match (reason, result.leaked) {
        (None, true) => Some(left),
        (Some(reason), true) if status == Outcome::Failed => Some(format!("{reason}; {left}")),
        (reason, _) => reason,
    };
    result.status = status;
}

/// What a server wrote since.
fn slice(server: &Server, mark: Mark) -> ServerLog {
    ServerLog { name: server.name.clone(), output: server.running.output().since(mark), log: server.log() }
}

fn first_dead(servers: &[Rc<Server>]) -> Option<String> {
    servers.iter().find_map(|server| server.died())
}

/// Until one of them dies.
async fn first_death(servers: &[Rc<Server>]) -> String {
    let mut deaths: Vec<_> = servers.iter().map(|server| Box::pin(server.running.ended())).collect();
    std::future::poll_fn(|waker| {
        let dead = deaths.iter_mut().any(|death| death.as_mut().poll(waker).is_ready());
        if dead { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    first_dead(servers).unwrap_or_default()
}

fn describe(left: &Leftovers) -> String {
    let processes: Vec<String> =
        left.processes.iter().map(|process| format!("{} {}", process.pid, process.command)).collect();
    match processes.as_slice() {
        [] => "something held its output open".into(),
        some => format!("left processes behind: {}", some.join(", ")),
    }
}

/// Hears what a test says of itself, and tells of each line, where that is wanted.
fn ears(context: &Rc<Context>, task: &Task<'_>, worker: usize, said: &Said) -> Option<LineSink> {
    let mut listen = task.words.listen().then(|| {
        let (words, said) = (task.words.clone(), said.clone());
        move |line: &str| said.hear(&words, line)
    });
    let mut tell = context.plan.stream.then(|| stream(context.clone(), task, worker));
    if listen.is_none() && tell.is_none() {
        return None;
    }
    Some(Box::new(move |line| {
        listen = listen.take().filter(|listen| listen(line));
        tell = tell.take().filter(|tell| tell(line));
        listen.is_some() || tell.is_some()
    }))
}

/// Tells of each line. It runs on the thread that hears it.
fn stream(context: Rc<Context>, task: &Task<'_>, worker: usize) -> impl Fn(&str) -> bool + Send + use<> {
    let (lines, mut written) = mpsc::unbounded_channel::<String>();
    let (id, attempt) = (task.test.id.clone(), task.attempt);
    tokio::task::spawn_local(async move {
        while let Some(text) = written.recv().await {
            context.tell(Event::TestOutput { at: context.at(), id: id.clone(), worker, attempt, text });
        }
    });
    move |line| lines.send(format!("{line}\n")).is_ok()
}

//! A run, as a host sees it: a thread that takes orders and tells what happens, both as JSON.
//!
//! | order | what |
//! |---|---|
//! | `{"capture":{"id":1,"command":…,"cwd":…,"env":{…},"timeout":ms}}` | runs a command, and replies with `exitCode`, `signal`, `stdout`, `stderr`, `timedOut` |
//! | `{"execute":{"id":2,"plan":{…},"logs":…,"store":…,"keep":false}}` | runs a [`Plan`], and replies when it is over; with `keep`, servers stay |
//! | `{"end":{"id":3}}` | ends what was kept, and replies with errors |
//! | `{"turn":{"id":7}}` | answers a `turn` |
//! | `{"stop":{"now":false}}` | asks what runs to end; with `now` it is killed |
//! | `{"close":{"id":3}}` | ends everything that is left; the last order |
//!
//! It tells `{"event":{…}}` ([`super::report::Event`]), `{"turn":7,"rates":[…]}` when a test's start must wait for its turn, and replies:
//! `{"reply":2,"value":…}` or `{"reply":2,"error":"…"}`.

use super::executor::{self, Closed, Environment, Household, Means, Scene, Stop, Stopping};
use super::plan::{Command, Millis, Plan};
use super::report::Event;
use crate::process::{Host, HostOptions, LOG_END, LOG_START, Output, Spawn};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

/// Who is told, on the service's thread.
pub type Tell = Box<dyn Fn(String) + Send>;

/// What a run begins with.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Options {
    /// Random; names the run's directory and marks its processes.
    pub run_id: String,
    /// Where the config's paths begin.
    pub root: PathBuf,
    /// The run's own directory, which is made.
    pub dir: PathBuf,
    /// Sockets to remove, should this process be killed.
    #[serde(default)]
    pub sockets: Vec<PathBuf>,
    /// Whether this process starts no children itself.
    #[serde(default)]
    pub exclusive: bool,
    /// The environment of what is started.
    pub env: Environment,
}

#[derive(Debug, Deserialize)]
// Named by its key and not by a member: a plan is read as it comes, and not kept in pieces until its type is known.
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
enum Order {
    Capture(Capture),
    Execute { id: u64, plan: Box<Plan>, logs: PathBuf, store: PathBuf, keep: bool },
    End { id: u64 },
    Turn { id: u64 },
    Stop { now: bool },
    Close { id: u64 },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Capture {
    id: u64,
    command: Command,
    cwd: PathBuf,
    #[serde(default)]
    env: Environment,
    timeout: Millis,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Captured {
    exit_code: Option<i32>,
    signal: Option<String>,
    timed_out: bool,
    stdout: String,
    stderr: String,
}

/// A run's thread. Dropped, it ends with everything that it started.
#[derive(Debug)]
pub struct Service {
    orders: Option<mpsc::UnboundedSender<String>>,
    thread: Option<JoinHandle<()>>,
}

impl Service {
    /// Makes the run's directory, and begins to take orders.
    ///
    /// # Errors
    /// The directory or the thread cannot be made.
    pub fn start(options: Options, tell: Tell) -> Result<Self, String> {
        let (orders, taken) = mpsc::unbounded_channel();
        let (ready, started) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("ephemeral-run".into())
            .spawn(move || live(options, tell, taken, &ready))
            .map_err(|error| format!("run_failed: cannot start a thread: {error}"))?;
        match started.recv() {
            Ok(Ok(())) => Ok(Self { orders: Some(orders), thread: Some(thread) }),
            Ok(Err(why)) => Err(why),
            Err(_) => Err("run_failed: the run's thread ended at once".into()),
        }
    }

    /// Gives an order.
    pub fn order(&self, order: String) {
        if let Some(orders) = &self.orders {
            // It fails after `close` only.
            let _ = orders.send(order);
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn live(
    options: Options,
    tell: Tell,
    orders: mpsc::UnboundedReceiver<String>,
    ready: &std::sync::mpsc::Sender<Result<(), String>>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return drop(ready.send(Err(format!("run_failed: {error}")))),
    };
    let local = LocalSet::new();
    local.block_on(&runtime, async move {
        match Run::new(options, tell).await {
            Ok(run) => {
                let _ = ready.send(Ok(()));
                run.serve(orders).await;
            }
            Err(why) => drop(ready.send(Err(why))),
        }
    });
}

/// An event as a message. Not by way of a [`Value`]: there are several for each test.
fn told(event: &Event) -> String {
    #[derive(Serialize)]
    struct Told<'a> {
        event: &'a Event,
    }
    // Nothing in it fails to be written: it has numbers, texts, and names of fields.
    serde_json::to_string(&Told { event }).unwrap_or_default()
}

/// Listing and choosing tests takes far more memory than running them: what is free of it goes back to the system, for tests and servers.
fn give_memory_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the call takes no pointer, and may come at any time.
    unsafe {
        libc::malloc_trim(0)
    };
}

/// A list that is cut would be tests that nobody misses.
fn whole_output(output: &Output) -> Result<(), String> {
    const MOST: u64 = LOG_START + LOG_END as u64;
    match output.log_error() {
        Some(error) => Err(format!("run_failed: what the command wrote is lost: {error}")),
        None if output.size() > MOST => {
            Err(format!("run_failed: the command wrote {} bytes; {MOST} are the most that are read", output.size()))
        }
        None => Ok(()),
    }
}

struct Run {
    options: Options,
    host: Arc<Host>,
    began: Instant,
    tell: Tell,
    stopping: Stopping,
    turns: RefCell<HashMap<u64, oneshot::Sender<()>>>,
    turns_asked: Cell<u64>,
    captures: Cell<u64>,
    household: tokio::sync::Mutex<Household>,
    /// There is something in the run's directory that is to outlive it.
    kept: Cell<bool>,
}

impl Run {
    async fn new(options: Options, tell: Tell) -> Result<Rc<Self>, String> {
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(&options.dir)
            .map_err(|error| format!("run_failed: cannot make {}: {error}", options.dir.display()))?;
        let host = Host::new(HostOptions {
            run_id: options.run_id.clone(),
            dir: options.dir.clone(),
            sockets: options.sockets.clone(),
            exclusive: options.exclusive,
        })
        .map_err(|error| format!("run_failed: {error}"))?;
        Ok(Rc::new(Self {
            options,
            host: Arc::new(host),
            began: Instant::now(),
            tell,
            stopping: Stopping::new(),
            turns: RefCell::default(),
            turns_asked: Cell::new(0),
            captures: Cell::new(0),
            household: tokio::sync::Mutex::default(),
            kept: Cell::new(false),
        }))
    }

    async fn serve(self: Rc<Self>, mut orders: mpsc::UnboundedReceiver<String>) {
        let mut closing = None;
        while let Some(order) = orders.recv().await {
            match serde_json::from_str(&order) {
                Ok(Order::Close { id }) => {
                    closing = Some(id);
                    break;
                }
                Ok(order) => self.clone().take(order),
                Err(error) => (self.tell)(json!({ "broken": error.to_string() }).to_string()),
            }
        }
        self.stopping.ask(Stop::Now);
        self.close_household().await;
        // What still runs holds the host for as long as it takes to end.
        self.host.close().await;
        if !self.kept.get() {
            let _ = fs::remove_dir_all(&self.options.dir);
        }
        if let Some(id) = closing {
            self.reply(id, Ok(Value::Null));
        }
    }

    fn take(self: Rc<Self>, order: Order) {
        match order {
            Order::Stop { now } => self.stopping.ask(if now { Stop::Now } else { Stop::Gently }),
            Order::Turn { id } => {
                if let Some(turn) = self.turns.borrow_mut().remove(&id) {
                    let _ = turn.send(());
                }
            }
            Order::Capture(what) => {
                tokio::task::spawn_local(async move {
                    let id = what.id;
                    self.reply(id, self.capture(what).await.map(|captured| json!(captured)));
                });
            }
            Order::Execute { id, plan, logs, store, keep } => {
                give_memory_back();
                tokio::task::spawn_local(async move {
                    let done = self.clone().execute(*plan, logs, store, keep).await;
                    self.reply(id, done.map(|summary| json!(summary)));
                });
            }
            Order::End { id } => {
                tokio::task::spawn_local(async move {
                    let closed = self.close_household().await;
                    self.reply(id, Ok(json!(closed)));
                });
            }
            Order::Close { .. } => {}
        }
    }

    async fn close_household(&self) -> Closed {
        let closed = self.household.lock().await.close().await;
        self.kept.set(self.kept.get() || !closed.kept.is_empty());
        closed
    }

    fn reply(&self, id: u64, done: Result<Value, String>) {
        let reply = match done {
            Ok(value) => json!({ "reply": id, "value": value }),
            Err(error) => json!({ "reply": id, "error": error }),
        };
        (self.tell)(reply.to_string());
    }

    async fn execute(
        self: Rc<Self>,
        plan: Plan,
        logs: PathBuf,
        store: PathBuf,
        keep: bool,
    ) -> Result<executor::Summary, String> {
        fs::create_dir_all(&logs).map_err(|error| format!("run_failed: cannot make {}: {error}", logs.display()))?;
        let scene = Scene {
            root: self.options.root.clone(),
            dir: self.options.dir.clone(),
            logs,
            store,
            env: self.options.env.clone(),
            began: self.began,
        };
        let teller = {
            let run = self.clone();
            Rc::new(move |event| (run.tell)(told(&event)))
        };
        let turns = {
            let run = self.clone();
            Rc::new(move |rates: Vec<String>| {
                let id = run.turns_asked.get() + 1;
                run.turns_asked.set(id);
                let (turn, answer) = oneshot::channel();
                run.turns.borrow_mut().insert(id, turn);
                (run.tell)(json!({ "turn": id, "rates": rates }).to_string());
                answer
            })
        };
        let means = Means { host: self.host.clone(), teller, turns, stopping: self.stopping.clone() };
        let done = executor::execute(&scene, plan, means, &mut *self.household.lock().await, keep).await;
        self.kept.set(self.kept.get() || done.as_ref().is_ok_and(|summary| !summary.kept.is_empty()));
        done
    }

    async fn capture(&self, what: Capture) -> Result<Captured, String> {
        let number = self.captures.get() + 1;
        self.captures.set(number);
        let file = |kind: &str| self.options.dir.join(format!("capture-{number}.{kind}"));
        let (out, err) = (file("out"), file("err"));
        let stderr =
            File::create(&err).map_err(|error| format!("run_failed: cannot write {}: {error}", err.display()))?;
        let mut env = self.options.env.clone();
        env.extend(what.env);
        let env = env.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let spawn = Spawn {
            log: Some(out.clone()),
            stderr: Some(stderr),
            ..Spawn::new(executor::program(&what.command), what.cwd, env)
        };
        let process = self.host.spawn(spawn).map_err(|error| error.to_string())?;
        let limit = Duration::from_millis(what.timeout);
        let (exit, timed_out) = tokio::select! {
            exit = process.wait() => (Some(exit), false),
            () = tokio::time::sleep(limit) => (None, true),
            () = self.stopping.until(Stop::Gently) => (None, false),
        };
        if exit.is_none() {
            process.kill();
        }
        process.close(Duration::from_millis(100)).await;
        let whole = whole_output(process.output());
        // Who wrote nothing has no file.
        let read = |path: &Path| match fs::read(path) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(format!("run_failed: cannot read {}: {error}", path.display())),
        };
        let written = whole.and_then(|()| Ok((read(&out)?, read(&err)?)));
        let _ = (fs::remove_file(&out), fs::remove_file(&err));
        let (stdout, stderr) = written?;
        let captured = Captured {
            exit_code: exit.and_then(|exit| exit.code),
            signal: exit.and_then(|exit| exit.signal_name()),
            timed_out,
            stdout,
            stderr,
        };
        Ok(captured)
    }
}

//! A server: started on a port that is its own, ready when it says so, known to have died at once.

use super::context::{Context, Environment};
use super::probe::{self, HERE, Target};
use super::running::{Running, Start};
use super::stop::Stop;
use super::template::Values;
use super::verdict;
use crate::process::ports::{self, Ownership};
use crate::run::plan::{Port, Ready, ReadyPort, Server as Spec};
use crate::run::report::{Event, RunError};
use regex::Regex;
use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Between two looks at whether it is ready.
const INTERVAL: Duration = Duration::from_millis(25);
/// How many ports are tried, when others take them first.
const PORTS_TRIED: u32 = 8;

/// A server that runs, or has died since.
pub(super) struct Server {
    pub(super) name: String,
    pub(super) port: Option<u16>,
    pub(super) url: Option<String>,
    pub(super) running: Running,
    log: PathBuf,
    worker: Option<usize>,
    grace: u64,
    context: Rc<Context>,
    /// What is asked before each test.
    health: Option<Target>,
    /// That it failed was told.
    told: Cell<bool>,
}

/// A server that is to be started.
pub(super) struct Wanted<'a> {
    pub(super) spec: &'a Spec,
    /// Whose it is; `None`: the run's.
    pub(super) worker: Option<usize>,
    pub(super) values: &'a Values,
    /// Where those are that were started before it.
    pub(super) others: &'a Environment,
}

/// Why there is no server.
#[derive(Debug)]
pub(super) enum Failed {
    /// It ended, or was not ready in time, …
    Server(RunError),
    /// The run is to stop.
    Stopped,
}

/// Why a start failed.
enum Trouble {
    /// Somebody else has the port.
    Port(String),
    Other(String),
    Stopped,
}

impl Server {
    /// Starts it, and waits until it is ready. Where somebody else takes its port first, it is started again on another.
    pub(super) async fn start(context: &Rc<Context>, wanted: &Wanted<'_>) -> Result<Self, Failed> {
        let &Wanted { spec, worker, .. } = wanted;
        let mut tried = 0;
        loop {
            tried += 1;
            let port = match take_port(context, spec.port, worker, tried) {
                Ok(port) => port,
                Err(why) => return Err(Failed::Server(failure(spec, worker, &why, None, None))),
            };
            let began = Instant::now();
            let mut values = wanted.values.clone();
            let url = port.map(|port| format!("http://127.0.0.1:{port}"));
            values.set_if("port", port.map(|port| port.to_string())).set_if("url", url);
            let mut server = Self::spawn(context, wanted, port, &values).await?;
            let trouble = match server.ready(spec, &values).await {
                Ok(()) => {
                    server.find().await;
                    let duration = began.elapsed().as_secs_f64() * 1000.0;
                    context.tell(Event::ServerReady {
                        at: context.at(),
                        server: spec.name.clone(),
                        worker,
                        duration,
                        url: server.url.clone(),
                    });
                    return Ok(server);
                }
                Err(trouble) => trouble,
            };
            server.running.end(server.grace).await;
            let (why, again) = match trouble {
                Trouble::Stopped => return Err(Failed::Stopped),
                Trouble::Port(why) => (why, tried < PORTS_TRIED),
                Trouble::Other(why) => (why, false),
            };
            server.tell_failure(&why, again);
            if !again {
                let output = server.running.output().text();
                return Err(Failed::Server(failure(spec, worker, &why, Some(output), Some(&server.log))));
            }
        }
    }

    async fn spawn(
        context: &Rc<Context>,
        wanted: &Wanted<'_>,
        port: Option<u16>,
        values: &Values,
    ) -> Result<Self, Failed> {
        let &Wanted { spec, worker, others, .. } = wanted;
        let health =
            spec.health.as_ref().map(|health| Target::new(&values.fill(health), port)).transpose().map_err(|why| {
                release_port(context, port);
                Failed::Server(failure(spec, worker, &format!("health: {why}"), None, None))
            })?;
        let mut env = context.environment(values);
        env.extend(others.clone());
        env.extend(spec.env.iter().map(|(name, value)| (name.clone(), values.fill(value))));
        let of = worker.map_or(String::new(), |worker| format!("-worker-{worker}"));
        let log = context.log(&format!("{}{of}", spec.name));
        let command = values.fill_command(&spec.command, &mut env);
        let start = Start { command: &command, cwd: &spec.cwd, env, log: log.clone(), on_line: None };
        let running = Running::start(context, start).await.map_err(|error| {
            release_port(context, port);
            Failed::Server(failure(spec, worker, &error.to_string(), None, None))
        })?;
        let server = Self {
            name: spec.name.clone(),
            port,
            url: values.get("url").filter(|_| port.is_some()).map(str::to_string),
            health,
            told: Cell::new(false),
            running,
            log,
            worker,
            grace: spec.grace,
            context: context.clone(),
        };
        context.tell(Event::ServerStarted {
            at: context.at(),
            server: spec.name.clone(),
            worker,
            pid: server.running.pid(),
            port,
            log: server.log(),
        });
        Ok(server)
    }

    pub(super) fn log(&self) -> String {
        self.log.to_string_lossy().into_owned()
    }

    /// Why it is no use any more, when that is so.
    pub(super) fn died(&self) -> Option<String> {
        self.running.exit().map(|exit| format!("{} ended with {exit}", called(&self.name)))
    }

    /// Tells of its death, once it has died.
    pub(super) fn tell_failure(&self, reason: &str, restarting: bool) {
        if self.told.replace(true) {
            return;
        }
        self.context.tell(Event::ServerFailed {
            at: self.context.at(),
            server: self.name.clone(),
            worker: self.worker,
            reason: reason.to_string(),
            output: self.running.output().text(),
            log: self.log(),
            restarting,
        });
    }

    /// Whether it still does what it should, as far as one can see.
    pub(super) async fn healthy(&self, spec: &Spec) -> Result<(), String> {
        if let Some(why) = self.died() {
            return Err(why);
        }
        let Some(target) = &self.health else { return Ok(()) };
        let status = spec.ready.as_ref().map_or((200, 399), |ready| ready.status);
        let answered = tokio::select! {
            answered = answers(target, status) => answered,
            // The test is not run any more.
            () = self.context.stopping.until(Stop::Gently) => Ok(()),
        };
        answered.map_err(|why| format!("{} is not healthy: {target}: {why}", called(&self.name)))
    }

    /// Ends it, with all that it started.
    pub(super) async fn stop(self) {
        let died = self.died();
        self.running.end(self.grace).await;
        if let Some(why) = died {
            self.tell_failure(&why, false);
        } else {
            self.context.tell(Event::ServerStopped {
                at: self.context.at(),
                server: self.name.clone(),
                worker: self.worker,
            });
        }
    }

    async fn ready(&self, spec: &Spec, values: &Values) -> Result<(), Trouble> {
        let Some(ready) = &spec.ready else { return self.check_owner(spec, false) };
        let limit = Duration::from_millis(ready.timeout);
        tokio::select! {
            biased;
            done = self.become_ready(spec, ready, values) => done,
            exit = self.running.ended() => Err(self.ended_early(&exit.to_string())),
            () = self.context.stopping.until(Stop::Gently) => Err(Trouble::Stopped),
            () = tokio::time::sleep(limit) => Err(self.too_late(ready).await),
        }
    }

    async fn become_ready(&self, spec: &Spec, ready: &Ready, values: &Values) -> Result<(), Trouble> {
        let invalid = |why| Trouble::Other(format!("ready.url: {why}"));
        let target =
            ready.url.as_ref().map(|url| Target::new(&values.fill(url), self.port)).transpose().map_err(invalid)?;
        let port = match ready.port {
            Some(ReadyPort::Own) => self.port,
            Some(ReadyPort::Number(port)) => Some(port),
            None => None,
        };
        if let Some(pattern) = &ready.log {
            let pattern = Regex::new(pattern).map_err(|error| Trouble::Other(format!("ready.log: {error}")))?;
            self.line(pattern).await;
        }
        if let Some(port) = port {
            self.until(|| async move { probe_port(port).await }).await;
        }
        if let Some(target) = &target {
            self.until(|| async move { answers(target, ready.status).await.ok() }).await;
        }
        let asked = [port, target.filter(Target::is_here).map(|target| target.port)];
        for port in asked.into_iter().flatten().filter(|port| Some(*port) != self.port) {
            self.check_asked(spec, port)?;
        }
        self.check_owner(spec, self.port.is_some() && asked.contains(&self.port))
    }

    #[cfg(unix)]
    fn owns_for_run(&self, address: IpAddr, port: u16) -> Ownership {
        self.context.host.owns(address, port)
    }

    /// What other servers of the run have is not known there.
    #[cfg(windows)]
    fn owns_for_run(&self, address: IpAddr, port: u16) -> Ownership {
        self.running.process().owns(address, port)
    }

    /// It was not given this port, but it was asked there: who answers must be of this run all the same.
    fn check_asked(&self, spec: &Spec, port: u16) -> Result<(), Trouble> {
        let mut ours = !spec.owned;
        for address in HERE.into_iter().filter(|_| spec.owned) {
            match self.owns_for_run(address, port) {
                Ownership::Ours => ours = true,
                Ownership::Nobody => {}
                Ownership::Stranger(pid) => return Err(Trouble::Other(stranger(address, port, pid))),
                Ownership::Unknown => return Err(Trouble::Other(nobody_knows(port))),
            }
        }
        if ours { Ok(()) } else { Err(Trouble::Other(format!("port {port} is not listened on by this run"))) }
    }

    /// Where tests find it: some listen on ::1 alone.
    async fn find(&mut self) {
        let Some(port) = self.port else { return };
        let [v4, v6] = HERE.map(|address| SocketAddr::new(address, port));
        if !probe::listens(v4).await && probe::listens(v6).await {
            self.url = Some(format!("http://{v6}"));
        }
    }

    /// Until it prints such a line; it may have done so already.
    async fn line(&self, pattern: Regex) {
        let (found, printed) = oneshot::channel();
        let mut found = Some(found);
        self.running.output().on_line(Box::new(move |line| {
            if pattern.is_match(&verdict::plain(line))
                && let Some(found) = found.take()
            {
                let _ = found.send(());
            }
            found.is_some()
        }));
        if printed.await.is_err() {
            // It prints nothing any more: its end says why.
            std::future::pending::<()>().await;
        }
    }

    async fn until<T, F: Future<Output = Option<T>>>(&self, look: impl Fn() -> F) -> T {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// A stranger that answers in its place would make tests pass that ask somebody else's server. `answered`: somebody does.
    fn check_owner(&self, spec: &Spec, answered: bool) -> Result<(), Trouble> {
        let Some(port) = self.port.filter(|_| spec.owned) else { return Ok(()) };
        let mut ours = !answered;
        for address in HERE {
            match self.running.process().owns(address, port) {
                Ownership::Ours => ours = true,
                Ownership::Nobody => {}
                Ownership::Stranger(pid) => return Err(Trouble::Port(stranger(address, port, pid))),
                Ownership::Unknown => return Err(Trouble::Other(nobody_knows(port))),
            }
        }
        if ours { Ok(()) } else { Err(Trouble::Port(format!("port {port} is not listened on by the server"))) }
    }

    fn ended_early(&self, exit: &str) -> Trouble {
        let taken = self.port.is_some_and(|port| {
            HERE.iter().any(|&address| {
                matches!(self.running.process().owns(address, port), Ownership::Stranger(_) | Ownership::Unknown)
            })
        });
        let why = format!("it ended with {exit} before it was ready");
        // An outgoing connection of somebody's may have it too.
        let taken = taken || self.port.is_some_and(|port| !ports::is_free(port));
        if taken { Trouble::Port(format!("{why}; somebody else has its port")) } else { Trouble::Other(why) }
    }

    async fn too_late(&self, ready: &Ready) -> Trouble {
        let seconds = ready.timeout as f64 / 1000.0;
        let mut missing = Vec::new();
        if let (Some(url), port) = (&ready.url, self.port)
            && let Ok(target) = Target::new(url, port)
            && let Err(why) = answers(&target, ready.status).await
        {
            missing.push(format!("{url}: {why}"));
        }
        if let Some(pattern) = &ready.log {
            missing.push(format!("waited for a line like /{pattern}/"));
        }
        if ready.port.is_some() && ready.url.is_none() {
            missing.push(format!("waited for port {}", self.port.map_or(String::new(), |port| port.to_string())));
        }
        let missing = missing.join("; ");
        Trouble::Other(format!("it was not ready within {seconds} s ({missing})"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        release_port(&self.context, self.port);
    }
}

fn nobody_knows(port: u16) -> String {
    format!("cannot find out which process listens on port {port}; set owned = false if it runs in a container")
}

fn stranger(address: IpAddr, port: u16, pid: Option<u32>) -> String {
    let who = pid.map_or("somebody".to_string(), |pid| format!("process {pid}"));
    format!(
        "{} is listened on by {who}, who does not belong to the server; set owned = false if it does",
        SocketAddr::new(address, port)
    )
}

async fn probe_port(port: u16) -> Option<()> {
    for address in HERE {
        if probe::listens(SocketAddr::new(address, port)).await {
            return Some(());
        }
    }
    None
}

/// Asks all addresses for an answer with such a status; the reason is the last one's.
async fn answers(target: &Target, (lowest, highest): (u16, u16)) -> Result<(), String> {
    let (mut reason, mut answered) = ("there is no such host".to_string(), None);
    for address in target.addresses().await {
        match target.get(address).await {
            Ok(status) if (lowest..=highest).contains(&status) => return Ok(()),
            Ok(status) => answered = Some(format!("answered {status}")),
            Err(why) => reason = why,
        }
    }
    // That nobody listens on the other address says less.
    Err(answered.unwrap_or(reason))
}

/// A port that nobody has, as far as one can know; remembered until it is released.
fn take_port(context: &Context, port: Option<Port>, worker: Option<usize>, tried: u32) -> Result<Option<u16>, String> {
    let mut taken = context.ports.borrow_mut();
    let port = match port {
        None => return Ok(None),
        Some(Port::Auto) => ports::free(&taken).map_err(|error| format!("the system has no free port: {error}"))?,
        Some(Port::Base(base)) => {
            let number = u32::try_from(worker.unwrap_or(0)).unwrap_or(0);
            let step = u32::try_from(context.plan.workers).unwrap_or(1).max(1);
            let first = u32::from(base) + number + (tried - 1) * step;
            let free = (0..64)
                .filter_map(|n| u16::try_from(first + n * step).ok())
                .find(|port| !taken.contains(port) && ports::is_free(*port));
            free.ok_or_else(|| format!("no port is free from {first} on, in steps of {step}"))?
        }
    };
    taken.insert(port);
    Ok(Some(port))
}

fn release_port(context: &Context, port: Option<u16>) {
    if let Some(port) = port {
        context.ports.borrow_mut().remove(&port);
    }
}

/// For people: who has no name of its own is called `server`.
fn called(name: &str) -> String {
    if name.starts_with("server") { name.to_string() } else { format!("server {name}") }
}

fn failure(spec: &Spec, worker: Option<usize>, why: &str, output: Option<String>, log: Option<&Path>) -> RunError {
    let of = worker.map_or(String::new(), |worker| format!(" of worker {worker}"));
    let message = format!("server_failed: {}{of}: {why}", called(&spec.name));
    RunError { code: "server_failed", message, output, log: log.map(|log| log.to_string_lossy().into_owned()) }
}

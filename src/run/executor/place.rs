//! What a worker has: directories and servers, each for as long as its scope lasts.

use super::commons::{Commons, dispose};
use super::context::{Context, Environment};
use super::directory::Directory;
use super::server::{Failed, Server, Wanted};
use super::setup;
use super::stop::Stop;
use super::template::{Values, escape_pattern, from_folder};
use crate::run::plan::{Isolation, Reset, Scope, Server as Spec, Settings, Test};
use crate::run::report::{Event, SetupStep};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Instant;

/// Why a worker cannot run a test.
pub(super) enum Unready {
    /// The run is to stop.
    Stopped,
    /// What it needs cannot be had: it gives up.
    Lost(String),
    /// No worker can have this server.
    Without { server: String, why: String },
}

enum Trouble {
    Stopped,
    /// It was there, and is no more. How often that may happen.
    Died(String, u32),
    Never(String),
    /// The server at this place in the plan; nobody else can have it either.
    Broken(usize, String),
}

/// A worker's things.
pub(super) struct Place {
    context: Rc<Context>,
    commons: Rc<Commons>,
    pub(super) worker: usize,
    group: Option<String>,
    dirs: BTreeMap<Scope, Directory>,
    /// By their place in the plan, which is the order in which they are started.
    servers: BTreeMap<usize, Rc<Server>>,
    /// What the worker's setup left for its tests.
    exported: Environment,
    set_up: bool,
    restarts: u32,
    ran: bool,
    /// When it was made, or made anew.
    began: Instant,
}

impl Place {
    pub(super) fn new(context: Rc<Context>, commons: Rc<Commons>, worker: usize) -> Self {
        Self {
            context,
            commons,
            worker,
            group: None,
            dirs: BTreeMap::new(),
            servers: BTreeMap::new(),
            exported: Environment::new(),
            set_up: false,
            restarts: 0,
            ran: false,
            began: Instant::now(),
        }
    }

    /// Since when something is there that a test of these settings relies on: it may have read files long before the test does.
    pub(super) fn relied_on_since(&self, settings: &Settings) -> Option<Instant> {
        let Context { plan, began, .. } = &*self.context;
        let servers = || plan.servers.iter().filter(|spec| settings.servers.contains(&spec.name));
        let filled = plan.dir.template.is_some();
        if plan.setup.global_setup.is_some()
            || servers().any(|spec| spec.scope == Scope::Run)
            || (filled && plan.isolation == Isolation::None)
        {
            return Some(*began);
        }
        let lasting = plan.setup.worker_setup.is_some()
            || servers().any(|spec| spec.scope < Scope::Test)
            || (filled && plan.isolation != Isolation::Test);
        lasting.then_some(self.began)
    }

    /// Goes on in another run of the same plan, but for its tests.
    pub(super) fn move_to(&mut self, context: &Rc<Context>) {
        self.context = context.clone();
    }

    /// Sees to it that all is there that a test needs, and says what its placeholders stand for.
    pub(super) async fn prepare(&mut self, test: &Test, attempt: u32) -> Result<Values, Unready> {
        if self.group.as_ref().is_some_and(|group| *group != test.group) {
            self.leave(Scope::Group).await;
        }
        self.group = Some(test.group.clone());
        loop {
            let (why, limit) = match self.try_prepare(test, attempt).await {
                Ok(values) => return Ok(values),
                Err(Trouble::Stopped) => return Err(Unready::Stopped),
                Err(Trouble::Never(why)) => return Err(self.lost(why)),
                Err(Trouble::Broken(index, why)) => {
                    return Err(Unready::Without { server: self.context.plan.servers[index].name.clone(), why });
                }
                Err(Trouble::Died(why, limit)) => (why, limit),
            };
            if self.restarts >= limit {
                return Err(self.lost(format!("{why}, after {} restarts", self.restarts)));
            }
            self.replace(why).await;
        }
    }

    /// Everything of its own anew.
    pub(super) async fn replace(&mut self, reason: String) {
        self.restarts += 1;
        self.context.tell(Event::WorkerLost { at: self.context.at(), worker: self.worker, reason, replaced: true });
        self.tear_down().await;
        self.leave(Scope::Worker).await;
        self.began = Instant::now();
    }

    fn lost(&self, reason: String) -> Unready {
        self.context.tell(Event::WorkerLost {
            at: self.context.at(),
            worker: self.worker,
            reason: reason.clone(),
            replaced: false,
        });
        Unready::Lost(reason)
    }

    async fn try_prepare(&mut self, test: &Test, attempt: u32) -> Result<Values, Trouble> {
        let context = self.context.clone();
        let began = Instant::now();
        let settings = &context.plan.settings[test.settings];
        let mut values = self.values(test, attempt);
        let needed: Vec<(usize, &Spec)> =
            context.plan.servers.iter().enumerate().filter(|(_, spec)| settings.servers.contains(&spec.name)).collect();
        let mut fresh = !self.set_up;
        for (index, spec) in needed {
            let (server, started) = self.server(index, spec, &values).await?;
            fresh |= started && spec.scope != Scope::Run;
            announce(&mut values, spec, &server);
        }
        if let Some(url) = &context.plan.url {
            values.set("url", url);
        }
        let scope = scope_of(context.plan.isolation);
        values.set("dir", self.dir(scope).map_err(Trouble::Never)?);
        if self.ran && context.plan.dir.reset == Reset::Test {
            self.reset(scope).map_err(Trouble::Never)?;
        }
        if !self.set_up {
            self.set_up = true;
            self.run_setup(&values).await?;
        }
        if fresh {
            context.tell(Event::WorkerReady {
                at: context.at(),
                worker: self.worker,
                dir: self.dir(scope).map_err(Trouble::Never)?,
                url: values.get("url").map(str::to_string),
                duration: began.elapsed().as_secs_f64() * 1000.0,
            });
        }
        self.ran = true;
        Ok(values)
    }

    async fn run_setup(&mut self, values: &Values) -> Result<(), Trouble> {
        let context = self.context.clone();
        let Some(command) = &context.plan.setup.worker_setup else { return Ok(()) };
        match setup::run(
            &context,
            SetupStep::WorkerSetup,
            Some(self.worker),
            command,
            values,
            &self.environment(values, None),
        )
        .await
        {
            Ok(exported) => self.exported.extend(exported),
            // That it was interrupted is no failure of the setup's.
            Err(_) if context.stopping.asked() != Stop::No => return Err(Trouble::Stopped),
            Err(error) => {
                let why = error.message.clone();
                context.failed(error);
                return Err(Trouble::Never(why));
            }
        }
        Ok(())
    }

    /// What tests see of it; for a test with its own variables.
    pub(super) fn environment(&self, values: &Values, settings: Option<&Settings>) -> Environment {
        let mut env = self.context.environment(values);
        env.extend(self.addresses(false));
        env.extend(self.exported.clone());
        let own = settings.map(|settings| settings.env.iter()).into_iter().flatten();
        env.extend(own.map(|(name, value)| (name.clone(), values.fill(value))));
        env
    }

    /// Where servers are that run; for one of the whole run, those of the whole run alone.
    fn addresses(&self, shared: bool) -> Environment {
        let commons = self.commons.servers.borrow();
        let own = self.servers.values().filter(|_| !shared);
        let mut addresses = Environment::new();
        for server in own.chain(commons.values()) {
            if let (Some(port), Some(url)) = (server.port, &server.url) {
                let sign = |sign: char| if sign.is_ascii_alphanumeric() { sign.to_ascii_uppercase() } else { '_' };
                let name: String = server.name.chars().map(sign).collect();
                addresses.insert(format!("EPHEMERAL_{name}_PORT"), port.to_string());
                addresses.insert(format!("EPHEMERAL_{name}_URL"), url.clone());
            }
        }
        addresses
    }

    fn all_servers(&self) -> Vec<(String, Rc<Server>)> {
        let commons = self.commons.servers.borrow();
        self.servers.values().chain(commons.values()).map(|server| (server.name.clone(), server.clone())).collect()
    }

    /// The servers that a test uses, to know whether they outlive it.
    pub(super) fn servers_of(&self, settings: &Settings) -> Vec<Rc<Server>> {
        self.all_servers()
            .into_iter()
            .filter(|(name, _)| settings.servers.contains(name))
            .map(|(_, server)| server)
            .collect()
    }

    fn values(&self, test: &Test, attempt: u32) -> Values {
        let mut values = Values::default();
        let worker = self.worker.to_string();
        let settings = &self.context.plan.settings[test.settings];
        let pattern = test.pattern.clone().or_else(|| test.name.as_deref().map(escape_pattern));
        values
            .set("worker", &worker)
            .set("slot", worker)
            .set("workers", self.context.plan.workers.to_string())
            .set("project", &test.project)
            .set("group", &test.group)
            .set("id", &test.id)
            .set(
                "file",
                test.file
                    .as_deref()
                    .map(|file| from_folder(&self.context.root, file, &settings.cwd))
                    .unwrap_or_default(),
            )
            .set("test", test.name.as_deref().unwrap_or_default())
            .set("pattern", pattern.unwrap_or_default())
            .set("attempt", attempt.to_string());
        values
    }

    /// A server that runs and is well; and whether it was started for that.
    async fn server(&mut self, index: usize, spec: &Spec, values: &Values) -> Result<(Rc<Server>, bool), Trouble> {
        let shared = spec.scope == Scope::Run;
        let commons = self.commons.clone();
        let _turn = if shared { Some(commons.turn.lock().await) } else { None };
        let there =
            if shared { commons.servers.borrow().get(&index).cloned() } else { self.servers.get(&index).cloned() };
        if let Some(server) = there {
            match server.healthy(spec).await {
                Ok(()) => return Ok((server, false)),
                Err(why) if shared => self.remove_shared(index, spec, why).await?,
                Err(why) => {
                    server.tell_failure(&why, self.restarts < spec.max_restarts);
                    return Err(Trouble::Died(why, spec.max_restarts));
                }
            }
        }
        let dir = self.dir(spec.scope.min(scope_of(self.context.plan.isolation))).map_err(Trouble::Never)?;
        let worker = (!shared).then_some(self.worker);
        let mut values = values.clone();
        values.set("dir", dir);
        if shared {
            values.set("worker", "0").set("slot", "0");
        }
        commons.begin_start(index);
        let wanted = Wanted { spec, worker, values: &values, others: &self.addresses(shared) };
        let started = Server::start(&self.context, &wanted).await;
        commons.end_start(index, started.is_ok());
        match started {
            Ok(server) => {
                let server = Rc::new(server);
                if shared {
                    commons.servers.borrow_mut().insert(index, server.clone())
                } else {
                    self.servers.insert(index, server.clone())
                };
                Ok((server, true))
            }
            Err(Failed::Stopped) => Err(Trouble::Stopped),
            Err(Failed::Server(error)) => {
                let why = error.message.clone();
                self.context.failed(error);
                if shared || commons.is_broken(index).await {
                    Err(Trouble::Broken(index, why))
                } else {
                    Err(Trouble::Never(why))
                }
            }
        }
    }

    /// A server of the whole run that is no use any more. Others may still hold it; it is ended all the same.
    async fn remove_shared(&self, index: usize, spec: &Spec, why: String) -> Result<(), Trouble> {
        let removed = self.commons.servers.borrow_mut().remove(&index);
        let restarts = self.commons.restarts.get() + 1;
        self.commons.restarts.set(restarts);
        if let Some(server) = removed {
            server.tell_failure(&why, restarts <= spec.max_restarts);
            server.running.end(spec.grace).await;
        }
        if restarts > spec.max_restarts {
            Err(Trouble::Broken(index, format!("{why}, after {} restarts", spec.max_restarts)))
        } else {
            Ok(())
        }
    }

    /// The directory of a scope, made when it is asked for.
    fn dir(&mut self, scope: Scope) -> Result<String, String> {
        let context = &self.context;
        let make = |name: String| Directory::create(&context.dir, &name, &context.plan.dir);
        if scope == Scope::Run {
            let mut dir = self.commons.dir.borrow_mut();
            if dir.is_none() {
                *dir = Some(make("shared".into())?);
            }
            return Ok(dir.as_ref().map(Directory::text).unwrap_or_default());
        }
        if let Some(dir) = self.dirs.get(&scope) {
            return Ok(dir.text());
        }
        let dir = make(format!("worker-{}", self.worker))?;
        let text = dir.text();
        self.dirs.insert(scope, dir);
        Ok(text)
    }

    fn reset(&self, scope: Scope) -> Result<(), String> {
        match self.dirs.get(&scope) {
            Some(dir) => dir.reset(&self.context.plan.dir),
            None => Ok(()),
        }
    }

    /// After an attempt: what was only for it goes.
    pub(super) async fn finish(&mut self, passed: bool) {
        let scope = scope_of(self.context.plan.isolation);
        if !passed {
            let common = &mut *self.commons.dir.borrow_mut();
            for dir in self.dirs.values_mut().chain(common.iter_mut().filter(|_| scope == Scope::Run)) {
                dir.failed = true;
            }
        }
        if !passed
            && self.context.plan.dir.reset == Reset::Failure
            && let Err(why) = self.reset(scope)
        {
            self.context.failed(setup::error("worker_lost", format!("worker {}: {why}", self.worker)));
        }
        self.leave(Scope::Test).await;
    }

    /// Ends what lasts no longer than this scope; the last started first.
    async fn leave(&mut self, scope: Scope) {
        let context = self.context.clone();
        let ends = |index: &usize| context.plan.servers[*index].scope >= scope;
        let ending: Vec<usize> = self.servers.keys().copied().filter(ends).rev().collect();
        for index in ending {
            if let Some(server) = self.servers.remove(&index) {
                match Rc::try_unwrap(server) {
                    Ok(server) => server.stop().await,
                    Err(server) => drop(server.running.end(context.plan.servers[index].grace).await),
                }
            }
        }
        for dir in self.dirs.split_off(&scope).into_values() {
            dispose(&context, dir);
        }
    }

    /// The worker's end.
    pub(super) async fn close(mut self) {
        self.tear_down().await;
        self.leave(Scope::Worker).await;
    }

    /// After a setup that was begun, whatever became of it.
    async fn tear_down(&mut self) {
        if !std::mem::take(&mut self.set_up) {
            return;
        }
        let context = self.context.clone();
        let Some(command) = &context.plan.setup.worker_teardown else { return };
        let mut values = Values::default();
        values.set("worker", self.worker.to_string()).set("slot", self.worker.to_string());
        for spec in &context.plan.servers {
            if let Some((_, server)) = self.all_servers().into_iter().find(|(name, _)| *name == spec.name) {
                announce(&mut values, spec, &server);
            }
        }
        values.set_if("dir", self.dir(scope_of(context.plan.isolation)).ok());
        let env = self.environment(&values, None);
        let done = setup::run(&context, SetupStep::WorkerTeardown, Some(self.worker), command, &values, &env).await;
        if let Err(error) = done {
            context.failed(error);
        }
    }
}

/// What isolation means for directories.
fn scope_of(isolation: Isolation) -> Scope {
    match isolation {
        Isolation::None => Scope::Run,
        Isolation::Worker => Scope::Worker,
        Isolation::Group => Scope::Group,
        Isolation::Test => Scope::Test,
    }
}

fn announce(values: &mut Values, spec: &Spec, server: &Server) {
    let port = server.port.map(|port| port.to_string());
    values
        .set_if(&format!("{}.port", spec.name), port.clone())
        .set_if(&format!("{}.url", spec.name), server.url.clone());
    if spec.main {
        values.set_if("port", port).set_if("url", server.url.clone());
    }
}

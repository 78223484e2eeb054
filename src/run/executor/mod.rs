//! Does what the scheduler decides: one thread, on which everything of a run happens.
//!
//! [`dispatch`] is the workers' loop; a worker has a [`place`] with directories and [`server`]s, and runs one [`attempt`] after the other.

mod attempt;
mod commons;
mod context;
mod directory;
mod dispatch;
mod memory;
mod place;
mod probe;
mod running;
mod server;
mod setup;
mod stop;
mod template;
mod verdict;

pub(crate) use context::{Environment, Teller};
pub(crate) use dispatch::Turns;
pub(in crate::run) use running::program;
pub(crate) use stop::{Stop, Stopping};

use super::plan::{Millis, Plan};
use super::report::{RunError, SetupStep};
use super::schedule::Schedule;
use crate::process::{Host, Redactor};
use commons::Commons;
use context::Context;
use dispatch::{Dispatcher, STOPPED};
use memory::Memory;
use place::Place;
use serde::Serialize;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use template::Values;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use verdict::Words;

/// Between two looks at whether what results depend on has changed.
const CHECK: Duration = Duration::from_secs(2);

const TOO_LATE: &str = "the run took longer than globalTimeout";

/// Where a run takes place.
pub(crate) struct Scene {
    /// Where setups run.
    pub(crate) root: PathBuf,
    /// The run's own directory, gone with it.
    pub(crate) dir: PathBuf,
    /// For logs, which stay.
    pub(crate) logs: PathBuf,
    /// For what is known of earlier runs.
    pub(crate) store: PathBuf,
    /// The environment of this process.
    pub(crate) env: Environment,
    pub(crate) began: Instant,
}

/// What became of a run beside its tests, of which events have told.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    pub(crate) errors: Vec<RunError>,
    /// It took longer than it may.
    pub(crate) timed_out: bool,
    /// The setup failed: no test was run.
    pub(crate) setup_failed: bool,
    /// Directories that were kept.
    pub(crate) kept: Vec<String>,
    /// What a person may want to know.
    pub(crate) notes: Vec<String>,
}

impl Summary {
    fn take(&mut self, closed: Closed) {
        self.errors.extend(closed.errors);
        self.kept.extend(closed.kept);
    }
}

/// What outlives the tests of a plan, where more of them are to come: workers' places, and what the setup left.
#[derive(Default)]
pub(crate) struct Household {
    /// Of the last plan; `None`: nothing was begun.
    context: Option<Rc<Context>>,
    commons: Rc<Commons>,
    places: Vec<Place>,
}

impl Household {
    /// The end of all of it.
    pub(crate) async fn close(&mut self) -> Closed {
        let Some(context) = self.context.take() else { return Closed::default() };
        let mut closing: JoinSet<()> = JoinSet::new();
        for mut place in self.places.drain(..) {
            place.move_to(&context);
            closing.spawn_local(place.close());
        }
        closing.join_all().await;
        self.commons.close(&context).await;
        let none = Values::default();
        if let Some(command) = &context.plan.setup.global_teardown
            && let Err(error) =
                setup::run(&context, SetupStep::GlobalTeardown, None, command, &none, &context.environment(&none)).await
        {
            context.failed(error);
        }
        Closed { errors: context.errors.take(), kept: context.kept.take() }
    }
}

/// What became of a household at its end.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Closed {
    pub(crate) errors: Vec<RunError>,
    /// Directories that were kept.
    pub(crate) kept: Vec<String>,
}

/// What a run needs from outside.
pub(crate) struct Means {
    pub(crate) host: Arc<Host>,
    pub(crate) teller: Teller,
    pub(crate) turns: Turns,
    pub(crate) stopping: Stopping,
}

/// Runs a plan. With `keep`, what it made is left in the household.
///
/// # Errors
/// The plan cannot be carried out; the text says why. Nothing was started then.
pub(crate) async fn execute(
    scene: &Scene,
    mut plan: Plan,
    means: Means,
    household: &mut Household,
    keep: bool,
) -> Result<Summary, String> {
    // Nobody waits for a worker that there is no test for.
    plan.workers = plan.workers.min(plan.tests.len()).max(1);
    let words =
        plan.settings.iter().map(|settings| Words::new(&settings.output).map(Arc::new)).collect::<Result<_, _>>()?;
    for (server, pattern) in
        plan.servers.iter().filter_map(|server| Some((server, server.ready.as_ref()?.log.as_ref()?)))
    {
        regex::Regex::new(pattern).map_err(|error| format!("invalid_config: ready.log of {}: {error}", server.name))?;
    }
    let mut memory = Memory::open(&plan, &scene.store, &scene.env)?;
    let mut schedule = Schedule::new(&plan, memory.past()).map_err(|error| error.to_string())?;
    for index in memory.look_up(&plan, seed()) {
        schedule.cached(index);
    }
    let before = household.context.as_ref();
    let context = Rc::new(Context {
        host: means.host,
        redactor: Arc::new(Redactor::new(&plan.redact)),
        root: scene.root.clone(),
        dir: scene.dir.clone(),
        logs: scene.logs.clone(),
        teller: means.teller,
        began: scene.began,
        base: scene.env.clone(),
        exported: RefCell::new(before.map(|before| before.exported.borrow().clone()).unwrap_or_default()),
        ports: before.map(|before| before.ports.clone()).unwrap_or_default(),
        stopping: means.stopping,
        errors: RefCell::default(),
        logs_made: Cell::new(0),
        kept: RefCell::default(),
        plan,
    });
    let dispatcher = Rc::new(Dispatcher {
        context: context.clone(),
        schedule: RefCell::new(schedule),
        memory: RefCell::new(memory),
        words,
        turns: means.turns,
        attempts: RefCell::default(),
        started: RefCell::default(),
        stopped: Cell::new(false),
        changed: Notify::new(),
    });
    dispatcher.settle();
    let mut summary = Summary::default();
    if !dispatcher.schedule.borrow().is_done() {
        let begun = before.is_some();
        household.context = Some(context.clone());
        let late = late(context.plan.global_timeout);
        tokio::pin!(late);
        if begun || set_up(&dispatcher, &mut summary, late.as_mut()).await {
            summary.timed_out = run_tests(&dispatcher, household, keep, late.as_mut()).await;
        } else if keep {
            // The next time it is set up anew.
            summary.take(household.close().await);
        }
        // Whatever became of the workers, every test ends.
        dispatcher.stop_rest();
    }
    if !keep {
        summary.take(household.close().await);
    }
    let check = dispatcher.memory.borrow_mut().check(true);
    let notes = check.await;
    let mut memory = dispatcher.memory.borrow_mut();
    memory.note(notes);
    summary.notes = memory.take_notes();
    summary.errors.extend(context.errors.take());
    summary.errors.extend(memory.take_errors());
    summary.kept.extend(context.kept.take());
    Ok(summary)
}

/// Whether the tests can be run.
async fn set_up(dispatcher: &Dispatcher, summary: &mut Summary, late: Pin<&mut impl Future<Output = ()>>) -> bool {
    let context = &dispatcher.context;
    let none = Values::default();
    let Some(command) = &context.plan.setup.global_setup else { return true };
    let env = context.environment(&none);
    let setup = setup::run(context, SetupStep::GlobalSetup, None, command, &none, &env);
    tokio::pin!(setup);
    let done = tokio::select! {
        done = setup.as_mut() => done,
        () = late => {
            summary.timed_out = true;
            context.stopping.ask(Stop::Gently);
            setup.await
        }
    };
    let stopped = context.stopping.asked() != Stop::No;
    match done {
        Ok(exported) => context.exported.borrow_mut().extend(exported),
        // That it was interrupted is no failure of the setup's.
        Err(_) if stopped => {}
        Err(error) => {
            dispatcher.stop(&error.message);
            context.failed(error);
            summary.setup_failed = true;
            return false;
        }
    }
    if stopped {
        dispatcher.stop(if summary.timed_out { TOO_LATE } else { STOPPED });
    }
    !stopped
}

/// Whether it took longer than it may.
async fn run_tests(
    dispatcher: &Rc<Dispatcher>,
    household: &mut Household,
    keep: bool,
    mut late: Pin<&mut impl Future<Output = ()>>,
) -> bool {
    let context = &dispatcher.context;
    let mut places: BTreeMap<usize, Place> = household.places.drain(..).map(|place| (place.worker, place)).collect();
    let mut working = JoinSet::new();
    let mut at_work = HashMap::new();
    for worker in 0..context.plan.workers {
        let place = match places.remove(&worker) {
            Some(mut place) => {
                place.move_to(context);
                place
            }
            None => Place::new(context.clone(), household.commons.clone(), worker),
        };
        let task = working.spawn_local(dispatcher.clone().work(place, keep));
        at_work.insert(task.id(), worker);
    }
    household.places.extend(places.into_values());
    let mut timed_out = false;
    let mut stopped = false;
    let mut checks = tokio::time::interval(CHECK);
    let mut checking: Option<Pin<Box<dyn Future<Output = Vec<String>>>>> = None;
    loop {
        tokio::select! {
            worked = working.join_next_with_id() => match worked {
                Some(Ok((_, place))) => household.places.extend(place),
                Some(Err(error)) => {
                    let why = format!("a worker's task failed: {error}");
                    if let Some(worker) = at_work.get(&error.id()) {
                        dispatcher.gone(*worker, &why);
                    }
                    context.failed(setup::error("run_failed", why));
                }
                None => break,
            },
            () = context.stopping.until(Stop::Gently), if !stopped => {
                stopped = true;
                dispatcher.stop(STOPPED);
            }
            () = late.as_mut(), if !timed_out => {
                timed_out = true;
                stopped = true;
                dispatcher.stop(TOO_LATE);
                context.stopping.ask(Stop::Gently);
            }
            _ = checks.tick(), if checking.is_none() => {
                checking = Some(Box::pin(dispatcher.memory.borrow_mut().check(false)));
            }
            notes = next_of(&mut checking) => dispatcher.memory.borrow_mut().note(notes),
        }
    }
    if checking.is_some() {
        let notes = next_of(&mut checking).await;
        dispatcher.memory.borrow_mut().note(notes);
    }
    timed_out
}

/// Until what is under way is done; for ever, when nothing is.
async fn next_of<T>(under_way: &mut Option<Pin<Box<dyn Future<Output = T>>>>) -> T {
    let Some(future) = under_way else { return std::future::pending().await };
    let done = future.await;
    *under_way = None;
    done
}

/// Until the run takes too long.
async fn late(limit: Option<Millis>) {
    match limit {
        Some(limit) => tokio::time::sleep(Duration::from_millis(limit)).await,
        None => std::future::pending().await,
    }
}

/// For the sample that `cache.verify` draws: another one each time.
fn seed() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

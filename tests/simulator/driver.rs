//! Drives one engine, with the model beside it.

use crate::deadlock;
use crate::model::{AT, Model, Settings, breach, ensure};
use crate::plan::Plan;
use crate::plant::Plant;
use crate::random::Random;
use crate::step::{Step, WORKERS, Want};
use ephemeral_broker::engine::{Config, Effect, Engine, Hello, Micros, Terms};
use std::hash::{DefaultHasher, Hash, Hasher};

/// What is asked of a run.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    pub seed: u64,
    pub steps: u64,
    pub plant: Plant,
    /// From which step on everything is printed.
    pub explain_from: u64,
    /// Hash all that the engine says.
    pub hash: bool,
}

impl Run {
    pub fn new(seed: u64, steps: u64) -> Self {
        Self { seed, steps, plant: Plant::Nothing, explain_from: u64::MAX, hash: false }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    pub steps: u64,
    pub answers: u64,
    pub grants: u64,
    pub deadlocks: u64,
    pub messages: u64,
    pub most_waits: usize,
    pub hash: u64,
    /// Whether there was an occasion for the planted bug.
    pub planted: bool,
}

pub struct Driver {
    run: Run,
    pub engine: Engine,
    pub model: Model,
    plan: Plan,
    random: Random,
    now: Micros,
    most_waits: usize,
    hash: DefaultHasher,
}

/// A run; where it fails, it is done again with its last steps printed.
pub fn run(run: Run) -> Summary {
    let found = std::panic::catch_unwind(|| Driver::new(run).go());
    found.unwrap_or_else(|_| {
        let (seed, step) = AT.get();
        println!("SIM_SEED={seed} fails at step {step}; the last steps before it:");
        // All of it, for who wants to look further back.
        let explain_from = if std::env::var_os("SIM_ALL").is_some() { 0 } else { step.saturating_sub(30) };
        Driver::new(Run { explain_from, ..run }).go()
    })
}

impl Driver {
    pub fn new(run: Run) -> Self {
        let mut random = Random::new(run.seed);
        let s = 1_000_000;
        let settings = Settings {
            default_ttl: random.pick(&[None, Some(s), Some(60 * s)]),
            lease_ttl: random.pick(&[None, None, Some(2 * s)]),
            refresh_on_get: random.percent(30),
            max_items: random.pick(&[0, 0, 4]),
            lease_start: random.between(0, 1),
        };
        let engine = Engine::new(Config {
            default_ttl: settings.default_ttl,
            lease_ttl: settings.lease_ttl,
            require_ttl: false,
            refresh_ttl_on_get: settings.refresh_on_get,
            max_items: settings.max_items,
            sweep_after: random.pick(&[0, 1000, 30 * s]),
            lease_start: settings.lease_start,
            slow_wait: random.pick(&[None, Some(s)]),
            seed: random.next(),
            ..Config::default()
        });
        let plan = Plan::new(&mut random);
        let hash = DefaultHasher::new();
        Self { run, engine, model: Model::new(settings), plan, random, now: 0, most_waits: 0, hash }
    }

    pub fn go(mut self) -> Summary {
        for at in 1..=self.run.steps {
            AT.set((self.run.seed, at));
            self.model.step = at;
            self.time_passes();
            let step = self.plan.next(&mut self.random, &self.model);
            self.done(&step);
            self.model.end(&self.engine, at % 32 == 0);
            self.most_waits = self.most_waits.max(self.model.pending.len());
        }
        self.all_goes();
        Summary {
            steps: self.run.steps,
            answers: self.model.answers,
            grants: self.model.grants,
            deadlocks: self.model.deadlocks,
            messages: self.model.topics.messages,
            most_waits: self.most_waits,
            hash: self.hash.finish(),
            planted: self.run.plant == Plant::Done,
        }
    }

    fn time_passes(&mut self) {
        if self.plan.goes_on() {
            return;
        }
        let random = &mut self.random;
        let next = self.engine.next_deadline().map(|next| next.max(self.now));
        self.now = match (random.below(1000), next) {
            (0..=649, _) => self.now,
            (650..=889, _) => self.now + random.between(1, 2000),
            (890..=919, _) => self.now + random.between(1000, 100_000),
            (920..=969, Some(next)) => next,
            (970..=989, Some(next)) => next + random.between(1, 5000),
            (990, _) => self.now + random.between(1, 10_000_000),
            (991, _) if random.percent(20) => self.now + random.between(1, 5 * 3_600_000_000),
            _ => self.now,
        };
    }

    fn explains(&self) -> bool {
        AT.get().1 >= self.run.explain_from
    }

    pub fn done(&mut self, step: &Step) {
        let (now, explains) = (self.now, self.explains());
        if explains {
            println!("{} at {now} µs: {step:?}", AT.get().1);
        }
        self.model.begin(now);
        // Some requests find the engine late, as it is when a request comes before the timer.
        let may_be_late = match step {
            Step::Ask { want, .. } => !matches!(want, Want::Arrive { .. } | Want::Permits { .. }),
            Step::Get { .. }
            | Step::Has { .. }
            | Step::Describe { .. }
            | Step::Append { .. }
            | Step::Collect { .. } => true,
            _ => false,
        };
        let is_due = self.engine.next_deadline().is_some_and(|due| due <= now);
        if is_due && (!may_be_late || self.random.percent(50)) {
            self.engine.tick(now);
            self.effects();
        }
        match step {
            &Step::Open { process, thread } => {
                let hello = Hello {
                    name: format!("worker-{process}"),
                    pid: Some(process as u32),
                    process: format!("p{process}"),
                    thread,
                };
                let session = self.engine.open(now, hello);
                self.model.opened(session, process, thread);
                self.plan.sessions.push(session);
            }
            &Step::Close { session, orderly } => {
                self.engine.close(now, session, orderly);
                self.model.closed(session, orderly);
                self.plan.sessions.retain(|&other| other != session);
            }
            Step::Tick => self.engine.tick(now),
            &Step::Cancel { session, ticket } => {
                let waits = self.model.pending.get(&ticket).is_some_and(|pending| pending.session == session);
                let cancelled = self.engine.cancel(now, session, ticket);
                ensure!(cancelled == waits, "{step:?}: it waits: {waits}, and cancel says {cancelled}");
                if waits {
                    self.model.give_up(ticket);
                }
            }
            Step::Ask { session, ticket, wait, within, want } => {
                let terms = Terms { unsure: false, wait: wait.map(|ms| ms as f64), within: within.clone() };
                let outcome = self.engine.ask(now, *session, *ticket, terms, &want.ask());
                if outcome.is_ok() {
                    self.model.asked(*session, *ticket, *wait, want);
                }
                self.effects();
                let last_token = self.model.last_token;
                match outcome {
                    Ok(()) => {
                        if let Some(pending) = self.model.pending.get_mut(ticket) {
                            (pending.seen, pending.within) = (last_token, within.clone());
                        }
                        let cycle = deadlock::plain_cycle(&self.model, *ticket);
                        ensure!(cycle.is_none(), "a deadlock that was not refused: {step:?} closes {cycle:?}");
                    }
                    Err(error) => {
                        if explains {
                            println!("    refused: {error}");
                        }
                        self.note(&error);
                        self.model.refused_at_once(step, &error);
                    }
                }
            }
            step => {
                let Some((session, command)) = step.command() else { breach("a step that is none") };
                let outcome = self.engine.apply(now, session, command);
                if explains {
                    println!("    {outcome:?}");
                }
                if self.run.hash {
                    format!("{outcome:?}").hash(&mut self.hash);
                }
                self.model.reply(step, &outcome);
            }
        }
        self.effects();
        self.model.events(&self.engine.take_events());
    }

    fn note(&mut self, what: &impl std::fmt::Debug) {
        if self.run.hash {
            format!("{what:?}").hash(&mut self.hash);
        }
    }

    fn effects(&mut self) {
        let mut effects: Vec<Effect> = self.engine.take_effects();
        self.run.plant.alter(&mut effects, &self.model);
        for effect in &effects {
            if self.explains() {
                println!("    {effect:?}");
            }
            self.note(effect);
            self.model.effect(effect);
        }
    }

    /// All sessions end, all times are over: then nothing is left.
    fn all_goes(&mut self) {
        AT.set((self.run.seed, self.run.steps + 1));
        self.model.step = self.run.steps + 1;
        for session in self.plan.sessions.clone() {
            let orderly = self.random.percent(50);
            self.done(&Step::Close { session, orderly });
            self.model.end(&self.engine, false);
        }
        self.now += 3600 * 24 * 365 * 20 * 1_000_000;
        self.done(&Step::Tick);
        for worker in 0..WORKERS.len() {
            // Detached, and without a time.
            self.done(&Step::ReleaseWorker { session: None, worker, pool: None });
        }
        self.model.end(&self.engine, true);
        let left = (self.engine.holds(), self.engine.waits(), self.engine.leases(), self.engine.sessions());
        ensure!(left == (0, 0, 0, 0), "all have gone, and left {left:?} (holds, waits, leases, sessions)");
        let topics = self.engine.topics();
        ensure!(topics == (0, 0, 0), "all have gone, and left {topics:?} (topics, inboxes, bytes)");
        let view = self.engine.inspect(self.now, None);
        for pool in &view.pools {
            ensure!(pool.held == 0 && pool.waiting == 0, "all have gone: {pool:?}");
        }
        for queue in &view.queues {
            ensure!(queue.taken == 0 && queue.waiting == 0, "all have gone: {queue:?}");
        }
        ensure!(view.limits.iter().all(|limit| limit.waiting == 0), "all have gone: {:?}", view.limits);
        ensure!(view.barriers.iter().all(|barrier| barrier.waiting == 0), "all have gone: {:?}", view.barriers);
    }
}

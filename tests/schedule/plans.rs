//! Plans of every kind, and what happens to them.

use ephemeral_broker::run::plan::{Past, Plan};
use ephemeral_broker::run::report::Outcome;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A plan of these tests. Of a test are told: id, group, settings and dependsOn; of settings what is not their command and times.
pub fn plan(workers: usize, extra: Value, settings: &[Value], tests: &[Value]) -> Plan {
    let full = |base: Value, more: &Value| {
        let mut all = base.as_object().unwrap().clone();
        all.extend(more.as_object().unwrap().clone());
        Value::Object(all)
    };
    let base = json!({ "command": { "argv": ["true"] }, "cwd": "/", "timeout": 1000, "slow": 1000, "grace": 1000 });
    let settings: Vec<Value> = settings.iter().map(|more| full(base.clone(), more)).collect();
    let base = json!({ "project": "p", "group": "g", "settings": 0 });
    let tests: Vec<Value> = tests.iter().map(|more| full(base.clone(), more)).collect();
    let base =
        json!({ "workers": workers, "grouped": false, "isolation": "worker", "settings": settings, "tests": tests });
    serde_json::from_value(full(base, &extra)).unwrap()
}

/// What comes to pass in a run.
#[derive(Debug, Clone)]
pub struct Story {
    pub plan: Plan,
    pub past: Vec<Past>,
    pub cached: Vec<usize>,
    /// By test and attempt; then it passes.
    pub outcomes: Vec<Vec<Outcome>>,
    /// By test.
    pub durations: Vec<u64>,
    /// When a worker goes, and whether its test's end is told first.
    pub deaths: Vec<(u64, usize, bool)>,
    /// When the run is stopped, and whether what runs is cancelled.
    pub stop: Option<(u64, bool)>,
    /// When nobody can run the tests of these settings any more.
    pub broken: Option<(u64, usize)>,
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        8 => Just(Outcome::Passed),
        3 => Just(Outcome::Failed),
        1 => Just(Outcome::TimedOut),
        1 => Just(Outcome::Skipped),
        2 => Just(Outcome::Error),
    ]
}

fn settings() -> impl Strategy<Value = Value> {
    let retries = (0..3_u32, 0..40_u64, any::<bool>());
    let limits = proptest::sample::subsequence(vec!["l0", "l1", "unlimited"], 0..=3);
    (retries, -1..2, 0..6_usize, limits).prop_map(|((count, delay, exponential), priority, slots, limits)| {
        let slots = if slots > 3 { 1 } else { slots };
        json!({
            "retries": { "count": count, "delay": delay, "exponential": exponential, "maxDelay": 60 },
            "priority": priority, "slots": slots, "limits": limits,
        })
    })
}

/// A test as drawn: its group, its settings, whom it may depend on, its past and its fate.
type Draw = (usize, usize, Vec<usize>, Option<u64>, bool, bool, Vec<Outcome>, u64);

fn draw() -> impl Strategy<Value = Draw> {
    let dependencies = prop_oneof![3 => Just(vec![]), 1 => proptest::collection::vec(0..1000_usize, 1..3)];
    let past = proptest::option::of(0..50_u64);
    let fate = proptest::collection::vec(outcome(), 0..6);
    let is_cached = proptest::bool::weighted(0.1);
    (0..5_usize, 0..4_usize, dependencies, past, proptest::bool::weighted(0.2), is_cached, fate, 0..50_u64)
}

/// Tests are listed in an order that has nothing to do with their dependencies: each may depend on those of lower keys.
fn listed(draws: &[Draw], keys: &[u64]) -> Vec<Value> {
    let earlier =
        |at: usize| (0..keys.len()).filter(|&other| (keys[other], other) < (keys[at], at)).collect::<Vec<_>>();
    let test = |(at, draw): (usize, &Draw)| {
        let earlier = earlier(at);
        let dependencies = draw.2.iter().filter(|_| !earlier.is_empty()).map(|pick| earlier[pick % earlier.len()]);
        let dependencies: Vec<usize> = dependencies.collect();
        json!({ "id": format!("t{at}"), "group": format!("g{}", draw.0), "settings": draw.1, "dependsOn": dependencies })
    };
    draws.iter().enumerate().map(test).collect()
}

pub fn story() -> impl Strategy<Value = Story> {
    let run = (1..5_usize, any::<bool>(), prop_oneof![Just("worker"), Just("group")], 0..6_usize);
    let limits = (proptest::option::of(1..3_usize), 1..3_usize, 1..3_usize);
    let settings = proptest::collection::vec(settings(), 4);
    let draws = proptest::collection::vec((draw(), prop_oneof![3 => Just(0), 1 => any::<u64>()]), 0..30);
    let deaths =
        prop_oneof![3 => Just(vec![]), 1 => proptest::collection::vec((0..300_u64, 0..5_usize, any::<bool>()), 1..4)];
    let stop = proptest::option::weighted(0.2, (0..300_u64, any::<bool>()));
    let broken = proptest::option::weighted(0.3, (0..100_u64, 0..4_usize));
    (run, limits, settings, draws, deaths, (stop, broken)).prop_map(|(run, limits, settings, draws, deaths, ends)| {
        let (stop, broken) = ends;
        let (workers, grouped, isolation, max_failures) = run;
        let (draws, keys): (Vec<Draw>, Vec<u64>) = draws.into_iter().unzip();
        let mut held = json!({ "l0": limits.1, "l1": limits.2 });
        if let Some(max) = limits.0 {
            held["g0"] = json!(max);
        }
        let max_failures = if max_failures > 2 { 0 } else { max_failures * 2 };
        let extra = json!({ "grouped": grouped, "isolation": isolation, "maxFailures": max_failures, "limits": held });
        Story {
            plan: plan(workers, extra, &settings, &listed(&draws, &keys)),
            past: draws.iter().map(|draw| Past { duration: draw.3, failed: draw.4 }).collect(),
            cached: (0..draws.len()).filter(|&test| draws[test].5).collect(),
            outcomes: draws.iter().map(|draw| draw.6.clone()).collect(),
            durations: draws.iter().map(|draw| draw.7).collect(),
            deaths: deaths.into_iter().filter(|death| death.1 < workers).collect(),
            stop,
            broken,
        }
    })
}

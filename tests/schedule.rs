//! The scheduler, over random plans under a simulated clock, and in the cases that are easily got wrong.

#![allow(clippy::unwrap_used, unreachable_pub)]

#[path = "schedule/cases.rs"]
mod cases;
#[path = "schedule/plans.rs"]
mod plans;
#[path = "schedule/world.rs"]
mod world;

use ephemeral_broker::run::plan::Past;
use ephemeral_broker::run::report::{Outcome, Status};
use ephemeral_broker::run::schedule::{Next, Schedule};
use plans::{Story, plan, story};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use world::World;

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// The world checks each step; here is what must hold at the end.
    #[test]
    fn every_test_ends_once_and_rightly(story in story()) {
        let mut world = World::new(&story);
        world.run();
        let is_whole = story.deaths.is_empty() && story.stop.is_none() && story.plan.max_failures == 0;
        let status = |test: usize| world.ends[test].as_ref().unwrap().status;
        for test in 0..story.plan.tests.len() {
            let end = world.ends[test].as_ref().unwrap();
            let dependencies = &story.plan.tests[test].depends_on;
            let is_bad = |dependency: &&usize| !matches!(status(**dependency), Status::Passed | Status::Flaky | Status::Cached);
            let bad = dependencies.iter().find(is_bad);
            if story.cached.contains(&test) {
                prop_assert_eq!(end.status, Status::Cached);
                prop_assert!(world.histories[test].is_empty());
            } else if world.histories[test].is_empty() {
                prop_assert!(matches!(end.status, Status::Skipped | Status::NotRun | Status::Error));
                prop_assert!(!end.reason.as_deref().unwrap_or_default().is_empty());
                let is_broken = story.broken.is_some_and(|broken| broken.1 == story.plan.tests[test].settings);
                prop_assert!(!is_whole || bad.is_some() || is_broken, "{test} was not begun: {end:?}");
                prop_assert!(end.status != Status::Skipped || bad.is_some());
            } else {
                prop_assert!(bad.is_none());
            }
            prop_assert!(!is_whole || end.status != Status::NotRun);
        }
    }
}

/// Two of three short, some long, few very long.
fn skewed(count: u64) -> Vec<u64> {
    (0..count)
        .map(|at| 20 + at * 7919 % 83 + if at % 9 == 4 { 900 } else { 0 } + if at % 67 == 5 { 4000 } else { 0 })
        .collect()
}

#[test]
fn recorded_durations_make_a_short_run() {
    for workers in [2, 4] {
        let durations = skewed(200);
        let tests: Vec<Value> = (0..durations.len()).map(|at| json!({ "id": format!("t{at}") })).collect();
        let story = Story {
            plan: plan(workers, json!({}), &[json!({})], &tests),
            past: durations.iter().map(|&duration| Past { duration: Some(duration), failed: false }).collect(),
            cached: Vec::new(),
            outcomes: vec![Vec::new(); tests.len()],
            durations: durations.clone(),
            deaths: Vec::new(),
            stop: None,
            broken: None,
        };
        let mut world = World::new(&story);
        world.run();
        let bound = (durations.iter().sum::<u64>() / workers as u64).max(*durations.iter().max().unwrap());
        assert!(world.now * 100 <= bound * 105, "{} ms on {workers} workers, {bound} ms are the least", world.now);
    }
}

/// Decisions about 10,000 tests, grouped or not, half of them in a limit of one, cost microseconds each.
#[test]
fn many_tests_are_decided_on_quickly() {
    for grouped in [false, true] {
        let extra = json!({ "grouped": grouped, "isolation": "group", "limits": { "one": 1 } });
        let test = |at: usize| {
            let dependencies = if at.is_multiple_of(3) && at > 0 { vec![at - 1] } else { vec![] };
            json!({ "id": format!("t{at}"), "group": format!("g{}", at % 1000), "settings": at % 2, "dependsOn": dependencies })
        };
        let tests: Vec<Value> = (0..10_000).map(test).collect();
        let plan = plan(8, extra, &[json!({}), json!({ "limits": ["one"] })], &tests);
        let begin = Instant::now();
        let mut schedule = Schedule::new(&plan, &[]).unwrap();
        let mut running = [None; 8];
        let mut asked = 0;
        while !schedule.is_done() {
            for (worker, slot) in running.iter_mut().enumerate() {
                if let Some(test) = slot.take() {
                    schedule.finished(0, worker, test, Outcome::Passed, None);
                }
                asked += 1;
                if let Next::Run { test, .. } = schedule.next(0, worker, None) {
                    *slot = Some(test);
                }
            }
        }
        let taken = begin.elapsed();
        println!("grouped {grouped}: {asked} decisions in {taken:?}");
        assert_eq!(schedule.counts()[&Status::Passed], 10_000);
        assert!(asked < 60_000, "{asked} decisions");
        assert!(taken < Duration::from_secs(3), "{taken:?}");
    }
}

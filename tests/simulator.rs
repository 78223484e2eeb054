//! The engine under a simulator: many sessions, random commands, crashes, clock jumps, and a model beside it that looks at all that is answered.
//!
//! `SIM_SEED=… cargo test --no-default-features --test simulator -- --nocapture` does a run again; `SIM_COMMANDS` says how many commands.

#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

#[path = "simulator/answers.rs"]
mod answers;
#[path = "simulator/deadlock.rs"]
mod deadlock;
#[path = "simulator/driver.rs"]
mod driver;
#[path = "simulator/keys.rs"]
mod keys;
#[path = "simulator/lines.rs"]
mod lines;
#[path = "simulator/model.rs"]
mod model;
#[path = "simulator/plan.rs"]
mod plan;
#[path = "simulator/plant.rs"]
mod plant;
#[path = "simulator/pools.rs"]
mod pools;
#[path = "simulator/random.rs"]
mod random;
#[path = "simulator/step.rs"]
mod step;
#[path = "simulator/topics.rs"]
mod topics;
#[path = "simulator/waiters.rs"]
mod waiters;

use driver::{Driver, Run, Summary};
use plant::Plant;
use std::panic::catch_unwind;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Commands of one engine's life: long enough for everything to meet everything, short enough to be looked into.
const LIFE: u64 = 10_000;

fn from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

fn seed() -> u64 {
    let clock =
        || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64 % 1_000_000_000_000);
    let seed = from_env("SIM_SEED").unwrap_or_else(clock);
    println!("SIM_SEED={seed}");
    seed
}

#[test]
fn a_million_commands_breach_nothing() {
    let (seed, commands) = (seed(), from_env("SIM_COMMANDS").unwrap_or(1_000_000));
    let began = Instant::now();
    let mut all = Summary::default();
    for life in 0..commands.div_ceil(LIFE) {
        let one = driver::run(Run::new(seed.wrapping_add(life), LIFE.min(commands)));
        all.steps += one.steps;
        all.answers += one.answers;
        all.grants += one.grants;
        all.deadlocks += one.deadlocks;
        all.messages += one.messages;
        all.most_waits = all.most_waits.max(one.most_waits);
    }
    let speed = all.steps as f64 / began.elapsed().as_secs_f64();
    println!("{all:?} in {:?}: {speed:.0} commands/s", began.elapsed());
    assert!(all.steps >= commands);
    if commands >= 100_000 {
        assert!(
            all.grants > commands / 20 && all.deadlocks > commands / 10_000 && all.messages > commands / 20,
            "too little happened: {all:?}"
        );
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    let seed = seed();
    let run = |seed| Driver::new(Run { hash: true, ..Run::new(seed, 5_000) }).go();
    assert_eq!(run(seed), run(seed));
    assert_ne!(run(seed).hash, run(seed.wrapping_add(1)).hash);
}

#[test]
fn planted_bugs_are_found() {
    let seed = seed();
    let plants = [
        (Plant::DropGrant, "lost waiter"),
        (Plant::SwapGrants, "overtook"),
        (Plant::TwoHolders, "two holders"),
        (Plant::AnswerTwice, "does not wait"),
        (Plant::DuplicateItem, "is not the next of queue"),
        (Plant::LoseItem, "lost waiter"),
        (Plant::LetThrough, "rate:"),
        (Plant::EndEarly, "before it was"),
        (Plant::ForgetParty, "lost waiter"),
        (Plant::TokenAgain, "is not above"),
        (Plant::LoseMessage, "lost message"),
        (Plant::SwapMessages, "out of order"),
    ];
    for (plant, expected) in plants {
        // Not every life gives the occasion.
        let found = (0..50).find_map(|life| {
            let seed = seed.wrapping_add(life);
            match catch_unwind(|| Driver::new(Run { plant, ..Run::new(seed, LIFE) }).go()) {
                Err(panic) => Some(panic),
                Ok(summary) => {
                    assert!(!summary.planted, "{plant:?} was not found, SIM_SEED={seed}");
                    None
                }
            }
        });
        let panic = found.unwrap_or_else(|| panic!("there was no occasion for {plant:?}, SIM_SEED={seed}"));
        let text = panic.downcast_ref::<String>().map_or("", String::as_str);
        assert!(text.contains(expected), "{plant:?} was found as: {text}");
    }
}

//! Waiters, one case at a time.

use ephemeral_broker::engine::{Ask, Command, Config, Effect, Engine, Hello, Reply, SessionId};
use std::time::{Duration, Instant};

fn open(engine: &mut Engine, process: usize) -> SessionId {
    engine.open(0, Hello { name: format!("worker-{process}"), pid: None, process: process.to_string(), thread: 0 })
}

fn granted(engine: &mut Engine) -> Vec<(u64, u64)> {
    let effects = engine.take_effects();
    effects
        .into_iter()
        .map(|effect| match effect {
            Effect::Answer { ticket, outcome: Ok(Reply::Held { token, .. }), .. } => (ticket, token),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn two_permits_returned_at_once_wake_the_first_two_of_three_in_order() {
    let mut engine = Engine::new(Config::default());
    let two = |amount| Ask::Semaphore { name: "s".into(), permits: 2, amount };
    let holder = open(&mut engine, 0);
    engine.ask(0, holder, 1, None, &two(2)).unwrap();
    let [(1, token)] = granted(&mut engine)[..] else { panic!("not granted") };
    for ticket in 2..=4 {
        let waiter = open(&mut engine, ticket as usize);
        engine.ask(0, waiter, ticket, None, &two(1)).unwrap();
    }
    assert_eq!(granted(&mut engine), []);
    let reply = engine.apply(1, Some(holder), Command::ReleaseToken { token, amount: Some(2) }).unwrap();
    assert_eq!(reply, Reply::Released(true));
    let woken = granted(&mut engine);
    assert_eq!(woken.iter().map(|&(ticket, _)| ticket).collect::<Vec<_>>(), [2, 3]);
    assert_eq!((engine.waits(), engine.holds()), (1, 2));
}

/// The time of 1,000 hand-overs of a lock at which so many wait.
fn time_of_hand_overs(waiters: u64) -> Duration {
    let mut engine = Engine::new(Config::default());
    let lock = Ask::Lock { name: "l".into(), shared: false };
    let sessions: Vec<SessionId> = (0..=waiters).map(|process| open(&mut engine, process as usize)).collect();
    for (ticket, &session) in sessions.iter().enumerate() {
        engine.ask(0, session, ticket as u64, None, &lock).unwrap();
    }
    let [(first, mut token)] = granted(&mut engine)[..] else { panic!("not granted to one") };
    let (mut holder, mut ticket) = (sessions[first as usize], waiters + 1);
    let mut by_ticket: std::collections::HashMap<u64, SessionId> =
        sessions.iter().enumerate().map(|(ticket, &session)| (ticket as u64, session)).collect();
    let began = Instant::now();
    for _ in 0..1000 {
        engine.apply(0, Some(holder), Command::ReleaseToken { token, amount: None }).unwrap();
        // The line stays as long as it is.
        engine.ask(0, holder, ticket, None, &lock).unwrap();
        by_ticket.insert(ticket, holder);
        ticket += 1;
        let [(next, its)] = granted(&mut engine)[..] else { panic!("not handed over to one") };
        (holder, token) = (by_ticket[&next], its);
    }
    assert_eq!(engine.waits() as u64, waiters);
    began.elapsed()
}

#[test]
fn granting_costs_the_same_with_100_000_waiters_as_with_ten() {
    // The best of some: what else the machine does is not the engine's.
    let best = |waiters| (0..3).map(|_| time_of_hand_overs(waiters)).min().unwrap();
    let (few, many) = (best(10), best(100_000));
    let ratio = many.as_secs_f64() / few.as_secs_f64();
    println!("1,000 hand-overs: {few:?} with 10 waiters, {many:?} with 100,000: {ratio:.2} times");
    assert!(ratio < 20.0, "{ratio} times");
}

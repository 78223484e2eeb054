//! Cases of coordination that have gone wrong once, or easily could. What holds in general is in `tests/simulator.rs`.

use super::*;

const MS: Micros = 1_000;

struct World {
    engine: Engine,
    now: Micros,
    ticket: Ticket,
}

impl World {
    fn new() -> Self {
        Self { engine: Engine::new(Config { require_ttl: false, ..Config::default() }), now: 0, ticket: 0 }
    }

    fn session(&mut self, name: &str) -> SessionId {
        let hello = Hello { name: name.into(), pid: Some(7), process: name.into(), thread: 0 };
        self.engine.open(self.now, hello)
    }

    fn ask(&mut self, session: SessionId, wait: Option<f64>, ask: Ask<'_>) -> Result<Ticket, Error> {
        self.ask_within(session, Terms { wait, ..Terms::default() }, ask)
    }

    fn ask_within(&mut self, session: SessionId, terms: Terms, ask: Ask<'_>) -> Result<Ticket, Error> {
        self.ticket += 1;
        self.engine.ask(self.now, session, self.ticket, terms, &ask).map(|()| self.ticket)
    }

    fn apply(&mut self, session: SessionId, command: Command<'_>) -> Reply<'static> {
        match self.engine.apply(self.now, Some(session), command).unwrap() {
            Reply::Done => Reply::Done,
            Reply::Released(released) => Reply::Released(released),
            Reply::Discarded(discarded) => Reply::Discarded(discarded),
            Reply::Sized { size, created } => Reply::Sized { size, created },
            Reply::Length(length) => Reply::Length(length),
            other => panic!("{other:?}"),
        }
    }

    /// What was answered since the last call.
    fn answers(&mut self) -> Vec<(Ticket, Result<Reply<'static>, Error>)> {
        let answer = |effect| match effect {
            Effect::Answer { ticket, outcome, .. } => Some((ticket, outcome)),
            Effect::Lost { .. } | Effect::Message { .. } | Effect::Ended { .. } => None,
        };
        self.engine.take_effects().into_iter().filter_map(answer).collect()
    }

    /// The tickets that were granted since the last call, in order.
    fn granted(&mut self) -> Vec<Ticket> {
        self.answers().into_iter().filter(|(_, outcome)| outcome.is_ok()).map(|(ticket, _)| ticket).collect()
    }

    /// The one token that was granted since the last call.
    fn token(&mut self) -> u64 {
        match &self.answers()[..] {
            [(_, Ok(Reply::Held { token, .. } | Reply::Run { token, .. } | Reply::Item { token, .. }))] => *token,
            [(_, Ok(Reply::Leases { leases, .. }))] => leases[0].token,
            [(_, Ok(Reply::Kept { token: Some(token), .. }))] => *token,
            other => panic!("{other:?}"),
        }
    }

    fn pool(&mut self, session: SessionId, name: &str, values: &[&str]) {
        let spec = PoolSpec { name: name.into(), values: Some(values.to_vec()), size: 0, policy: Policy::Lowest };
        self.apply(session, Command::DefinePool(spec));
    }
}

fn lock(name: &str) -> Ask<'_> {
    Ask::Lock { name: name.into(), shared: false }
}

fn semaphore(amount: u32) -> Ask<'static> {
    Ask::Semaphore { name: "s".into(), permits: 2, amount }
}

fn acquire<'a>(pools: &[(&'a str, Option<&str>)]) -> Ask<'a> {
    let part = |&(name, pattern): &(&'a str, Option<&str>)| {
        (name.into(), pattern.map(|json| serde_json::from_str(json).unwrap()))
    };
    Ask::Acquire { pools: pools.iter().map(part).collect(), ttl: None }
}

fn release(token: u64) -> Command<'static> {
    Command::ReleaseToken { token, amount: None }
}

#[test]
fn two_permits_that_come_back_at_once_wake_the_first_two_of_three() {
    let mut world = World::new();
    let sessions: Vec<SessionId> = (0..4).map(|n| world.session(&n.to_string())).collect();
    world.ask(sessions[0], None, semaphore(2)).unwrap();
    let token = world.token();
    let waits: Vec<Ticket> = (1..4).map(|n| world.ask(sessions[n], None, semaphore(1)).unwrap()).collect();
    assert!(world.granted().is_empty());
    world.apply(sessions[0], release(token));
    assert_eq!(world.granted(), waits[..2]);
    world.engine.close(world.now, sessions[1], false);
    assert_eq!(world.granted(), waits[2..]);
}

#[test]
fn one_that_leaves_the_head_of_a_line_wakes_those_behind() {
    for how in ["cancel", "time", "close"] {
        let mut world = World::new();
        let [a, b, c] = ["a", "b", "c"].map(|name| world.session(name));
        world.ask(a, None, semaphore(1)).unwrap();
        let large = world.ask(b, Some(10.0), semaphore(2)).unwrap();
        let small = world.ask(c, None, semaphore(1)).unwrap();
        assert_eq!(world.granted().len(), 1, "nobody overtakes");
        match how {
            "cancel" => assert!(world.engine.cancel(world.now, b, large)),
            "time" => world.engine.tick(10 * MS),
            _ => world.engine.close(world.now, b, false),
        }
        assert_eq!(world.granted(), [small], "{how}");
    }
}

#[test]
fn a_lock_is_released_whole() {
    let mut world = World::new();
    let [a, b] = ["a", "b"].map(|name| world.session(name));
    world.ask(a, None, lock("l")).unwrap();
    let token = world.token();
    let some = Command::ReleaseToken { token, amount: Some(1) };
    assert_eq!(world.engine.apply(0, Some(a), some).unwrap_err().code(), "invalid_request");
    world.ask(b, Some(0.0), Ask::Lock { name: "l".into(), shared: true }).unwrap();
    assert!(world.granted().is_empty());
}

#[test]
fn who_waits_for_several_pools_overtakes_nobody_when_all_come_free_at_once() {
    let mut world = World::new();
    let [holder, first, second, third] = ["holder", "first", "second", "third"].map(|name| world.session(name));
    world.pool(holder, "phones", &["1"]);
    world.pool(holder, "places", &[r#"{"a":1,"b":1}"#, r#"{"a":1}"#, r#"{"b":1,"c":1}"#]);
    let all = [("phones", None), ("places", None), ("places", None), ("places", None)];
    world.ask(holder, None, acquire(&all)).unwrap();
    assert_eq!(world.granted().len(), 1);
    let a = world.ask(first, None, acquire(&[("places", Some(r#"{"a":1}"#))])).unwrap();
    let b = world.ask(second, None, acquire(&[("places", Some(r#"{"b":1}"#))])).unwrap();
    world.ask(third, None, acquire(&[("phones", None), ("places", Some(r#"{"c":1}"#))])).unwrap();
    // The first takes what the second could have had too: the third is not to have the other.
    world.engine.close(world.now, holder, false);
    assert_eq!(world.granted(), [a, b]);
}

#[test]
fn patterns_that_overlap_find_the_assignment_that_there_is() {
    let mut world = World::new();
    let a = world.session("a");
    world.pool(a, "p", &[r#"{"role":"admin","at":"eu"}"#, r#"{"role":"admin","at":"us"}"#]);
    world.ask(a, None, acquire(&[("p", Some(r#"{"role":"admin"}"#)), ("p", Some(r#"{"at":"eu"}"#))])).unwrap();
    assert_eq!(world.granted().len(), 1);
    let twice = acquire(&[("p", Some(r#"{"at":"eu"}"#)), ("p", Some(r#"{"at":"eu"}"#))]);
    assert_eq!(world.ask(a, None, twice).unwrap_err().code(), "no_match");
}

#[test]
fn what_is_kept_for_a_joint_wait_is_what_it_needs() {
    let mut world = World::new();
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| world.session(name));
    world.pool(a, "p", &[r#"{"role":"admin"}"#, r#"{"role":"user"}"#, r#"{"role":"user"}"#]);
    world.pool(a, "q", &["1"]);
    world.ask(a, None, acquire(&[("q", None)])).unwrap();
    let token = world.token();
    let joint = world.ask(b, None, acquire(&[("p", None), ("p", Some(r#"{"role":"admin"}"#)), ("q", None)])).unwrap();
    let free = world.ask(c, None, acquire(&[("p", None)])).unwrap();
    let behind = world.ask(d, None, acquire(&[("p", None)])).unwrap();
    assert_eq!(world.granted(), [free], "two of the three are kept");
    world.apply(a, release(token));
    assert_eq!(world.granted(), [joint]);
    world.engine.close(world.now, c, true);
    assert_eq!(world.granted(), [behind]);
}

#[test]
fn who_waits_for_a_value_that_is_discarded_waits_no_more() {
    let mut world = World::new();
    let [a, b] = ["a", "b"].map(|name| world.session(name));
    world.pool(a, "p", &["1"]);
    world.ask(a, None, acquire(&[("p", None)])).unwrap();
    let token = world.token();
    let wait = world.ask(b, None, acquire(&[("p", None)])).unwrap();
    world.apply(a, Command::Discard { token, reason: None });
    let [(ticket, Err(error))] = &world.answers()[..] else { panic!("nobody was told") };
    assert_eq!((*ticket, error.code()), (wait, "no_match"));
}

#[test]
fn numbers_leased_beyond_a_pools_size_are_not_given_twice() {
    let mut world = World::new();
    let a = world.session("a");
    for worker in ["w1", "w2", "w3"] {
        let (key, worker) = ("k".into(), worker.into());
        world.engine.apply(0, Some(a), Command::Lease { key, worker, ttl: None, detached: false }).unwrap();
    }
    let spec = |size| PoolSpec { name: "k".into(), values: None, size, policy: Policy::Lowest };
    world.apply(a, Command::DefinePool(spec(1)));
    world.apply(a, Command::AddToPool(spec(2)));
    let taken = |world: &mut World| {
        world.ask(a, Some(0.0), acquire(&[("k", None)])).unwrap();
        world.granted().len()
    };
    assert_eq!(taken(&mut world), 0);
    world.apply(a, Command::Release { worker: "w3".into(), key: None });
    assert_eq!((taken(&mut world), taken(&mut world)), (1, 0));
}

#[test]
fn items_of_a_dead_worker_come_back_in_the_order_in_which_they_were_taken() {
    let mut world = World::new();
    let [a, b] = ["a", "b"].map(|name| world.session(name));
    let take = || Ask::Take { queue: "q".into(), until_done: false };
    world.apply(a, Command::Push { queue: "q".into(), items: vec!["1", "2", "3", "4"], max_attempts: 5 });
    for _ in 0..3 {
        world.ask(a, None, take()).unwrap();
    }
    world.answers();
    world.engine.close(world.now, a, false);
    for _ in 0..4 {
        world.ask(b, None, take()).unwrap();
    }
    let item = |(_, outcome): (Ticket, Result<Reply<'static>, Error>)| match outcome {
        Ok(Reply::Item { json, attempt, .. }) => (json.to_string(), attempt),
        other => panic!("{other:?}"),
    };
    let items: Vec<(String, u32)> = world.answers().into_iter().map(item).collect();
    assert_eq!(items, [("1".into(), 2), ("2".into(), 2), ("3".into(), 2), ("4".into(), 1)]);
}

#[test]
fn attempts_are_those_with_which_an_item_was_pushed() {
    let mut world = World::new();
    let a = world.session("a");
    world.apply(a, Command::Push { queue: "q".into(), items: vec!["1"], max_attempts: 1 });
    world.ask(a, None, Ask::Take { queue: "q".into(), until_done: false }).unwrap();
    let token = world.token();
    world.apply(a, Command::Push { queue: "q".into(), items: vec![], max_attempts: 5 });
    world.engine.apply(0, Some(a), Command::Nack { token, reason: None }).unwrap();
    world.ask(a, None, Ask::Done { queue: "q".into() }).unwrap();
    assert!(matches!(&world.answers()[..], [(_, Ok(Reply::AllDone { failures, .. }))] if failures.len() == 1));
}

#[test]
fn a_queue_to_which_nothing_was_pushed_is_done() {
    let mut world = World::new();
    let a = world.session("a");
    world.ask(a, None, Ask::Take { queue: "q".into(), until_done: true }).unwrap();
    assert!(world.answers().is_empty());
    world.apply(a, Command::Push { queue: "q".into(), items: vec![], max_attempts: 5 });
    assert!(matches!(&world.answers()[..], [(_, Ok(Reply::NoItem { done: true }))]));
}

#[test]
fn who_renews_a_value_makes_it_when_it_runs_out_meanwhile() {
    let mut world = World::new();
    let [a, b] = ["a", "b"].map(|name| world.session(name));
    let once = || Ask::Once { key: "k".into(), refresh: Some(60.0) };
    let value = Value { json: Some("1"), compressed: false };
    world.ask(a, None, once()).unwrap();
    let token = world.token();
    world.apply(a, Command::Fulfil { token, value, ttl: Some(50.0) });
    world.ask(a, None, once()).unwrap();
    let token = world.token();
    world.now = 60 * MS;
    let wait = world.ask(b, None, once()).unwrap();
    assert!(world.answers().is_empty(), "it is being made");
    world.apply(a, Command::Fulfil { token, value, ttl: None });
    assert_eq!(world.granted(), [wait]);
}

#[test]
fn a_line_of_work_is_refused_only_what_it_holds_itself() {
    let mut world = World::new();
    let [a, b] = ["a", "b"].map(|name| world.session(name));
    world.ask(a, None, lock("x")).unwrap();
    let x = world.token();
    assert_eq!(world.ask(a, None, lock("x")).unwrap_err().code(), "deadlock", "one line is all that is known");
    let other_line = Terms { within: Some(vec![]), ..Terms::default() };
    assert!(world.ask_within(a, other_line.clone(), lock("x")).is_ok());
    let same_line = Terms { within: Some(vec![x]), ..Terms::default() };
    assert_eq!(world.ask_within(a, same_line.clone(), lock("x")).unwrap_err().code(), "deadlock");
    world.ask(b, None, lock("y")).unwrap();
    world.ask(b, None, lock("x")).unwrap();
    assert!(world.ask_within(a, other_line, lock("y")).is_ok(), "another line releases x");
    let error = world.ask_within(a, same_line, lock("y")).unwrap_err().to_string();
    assert!(error.contains("\"x\"") && error.contains("\"y\"") && error.contains("a pid 7"), "{error}");
}

#[test]
fn where_it_is_not_sure_who_holds_what_only_a_circle_with_others_is_refused() {
    let mut world = World::new();
    let [a, b] = ["a", "b"].map(|name| world.session(name));
    world.ask(a, None, lock("x")).unwrap();
    let unsure = Terms { within: Some(vec![world.token()]), unsure: true, wait: None };
    world.ask(b, None, lock("y")).unwrap();
    let waits = world.ask(b, None, lock("x")).unwrap();
    assert_eq!(world.ask_within(a, unsure.clone(), lock("y")).unwrap_err().code(), "deadlock");
    world.engine.cancel(world.now, b, waits);
    assert!(world.ask_within(a, unsure, lock("x")).is_ok());
}

#[test]
fn re_entrancy_is_seen_in_a_crowd_and_what_expires_is_no_obstacle() {
    let mut world = World::new();
    let a = world.session("a");
    world.ask(a, None, lock("x")).unwrap();
    for n in 0..600 {
        let session = world.session(&format!("w{n}"));
        world.ask(session, None, lock("x")).unwrap();
    }
    assert_eq!(world.ask(a, None, lock("x")).unwrap_err().code(), "deadlock");
    let b = world.session("b");
    world.pool(a, "p", &["1"]);
    world.ask(b, None, Ask::Acquire { pools: vec![("p".into(), None)], ttl: Some(50.0) }).unwrap();
    assert!(world.ask(b, None, acquire(&[("p", None)])).is_ok());
}

#[test]
fn a_wait_granted_at_the_moment_its_time_is_over_is_granted() {
    let mut world = World::new();
    let [a, b] = ["a", "b"].map(|name| world.session(name));
    world.pool(a, "p", &["1"]);
    world.ask(a, None, Ask::Acquire { pools: vec![("p".into(), None)], ttl: Some(10.0) }).unwrap();
    world.answers();
    let wait = world.ask(b, Some(10.0), acquire(&[("p", None)])).unwrap();
    world.engine.tick(10 * MS);
    assert_eq!(world.granted(), [wait]);
}

#[test]
fn what_is_forgotten_is_told_and_given_back() {
    let mut world = World::new();
    let [a, b] = ["a", "b"].map(|name| world.session(name));
    world.pool(a, "p", &["1"]);
    world.apply(a, Command::Describe { text: Some("logs in".into()) });
    world.ask(a, None, acquire(&[("p", None)])).unwrap();
    let token = world.token();
    let waiting = world.ask(b, None, acquire(&[("p", None)])).unwrap();
    assert_eq!(world.engine.apply(0, Some(b), Command::Leak { token }), Ok(Reply::Leaked(None)), "not another's");
    world.apply(a, Command::Describe { text: None });

    let leaked = world.engine.apply(0, Some(a), Command::Leak { token });
    let Ok(Reply::Leaked(Some(leak))) = leaked else { panic!("{leaked:?}") };
    assert_eq!((leak.name.as_str(), leak.number, leak.test.as_deref()), ("p", Some(1), Some("logs in")));
    assert_eq!(world.granted(), [waiting]);
    assert_eq!(world.engine.apply(0, Some(a), Command::Leak { token }), Ok(Reply::Leaked(None)), "once");
    assert_eq!(world.engine.report(0).leaked_count, 2, "it, and what is held now");
}

#[test]
fn what_is_kept_is_no_leak() {
    let mut world = World::new();
    let [a, b] = ["a", "b"].map(|name| world.session(name));
    world.ask(a, None, lock("l")).unwrap();
    let token = world.token();
    assert_eq!(world.engine.apply(0, Some(b), Command::Keep { token }), Ok(Reply::KeptHold(false)), "not another's");
    assert_eq!(world.engine.apply(0, Some(a), Command::Keep { token }), Ok(Reply::KeptHold(true)));
    let lease = Ask::Lease { key: "slots".into(), worker: "a".into(), ttl: None, detached: false };
    world.ask(a, None, lease).unwrap();
    let [(_, Ok(Reply::Leased(granted)))] = world.answers()[..] else { panic!() };
    assert_eq!(
        world.engine.apply(0, Some(a), Command::Keep { token: granted.token }),
        Ok(Reply::KeptHold(true)),
        "a lease too"
    );
    world.engine.close(0, a, false);
    assert_eq!(world.engine.report(0).leaked_count, 0);
}

#[test]
fn what_is_granted_late_is_the_tests_that_asked_for_it() {
    let mut world = World::new();
    let [a, b] = ["a", "b"].map(|name| world.session(name));
    world.ask(a, None, lock("l")).unwrap();
    let token = world.token();
    world.apply(b, Command::Describe { text: Some("first".into()) });
    world.ask(b, None, lock("l")).unwrap();
    world.apply(b, Command::Describe { text: Some("second".into()) });
    world.apply(a, release(token));
    let token = world.token();
    let leaked = world.engine.apply(0, Some(b), Command::Leak { token });
    assert!(matches!(leaked, Ok(Reply::Leaked(Some(leak))) if leak.test.as_deref() == Some("first")));
}

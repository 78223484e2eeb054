use super::*;
use proptest::prelude::*;
use std::collections::HashMap;

const MS: Micros = 1_000;

fn engine(config: Config) -> Engine {
    Engine::new(config)
}

fn relaxed() -> Config {
    Config { require_ttl: false, ..Config::default() }
}

fn json(text: &str) -> Value<'_> {
    Value { json: Some(text), compressed: false }
}

fn set(engine: &mut Engine, now: Micros, key: &str, text: &str, ttl: Option<f64>) -> Result<(), Error> {
    engine
        .apply(now, None, Command::Set { key: key.into(), value: json(text), ttl, condition: Condition::default() })
        .map(|_| ())
}

fn get(engine: &mut Engine, now: Micros, key: &str) -> Result<String, Error> {
    match engine.apply(now, None, Command::Get { key: key.into() })? {
        Reply::Value(value) => Ok(value.json.unwrap_or_default().to_owned()),
        other => panic!("{other:?}"),
    }
}

fn lease(
    engine: &mut Engine,
    now: Micros,
    by: Option<SessionId>,
    key: &str,
    worker: &str,
    ttl: Option<f64>,
) -> Result<u64, Error> {
    match engine.apply(now, by, Command::Lease { key: key.into(), worker: worker.into(), ttl, detached: false })? {
        Reply::Leased(granted) => Ok(granted.number),
        other => panic!("{other:?}"),
    }
}

fn release(
    engine: &mut Engine,
    now: Micros,
    by: Option<SessionId>,
    worker: &str,
    key: Option<&str>,
) -> Result<bool, Error> {
    match engine.apply(now, by, Command::Release { worker: worker.into(), key: key.map(Into::into) })? {
        Reply::Released(released) => Ok(released),
        other => panic!("{other:?}"),
    }
}

fn hello(process: &str, thread: u64) -> Hello {
    Hello { name: format!("worker-{process}"), pid: Some(7), process: process.into(), thread }
}

#[test]
fn a_value_lives_for_its_ttl_and_its_key_is_remembered_for_a_while() {
    let mut engine = engine(Config { sweep_after: 100 * MS, ..Config::default() });
    set(&mut engine, 0, "k", "1", Some(50.0)).unwrap();
    assert_eq!(get(&mut engine, 50 * MS - 1, "k").unwrap(), "1");
    assert_eq!(get(&mut engine, 50 * MS, "k").unwrap_err().code(), "expired");
    assert_eq!((engine.items(), engine.bytes()), (0, 0));
    assert_eq!(get(&mut engine, 150 * MS, "k").unwrap_err().code(), "not_found");
    assert_eq!(engine.next_deadline(), None);
}

#[test]
fn sliding_expiry_keeps_the_ttl_as_it_was_set() {
    let mut engine = engine(Config { refresh_ttl_on_get: true, ..Config::default() });
    set(&mut engine, 0, "k", "1", Some(400.0)).unwrap();
    for read in 1..=5 {
        get(&mut engine, read * 300 * MS, "k").unwrap();
        assert_eq!(engine.next_deadline(), Some(read * 300 * MS + 400 * MS));
    }
}

#[test]
fn ttls_are_checked() {
    let mut engine = engine(Config::default());
    assert_eq!(set(&mut engine, 0, "k", "1", None).unwrap_err().code(), "ttl_required");
    for ttl in [-1.0, f64::NAN, f64::INFINITY, 1e300] {
        assert_eq!(set(&mut engine, 0, "k", "1", Some(ttl)).unwrap_err().code(), "invalid_ttl");
        assert_eq!(lease(&mut engine, 0, None, "k", "w", Some(ttl)).unwrap_err().code(), "invalid_ttl");
    }
    assert_eq!((engine.items(), engine.leases()), (0, 0));
}

#[test]
fn max_items_counts_what_lives() {
    let mut engine = engine(Config { max_items: 2, ..relaxed() });
    set(&mut engine, 0, "a", "1", Some(10.0)).unwrap();
    set(&mut engine, 0, "b", "1", None).unwrap();
    assert_eq!(set(&mut engine, 0, "c", "1", None).unwrap_err().code(), "max_items");
    set(&mut engine, 0, "b", "2", None).unwrap();
    set(&mut engine, 10 * MS, "c", "1", None).unwrap();
    assert_eq!(set(&mut engine, 10 * MS, "a", "1", None).unwrap_err().code(), "max_items");
}

#[test]
fn near_capacity_is_told_once_each_time() {
    let mut engine = engine(Config { max_items: 10, ..relaxed() });
    for key in 0..10 {
        set(&mut engine, 0, &key.to_string(), "1", None).unwrap();
    }
    assert_eq!(engine.take_events(), [Event::NearCapacity { items: 9, max_items: 10 }]);
    for key in ["0", "1", "2"] {
        engine.apply(0, None, Command::Del { key: key.into() }).unwrap();
    }
    for key in ["0", "1"] {
        set(&mut engine, 0, key, "1", None).unwrap();
    }
    assert_eq!(engine.take_events(), [Event::NearCapacity { items: 9, max_items: 10 }]);
}

#[test]
fn a_lease_is_the_lowest_free_number_and_renewal_keeps_it() {
    let mut engine = engine(Config::default());
    for (worker, number) in [("a", 1), ("b", 2), ("c", 3), ("b", 2)] {
        assert_eq!(lease(&mut engine, 0, None, "k", worker, None).unwrap(), number);
    }
    assert!(release(&mut engine, 0, None, "b", None).unwrap());
    assert!(!release(&mut engine, 0, None, "b", None).unwrap());
    assert_eq!(lease(&mut engine, 0, None, "k", "d", None).unwrap(), 2);
    assert_eq!(lease(&mut engine, 0, None, "other", "d", None).unwrap(), 1);
    assert!(release(&mut engine, 0, None, "d", Some("k")).unwrap());
    assert_eq!(lease(&mut engine, 0, None, "other", "d", None).unwrap(), 1);
}

#[test]
fn a_worker_that_lost_its_number_is_told_once() {
    let mut engine = engine(Config::default());
    assert_eq!(lease(&mut engine, 0, None, "k", "a", Some(10.0)).unwrap(), 1);
    assert_eq!(lease(&mut engine, 20 * MS, None, "k", "b", None).unwrap(), 1);
    let lost = lease(&mut engine, 20 * MS, None, "k", "a", None).unwrap_err();
    assert_eq!(lost, Error::LeaseLost { key: "k".into(), worker: "a".into(), number: 1 });
    assert_eq!(lease(&mut engine, 20 * MS, None, "k", "a", None).unwrap(), 2);
}

#[test]
fn a_worker_whose_number_is_still_free_gets_it_again() {
    let mut engine = engine(Config::default());
    assert_eq!(lease(&mut engine, 0, None, "k", "a", None).unwrap(), 1);
    assert_eq!(lease(&mut engine, 0, None, "k", "b", Some(10.0)).unwrap(), 2);
    release(&mut engine, 0, None, "a", None).unwrap();
    assert_eq!(lease(&mut engine, 20 * MS, None, "k", "b", None).unwrap(), 2);
    assert_eq!(lease(&mut engine, 20 * MS, None, "k", "a", None).unwrap(), 1);
}

#[test]
fn leases_end_with_the_last_session_of_their_thread() {
    let mut engine = engine(Config::default());
    let first = engine.open(0, hello("p", 0));
    let second = engine.open(0, hello("p", 0));
    let thread = engine.open(0, hello("p", 1));
    lease(&mut engine, 0, Some(first), "k", "a", None).unwrap();
    engine.close(0, first, false);
    assert_eq!(engine.leases(), 1);
    assert!(engine.take_events().is_empty());
    engine.close(0, second, false);
    assert_eq!(engine.leases(), 0);
    let lost = LeaseRef { key: "k".into(), worker: "a".into(), number: 1 };
    let gone = Event::WorkerLost { name: "worker-p".into(), pid: Some(7), leases: vec![lost] };
    assert!(matches!(&engine.take_events()[..], [Event::Leaked(leak), last] if leak.name == "k" && *last == gone));
    engine.close(0, thread, true);
    assert_eq!(engine.sessions(), 0);
}

#[test]
fn only_the_process_that_holds_a_lease_renews_or_releases_it() {
    let mut engine = engine(Config::default());
    let holder = engine.open(0, hello("p", 0));
    let sibling = engine.open(0, hello("p", 1));
    let stranger = engine.open(0, hello("q", 0));
    lease(&mut engine, 0, Some(holder), "k", "a", None).unwrap();
    for by in [Some(stranger), None] {
        assert_eq!(lease(&mut engine, 0, by, "k", "a", None).unwrap_err().code(), "not_owner");
        assert_eq!(release(&mut engine, 0, by, "a", None).unwrap_err().code(), "not_owner");
    }
    assert_eq!(lease(&mut engine, 0, Some(sibling), "k", "a", None).unwrap(), 1);
    assert!(release(&mut engine, 0, Some(sibling), "a", None).unwrap());
}

#[test]
fn a_detached_lease_outlives_its_session_until_its_ttl() {
    let mut engine = engine(Config { default_ttl: Some(50 * MS), ..Config::default() });
    let session = engine.open(0, hello("p", 0));
    engine
        .apply(0, Some(session), Command::Lease { key: "k".into(), worker: "a".into(), ttl: None, detached: true })
        .unwrap();
    lease(&mut engine, 0, Some(session), "k", "b", None).unwrap();
    engine.close(0, session, true);
    assert_eq!((engine.leases(), engine.next_deadline()), (1, Some(50 * MS)));
    engine.tick(50 * MS);
    assert_eq!(engine.leases(), 0);
    assert!(matches!(&engine.take_events()[..], [Event::LeaseExpired { lease, .. }] if lease.worker == "a"));
}

#[test]
fn a_lease_renewed_as_detached_gets_a_ttl() {
    let mut engine = engine(Config { default_ttl: Some(50 * MS), ..Config::default() });
    let session = engine.open(0, hello("p", 0));
    lease(&mut engine, 0, Some(session), "k", "a", None).unwrap();
    assert_eq!(engine.next_deadline(), None);
    engine
        .apply(0, Some(session), Command::Lease { key: "k".into(), worker: "a".into(), ttl: None, detached: true })
        .unwrap();
    engine.close(0, session, true);
    assert_eq!((engine.leases(), engine.next_deadline()), (1, Some(50 * MS)));
}

#[test]
fn a_lease_ends_with_the_thread_that_renewed_it_last() {
    let mut engine = engine(Config::default());
    let [first, second] = [0, 1].map(|thread| engine.open(0, hello("p", thread)));
    lease(&mut engine, 0, Some(first), "k", "a", None).unwrap();
    lease(&mut engine, 0, Some(second), "k", "a", None).unwrap();
    engine.close(0, first, false);
    assert_eq!(engine.leases(), 1);
    engine.close(0, second, false);
    assert_eq!(engine.leases(), 0);
}

#[test]
fn a_refused_release_leaves_untold_losses() {
    let mut engine = engine(Config::default());
    let [holder, stranger] = ["p", "q"].map(|process| engine.open(0, hello(process, 0)));
    lease(&mut engine, 0, Some(holder), "k", "a", Some(10.0)).unwrap();
    lease(&mut engine, 0, Some(holder), "other", "a", None).unwrap();
    lease(&mut engine, 20 * MS, Some(stranger), "k", "b", None).unwrap();
    assert_eq!(release(&mut engine, 20 * MS, Some(stranger), "a", None).unwrap_err().code(), "not_owner");
    assert_eq!(lease(&mut engine, 20 * MS, Some(holder), "k", "a", None).unwrap_err().code(), "expired");
}

#[test]
fn fencing_tokens_rise() {
    let mut engine = engine(Config::default());
    let mut last = 0;
    for round in 0..10 {
        let worker = format!("w{}", round % 3);
        let Reply::Leased(granted) = engine
            .apply(
                0,
                None,
                Command::Lease { key: "k".into(), worker: worker.as_str().into(), ttl: None, detached: false },
            )
            .unwrap()
        else {
            panic!("not a lease")
        };
        assert!(granted.token > last);
        last = granted.token;
        release(&mut engine, 0, None, &worker, None).unwrap();
    }
}

proptest! {
    /// Values against a map with deadlines.
    #[test]
    fn values_agree_with_a_model(steps in prop::collection::vec((0u8..4, 0u8..12, 1u64..40, 0u64..15), 1..300)) {
        let mut engine = engine(Config { max_items: 8, sweep_after: 20 * MS, ..Config::default() });
        let mut model: HashMap<String, (String, Micros)> = HashMap::new();
        let mut now = 0;
        for (step, (what, key, ttl, passes)) in steps.into_iter().enumerate() {
            now += passes * MS;
            model.retain(|_, (_, due)| *due > now);
            let key = key.to_string();
            match what {
                0 | 1 => {
                    let text = step.to_string();
                    let result = set(&mut engine, now, &key, &text, Some(ttl as f64));
                    if model.len() >= 8 && !model.contains_key(&key) {
                        prop_assert_eq!(result.unwrap_err().code(), "max_items");
                    } else {
                        prop_assert!(result.is_ok());
                        model.insert(key, (text, now + ttl * MS));
                    }
                }
                2 => prop_assert_eq!(get(&mut engine, now, &key).ok(), model.get(&key).map(|(text, _)| text.clone())),
                _ => {
                    let reply = engine.apply(now, None, Command::Del { key: key.as_str().into() }).unwrap();
                    prop_assert_eq!(reply, Reply::Deleted(model.remove(&key).is_some()));
                }
            }
            engine.tick(now);
            prop_assert_eq!(engine.items(), model.len());
            prop_assert_eq!(engine.bytes(), model.iter().map(|(key, (text, _))| key.len() + text.len()).sum::<usize>());
            prop_assert_eq!(engine.list(now).count(), model.len());
        }
    }

    /// Many sessions lease, release, die and let leases run out: no number has two holders, each grant is the lowest free number (or the
    /// worker's own lost one), and when everyone is gone nothing is held.
    #[test]
    fn no_number_has_two_holders(steps in prop::collection::vec((0u8..6, 0usize..5, 0u8..3, 0u8..3, 0u64..30), 1..400)) {
        let mut engine = engine(Config::default());
        let mut sessions: Vec<SessionId> = (0..5).map(|at| engine.open(0, hello(&at.to_string(), 0))).collect();
        let mut held: HashMap<(u8, String), (u64, usize, Option<Micros>)> = HashMap::new();
        let mut now = 0;
        for (what, at, key, worker, passes) in steps {
            now += passes * MS;
            held.retain(|_, (_, _, due)| due.is_none_or(|due| due > now));
            let (name, key_name) = (format!("{at}/{worker}"), key.to_string());
            match what {
                0..=2 => {
                    let ttl = (what == 1).then_some(25.0);
                    let before = held.get(&(key, name.clone())).copied();
                    let Ok(number) = lease(&mut engine, now, Some(sessions[at]), &key_name, &name, ttl) else { continue };
                    match before {
                        Some((old, ..)) => prop_assert_eq!(number, old),
                        None => prop_assert!(!held.iter().any(|((k, _), (n, ..))| *k == key && *n == number)),
                    }
                    let due = ttl.map(|_| now + 25 * MS).or(before.and_then(|(_, _, due)| due.map(|_| now + 25 * MS)));
                    held.insert((key, name), (number, at, due));
                }
                3 | 4 => {
                    let had = held.keys().any(|(_, holder)| *holder == name);
                    prop_assert_eq!(release(&mut engine, now, Some(sessions[at]), &name, None).unwrap(), had);
                    held.retain(|(_, holder), _| *holder != name);
                }
                _ => {
                    engine.close(now, sessions[at], false);
                    held.retain(|_, (_, holder, _)| *holder != at);
                    sessions[at] = engine.open(0, hello(&at.to_string(), 0));
                }
            }
            engine.tick(now);
            prop_assert_eq!(engine.leases(), held.len());
        }
        for session in sessions { engine.close(now, session, false); }
        prop_assert_eq!((engine.leases(), engine.next_deadline()), (0, None));
    }
}

//! The cases that are easily got wrong, one each.

use super::plans::plan;
use ephemeral_broker::run::plan::{Past, Plan};
use ephemeral_broker::run::report::{Outcome, Status};
use ephemeral_broker::run::schedule::{Next, Schedule, ScheduleError, Settled, Verdict};
use serde_json::{Value, json};

const IDLE: Next = Next::Wait { until: None };

fn run(test: usize, attempt: u32) -> Next {
    Next::Run { test, attempt }
}

fn schedule(plan: &Plan) -> Schedule {
    Schedule::new(plan, &[]).unwrap()
}

fn end(schedule: &mut Schedule, worker: usize, test: usize, outcome: Outcome) -> Verdict {
    schedule.finished(0, worker, test, outcome, None)
}

fn tests(groups: &[&str]) -> Vec<Value> {
    groups.iter().enumerate().map(|(at, group)| json!({ "id": format!("t{at}"), "group": group })).collect()
}

fn ends(schedule: &mut Schedule) -> Vec<(usize, Status, String)> {
    let text = |end: Settled| (end.test, end.status, end.reason.unwrap_or_default());
    let mut all: Vec<_> = schedule.take_settled().into_iter().map(text).collect();
    all.sort_by_key(|end| end.0);
    all
}

#[test]
fn a_circle_of_dependencies_is_named() {
    let listed = [
        json!({ "id": "a", "dependsOn": [1] }),
        json!({ "id": "b", "dependsOn": [2] }),
        json!({ "id": "c", "dependsOn": [1] }),
    ];
    let error = Schedule::new(&plan(1, json!({}), &[json!({})], &listed), &[]).unwrap_err();
    assert!(error.to_string().contains("b → c → b"), "{error}");
    let itself = plan(1, json!({}), &[json!({})], &[json!({ "id": "a", "dependsOn": [0] })]);
    assert!(matches!(Schedule::new(&itself, &[]), Err(ScheduleError::Cycle { path }) if path == ["a", "a"]));
}

#[test]
fn a_limit_of_nothing_is_refused_only_where_a_test_counts_in_it() {
    let limits = json!({ "limits": { "g": 0 } });
    let error = Schedule::new(&plan(1, limits.clone(), &[json!({})], &tests(&["g"])), &[]).unwrap_err();
    assert!(matches!(error, ScheduleError::ZeroLimit { .. }));
    assert!(Schedule::new(&plan(1, limits, &[json!({})], &tests(&["other"])), &[]).is_ok());
}

#[test]
fn what_waits_for_slots_is_not_overtaken_but_what_waits_for_a_limit_is() {
    let settings = [json!({}), json!({ "slots": 9, "priority": 1 }), json!({ "limits": ["one"], "priority": 2 })];
    let listed = [
        json!({ "id": "limited", "settings": 2 }),
        json!({ "id": "limited too", "settings": 2 }),
        json!({ "id": "wide", "settings": 1 }),
        json!({ "id": "small", "settings": 0 }),
    ];
    let plan = plan(3, json!({ "limits": { "one": 1 } }), &settings, &listed);
    let mut schedule = schedule(&plan);
    assert_eq!(schedule.next(0, 0, None), run(0, 1));
    // The second waits for the limit, the wide one (slots are bounded by the workers) for room, and the small one behind it too.
    assert_eq!((schedule.next(0, 1, None), schedule.next(0, 2, None)), (IDLE, IDLE));
    end(&mut schedule, 0, 0, Outcome::Passed);
    assert_eq!(schedule.next(0, 1, None), run(1, 1));
    assert_eq!(schedule.next(0, 0, None), IDLE);
    end(&mut schedule, 1, 1, Outcome::Passed);
    assert_eq!(schedule.next(0, 2, None), run(2, 1));
    assert_eq!(schedule.next(0, 1, None), IDLE);
    end(&mut schedule, 2, 2, Outcome::Passed);
    assert_eq!(schedule.next(0, 1, None), run(3, 1));
}

#[test]
fn a_test_blocked_by_a_limit_alone_holds_nobody_back() {
    let settings = [json!({}), json!({ "limits": ["one"], "priority": 1 })];
    let listed = [json!({ "id": "a", "settings": 1 }), json!({ "id": "b", "settings": 1 }), json!({ "id": "c" })];
    let mut schedule = schedule(&plan(2, json!({ "limits": { "one": 1 } }), &settings, &listed));
    assert_eq!((schedule.next(0, 0, None), schedule.next(0, 1, None)), (run(0, 1), run(2, 1)));
}

#[test]
fn a_group_that_waits_for_a_later_test_of_another_which_waits_for_it_is_no_deadlock() {
    // a waits for y; y waits for x, which stands behind a in its own group: x is drawn forward.
    let listed = [
        json!({ "id": "a", "group": "g", "dependsOn": [2] }),
        json!({ "id": "x", "group": "g" }),
        json!({ "id": "y", "group": "h", "dependsOn": [1] }),
    ];
    let mut schedule = schedule(&plan(1, json!({ "grouped": true }), &[json!({})], &listed));
    for test in [1, 2, 0] {
        assert_eq!(schedule.next(0, 0, None), run(test, 1));
        end(&mut schedule, 0, test, Outcome::Passed);
    }
    assert_eq!(schedule.next(0, 0, None), Next::Done);
}

#[test]
fn a_group_is_retried_in_place_and_goes_to_others_when_its_worker_is_gone() {
    let settings = [json!({ "retries": { "count": 1, "delay": 100 } })];
    let plan = plan(2, json!({ "grouped": true }), &settings, &tests(&["g", "g", "g"]));
    let mut schedule = schedule(&plan);
    assert_eq!(schedule.next(0, 0, None), run(0, 1));
    assert_eq!(schedule.finished(10, 0, 0, Outcome::Failed, None), Verdict::Retry { at: 110 });
    assert_eq!(schedule.next(10, 0, None), Next::Wait { until: Some(110) });
    assert_eq!(schedule.next(110, 1, None), IDLE, "it is the other's group");
    assert_eq!(schedule.next(110, 0, None), run(0, 2));
    schedule.worker_gone(120, 0, "its server is dead");
    assert_eq!(schedule.next(120, 0, None), Next::Done);
    assert_eq!(schedule.next(120, 1, None), run(0, 3));
    assert_eq!(schedule.finished(130, 1, 0, Outcome::Passed, None), Verdict::Final(Status::Flaky));
    schedule.worker_gone(130, 1, "no port is free");
    let error = |test| (test, Status::Error, "no port is free".to_owned());
    assert_eq!(ends(&mut schedule), [(0, Status::Flaky, String::new()), error(1), error(2)]);
    assert!(schedule.is_done());
}

#[test]
fn what_the_infrastructure_lost_is_no_retry_and_not_flaky() {
    let mut one = schedule(&plan(1, json!({}), &[json!({})], &tests(&["g"])));
    for attempt in 1..=2 {
        assert_eq!(one.next(0, 0, None), run(0, attempt));
        assert_eq!(end(&mut one, 0, 0, Outcome::Error), Verdict::Retry { at: 0 });
    }
    assert_eq!(one.next(0, 0, None), run(0, 3));
    let mut lost = schedule(&plan(1, json!({}), &[json!({})], &tests(&["g"])));
    assert_eq!(end(&mut one, 0, 0, Outcome::Passed), Verdict::Final(Status::Passed));
    for _ in 0..3 {
        lost.next(0, 0, None);
        lost.finished(0, 0, 0, Outcome::Error, Some("server died".into()));
    }
    assert_eq!(ends(&mut lost), [(0, Status::Error, "server died".into())]);
}

#[test]
fn who_fails_and_then_skips_has_failed() {
    let settings = [json!({ "retries": { "count": 1 } })];
    let mut schedule = schedule(&plan(1, json!({}), &settings, &tests(&["g"])));
    schedule.next(0, 0, None);
    end(&mut schedule, 0, 0, Outcome::TimedOut);
    schedule.next(0, 0, None);
    assert_eq!(end(&mut schedule, 0, 0, Outcome::Skipped), Verdict::Final(Status::TimedOut));
}

#[test]
fn delays_double_up_to_their_bound_and_other_work_goes_on() {
    let retries = json!({ "count": 4, "delay": 100, "exponential": true, "maxDelay": 300 });
    let settings = [json!({ "retries": retries, "priority": 1 }), json!({})];
    let listed = [json!({ "id": "a" }), json!({ "id": "b", "settings": 1 })];
    let mut schedule = schedule(&plan(1, json!({}), &settings, &listed));
    schedule.next(0, 0, None);
    let mut delays = vec![];
    for at in [0, 1000, 2000, 3000] {
        let verdict = schedule.finished(at, 0, 0, Outcome::Failed, None);
        let Verdict::Retry { at: due } = verdict else { panic!("{verdict:?}") };
        delays.push(due - at);
        if at == 0 {
            assert_eq!(schedule.next(at, 0, None), run(1, 1));
            schedule.finished(at, 0, 1, Outcome::Passed, None);
        }
        assert_eq!(schedule.next(due - 1, 0, None), Next::Wait { until: Some(due) });
        assert!(matches!(schedule.next(due, 0, None), Next::Run { test: 0, .. }));
    }
    assert_eq!(delays, [100, 200, 300, 300]);
}

#[test]
fn dependents_of_what_did_not_pass_are_skipped_by_name() {
    let listed = [
        json!({ "id": "a" }),
        json!({ "id": "b", "dependsOn": [0] }),
        json!({ "id": "c", "dependsOn": [1] }),
        json!({ "id": "d" }),
    ];
    let mut schedule = schedule(&plan(1, json!({}), &[json!({})], &listed));
    schedule.next(0, 0, None);
    end(&mut schedule, 0, 0, Outcome::Failed);
    let skipped = |test, reason: &str| (test, Status::Skipped, reason.to_owned());
    let expected = [
        (0, Status::Failed, String::new()),
        skipped(1, "depends on a, which failed"),
        skipped(2, "depends on b, which was skipped"),
    ];
    assert_eq!(ends(&mut schedule), expected);
    assert_eq!(schedule.next(0, 0, None), run(3, 1));
}

#[test]
fn max_failures_stops_and_lets_what_runs_end() {
    let settings = [json!({ "retries": { "count": 0 } })];
    let mut schedule = schedule(&plan(2, json!({ "maxFailures": 1 }), &settings, &tests(&["g", "g", "g"])));
    assert_eq!((schedule.next(0, 0, None), schedule.next(0, 1, None)), (run(0, 1), run(1, 1)));
    end(&mut schedule, 0, 0, Outcome::Failed);
    assert_eq!(schedule.next(0, 0, None), Next::Done);
    assert_eq!(end(&mut schedule, 1, 1, Outcome::Cancelled), Verdict::Final(Status::NotRun));
    let ended = ends(&mut schedule);
    let stopped = |test| (test, Status::NotRun, "stopped after 1 failure".to_owned());
    assert_eq!(ended, [(0, Status::Failed, String::new()), stopped(1), stopped(2)]);
    assert!(schedule.is_done());
}

#[test]
fn little_memory_lets_one_run_and_no_more() {
    let mut schedule = schedule(&plan(2, json!({ "minFreeMemory": 1000 }), &[json!({})], &tests(&["g", "g"])));
    assert_eq!(schedule.next(0, 0, Some(10)), run(0, 1));
    assert_eq!(schedule.next(20, 1, Some(10)), Next::Wait { until: Some(520) });
    assert_eq!(schedule.next(520, 1, Some(1000)), run(1, 1));
}

#[test]
fn a_worker_stays_with_its_group_where_groups_are_isolated() {
    let past = [9, 5, 8, 1].map(|duration| Past { duration: Some(duration), failed: false });
    let plan = plan(1, json!({ "isolation": "group" }), &[json!({})], &tests(&["a", "b", "b", "a"]));
    let mut schedule = Schedule::new(&plan, &past).unwrap();
    for (test, left) in [(0, 1), (3, 0), (2, 1), (1, 0)] {
        assert_eq!(schedule.next(0, 0, None), run(test, 1));
        end(&mut schedule, 0, test, Outcome::Passed);
        assert_eq!(schedule.group_left(test), left);
    }
}

#[test]
fn groups_come_by_what_of_them_is_left_to_run() {
    let past = [50, 1, 20, 20].map(|duration| Past { duration: Some(duration), failed: false });
    let plan = plan(1, json!({ "grouped": true }), &[json!({})], &tests(&["a", "a", "b", "b"]));
    let mut schedule = Schedule::new(&plan, &past).unwrap();
    schedule.cached(0);
    assert_eq!(schedule.next(0, 0, None), run(2, 1));
    assert_eq!(ends(&mut schedule), [(0, Status::Cached, String::new())]);
}

#[test]
fn an_end_told_twice_counts_once() {
    let mut schedule = schedule(&plan(1, json!({}), &[json!({})], &tests(&["g", "g"])));
    schedule.next(0, 0, None);
    end(&mut schedule, 0, 0, Outcome::Failed);
    assert_eq!(end(&mut schedule, 0, 0, Outcome::Passed), Verdict::Final(Status::Failed));
    assert_eq!((schedule.failures(), schedule.take_settled().len()), (1, 1));
}

#[test]
fn a_wide_test_within_a_group_is_not_starved_by_other_groups() {
    let settings = [json!({}), json!({ "slots": 2, "priority": 1 })];
    let mut listed = tests(&["a", "a", "b", "b"]);
    listed[1]["settings"] = json!(1);
    let mut schedule = schedule(&plan(2, json!({ "grouped": true }), &settings, &listed));
    assert_eq!((schedule.next(0, 0, None), schedule.next(0, 1, None)), (run(0, 1), run(2, 1)));
    end(&mut schedule, 0, 0, Outcome::Passed);
    assert_eq!(schedule.next(0, 0, None), IDLE);
    end(&mut schedule, 1, 2, Outcome::Passed);
    assert_eq!(schedule.next(0, 1, None), IDLE, "room is kept for the wide one");
    assert_eq!(schedule.next(0, 0, None), run(1, 1));
    end(&mut schedule, 0, 1, Outcome::Passed);
    assert_eq!(schedule.next(0, 1, None), run(3, 1));
}

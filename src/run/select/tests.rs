#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn listed(id: &str) -> Listed {
    let (project, rest) = id.split_once(':').unwrap();
    let (file, name) = rest.split_once(" > ").unwrap_or((rest, ""));
    Listed {
        id: id.to_owned(),
        project: project.to_owned(),
        group: project.to_owned(),
        file: Some(file.to_owned()),
        name: (!name.is_empty()).then(|| name.to_owned()),
        ..Listed::default()
    }
}

fn some() -> Vec<Listed> {
    let mut tests =
        ["api:a.test.js > logs in", "api:a.test.js > logs out", "api:b.test.js > lists", "web:c.test.js > draws"]
            .map(listed);
    tests[0].tags = vec!["smoke".into(), "slow".into()];
    tests[2].tags = vec!["smoke".into()];
    tests[3].group = "pages".into();
    tests.to_vec()
}

fn chosen(tests: &[Listed], selection: Value) -> Result<Vec<usize>, SelectError> {
    choose(tests, &serde_json::from_value(selection).unwrap(), false).map(|selected| selected.selected)
}

#[test]
fn each_kind_must_fit_and_of_each_kind_one() {
    let cases = [
        (json!({}), vec![0, 1, 2, 3]),
        (json!({ "filters": ["logs", "draws"] }), vec![0, 1, 3]),
        (json!({ "grep": "log(s|ged) (in|at)$" }), vec![0]),
        (json!({ "files": ["b.test", "c.test"] }), vec![2, 3]),
        (json!({ "projects": ["web"] }), vec![3]),
        (json!({ "projects": ["pages", "api"] }), vec![0, 1, 2, 3]),
        (json!({ "tags": ["smoke"] }), vec![0, 2]),
        (json!({ "tags": ["smoke"], "excludeTags": ["slow"] }), vec![2]),
        (json!({ "filters": ["logs"], "grep": "out", "projects": ["api"] }), vec![1]),
        (json!({ "filters": ["logs"], "projects": ["web"] }), vec![]),
    ];
    for (selection, expected) in cases {
        assert_eq!(chosen(&some(), selection.clone()).unwrap(), expected, "{selection}");
    }
}

#[test]
fn the_last_failed_are_those_that_failed_and_the_new() {
    let mut tests = some();
    tests[0].known = true;
    (tests[1].known, tests[1].failed) = (true, true);
    assert_eq!(chosen(&tests, json!({ "lastFailed": true })).unwrap(), [1, 2, 3]);
}

#[test]
fn a_change_concerns_its_own_tests_and_those_whose_inputs_it_is() {
    let inputs = json!({ "api": ["src/*.js", "**/*.test.js"], "web": ["!docs/**"] });
    let cases = [
        (vec!["a.test.js"], vec![0, 1]),
        (vec!["src/x.js"], vec![0, 1, 2, 3]),
        (vec!["src/deep/x.js"], vec![3]),
        (vec!["docs/a.md"], vec![]),
        (vec!["gone.test.js"], vec![0, 1, 2, 3]),
        (vec![], vec![]),
    ];
    for (files, expected) in cases {
        let changed = json!({ "changed": { "files": files, "inputs": inputs } });
        assert_eq!(chosen(&some(), changed).unwrap(), expected, "{files:?}");
    }
    let all = json!({ "changed": { "files": ["docs/a.md"] } });
    assert_eq!(chosen(&some(), all).unwrap(), [0, 1, 2, 3], "who names no inputs depends on all files");
}

#[test]
fn what_is_depended_on_is_pulled_in_whatever_was_asked_for() {
    let mut tests = some();
    tests[3].depends_on = vec!["lists".into()];
    tests[2].depends_on = vec!["a.test.js".into()];
    let selection = serde_json::from_value(json!({ "projects": ["web"], "excludeTags": ["smoke"] })).unwrap();
    let selected = choose(&tests, &selection, false).unwrap();
    assert_eq!(selected, Selected { selected: vec![0, 1, 2, 3], pulled_in: vec![0, 1, 2], whole: None });
}

#[test]
fn references_are_ids_then_names_then_files_then_projects() {
    let mut tests = some();
    tests[3].depends_on = vec!["api".into(), "api:a.test.js > logs in".into()];
    tests[1].depends_on = vec!["logs in".into()];
    tests[2].depends_on = vec!["a.test.js".into()];
    assert_eq!(resolve(&tests).unwrap(), [vec![], vec![0], vec![0, 1], vec![0, 1, 2]]);
}

#[test]
fn what_is_wrong_is_said_with_what_there_is() {
    let says = |result: Result<Vec<usize>, SelectError>, parts: &[&str]| {
        let text = result.unwrap_err().to_string();
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    };
    says(
        chosen(&some(), json!({ "projects": ["pagse"] })),
        &["\"pagse\"", "did you mean \"pages\"?", "api, pages, web"],
    );
    says(chosen(&some(), json!({ "grep": "(" })), &["\"(\"", "not a regular expression"]);
    says(chosen(&some(), json!({ "shard": { "index": 3, "count": 2 } })), &["3/2"]);
    says(chosen(&some(), json!({ "shard": { "index": 0, "count": 0 } })), &["0/0"]);
    let changed = json!({ "changed": { "files": [], "inputs": { "api": ["src/{"] } } });
    says(chosen(&some(), changed), &["\"api\"", "\"src/{\""]);
    let mut tests = some();
    tests[3].depends_on = vec!["logs im".into()];
    says(chosen(&tests, json!({})), &["web:c.test.js > draws", "\"logs im\"", "did you mean \"logs in\"?"]);
    tests[3].depends_on = vec!["web".into()];
    says(chosen(&tests, json!({})), &["web:c.test.js > draws → web:c.test.js > draws;"]);
    tests[3].depends_on = vec!["lists".into()];
    tests[2].depends_on = vec!["logs out".into()];
    tests[1].depends_on = vec!["lists".into()];
    says(chosen(&tests, json!({})), &["api:a.test.js > logs out → api:b.test.js > lists → api:a.test.js > logs out;"]);
}

#[test]
fn javascript_asks_in_json() {
    let tests = json!([
        { "id": "p:a", "project": "p", "group": "g", "duration": 5, "failed": true, "known": true },
        { "id": "p:b", "project": "p", "group": "g", "file": null, "name": null, "tags": [], "dependsOn": ["p:a"] },
    ]);
    let input = json!({ "tests": tests, "selection": { "filters": ["b"], "shardBy": "slice" }, "grouped": true });
    assert_eq!(select(&input.to_string(), |_| None).unwrap(), r#"{"selected":[0,1],"pulledIn":[0],"whole":null}"#);
    assert_eq!(resolve_dependencies(&json!({ "tests": tests }).to_string()).unwrap(), "[[],[0]]");
    let unknown = json!({ "tests": [], "selection": { "filter": [] } }).to_string();
    assert!(select(&unknown, |_| None).unwrap_err().to_string().contains("unknown field `filter`"));
}

/// Tests of which each may depend on an earlier one, with and without a history.
fn listing() -> impl Strategy<Value = Vec<Listed>> {
    let test = (0..6_usize, proptest::option::of(0..5000_u64), proptest::option::weighted(0.2, 0..1000_usize));
    proptest::collection::vec(test, 0..40).prop_map(|draws| {
        let test = |(at, &(group, duration, dependency)): (usize, &(usize, Option<u64>, Option<usize>))| Listed {
            group: format!("g{group}"),
            duration,
            depends_on: dependency.filter(|_| at > 0).map(|pick| format!("p:f{}", pick % at)).into_iter().collect(),
            ..listed(&format!("p:f{at}"))
        };
        draws.iter().enumerate().map(test).collect()
    })
}

fn shards(tests: &[Listed], by: &str, count: usize, grouped: bool, filters: &[&str]) -> Vec<Vec<usize>> {
    let shard = |index| {
        let selection = json!({ "shard": { "index": index, "count": count }, "shardBy": by, "filters": filters });
        choose(tests, &serde_json::from_value(selection).unwrap(), grouped).unwrap().selected
    };
    (1..=count).map(shard).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn shards_together_are_what_was_selected(tests in listing(), count in 1..6_usize, grouped: bool, is_filtered: bool) {
        let filters: &[&str] = if is_filtered { &["3", "7"] } else { &[] };
        let whole = chosen(&tests, json!({ "filters": filters })).unwrap();
        let depends_on = resolve(&tests).unwrap();
        for by in ["duration", "slice", "hash"] {
            let shards = shards(&tests, by, count, grouped, filters);
            let mut all = shards.concat();
            all.sort_unstable();
            prop_assert_eq!(&all, &whole, "{}", by);
            for shard in &shards {
                prop_assert!(shard.is_sorted());
                for &test in shard {
                    prop_assert!(depends_on[test].iter().all(|dependency| shard.contains(dependency)));
                    let of_group = whole.iter().filter(|&&other| tests[other].group == tests[test].group);
                    prop_assert!(!grouped || of_group.into_iter().all(|other| shard.contains(other)));
                }
            }
        }
    }

    #[test]
    fn shards_are_even(durations in proptest::collection::vec(proptest::option::of(1..5000_u64), 1..60), count in 1..6_usize) {
        let test = |(at, &duration)| Listed { duration, ..listed(&format!("p:f{at}")) };
        let tests: Vec<Listed> = durations.iter().enumerate().map(test).collect();
        let sizes: Vec<usize> = shards(&tests, "slice", count, false, &[]).iter().map(Vec::len).collect();
        prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{:?}", sizes);
        let slices = shards(&tests, "slice", count, false, &[]).concat();
        prop_assert!(slices.is_sorted(), "slices lie one behind the other");
        // What the greedy rule promises: loads differ by the longest test at most.
        let known: Vec<u64> = durations.iter().flatten().copied().collect();
        let mean = if known.is_empty() { 1 } else { known.iter().sum::<u64>() / known.len() as u64 };
        let load = |shard: &Vec<usize>| shard.iter().map(|&test| durations[test].unwrap_or(mean)).sum::<u64>();
        let loads: Vec<u64> = shards(&tests, "duration", count, false, &[]).iter().map(load).collect();
        let longest = durations.iter().map(|duration| duration.unwrap_or(mean)).max().unwrap();
        prop_assert!(loads.iter().max().unwrap() - loads.iter().min().unwrap() <= longest, "{:?}", loads);
    }

    #[test]
    fn without_a_history_or_time_shards_by_duration_have_equally_many(number in 0..60_usize, count in 1..6_usize, zero: bool) {
        let duration = zero.then_some(0);
        let tests: Vec<Listed> = (0..number).map(|at| Listed { duration, ..listed(&format!("p:f{at}")) }).collect();
        let sizes: Vec<usize> = shards(&tests, "duration", count, false, &[]).iter().map(Vec::len).collect();
        prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{:?}", sizes);
    }

    #[test]
    fn by_hash_a_test_stays_where_it_is(number in 2..40_usize, gone in 0..1000_usize, count in 1..6_usize) {
        let tests: Vec<Listed> = (0..number).map(|at| listed(&format!("p:f{at}"))).collect();
        let mut fewer = tests.clone();
        fewer.remove(gone % number);
        let ids = |tests: &[Listed]| -> Vec<Vec<String>> {
            let id = |shard: Vec<usize>| shard.into_iter().map(|test| tests[test].id.clone()).collect();
            shards(tests, "hash", count, false, &[]).into_iter().map(id).collect()
        };
        let mut before = ids(&tests);
        before.iter_mut().for_each(|shard| shard.retain(|id| *id != tests[gone % number].id));
        prop_assert_eq!(before, ids(&fewer));
    }
}

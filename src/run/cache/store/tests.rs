#![allow(clippy::unwrap_used)]
use super::*;

fn pass(key: &str, used: u64) -> Pass {
    let own = Own { command: String::new(), config: String::new(), file: String::new(), before: String::new() };
    Pass { key: key.to_owned(), context: "c".to_owned(), own, used }
}

#[test]
fn several_states_of_a_test_are_remembered_and_the_oldest_goes() {
    let mut store = Store::default();
    for at in 0..=PASSES_A_TEST as u64 {
        store.add("t", pass(&at.to_string(), at));
    }
    assert!(store.pass("t", "0").is_none());
    assert!((1..=PASSES_A_TEST).all(|at| store.pass("t", &at.to_string()).is_some()));
}

#[test]
fn what_is_old_or_too_much_goes() {
    let mut store = Store::default();
    store.add("old", pass("a", 1));
    store.add("new", pass("b", MAX_AGE + 2));
    store.fail("failed", "c", 1);
    store.prune(MAX_AGE + 2);
    assert_eq!(store.tests.keys().collect::<Vec<_>>(), ["new"]);
    for test in 0..MAX_PASSES as u64 + 10 {
        store.add(&test.to_string(), pass(&test.to_string(), MAX_AGE + 10 + test));
    }
    store.prune(MAX_AGE + 10);
    let kept: usize = store.tests.values().map(|record| record.passes.len()).sum();
    assert_eq!(kept, MAX_PASSES);
    assert!(store.pass("0", "0").is_none());
}

#[test]
fn a_logged_failure_counts_until_the_file_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = Hints::new();
    update(folder.path(), ("i", &inputs), 5, |store| store.add("t", pass("k", 5))).unwrap();
    assert!(Store::load(folder.path()).0.pass("t", "k").is_some());
    log_failure(folder.path(), "k").unwrap();
    assert!(Store::load(folder.path()).0.pass("t", "k").is_none());
    update(folder.path(), ("i", &inputs), 5, |_| {}).unwrap();
    assert!(!folder.path().join(FAILED).exists());
    assert!(Store::load(folder.path()).0.pass("t", "k").is_none());
}

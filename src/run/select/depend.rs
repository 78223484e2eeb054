//! Who depends on whom.

use super::{Listed, SelectError, nearest};
use std::collections::HashMap;

/// By test, the places of those that it depends on, ascending. A reference is an id; else a name; else a file; else a project, of which it means
/// all tests. Whoever depends on itself, through others or not, is an error.
pub fn resolve(tests: &[Listed]) -> Result<Vec<Vec<usize>>, SelectError> {
    let names = Names::new(tests);
    let mut all = Vec::with_capacity(tests.len());
    for test in tests {
        let mut depends_on = Vec::new();
        for reference in &test.depends_on {
            depends_on.extend(names.find(reference).ok_or_else(|| names.unknown(test, reference))?);
        }
        depends_on.sort_unstable();
        depends_on.dedup();
        all.push(depends_on);
    }
    match circle(&all) {
        Some(path) => Err(SelectError::Cycle { path: path.into_iter().map(|test| tests[test].id.clone()).collect() }),
        None => Ok(all),
    }
}

/// What tests can be referred to by, the most particular first.
struct Names<'a> {
    kinds: [HashMap<&'a str, Vec<usize>>; 4],
}

impl<'a> Names<'a> {
    fn new(tests: &'a [Listed]) -> Names<'a> {
        let mut kinds: [HashMap<&str, Vec<usize>>; 4] = Default::default();
        for (at, test) in tests.iter().enumerate() {
            let names =
                [Some(test.id.as_str()), test.name.as_deref(), test.file.as_deref(), Some(test.project.as_str())];
            for (kind, name) in kinds.iter_mut().zip(names) {
                if let Some(name) = name {
                    kind.entry(name).or_default().push(at);
                }
            }
        }
        Names { kinds }
    }

    fn find(&self, reference: &str) -> Option<&Vec<usize>> {
        self.kinds.iter().find_map(|kind| kind.get(reference))
    }

    fn unknown(&self, test: &Listed, reference: &str) -> SelectError {
        let names = self.kinds.iter().flat_map(|kind| kind.keys().copied());
        let nearest = nearest(reference, names);
        SelectError::Reference { test: test.id.clone(), reference: reference.to_owned(), nearest }
    }
}

/// A circle, its first at its end again.
fn circle(depends_on: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut is_clear = vec![false; depends_on.len()];
    for begin in 0..depends_on.len() {
        // The way down from `begin`: each with how many of its dependencies were looked at.
        let mut path = vec![(begin, 0)];
        let mut is_on_path = HashMap::from([(begin, 0)]);
        while let Some((test, looked_at)) = path.last_mut() {
            let test = *test;
            let next = depends_on[test].get(*looked_at).copied().filter(|_| !is_clear[test]);
            *looked_at += 1;
            match next {
                Some(next) => {
                    if let Some(&at) = is_on_path.get(&next) {
                        return Some(path[at..].iter().map(|step| step.0).chain([next]).collect());
                    }
                    if !is_clear[next] {
                        is_on_path.insert(next, path.len());
                        path.push((next, 0));
                    }
                }
                None => {
                    is_clear[test] = true;
                    is_on_path.remove(&test);
                    path.pop();
                }
            }
        }
    }
    None
}

/// These tests, and all that they depend on, directly or not.
pub(super) fn with_dependencies(asked: &[bool], depends_on: &[Vec<usize>]) -> Vec<bool> {
    let mut taken = asked.to_vec();
    let mut new: Vec<usize> = (0..asked.len()).filter(|&test| asked[test]).collect();
    while let Some(test) = new.pop() {
        for &dependency in &depends_on[test] {
            if !std::mem::replace(&mut taken[dependency], true) {
                new.push(dependency);
            }
        }
    }
    taken
}

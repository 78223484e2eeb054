//! What is settled before a run: an order that no dependency contradicts, and which units are preferred.

use super::ScheduleError;
use crate::run::plan::{Millis, Past, Plan, TestIndex};
use std::collections::BTreeSet;

/// All tests, each behind those that it depends on, those of a unit in the order of their listing.
///
/// Where dependencies contradict the listing (a test depends on a later one of its own group, or two groups on each other's later ones), as few
/// tests as is easily had are drawn forward: groups that run in this order cannot wait for each other in a circle.
pub(super) fn linear(plan: &Plan, links: &Links, unit_of: &[usize]) -> Result<Vec<TestIndex>, ScheduleError> {
    let mut line = Line::new(unit_of, links);
    let mut order = Vec::with_capacity(unit_of.len());
    while let Some(test) = line.heads.pop_first().or_else(|| line.others.pop_first()) {
        order.push(test);
        line.place(test, links);
    }
    if order.len() == unit_of.len() { Ok(order) } else { Err(cycle(plan, &line.placed)) }
}

/// Who depends on whom.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// By test: those that depend on it.
    pub(super) dependents: Vec<Vec<TestIndex>>,
    /// By test: on how many it depends.
    pub(super) counts: Vec<usize>,
}

impl Links {
    pub(super) fn new(plan: &Plan) -> Links {
        let mut links = Links { dependents: vec![Vec::new(); plan.tests.len()], counts: vec![0; plan.tests.len()] };
        for (index, test) in plan.tests.iter().enumerate() {
            for &dependency in test.depends_on.iter().collect::<BTreeSet<_>>() {
                links.dependents[dependency].push(index);
                links.counts[index] += 1;
            }
        }
        links
    }
}

/// The state of [`linear`].
struct Line<'a> {
    unit_of: &'a [usize],
    /// By unit: its tests as they are listed, and how many at the front are placed.
    units: Vec<(Vec<TestIndex>, usize)>,
    left: Vec<usize>,
    placed: Vec<bool>,
    /// Those that could come next and are the first of their units.
    heads: BTreeSet<TestIndex>,
    /// Those that could come next but for others of their units.
    others: BTreeSet<TestIndex>,
}

impl Line<'_> {
    fn new<'a>(unit_of: &'a [usize], links: &Links) -> Line<'a> {
        let count = unit_of.iter().max().map_or(0, |last| last + 1);
        let mut units = vec![(Vec::new(), 0); count];
        for (test, &unit) in unit_of.iter().enumerate() {
            units[unit].0.push(test);
        }
        let placed = vec![false; unit_of.len()];
        let left = links.counts.clone();
        let mut line = Line { unit_of, units, left, placed, heads: BTreeSet::new(), others: BTreeSet::new() };
        for test in 0..unit_of.len() {
            line.offer(test);
        }
        line
    }

    fn head(&self, unit: usize) -> Option<TestIndex> {
        let (tests, done) = &self.units[unit];
        tests.get(*done).copied()
    }

    fn offer(&mut self, test: TestIndex) {
        if self.left[test] == 0 && !self.placed[test] {
            let is_head = self.head(self.unit_of[test]) == Some(test);
            if is_head { &mut self.heads } else { &mut self.others }.insert(test);
        }
    }

    fn place(&mut self, test: TestIndex, links: &Links) {
        self.placed[test] = true;
        let unit = self.unit_of[test];
        while self.head(unit).is_some_and(|head| self.placed[head]) {
            self.units[unit].1 += 1;
        }
        if let Some(head) = self.head(unit) {
            self.others.remove(&head);
            self.offer(head);
        }
        for &dependent in &links.dependents[test] {
            self.left[dependent] -= 1;
            self.offer(dependent);
        }
    }
}

/// Each of those that could not be placed depends on another of them: following that ends in a circle.
fn cycle(plan: &Plan, placed: &[bool]) -> ScheduleError {
    let mut path: Vec<TestIndex> = Vec::new();
    let mut at = placed.iter().position(|placed| !placed);
    while let Some(test) = at {
        if let Some(begin) = path.iter().position(|&seen| seen == test) {
            path.drain(..begin);
            path.push(test);
            break;
        }
        path.push(test);
        at = plan.tests[test].depends_on.iter().copied().find(|&dependency| !placed[dependency]);
    }
    ScheduleError::Cycle { path: path.into_iter().map(|test| plan.tests[test].id.clone()).collect() }
}

/// How long each test may be expected to take: what is not known, as long as the median of what is; where nothing is known, all the same.
pub(super) fn expected(count: usize, past: &[Past]) -> Vec<Millis> {
    let mut known: Vec<Millis> = past.iter().take(count).filter_map(|past| past.duration).collect();
    let middle = known.len() / 2;
    let median = if known.is_empty() { 1 } else { *known.select_nth_unstable(middle).1 };
    (0..count).map(|test| past.get(test).and_then(|past| past.duration).unwrap_or(median)).collect()
}

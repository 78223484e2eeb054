//! Who waits for whom, as plainly as can be: for all who hold something of what is waited for, and for all before him in its line.

use crate::model::{Line, Model, Pending};
use crate::step::Want;
use ephemeral_broker::engine::SessionId;
use std::collections::BTreeSet;

fn holders(model: &Model, line: Line) -> BTreeSet<SessionId> {
    let of = |token: &u64| model.holds[token].session;
    match line {
        Line::Pool(pool) => model.holders_of_pool(pool),
        Line::Lock(lock) => model.locks[lock].keys().map(of).collect(),
        Line::Semaphore(semaphore) => model.semaphores[semaphore].holders.keys().map(of).collect(),
        Line::Once(key) => [model.keys.makers[key], model.keys.refreshers[key]].iter().flatten().map(of).collect(),
        _ => BTreeSet::new(),
    }
}

fn blockers(model: &Model, want: &Want, ticket: u64) -> BTreeSet<SessionId> {
    let mut blockers = BTreeSet::new();
    for line in Model::lines_of(want) {
        blockers.extend(holders(model, line));
        if matches!(line, Line::Pool(_) | Line::Lock(_) | Line::Semaphore(_)) {
            let before = model.line(line).take_while(|&other| other < ticket);
            blockers.extend(before.map(|other| model.pending[&other].session));
        }
    }
    blockers
}

/// Whether a session that would wait for this would, in the end, wait for itself.
pub fn has_cycle(model: &Model, session: SessionId, want: &Want) -> bool {
    let mut reached = blockers(model, want, u64::MAX);
    let mut next: Vec<SessionId> = reached.iter().copied().collect();
    while let Some(at) = next.pop() {
        for ticket in model.waits_of.get(&at).into_iter().flatten() {
            for blocker in blockers(model, &model.pending[ticket].want, *ticket) {
                if reached.insert(blocker) {
                    next.push(blocker);
                }
            }
        }
    }
    reached.contains(&session)
}

/// A circle of sessions each of which waits first in the line of a lock that the next holds alone, and for nothing else.
pub fn plain_cycle(model: &Model, ticket: u64) -> Option<Vec<SessionId>> {
    let Pending { session: start, .. } = *model.pending.get(&ticket)?;
    if model.waits_of.get(&start)?.len() > 16 {
        return None;
    }
    let mut circle = vec![start];
    let mut at = ticket;
    loop {
        let Want::Lock { lock, .. } = model.pending[&at].want else { return None };
        if !model.is_head(Line::Lock(lock), at) {
            return None;
        }
        let (token, shared) = model.locks[lock].first_key_value()?;
        let holder = model.holds[token].session;
        if *shared {
            return None;
        }
        if holder == start {
            return Some(circle);
        }
        let waits = model.waits_of.get(&holder).filter(|waits| waits.len() == 1)?;
        if circle.contains(&holder) {
            return None;
        }
        circle.push(holder);
        at = *waits.first()?;
    }
}

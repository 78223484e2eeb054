//! Which wait waits for which other, as plainly as can be: for all that hold up the release of something of what is waited for, and for all before it in
//! its line. A session's wait holds up the release of what the session held when it asked.

use crate::model::{Line, Model, Pending};
use crate::step::Want;
use ephemeral_broker::engine::SessionId;
use std::collections::BTreeSet;

/// A wait that may have been refused, and then has no ticket.
#[derive(Clone, Copy)]
struct Asker<'a> {
    session: SessionId,
    seen: u64,
    within: Option<&'a [u64]>,
    want: &'a Want,
    ticket: u64,
}

impl<'a> Asker<'a> {
    fn pending(model: &'a Model, ticket: u64) -> Self {
        let Pending { session, seen, ref within, ref want, .. } = model.pending[&ticket];
        Self { session, seen, within: within.as_deref(), want, ticket }
    }

    fn holds_up(&self, (session, token): (SessionId, u64)) -> bool {
        let has = self.within.map_or(token <= self.seen, |within| within.contains(&token));
        session == self.session && has
    }
}

/// Who holds something of what is waited for, with its token. What has a time comes back by itself.
fn holders(model: &Model, line: Line) -> Vec<(SessionId, u64)> {
    let of = |token: &u64| (model.holds[token].session, *token);
    match line {
        Line::Pool(pool) => model.holders_of_pool(pool),
        Line::Lock(lock) => model.locks[lock].keys().map(of).collect(),
        Line::Semaphore(semaphore) => model.semaphores[semaphore].holders.keys().map(of).collect(),
        Line::Once(key) => [model.keys.makers[key], model.keys.refreshers[key]].iter().flatten().map(of).collect(),
        _ => Vec::new(),
    }
}

/// The waits that must be over first, perhaps: any of those that have something to do with it. `asker` is among them under the ticket that it has.
fn obstacles(model: &Model, of: Asker<'_>, asker: Asker<'_>) -> BTreeSet<u64> {
    let mut obstacles = BTreeSet::new();
    for line in Model::lines_of(of.want) {
        for holder in holders(model, line) {
            let waits = model.waits_of.get(&holder.0).into_iter().flatten().copied();
            obstacles.extend(waits.filter(|&wait| Asker::pending(model, wait).holds_up(holder)));
            if asker.holds_up(holder) {
                obstacles.insert(asker.ticket);
            }
        }
        if matches!(line, Line::Pool(_) | Line::Lock(_) | Line::Semaphore(_)) {
            obstacles.extend(model.line(line).take_while(|&other| other < of.ticket));
        }
    }
    obstacles
}

/// Whether a session that would wait for this would, in the end, wait for itself.
pub fn has_cycle(model: &Model, session: SessionId, within: Option<&[u64]>, want: &Want) -> bool {
    let asker = Asker { session, seen: u64::MAX, within, want, ticket: u64::MAX };
    let mut reached = obstacles(model, asker, asker);
    let mut next: Vec<u64> = reached.iter().copied().collect();
    while let Some(at) = next.pop() {
        if at == asker.ticket {
            return true;
        }
        for obstacle in obstacles(model, Asker::pending(model, at), asker) {
            if reached.insert(obstacle) {
                next.push(obstacle);
            }
        }
    }
    false
}

/// A circle of sessions each of which waits first in the line of a lock that the next holds alone, and for nothing else.
pub fn plain_cycle(model: &Model, ticket: u64) -> Option<Vec<SessionId>> {
    let start = model.pending.get(&ticket)?.session;
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
        let (&token, &shared) = model.locks[lock].first_key_value()?;
        let holder = model.holds[&token].session;
        if shared {
            return None;
        }
        if holder == start {
            return Some(circle).filter(|_| Asker::pending(model, ticket).holds_up((holder, token)));
        }
        let waits = model.waits_of.get(&holder).filter(|waits| waits.len() == 1)?;
        at = *waits.first()?;
        if circle.contains(&holder) || !Asker::pending(model, at).holds_up((holder, token)) {
            return None;
        }
        circle.push(holder);
    }
}

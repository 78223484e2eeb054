//! Planted bugs: what the engine said is altered once, and the model must see it.

use crate::model::{Line, Model};
use crate::step::{LOCKS, QUEUES, Want};
use ephemeral_broker::engine::{Effect, Error, Reply};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    Nothing,
    /// A grant of a lock is not told.
    DropGrant,
    /// A lock goes to the last in its line, not to the first.
    SwapGrants,
    /// A lock that is held alone is given to one more.
    TwoHolders,
    /// An answer comes twice.
    AnswerTwice,
    /// An item goes to two takers.
    DuplicateItem,
    /// An item is lost on its way.
    LoseItem,
    /// One more goes through a limit.
    LetThrough,
    /// A taker's time limit ends early.
    EndEarly,
    /// One of a barrier's parties is not told.
    ForgetParty,
    /// A token is given again.
    TokenAgain,
    /// A message is not told.
    LoseMessage,
    /// Two messages of an inbox change places.
    SwapMessages,
    /// It is done.
    Done,
}

fn answer(model: &Model, ticket: u64, outcome: Result<Reply<'static>, Error>) -> Effect {
    Effect::Answer { session: model.pending[&ticket].session, ticket, outcome }
}

fn lock_of(model: &Model, effect: &Effect) -> Option<usize> {
    match effect {
        Effect::Answer { ticket, outcome: Ok(Reply::Held { .. }), .. } => match model.pending.get(ticket)?.want {
            Want::Lock { lock, .. } => Some(lock),
            _ => None,
        },
        _ => None,
    }
}

impl Plant {
    pub fn alter(&mut self, effects: &mut Vec<Effect>, model: &Model) {
        // Late enough that there is something of everything.
        if *self == Plant::Nothing || model.step < 500 {
            return;
        }
        if self.try_to(effects, model).is_some() {
            *self = Plant::Done;
        }
    }

    fn try_to(self, effects: &mut Vec<Effect>, model: &Model) -> Option<()> {
        let told = |effects: &[Effect], other: u64| {
            effects.iter().any(|effect| matches!(effect, Effect::Answer { ticket, .. } if *ticket == other))
        };
        let grants = |effects: &[Effect]| effects.iter().filter(|effect| lock_of(model, effect).is_some()).count();
        let grant = effects.iter().position(|effect| lock_of(model, effect).is_some());
        let item =
            effects.iter().position(|effect| matches!(effect, Effect::Answer { outcome: Ok(Reply::Item { .. }), .. }));
        match self {
            Plant::Nothing | Plant::Done => return None,
            Plant::DropGrant => {
                let at = grant.filter(|_| grants(effects) == 1)?;
                effects.remove(at);
            }
            Plant::SwapGrants => {
                let at = grant.filter(|_| grants(effects) == 1)?;
                let lock = lock_of(model, &effects[at])?;
                let last = model.line(Line::Lock(lock)).next_back().filter(|&last| !told(effects, last))?;
                if let Effect::Answer { ticket, session, .. } = &mut effects[at] {
                    (*ticket, *session) = (last, model.pending[&last].session);
                }
            }
            Plant::TwoHolders => {
                let heads = (0..LOCKS.len()).filter_map(|lock| model.line(Line::Lock(lock)).next());
                let ticket = heads.into_iter().next().filter(|_| effects.is_empty())?;
                let waited = model.now - model.pending[&ticket].since;
                effects.push(answer(model, ticket, Ok(Reply::Held { token: u64::MAX, waited })));
            }
            Plant::AnswerTwice => {
                let one = effects.iter().find(|effect| matches!(effect, Effect::Answer { .. }))?.clone();
                effects.push(one);
            }
            Plant::DuplicateItem => {
                let Effect::Answer { ticket, outcome: Ok(Reply::Item { json, token, attempt, .. }), .. } =
                    &effects[item?]
                else {
                    return None;
                };
                let Want::Take { queue, .. } = model.pending.get(ticket)?.want else { return None };
                let other = model.line(Line::Queue(queue)).find(|&other| !told(effects, other))?;
                let waited = model.now - model.pending[&other].since;
                let item = Reply::Item { json: json.clone(), token: *token + 1, attempt: *attempt, waited };
                effects.push(answer(model, other, Ok(item)));
            }
            // A taker that is told later in the same answer would be seen to overtake, so it is the last that is lost.
            Plant::LoseItem => {
                let is_item =
                    |effect: &Effect| matches!(effect, Effect::Answer { outcome: Ok(Reply::Item { .. }), .. });
                effects.remove(effects.iter().rposition(is_item)?);
            }
            Plant::LetThrough => {
                let first = (0..3).find_map(|limit| {
                    let ticket = model.line(Line::Limit(limit)).next()?;
                    let Want::Pass { cost, .. } = model.pending[&ticket].want else { return None };
                    model.limits[limit].as_ref().filter(|limit| limit.is_far(model.now, cost)).map(|_| ticket)
                });
                let ticket = first.filter(|_| effects.is_empty())?;
                let waited = model.now - model.pending[&ticket].since;
                effects.push(answer(model, ticket, Ok(Reply::Passed { waited })));
            }
            Plant::EndEarly => {
                let mut lines = (0..QUEUES.len()).flat_map(|queue| model.line(Line::Queue(queue)).next_back());
                let due_later = |ticket: &u64| model.pending[ticket].due.is_some_and(|due| due > model.now);
                let ticket = lines.find(due_later).filter(|_| effects.is_empty())?;
                effects.push(answer(model, ticket, Ok(Reply::NoItem { done: false })));
            }
            Plant::ForgetParty => {
                let arrived = |effect: &Effect| matches!(effect, Effect::Answer { outcome: Ok(Reply::Arrived { index, .. }), .. } if *index > 0);
                let last = effects.iter().rposition(arrived)?;
                effects.remove(last);
            }
            Plant::LoseMessage => {
                // The same: what is told of topics after it would be out of order.
                let of_topics = |effect: &Effect| matches!(effect, Effect::Message { .. } | Effect::Ended { .. });
                let last = effects.iter().rposition(of_topics)?;
                if matches!(effects[last], Effect::Ended { .. }) {
                    return None;
                }
                effects.remove(last);
            }
            Plant::SwapMessages => {
                let inbox = |effect: &Effect| match effect {
                    Effect::Message { subscription, .. } => Some(*subscription),
                    _ => None,
                };
                let at =
                    effects.windows(2).position(|two| inbox(&two[0]).is_some() && inbox(&two[0]) == inbox(&two[1]))?;
                effects.swap(at, at + 1);
            }
            Plant::TokenAgain => {
                let old = *model.holds.first_key_value()?.0;
                match &mut effects[grant?] {
                    Effect::Answer { outcome: Ok(Reply::Held { token, .. }), .. } => *token = old,
                    _ => return None,
                }
            }
        }
        Some(())
    }
}

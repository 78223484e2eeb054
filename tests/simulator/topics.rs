//! Topics: who is to be told what, in which order, and what is dropped on the way.

use crate::model::{Model, breach, ensure};
use crate::random::Random;
use ephemeral_broker::engine::{
    Backlog, Command, Effect, Encoding, Error, Overflow, Payload, Replies, Reply, SessionId,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub const TOPICS: [&str; 3] = ["news", "progress", "questions"];
/// The most inboxes there are at a time.
const MANY: usize = 60;

/// Messages are numbered by the plan; `text` is the number.
#[derive(Debug, Clone)]
pub enum TopicStep {
    Subscribe { session: SessionId, topic: usize, backlog: Backlog },
    Unsubscribe { session: SessionId, id: u64 },
    Publish { session: Option<SessionId>, topic: usize, text: String, replies: Option<Replies> },
    Taken { session: SessionId, id: u64, count: usize },
    Reply { session: SessionId, message: u64, text: String },
}

fn payload(text: &str) -> Payload<'_> {
    Payload { encoding: Encoding::Json, bytes: text.as_bytes() }
}

impl TopicStep {
    pub fn command(&self) -> (Option<SessionId>, Command<'_>) {
        match *self {
            Self::Subscribe { session, topic, backlog } => {
                (Some(session), Command::Subscribe { topic: TOPICS[topic].into(), backlog })
            }
            Self::Unsubscribe { session, id } => (Some(session), Command::Unsubscribe { subscription: id }),
            Self::Publish { session, topic, ref text, replies } => {
                (session, Command::Publish { topic: TOPICS[topic].into(), payload: payload(text), replies })
            }
            Self::Taken { session, id, count } => (Some(session), Command::Taken { subscription: id, count }),
            Self::Reply { session, message, ref text } => {
                (Some(session), Command::ReplyTo { message, payload: payload(text) })
            }
        }
    }

    /// What is done next. `last` numbers the messages.
    pub fn plan(random: &mut Random, topics: &Topics, session: SessionId, last: &mut u64) -> Self {
        let topic = random.below(TOPICS.len());
        *last += 1;
        let text = last.to_string();
        let any = topics.pick(random, |_| true);
        match random.below(100) {
            0..=14 if topics.inboxes.len() < MANY => Self::Subscribe { session, topic, backlog: backlog(random) },
            0..=19 => {
                let (id, owner) = any.unwrap_or((*last, session));
                Self::Unsubscribe { session: if random.percent(90) { owner } else { session }, id }
            }
            20..=64 => {
                let replies = match random.below(6) {
                    0 | 1 => Some(Replies::First),
                    2 => Some(Replies::All(backlog(random))),
                    _ => None,
                };
                let session = Some(session).filter(|_| replies.is_some() || random.percent(80));
                Self::Publish { session, topic, text, replies }
            }
            65..=89 => {
                let (id, session) = topics.pick(random, |inbox| inbox.in_flight > 0).unwrap_or((*last, session));
                let most = topics.inboxes.get(&id).map_or(3, |inbox| inbox.in_flight);
                let count = if random.percent(5) { most + 1 } else { random.between(0, most as u64) as usize };
                Self::Taken { session, id, count }
            }
            _ => {
                let message = topics.pick(random, |inbox| inbox.replies.is_some()).map_or(*last, |(id, _)| id);
                Self::Reply { session, message, text }
            }
        }
    }
}

fn backlog(random: &mut Random) -> Backlog {
    Backlog {
        overflow: random.pick(&[Overflow::Latest, Overflow::Drop, Overflow::Error]),
        limit: random.between(1, 5) as usize,
        window: random.between(1, 4) as usize,
    }
}

#[derive(Debug, Clone)]
struct Sent {
    text: String,
    /// The message's id, if it awaits replies.
    awaits: Option<u64>,
}

#[derive(Debug, Clone)]
struct Inbox {
    session: SessionId,
    topic: usize,
    /// For replies: whether to the first only, and who may still reply.
    replies: Option<(bool, Vec<SessionId>)>,
    backlog: Backlog,
    in_flight: usize,
    /// With how many were dropped before each.
    waiting: VecDeque<(Sent, u64)>,
    dropped: u64,
    /// With which code, when nothing waits any more.
    ending: Option<Option<&'static str>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    Message { session: SessionId, id: u64, text: String, dropped: u64, awaits: bool },
    Ended { session: SessionId, id: u64, code: Option<&'static str> },
}

#[derive(Debug, Default)]
pub struct Topics {
    inboxes: BTreeMap<u64, Inbox>,
    /// What sessions are to be told, in order.
    expected: VecDeque<Told>,
    last_id: u64,
    pub messages: u64,
}

impl Topics {
    fn pick(&self, random: &mut Random, fits: impl Fn(&Inbox) -> bool) -> Option<(u64, SessionId)> {
        let all: Vec<_> =
            self.inboxes.iter().filter(|(_, inbox)| fits(inbox)).map(|(&id, inbox)| (id, inbox.session)).collect();
        (!all.is_empty()).then(|| random.pick(&all))
    }

    fn note_id(&mut self, id: u64) {
        ensure!(id > self.last_id, "the id {id} is not above {}", self.last_id);
        self.last_id = id;
    }

    /// Sends what waits as far as there is credit.
    fn flow(&mut self, id: u64) {
        let Some(inbox) = self.inboxes.get_mut(&id) else { return };
        while inbox.in_flight < inbox.backlog.window
            && let Some((Sent { text, awaits }, dropped)) = inbox.waiting.pop_front()
        {
            inbox.in_flight += 1;
            let awaits = awaits.is_some();
            self.expected.push_back(Told::Message { session: inbox.session, id, text, dropped, awaits });
        }
        if let (true, Some(code)) = (inbox.waiting.is_empty(), inbox.ending) {
            self.expected.push_back(Told::Ended { session: inbox.session, id, code });
            self.inboxes.remove(&id);
        }
    }

    /// Whether it is taken in; what is lost for it is noted.
    fn offer(&mut self, id: u64, sent: &Sent, lost: &mut Vec<(u64, SessionId)>) -> bool {
        let Some(inbox) = self.inboxes.get_mut(&id).filter(|inbox| inbox.ending.is_none()) else { return false };
        if inbox.waiting.len() == inbox.backlog.limit {
            match inbox.backlog.overflow {
                Overflow::Drop => inbox.dropped += 1,
                Overflow::Error => inbox.ending = Some(Some("overflow")),
                Overflow::Latest => {
                    let Some((oldest, before)) = inbox.waiting.pop_front() else { breach("nothing waits") };
                    lost.extend(oldest.awaits.map(|message| (message, inbox.session)));
                    match inbox.waiting.front_mut() {
                        Some((_, dropped)) => *dropped += before + 1,
                        None => inbox.dropped += before + 1,
                    }
                }
            }
            if inbox.backlog.overflow != Overflow::Latest {
                return false;
            }
        }
        inbox.waiting.push_back((sent.clone(), std::mem::take(&mut inbox.dropped)));
        self.flow(id);
        true
    }

    fn lose_receiver(&mut self, message: u64, by: SessionId, all: bool) {
        let Some(inbox) = self.inboxes.get_mut(&message) else { return };
        let Some((first_only, receivers)) = &mut inbox.replies else { return };
        match receivers.iter().position(|&receiver| receiver == by) {
            Some(_) if all => receivers.retain(|&receiver| receiver != by),
            Some(at) => drop(receivers.swap_remove(at)),
            None => return,
        }
        if receivers.is_empty() && inbox.ending.is_none() {
            inbox.ending = Some(first_only.then_some("no_subscribers"));
            self.flow(message);
        }
    }

    pub fn closed(&mut self, session: SessionId) {
        self.inboxes.retain(|_, inbox| inbox.session != session);
        for message in self.inboxes.keys().copied().collect::<BTreeSet<_>>() {
            self.lose_receiver(message, session, true);
        }
    }

    /// Whether it is one of topics.
    pub fn told(&mut self, effect: &Effect) -> bool {
        let told = match effect {
            Effect::Message { session, subscription, message, dropped } => Told::Message {
                session: *session,
                id: *subscription,
                text: String::from_utf8_lossy(&message.bytes).into_owned(),
                dropped: *dropped,
                awaits: message.awaits_replies,
            },
            Effect::Ended { session, subscription, error } => {
                Told::Ended { session: *session, id: *subscription, code: error.as_ref().map(Error::code) }
            }
            _ => return false,
        };
        self.messages += 1;
        let expected = self.expected.pop_front();
        ensure!(expected.as_ref() == Some(&told), "out of order: {told:?} was told, and not {expected:?}");
        true
    }

    pub fn end(&self) {
        ensure!(self.expected.is_empty(), "lost message: {:?} was not told", self.expected);
    }

    fn published(&mut self, step: &TopicStep, message: u64, receivers: usize) {
        let TopicStep::Publish { session, topic, text, replies } = step else { return };
        let sent = Sent { text: text.clone(), awaits: replies.map(|_| message) };
        let listening: Vec<(u64, SessionId)> = self
            .inboxes
            .iter()
            .filter(|(_, inbox)| inbox.replies.is_none() && inbox.topic == *topic)
            .map(|(&id, inbox)| (id, inbox.session))
            .collect();
        let mut lost = Vec::new();
        let accepted: Vec<SessionId> = listening
            .into_iter()
            .filter(|&(id, _)| self.offer(id, &sent, &mut lost))
            .map(|(_, receiver)| receiver)
            .collect();
        ensure!(accepted.len() == receivers, "{} receive {step:?}, and {receivers} was said", accepted.len());
        if let (Some(session), Some(replies), false) = (session, replies, accepted.is_empty()) {
            let (first_only, backlog) = match *replies {
                Replies::First => (true, Backlog { overflow: Overflow::Drop, limit: 1, window: 1 }),
                Replies::All(backlog) => (false, backlog),
            };
            self.open(message, *session, *topic, backlog, Some((first_only, accepted)));
        }
        lost.into_iter().for_each(|(message, by)| self.lose_receiver(message, by, false));
    }

    fn open(
        &mut self,
        id: u64,
        session: SessionId,
        topic: usize,
        backlog: Backlog,
        replies: Option<(bool, Vec<SessionId>)>,
    ) {
        let waiting = VecDeque::new();
        let inbox = Inbox { session, topic, replies, backlog, in_flight: 0, waiting, dropped: 0, ending: None };
        self.inboxes.insert(id, inbox);
    }
}

impl Model {
    pub fn topic_reply(&mut self, step: &TopicStep, outcome: &Result<Reply<'_>, Error>) {
        let topics = &mut self.topics;
        match (step, outcome) {
            (&TopicStep::Subscribe { session, topic, backlog }, &Ok(Reply::Subscribed(id))) => {
                topics.note_id(id);
                topics.open(id, session, topic, backlog, None);
            }
            (&TopicStep::Unsubscribe { session, id }, &Ok(Reply::Unsubscribed(ended))) => {
                let own = topics.inboxes.get(&id).is_some_and(|inbox| inbox.session == session);
                ensure!(ended == own, "{step:?} came to {outcome:?}");
                let waiting = if own { topics.inboxes.remove(&id).map(|inbox| inbox.waiting) } else { None };
                for (sent, _) in waiting.into_iter().flatten() {
                    sent.awaits.into_iter().for_each(|message| topics.lose_receiver(message, session, false));
                }
            }
            (TopicStep::Publish { .. }, &Ok(Reply::Published { message, receivers })) => {
                topics.note_id(message);
                topics.published(step, message, receivers);
            }
            (&TopicStep::Taken { session, id, count }, outcome) => {
                let inbox = topics.inboxes.get_mut(&id).filter(|inbox| inbox.session == session);
                match (inbox, outcome) {
                    (None, Ok(Reply::Done)) => {}
                    (Some(inbox), Ok(Reply::Done)) if count <= inbox.in_flight => {
                        inbox.in_flight -= count;
                        topics.flow(id);
                    }
                    (Some(inbox), Err(Error::Invalid { .. })) if count > inbox.in_flight => {}
                    _ => breach(&format!("{step:?} came to {outcome:?}")),
                }
            }
            (TopicStep::Reply { message, text, .. }, &Ok(Reply::Delivered(delivered))) => {
                let replies = topics.inboxes.get(message).and_then(|inbox| inbox.replies.clone());
                let sent = Sent { text: text.clone(), awaits: None };
                let accepted = replies.is_some() && topics.offer(*message, &sent, &mut Vec::new());
                ensure!(accepted == delivered, "{step:?} came to {outcome:?}");
                if replies.is_some_and(|(first_only, _)| first_only) {
                    topics.inboxes.remove(message);
                }
            }
            _ => breach(&format!("{step:?} came to {outcome:?}")),
        }
    }
}

//! Inboxes: what sessions listen with, and how much may pile up in one.
//!
//! A message goes out at once while the inbox has credit: so many may be on their way, until the session says that it has taken them. Beyond that messages wait here,
//! within bounds, and when those are reached the inbox's policy decides. So a session that does not read costs no more memory than that, and delays nobody.

use super::Effect;
use super::error::Error;
use super::session::SessionId;
use hashbrown::HashMap;
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use zeroize::Zeroizing;

/// The most inboxes.
const MAX_INBOXES: usize = 100_000;
/// The most bytes that wait in an inbox.
const MAX_WAITING: usize = 16 * 1024 * 1024;
/// The most bytes in all inboxes; what several of them share counts for each.
const MAX_KEPT: usize = 256 * 1024 * 1024;
/// How many bytes may be on their way before nothing more is sent.
const MAX_IN_FLIGHT: usize = 512 * 1024;
/// What a message takes beside its payload.
const OVERHEAD: usize = 64;

/// How a payload is to be read. The broker does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// JSON text.
    Json,
    /// V8's structured clone.
    V8,
    /// Bytes as they are.
    Bytes,
}

/// What a message carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload<'a> {
    /// How to read it.
    pub encoding: Encoding,
    /// It.
    pub bytes: &'a [u8],
}

/// A message, shared by all who receive it.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    /// No other message or subscription has the same.
    pub id: u64,
    /// How to read the payload.
    pub encoding: Encoding,
    /// The payload; wiped when the last has received it.
    pub bytes: Zeroizing<Box<[u8]>>,
    /// Whether its publisher awaits replies.
    pub awaits_replies: bool,
}

/// What becomes of a message when as many wait as may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// The oldest that waits is dropped for it.
    Latest,
    /// It is dropped.
    Drop,
    /// The inbox ends, after what waits.
    Error,
}

/// What a session wants of an inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// What to do beyond the limit.
    pub overflow: Overflow,
    /// The most messages that wait.
    pub limit: usize,
    /// The most messages on their way: sent, and not said to be taken.
    pub window: usize,
}

/// Which replies a publisher awaits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replies {
    /// One.
    First,
    /// As many as come.
    All(Backlog),
}

/// Where an inbox's messages come from.
#[derive(Debug)]
pub(super) enum Source {
    Topic,
    /// Replies to a message, from sessions that have received it or will.
    Replies {
        first_only: bool,
        receivers: Vec<SessionId>,
    },
}

#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) session: SessionId,
    pub(super) topic: Rc<str>,
    pub(super) source: Source,
    backlog: Backlog,
    /// The sizes of those on their way, the oldest first.
    in_flight: VecDeque<usize>,
    in_flight_bytes: usize,
    /// Each with how many were dropped before it.
    pub(super) waiting: VecDeque<(Rc<Message>, u64)>,
    waiting_bytes: usize,
    /// How many were dropped since one was taken in.
    dropped: u64,
    /// Nothing more comes in. When nothing waits any more, its session is told so, with why.
    ending: Option<Option<Error>>,
}

impl Inbox {
    pub(super) fn new(session: SessionId, topic: Rc<str>, source: Source, backlog: Backlog) -> Self {
        Self {
            session,
            topic,
            source,
            backlog,
            in_flight: VecDeque::new(),
            in_flight_bytes: 0,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            dropped: 0,
            ending: None,
        }
    }

    fn has_credit(&self) -> bool {
        self.in_flight.len() < self.backlog.window && self.in_flight_bytes < MAX_IN_FLIGHT
    }

    fn is_full(&self, more: usize) -> bool {
        let waiting = self.waiting.len();
        waiting >= self.backlog.limit || (waiting > 0 && self.waiting_bytes + more > MAX_WAITING)
    }

    /// Says that so many of those on their way have been taken, and how many bytes those are.
    pub(super) fn taken(&mut self, count: usize) -> usize {
        let bytes = self.in_flight.drain(..count).sum();
        self.in_flight_bytes -= bytes;
        bytes
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    fn bytes(&self) -> usize {
        self.in_flight_bytes + self.waiting_bytes
    }

    /// Drops the oldest that waits.
    fn drop_oldest(&mut self) -> Option<Rc<Message>> {
        let (message, dropped) = self.waiting.pop_front()?;
        self.waiting_bytes -= size_of(&message);
        match self.waiting.front_mut() {
            Some((_, before)) => *before += dropped + 1,
            None => self.dropped += dropped + 1,
        }
        Some(message)
    }
}

fn size_of(message: &Message) -> usize {
    message.bytes.len() + OVERHEAD
}

/// What came of a message for one inbox.
#[derive(Debug, Default)]
pub(super) struct Offered {
    pub(super) accepted: bool,
    /// What was dropped for it.
    pub(super) lost: Vec<Rc<Message>>,
}

/// All inboxes.
#[derive(Debug, Default)]
pub(super) struct Topics {
    last_id: u64,
    /// The subscriptions of each, in the order in which they came.
    pub(super) by_topic: HashMap<Rc<str>, BTreeSet<u64>>,
    pub(super) inboxes: HashMap<u64, Inbox>,
    pub(super) by_session: HashMap<SessionId, BTreeSet<u64>>,
    /// The messages that await replies, by the sessions that received them or will.
    pub(super) owed: HashMap<SessionId, BTreeSet<u64>>,
    /// In all inboxes.
    pub(super) bytes: usize,
}

impl Topics {
    /// The inbox with this id, if it is the session's.
    pub(super) fn own(&mut self, session: SessionId, id: u64) -> Option<&mut Inbox> {
        self.inboxes.get_mut(&id).filter(|inbox| inbox.session == session)
    }

    pub(super) fn subscriptions_of(&self, session: SessionId) -> usize {
        self.by_session.get(&session).map_or(0, BTreeSet::len)
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Whether there may be another inbox.
    pub(super) fn check_room(&self) -> Result<(), Error> {
        match self.inboxes.len() < MAX_INBOXES {
            true => Ok(()),
            false => Err(Error::Full { what: "subscriptions and messages that await replies", limit: MAX_INBOXES }),
        }
    }

    pub(super) fn open(&mut self, id: u64, inbox: Inbox) {
        self.by_session.entry(inbox.session).or_default().insert(id);
        self.inboxes.insert(id, inbox);
    }

    /// Takes an inbox away, with what waits in it.
    pub(super) fn remove(&mut self, id: u64) -> Option<Inbox> {
        let inbox = self.inboxes.remove(&id)?;
        self.bytes -= inbox.bytes();
        forget(&mut self.by_session, &inbox.session, id);
        match &inbox.source {
            Source::Topic => forget(&mut self.by_topic, &inbox.topic, id),
            Source::Replies { receivers, .. } => {
                receivers.iter().for_each(|session| forget(&mut self.owed, session, id));
            }
        }
        Some(inbox)
    }

    fn send(&mut self, id: u64, message: Rc<Message>, dropped: u64, effects: &mut Vec<Effect>) {
        let Some(inbox) = self.inboxes.get_mut(&id) else { return };
        let size = size_of(&message);
        inbox.in_flight.push_back(size);
        inbox.in_flight_bytes += size;
        effects.push(Effect::Message { session: inbox.session, subscription: id, message, dropped });
    }

    /// Sends what waits, as far as there is credit; ends what is to end then.
    pub(super) fn pump(&mut self, id: u64, effects: &mut Vec<Effect>) {
        while let Some(inbox) = self.inboxes.get_mut(&id).filter(|inbox| inbox.has_credit()) {
            let Some((message, dropped)) = inbox.waiting.pop_front() else { break };
            inbox.waiting_bytes -= size_of(&message);
            self.send(id, message, dropped, effects);
        }
        if let Some(inbox) = self.inboxes.get_mut(&id)
            && inbox.waiting.is_empty()
            && let Some(error) = inbox.ending.take()
        {
            effects.push(Effect::Ended { session: inbox.session, subscription: id, error });
            self.remove(id);
        }
    }

    /// Nothing more comes into it.
    pub(super) fn end(&mut self, id: u64, error: Option<Error>, effects: &mut Vec<Effect>) {
        let Some(inbox) = self.inboxes.get_mut(&id).filter(|inbox| inbox.ending.is_none()) else { return };
        inbox.ending = Some(error);
        if matches!(inbox.source, Source::Topic) {
            let topic = inbox.topic.clone();
            forget(&mut self.by_topic, &topic, id);
        }
        self.pump(id, effects);
    }

    pub(super) fn offer(&mut self, id: u64, message: &Rc<Message>, effects: &mut Vec<Effect>) -> Offered {
        let size = size_of(message);
        let Some(inbox) = self.inboxes.get_mut(&id).filter(|inbox| inbox.ending.is_none()) else {
            return Offered::default();
        };
        let mut offered = Offered { accepted: true, lost: Vec::new() };
        if inbox.waiting.is_empty() && inbox.has_credit() && self.bytes + size <= MAX_KEPT {
            self.bytes += size;
            let dropped = std::mem::take(&mut inbox.dropped);
            self.send(id, message.clone(), dropped, effects);
            return offered;
        }
        while inbox.is_full(size) || self.bytes + size > MAX_KEPT {
            let overflow = inbox.backlog.overflow;
            if overflow == Overflow::Latest
                && let Some(oldest) = inbox.drop_oldest()
            {
                self.bytes -= size_of(&oldest);
                offered.lost.push(oldest);
                continue;
            }
            offered.accepted = false;
            if overflow == Overflow::Error {
                let (topic, limit) = (inbox.topic.to_string(), inbox.backlog.limit);
                let by_bytes = inbox.waiting.len() < limit;
                self.end(id, Some(Error::Overflow { topic, limit, by_bytes }), effects);
            } else {
                inbox.dropped += 1;
            }
            return offered;
        }
        self.bytes += size;
        inbox.waiting_bytes += size;
        let dropped = std::mem::take(&mut inbox.dropped);
        inbox.waiting.push_back((message.clone(), dropped));
        offered
    }
}

/// Takes an id out of a set, and the set with its last.
pub(super) fn forget<K: std::hash::Hash + Eq>(sets: &mut HashMap<K, BTreeSet<u64>>, of: &K, id: u64) {
    if let Some(set) = sets.get_mut(of) {
        set.remove(&id);
        if set.is_empty() {
            sets.remove(of);
        }
    }
}

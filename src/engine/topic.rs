//! Topics: messages to whoever listens now.
//!
//! Who awaits replies to a message has an inbox for them, under the message's id. It ends when its session says so, with the first reply where no other is awaited, or
//! when all sessions that received the message are gone: then there is nobody to reply.

use super::Engine;
use super::command::Reply;
use super::error::Error;
use super::inbox::{Backlog, Inbox, Message, Overflow, Payload, Replies, Source, forget};
use super::session::SessionId;
use std::rc::Rc;
use zeroize::Zeroizing;

/// The highest limit.
const MAX_LIMIT: usize = 1_000_000;
/// The widest window.
const MAX_WINDOW: usize = 65_536;

impl Engine {
    pub(super) fn publish(
        &mut self,
        session: Option<SessionId>,
        topic: &str,
        payload: Payload<'_>,
        replies: Option<Replies>,
    ) -> Result<Reply<'static>, Error> {
        self.check_payload(topic, payload)?;
        let session = session.filter(|&session| self.sessions.get(session).is_some());
        if replies.is_some() {
            session.ok_or(Error::SessionRequired)?;
            self.topics.check_room()?;
        }
        if let Some(Replies::All(backlog)) = replies {
            check_backlog(backlog)?;
        }
        let id = self.topics.next_id();
        let listening: Vec<u64> = self.topics.by_topic.get(topic).into_iter().flatten().copied().collect();
        if listening.is_empty() {
            return Ok(Reply::Published { message: id, receivers: 0 });
        }
        let message = Rc::new(Message::new(id, payload, replies.is_some()));
        let mut receivers = Vec::with_capacity(listening.len());
        let mut lost = Vec::new();
        for subscription in listening {
            let Some(receiver) = self.topics.inboxes.get(&subscription).map(|inbox| inbox.session) else { continue };
            let offered = self.topics.offer(subscription, &message, &mut self.effects);
            receivers.extend(offered.accepted.then_some(receiver));
            lost.extend(offered.lost.into_iter().map(|message| (message.id, receiver)));
        }
        let count = receivers.len();
        if let (Some(session), Some(replies), 1..) = (session, replies, count) {
            self.await_replies(session, id, topic, replies, receivers);
        }
        lost.into_iter().for_each(|(message, receiver)| self.not_received(message, receiver));
        Ok(Reply::Published { message: id, receivers: count })
    }

    fn await_replies(&mut self, by: SessionId, id: u64, topic: &str, replies: Replies, receivers: Vec<SessionId>) {
        let backlog = match replies {
            Replies::First => Backlog { overflow: Overflow::Drop, limit: 1, window: 1 },
            Replies::All(backlog) => backlog,
        };
        for &receiver in &receivers {
            self.topics.owed.entry(receiver).or_default().insert(id);
        }
        let source = Source::Replies { first_only: replies == Replies::First, receivers };
        self.topics.open(id, Inbox::new(by, topic.into(), source, backlog));
    }

    pub(super) fn subscribe(
        &mut self,
        session: SessionId,
        topic: &str,
        backlog: Backlog,
    ) -> Result<Reply<'static>, Error> {
        check_backlog(backlog)?;
        self.topics.check_room()?;
        let id = self.topics.next_id();
        let topic: Rc<str> = match self.topics.by_topic.get_key_value(topic) {
            Some((known, _)) => known.clone(),
            None => topic.into(),
        };
        self.topics.by_topic.entry(topic.clone()).or_default().insert(id);
        self.topics.open(id, Inbox::new(session, topic, Source::Topic, backlog));
        Ok(Reply::Subscribed(id))
    }

    /// Ends one of the session's inboxes. Whether there was one.
    pub(super) fn unsubscribe(&mut self, session: SessionId, id: u64) -> bool {
        if self.topics.own(session, id).is_none() {
            return false;
        }
        if let Some(inbox) = self.topics.remove(id) {
            for (message, _) in inbox.waiting {
                self.not_received(message.id, session);
            }
        }
        true
    }

    /// The session has taken so many messages: there is credit for as many more.
    pub(super) fn taken(&mut self, session: SessionId, id: u64, count: usize) -> Result<(), Error> {
        // It may have ended just now.
        let Some(inbox) = self.topics.own(session, id) else { return Ok(()) };
        let in_flight = inbox.in_flight();
        if count > in_flight {
            let what = format!("count must be at most {in_flight}, the messages of subscription {id} on their way");
            return Err(Error::Invalid { what });
        }
        self.topics.bytes -= inbox.taken(count);
        self.topics.pump(id, &mut self.effects);
        Ok(())
    }

    /// Replies to a message. Whether its publisher still awaits that.
    pub(super) fn reply_to(&mut self, message: u64, payload: Payload<'_>) -> Result<bool, Error> {
        let inbox = self.topics.inboxes.get(&message);
        let Some((topic, Source::Replies { first_only, .. })) = inbox.map(|inbox| (inbox.topic.clone(), &inbox.source))
        else {
            return Ok(false);
        };
        let first_only = *first_only;
        self.check_payload(&topic, payload)?;
        let reply = Rc::new(Message::new(self.topics.next_id(), payload, false));
        let offered = self.topics.offer(message, &reply, &mut self.effects);
        if first_only {
            self.topics.remove(message);
        }
        Ok(offered.accepted)
    }

    /// The session is gone: it listens to nothing, and will not reply to what it has received.
    pub(super) fn leave_topics(&mut self, session: SessionId) {
        for id in self.topics.by_session.get(&session).cloned().unwrap_or_default() {
            self.topics.remove(id);
        }
        for message in self.topics.owed.remove(&session).unwrap_or_default() {
            self.lost_receivers(message, |receivers| receivers.retain(|&receiver| receiver != session));
        }
    }

    /// It was dropped before one of its receivers had it.
    fn not_received(&mut self, message: u64, by: SessionId) {
        let mut by_any = false;
        self.lost_receivers(message, |receivers| {
            if let Some(at) = receivers.iter().position(|&receiver| receiver == by) {
                receivers.swap_remove(at);
            }
            by_any = receivers.contains(&by);
        });
        if !by_any {
            forget(&mut self.topics.owed, &by, message);
        }
    }

    fn lost_receivers(&mut self, message: u64, lose: impl FnOnce(&mut Vec<SessionId>)) {
        let Some(inbox) = self.topics.inboxes.get_mut(&message) else { return };
        let Source::Replies { first_only, receivers } = &mut inbox.source else { return };
        lose(receivers);
        if receivers.is_empty() {
            let topic = inbox.topic.to_string();
            let error = first_only.then_some(Error::NoSubscribers { topic });
            self.topics.end(message, error, &mut self.effects);
        }
    }

    fn check_payload(&self, topic: &str, payload: Payload<'_>) -> Result<(), Error> {
        let (size, limit) = (payload.bytes.len(), self.config.max_value_size);
        match size <= limit {
            true => Ok(()),
            false => Err(Error::ItemTooLarge { what: format!("the topic \"{topic}\""), size, limit }),
        }
    }
}

impl Message {
    fn new(id: u64, payload: Payload<'_>, awaits_replies: bool) -> Self {
        let Payload { encoding, bytes } = payload;
        Self { id, encoding, bytes: Zeroizing::new(bytes.into()), awaits_replies }
    }
}

fn check_backlog(Backlog { limit, window, .. }: Backlog) -> Result<(), Error> {
    let check = |name: &str, value: usize, most: usize| match (1..=most).contains(&value) {
        true => Ok(()),
        false => Err(Error::Invalid { what: format!("{name} must be a whole number from 1 to {most}, not {value}") }),
    };
    check("limit", limit, MAX_LIMIT)?;
    check("window", window, MAX_WINDOW)
}

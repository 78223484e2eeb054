#![allow(clippy::unwrap_used)]

use super::*;

struct World {
    engine: Engine,
}

/// What a session was told: of which subscription, the text and how many were dropped before it; or why it ended.
#[derive(Debug, PartialEq)]
enum Told {
    Message(u64, String, u64),
    Ended(u64, Option<&'static str>),
}

fn payload(bytes: &[u8]) -> Payload<'_> {
    Payload { encoding: Encoding::Json, bytes }
}

impl World {
    fn new() -> Self {
        Self { engine: Engine::new(Config::default()) }
    }

    fn open(&mut self) -> SessionId {
        let process = format!("process {}", self.engine.sessions());
        self.engine.open(0, Hello { name: "w".into(), pid: None, process, thread: 0 })
    }

    fn apply(&mut self, session: SessionId, command: Command<'static>) -> Result<Reply<'static>, Error> {
        let reply = self.engine.apply(0, Some(session), command)?;
        Ok(match reply {
            Reply::Published { message, receivers } => Reply::Published { message, receivers },
            Reply::Subscribed(id) => Reply::Subscribed(id),
            Reply::Unsubscribed(ended) => Reply::Unsubscribed(ended),
            Reply::Delivered(delivered) => Reply::Delivered(delivered),
            _ => Reply::Done,
        })
    }

    fn subscribe(&mut self, session: SessionId, overflow: Overflow, limit: usize, window: usize) -> u64 {
        let backlog = Backlog { overflow, limit, window };
        match self.apply(session, Command::Subscribe { topic: "t".into(), backlog }) {
            Ok(Reply::Subscribed(id)) => id,
            other => panic!("{other:?}"),
        }
    }

    fn publish(&mut self, session: SessionId, text: &'static str, replies: Option<Replies>) -> (u64, usize) {
        let command = Command::Publish { topic: "t".into(), payload: payload(text.as_bytes()), replies };
        match self.apply(session, command) {
            Ok(Reply::Published { message, receivers }) => (message, receivers),
            other => panic!("{other:?}"),
        }
    }

    fn publish_all(&mut self, session: SessionId, texts: &[&'static str]) {
        texts.iter().for_each(|text| {
            self.publish(session, text, None);
        });
    }

    fn taken(&mut self, session: SessionId, subscription: u64, count: usize) {
        self.apply(session, Command::Taken { subscription, count }).unwrap();
    }

    fn reply(&mut self, session: SessionId, message: u64, text: &'static str) -> bool {
        let outcome = self.apply(session, Command::ReplyTo { message, payload: payload(text.as_bytes()) });
        outcome == Ok(Reply::Delivered(true))
    }

    fn told(&mut self) -> Vec<Told> {
        let effects = self.engine.take_effects();
        effects
            .into_iter()
            .map(|effect| match effect {
                Effect::Message { subscription, message, dropped, .. } => {
                    Told::Message(subscription, String::from_utf8(message.bytes.to_vec()).unwrap(), dropped)
                }
                Effect::Ended { subscription, error, .. } => Told::Ended(subscription, error.map(|error| error.code())),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    fn close(&mut self, session: SessionId) {
        self.engine.close(0, session, false);
    }
}

fn message(subscription: u64, text: &str) -> Told {
    Told::Message(subscription, text.into(), 0)
}

#[test]
fn a_message_goes_to_all_who_listen_now() {
    let mut world = World::new();
    let (a, b) = (world.open(), world.open());
    assert_eq!(world.publish(a, "0", None).1, 0);
    let (one, two) = (world.subscribe(a, Overflow::Error, 9, 9), world.subscribe(b, Overflow::Error, 9, 9));
    assert_eq!(world.publish(a, "1", None).1, 2);
    assert_eq!(world.told(), [message(one, "1"), message(two, "1")]);
    assert_eq!(world.apply(a, Command::Unsubscribe { subscription: two }), Ok(Reply::Unsubscribed(false)));
    assert_eq!(world.apply(b, Command::Unsubscribe { subscription: two }), Ok(Reply::Unsubscribed(true)));
    assert_eq!(world.publish(b, "2", None).1, 1);
    world.close(a);
    assert_eq!(world.engine.topics(), (0, 0, 0));
}

#[test]
fn a_session_is_sent_no_more_than_it_has_credit_for() {
    let mut world = World::new();
    let a = world.open();
    let id = world.subscribe(a, Overflow::Error, 10, 2);
    world.publish_all(a, &["1", "2", "3", "4"]);
    assert_eq!(world.told(), [message(id, "1"), message(id, "2")]);
    world.taken(a, id, 1);
    world.publish_all(a, &["5"]);
    assert_eq!(world.told(), [message(id, "3")]);
    world.taken(a, id, 2);
    assert_eq!(world.told(), [message(id, "4"), message(id, "5")]);
    let too_many = world.apply(a, Command::Taken { subscription: id, count: 3 });
    assert_eq!(too_many.unwrap_err().code(), "invalid_request");
    world.taken(a, id, 2);
    assert_eq!(world.engine.topics(), (1, 1, 0));
}

/// However wide the window.
#[test]
fn credit_is_for_bytes_too() {
    let mut world = World::new();
    let a = world.open();
    let id = world.subscribe(a, Overflow::Drop, 1000, 1000);
    let large: &'static str = Box::leak("x".repeat(200_000).into_boxed_str());
    world.publish_all(a, &[large; 5]);
    assert_eq!(world.told().len(), 3);
    world.taken(a, id, 1);
    assert_eq!(world.told().len(), 1);
}

#[test]
fn latest_drops_the_oldest_that_waits() {
    let mut world = World::new();
    let a = world.open();
    let id = world.subscribe(a, Overflow::Latest, 2, 1);
    world.publish_all(a, &["1", "2", "3", "4", "5"]);
    world.taken(a, id, 1);
    world.taken(a, id, 1);
    assert_eq!(world.told(), [message(id, "1"), Told::Message(id, "4".into(), 2), message(id, "5")]);
}

#[test]
fn drop_drops_the_new_one() {
    let mut world = World::new();
    let a = world.open();
    let id = world.subscribe(a, Overflow::Drop, 2, 1);
    world.publish_all(a, &["1", "2", "3"]);
    assert_eq!(world.publish(a, "4", None).1, 0);
    assert_eq!(world.publish(a, "5", None).1, 0);
    world.taken(a, id, 1);
    world.publish_all(a, &["6"]);
    world.taken(a, id, 1);
    world.taken(a, id, 1);
    let last = Told::Message(id, "6".into(), 2);
    assert_eq!(world.told(), [message(id, "1"), message(id, "2"), message(id, "3"), last]);
}

#[test]
fn error_ends_the_subscription_after_what_waits() {
    let mut world = World::new();
    let a = world.open();
    let id = world.subscribe(a, Overflow::Error, 1, 1);
    world.publish_all(a, &["1", "2", "3", "4"]);
    assert_eq!(world.publish(a, "5", None).1, 0);
    world.taken(a, id, 1);
    assert_eq!(world.told(), [message(id, "1"), message(id, "2"), Told::Ended(id, Some("overflow"))]);
    assert_eq!(world.engine.topics(), (0, 0, 0));
    // It crossed the news that it has ended.
    world.taken(a, id, 1);
}

#[test]
fn bytes_that_wait_are_bounded() {
    let mut world = World::new();
    let a = world.open();
    let large: &'static str = Box::leak("x".repeat(200_000).into_boxed_str());
    let ids: Vec<u64> = (0..30).map(|_| world.subscribe(a, Overflow::Latest, 1000, 1)).collect();
    for _ in 0..200 {
        world.publish(a, large, None);
        world.told();
    }
    let (.., bytes) = world.engine.topics();
    assert!(bytes <= 256 * 1024 * 1024, "{bytes}");
    assert!(bytes > 200 * 1024 * 1024, "{bytes}");
    world.close(a);
    assert_eq!(world.engine.topics(), (0, 0, 0));
    assert_eq!(ids.len(), 30);
}

#[test]
fn the_first_reply_is_all_that_is_awaited() {
    let mut world = World::new();
    let (a, b, c) = (world.open(), world.open(), world.open());
    assert_eq!(world.publish(a, "nobody", Some(Replies::First)).1, 0);
    world.subscribe(b, Overflow::Error, 9, 9);
    world.subscribe(c, Overflow::Error, 9, 9);
    let (id, receivers) = world.publish(a, "?", Some(Replies::First));
    assert_eq!(receivers, 2);
    world.told();
    assert!(world.reply(b, id, "b"));
    assert!(!world.reply(c, id, "c"));
    assert_eq!(world.told(), [message(id, "b")]);
    world.close(b);
    world.close(c);
    assert_eq!((world.told(), world.engine.topics()), (vec![], (0, 0, 0)));
}

#[test]
fn replies_are_bounded_as_messages_are() {
    let mut world = World::new();
    let (a, b) = (world.open(), world.open());
    world.subscribe(b, Overflow::Error, 9, 9);
    let backlog = Backlog { overflow: Overflow::Latest, limit: 1, window: 1 };
    let (id, _) = world.publish(a, "?", Some(Replies::All(backlog)));
    world.told();
    for text in ["1", "2", "3"] {
        assert!(world.reply(b, id, text));
    }
    assert_eq!(world.told(), [message(id, "1")]);
    world.close(b);
    // What has come is told before that nothing more will.
    world.taken(a, id, 1);
    assert_eq!(world.told(), [Told::Message(id, "3".into(), 1), Told::Ended(id, None)]);
    assert_eq!(world.engine.topics(), (0, 0, 0));
}

#[test]
fn a_request_ends_when_nobody_can_reply_any_more() {
    for by_unsubscribing in [false, true] {
        let mut world = World::new();
        let (a, b) = (world.open(), world.open());
        let subscription = world.subscribe(b, Overflow::Latest, 1, 1);
        world.publish(a, "in the way", None);
        let (dropped, _) = world.publish(a, "1?", Some(Replies::First));
        let (id, _) = world.publish(a, "2?", Some(Replies::First));
        world.told();
        assert!(!world.reply(b, dropped, "!"), "it was dropped for the other");
        match by_unsubscribing {
            true => drop(world.apply(b, Command::Unsubscribe { subscription })),
            false => world.close(b),
        }
        assert_eq!(world.told(), [Told::Ended(id, Some("no_subscribers"))]);
        assert_eq!(world.engine.topics(), (0, 0, 0));
        assert!(world.engine.topics.owed.is_empty() && world.engine.topics.by_session.is_empty());
    }
}

#[test]
fn who_is_gone_is_not_replied_to() {
    let mut world = World::new();
    let (a, b) = (world.open(), world.open());
    world.subscribe(b, Overflow::Error, 9, 9);
    let (id, _) = world.publish(a, "?", Some(Replies::First));
    world.close(a);
    assert!(!world.reply(b, id, "!"));
    assert!(world.engine.topics.owed.is_empty());
}

#[test]
fn what_is_wrong_is_said() {
    let mut world = World::new();
    let a = world.open();
    let backlog = |limit, window| Backlog { overflow: Overflow::Drop, limit, window };
    for backlog in [backlog(0, 1), backlog(1, 0), backlog(1_000_001, 1), backlog(1, 65_537)] {
        let refused = world.apply(a, Command::Subscribe { topic: "t".into(), backlog });
        assert_eq!(refused.unwrap_err().code(), "invalid_request");
    }
    let large: &'static [u8] = vec![b'1'; 256 * 1024 + 1].leak();
    let publish = |replies| Command::Publish { topic: "t".into(), payload: payload(large), replies };
    assert_eq!(world.apply(a, publish(None)).unwrap_err().code(), "too_large");
    let anybody = Command::Publish { topic: "t".into(), payload: payload(b"1"), replies: Some(Replies::First) };
    assert_eq!(world.engine.apply(0, None, anybody).unwrap_err().code(), "session_required");
}

//! A reply into a line.

use super::Failure;
use crate::buffer::Buffer;
use crate::engine::{Encoding, Error, Granted, Kept, LeaseGrant, Message, Micros, QueueFailure, Reply, Value};

/// Writes replies, one after the other, each to be begun with the `id` of its request.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    out: &'a mut Buffer,
}

// Writing into memory cannot fail.
const INFALLIBLE: &str = "a write into memory";

impl<'a> Writer<'a> {
    pub(crate) fn new(out: &'a mut Buffer) -> Self {
        Self { out }
    }

    /// What an engine's command came to.
    pub(crate) fn reply(&mut self, id: Option<&str>, reply: Reply<'_>) {
        self.begin(id, true);
        match reply {
            Reply::Done => {}
            Reply::Value(value) => self.value(value),
            Reply::Versioned { value, version } => {
                self.value(value);
                self.member("version", &version);
            }
            Reply::Set { set, version } => {
                self.member("set", &set);
                self.member("version", &version);
            }
            Reply::Deleted(deleted) => self.member("deleted", &deleted),
            Reply::Exists(exists) => self.member("exists", &exists),
            Reply::Released(released) => self.member("released", &released),
            Reply::Leased(Granted { number, token, expires_in, waited }) => {
                self.member("value", &number);
                self.member("token", &token);
                self.member("expires", &expires_in.map(millis));
                if waited > 0 {
                    self.waited(waited);
                }
            }
            Reply::Number(number) => self.number("value", number),
            Reply::Length(length) => self.member("length", &length),
            Reply::Items { items, length, next } => {
                self.list("items", items.iter().copied(), |writer, json| writer.text(json));
                self.member("length", &length);
                if let Some(next) = next {
                    self.member("next", &next);
                }
            }
            Reply::Sized { size, created } => {
                self.member("size", &size);
                if let Some(created) = created {
                    self.member("created", &created);
                }
            }
            Reply::Created(created) => self.member("created", &created),
            Reply::Leases { leases, waited } => {
                self.list("leases", leases.iter(), Self::lease);
                self.waited(waited);
            }
            Reply::Held { token, waited } => self.granted(token, waited),
            Reply::Renewed(expires_in) => self.member("expires", &expires_in.map(millis)),
            Reply::Discarded(discarded) => self.member("discarded", &discarded),
            Reply::Reserved(places) => self.member("reserved", &places),
            Reply::Unreserved(count) => self.member("released", &count),
            Reply::Kept { kept, token, waited } => {
                self.kept(&kept);
                if let Some(token) = token {
                    self.member("token", &token);
                }
                self.waited(waited);
            }
            Reply::Run { token, waited } => {
                self.member("run", &true);
                self.granted(token, waited);
            }
            Reply::Changed { kept, waited } => {
                if let Some(kept) = &kept {
                    self.kept(kept);
                }
                self.member("version", &kept.map_or(0, |kept| kept.version));
                self.waited(waited);
            }
            Reply::Item { json, token, attempt, waited } => {
                self.raw("item", &json);
                self.member("attempt", &attempt);
                self.granted(token, waited);
            }
            Reply::NoItem { done } => self.member(if done { "done" } else { "none" }, &true),
            Reply::KeptHold(kept) => self.member("kept", &kept),
            Reply::Leaked(leak) => self.member("leak", &leak),
            Reply::Acked(acked) => self.member("acked", &acked),
            Reply::Nacked(nacked) => self.member("nacked", &nacked),
            Reply::AllDone { acked, failures } => {
                self.member("acked", &acked);
                self.list("failures", failures.iter(), Self::queue_failure);
            }
            Reply::Passed { waited } => self.waited(waited),
            Reply::Arrived { index, waited } => {
                self.member("index", &index);
                self.waited(waited);
            }
            Reply::Published { message, receivers } => {
                self.member("messageId", &message);
                self.member("receivers", &receivers);
            }
            Reply::Subscribed(subscription) => self.member("subscription", &subscription),
            Reply::Unsubscribed(unsubscribed) => self.member("unsubscribed", &unsubscribed),
            Reply::Delivered(delivered) => self.member("delivered", &delivered),
        }
        self.end();
    }

    /// A request that was not done.
    pub(crate) fn failure(&mut self, id: Option<&str>, failure: &Failure) {
        self.begin(id, false);
        self.member("error", &failure.code);
        self.member("message", &failure.message);
        if let Some(reason) = &failure.reason {
            self.raw("reason", reason);
        }
        if let Some(obstacle) = &failure.obstacle {
            self.member("kind", obstacle.kind);
            self.member("name", &obstacle.name);
            self.member("holders", &obstacle.holders);
        }
        self.end();
    }

    /// Something that a session held is its no more.
    pub(crate) fn lost(&mut self, token: u64, what: &str) {
        self.text("{\"event\":\"lost\"");
        self.member("token", &token);
        self.member("message", &format_args!("lost: {what} is not held any more: its TTL is over"));
        self.end();
    }

    /// A message for a subscription.
    pub(crate) fn message(&mut self, subscription: u64, message: &Message, dropped: u64) {
        let Message { id, encoding, bytes, awaits_replies } = message;
        match encoding {
            Encoding::Json => self.text("{\"event\":\"message\""),
            Encoding::V8 | Encoding::Bytes => {
                self.text("{\"raw\":");
                self.text(&bytes.len().to_string());
                self.text(",\"event\":\"message\"");
            }
        }
        self.member("subscription", &subscription);
        self.member("messageId", id);
        if *awaits_replies {
            self.member("replies", &true);
        }
        if dropped > 0 {
            self.member("dropped", &dropped);
        }
        match encoding {
            Encoding::Json => {
                self.text(",\"data\":");
                self.out.extend(bytes);
                self.end();
            }
            Encoding::V8 | Encoding::Bytes => {
                self.member("encoding", if *encoding == Encoding::V8 { "v8" } else { "bytes" });
                self.end();
                self.out.extend(bytes);
            }
        }
    }

    /// No more messages come for a subscription.
    pub(crate) fn ended(&mut self, subscription: u64, error: Option<&Error>) {
        self.text("{\"event\":\"ended\"");
        self.member("subscription", &subscription);
        if let Some(error) = error {
            self.member("error", error.code());
            self.member("message", &error.to_string());
        }
        self.end();
    }

    /// Begins a reply that is written member by member.
    pub(crate) fn begin(&mut self, id: Option<&str>, ok: bool) {
        match id {
            Some(id) => {
                self.text("{\"id\":");
                self.text(id);
                self.text(",\"ok\":");
            }
            None => self.text("{\"ok\":"),
        }
        self.text(if ok { "true" } else { "false" });
    }

    /// Adds a member to a reply that was begun.
    #[allow(clippy::expect_used)]
    pub(crate) fn member(&mut self, name: &str, value: &(impl serde::Serialize + ?Sized)) {
        self.text(",\"");
        self.text(name);
        self.text("\":");
        serde_json::to_writer(&mut *self.out, value).expect(INFALLIBLE);
    }

    /// Ends a reply that was begun.
    pub(crate) fn end(&mut self) {
        self.text("}\n");
    }

    /// Adds a member whose JSON is there.
    pub(crate) fn raw(&mut self, name: &str, json: &str) {
        self.text(",\"");
        self.text(name);
        self.text("\":");
        self.text(json);
    }

    /// Adds an array.
    pub(crate) fn list<T>(&mut self, name: &str, items: impl Iterator<Item = T>, mut write: impl FnMut(&mut Self, T)) {
        self.raw(name, "[");
        for (at, item) in items.enumerate() {
            if at > 0 {
                self.text(",");
            }
            write(self, item);
        }
        self.text("]");
    }

    fn value(&mut self, value: Value<'_>) {
        if let Some(json) = value.json {
            self.raw("value", json);
        }
        if value.compressed {
            self.text(",\"compressed\":true");
        }
    }

    fn kept(&mut self, kept: &Kept) {
        self.value(Value { json: kept.json.as_deref(), compressed: kept.compressed });
    }

    fn granted(&mut self, token: u64, waited: Micros) {
        self.member("token", &token);
        self.waited(waited);
    }

    fn waited(&mut self, waited: Micros) {
        self.member("waited", &millis(waited));
    }

    /// A whole number without a fraction.
    fn number(&mut self, name: &str, number: f64) {
        self.raw(name, &number.to_string());
    }

    fn lease(&mut self, lease: &LeaseGrant) {
        let LeaseGrant { pool, number, json, token, expires_in } = lease;
        self.text("{\"number\":");
        self.text(&number.to_string());
        self.member("pool", &**pool);
        match json {
            Some(json) => self.raw("value", json),
            None => self.member("value", number),
        }
        self.member("token", token);
        self.member("expires", &expires_in.map(millis));
        self.text("}");
    }

    fn queue_failure(&mut self, failure: &QueueFailure) {
        let QueueFailure { json, attempts, reason, worker, test } = failure;
        self.text("{\"attempts\":");
        self.text(&attempts.to_string());
        self.raw("item", json);
        self.raw("reason", reason);
        self.member("worker", worker);
        self.member("test", &test.as_deref());
        self.text("}");
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.out.extend(text.as_bytes());
    }
}

/// Time spans go over the wire in milliseconds.
pub(crate) fn millis(micros: Micros) -> f64 {
    micros as f64 / 1000.0
}

//! A reply into a line.

use super::Failure;
use crate::buffer::Buffer;
use crate::engine::{Granted, Micros, Reply};

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
            Reply::Value(value) => {
                if let Some(json) = value.json {
                    self.text(",\"value\":");
                    self.text(json);
                }
                if value.compressed {
                    self.text(",\"compressed\":true");
                }
            }
            Reply::Deleted(deleted) => self.member("deleted", &deleted),
            Reply::Exists(exists) => self.member("exists", &exists),
            Reply::Released(released) => self.member("released", &released),
            Reply::Leased(Granted { number, token, expires_in }) => {
                self.member("value", &number);
                self.member("token", &token);
                self.member("expires", &expires_in.map(millis));
            }
        }
        self.end();
    }

    /// A request that was not done.
    pub(crate) fn failure(&mut self, id: Option<&str>, failure: &Failure) {
        self.begin(id, false);
        self.member("error", &failure.code);
        self.member("message", &failure.message);
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
    pub(crate) fn member(&mut self, name: &str, value: &impl serde::Serialize) {
        self.text(",\"");
        self.text(name);
        self.text("\":");
        serde_json::to_writer(&mut *self.out, value).expect(INFALLIBLE);
    }

    /// Ends a reply that was begun.
    pub(crate) fn end(&mut self) {
        self.text("}\n");
    }

    fn text(&mut self, text: &str) {
        self.out.extend(text.as_bytes());
    }
}

/// Time spans go over the wire in milliseconds.
pub(crate) fn millis(micros: Micros) -> f64 {
    micros as f64 / 1000.0
}

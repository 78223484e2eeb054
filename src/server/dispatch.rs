//! What is said on a connection: who speaks, and what comes of each line.

use super::report;
use super::state::State;
use crate::buffer::Buffer;
use crate::engine::{self, Action, Micros, SessionId};
use crate::protocol::auth::{self, Side};
use crate::protocol::compression::{Unfit, inflated_size};
use crate::protocol::frame::Frame;
use crate::protocol::reply::Writer;
use crate::protocol::request::{self, Hello, Line, Request};
use crate::protocol::{Failure, request::id_of_prefix};
use std::rc::Rc;

/// The version of the protocol.
const PROTOCOL: u64 = 1;

/// The state of a conversation.
pub(super) struct Dialogue {
    state: Rc<State>,
    phase: Phase,
    /// The other side has said its last.
    over: bool,
}

enum Phase {
    /// Nothing has been said.
    New,
    /// Requests came without a hello: leases are detached, and where there is a secret each message carries a MAC.
    Bare,
    /// It said hello and was asked for its proof.
    Challenged { hello: engine::Hello, client_nonce: String, broker_nonce: String },
    /// It has a session.
    Open(SessionId),
    /// Its session has ended; whatever comes now comes too late.
    Left,
}

impl Dialogue {
    pub(super) fn new(state: Rc<State>) -> Self {
        Self { state, phase: Phase::New, over: false }
    }

    /// Whether the connection is to end, once what was said has been sent.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// The other side has closed its end.
    pub(super) fn hang_up(&mut self) {
        self.over = true;
    }

    /// The connection is gone.
    pub(super) fn end(&mut self) {
        if let Phase::Open(session) = std::mem::replace(&mut self.phase, Phase::Left) {
            let orderly = self.state.ending.get();
            self.state.engine.borrow_mut().close(self.state.now(), session, orderly);
        }
    }

    /// Takes a line, and writes its reply.
    pub(super) fn take(&mut self, now: Micros, frame: &Frame<'_>, out: &mut Buffer) {
        let mut writer = Writer::new(out);
        let bytes = match frame {
            Frame::Line(line) if line.trim_ascii().is_empty() => return,
            Frame::Line(line) => line,
            Frame::TooLong(prefix) => {
                let limit = self.state.options.max_request_size;
                let failure =
                    Failure::new("too_large", format_args!("a request may have {limit} bytes (maxRequestSize)"));
                return writer.failure(id_of_prefix(prefix), &failure);
            }
        };
        self.state.last_request.set(now);
        let line = match request::parse(bytes) {
            Ok(line) => line,
            Err(failure) => return writer.failure(None, &failure),
        };
        // `parse` has seen that it is UTF-8.
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        if let Err(failure) = self.answer(now, text, &line, &mut writer) {
            writer.failure(line.id, &failure);
        }
    }

    fn answer(&mut self, now: Micros, text: &str, line: &Line<'_>, writer: &mut Writer<'_>) -> Result<(), Failure> {
        self.authorise(text, line)?;
        let request = line.request.as_ref().map_err(Failure::clone)?;
        let closing = matches!(
            request,
            Request::Release { .. } | Request::Health | Request::Stats | Request::Metrics | Request::Bye
        );
        if self.state.draining.get() && !closing {
            return Err(Failure::new("draining", "the broker is about to stop and takes no new requests"));
        }
        match request {
            Request::Hello(hello) => return self.hello(line.id, hello, writer),
            Request::Auth { proof } => return self.auth(line.id, proof, writer),
            Request::Bye => {
                self.bye(now);
                writer.begin(line.id, true);
                writer.end();
                return Ok(());
            }
            _ => {}
        }
        if matches!(self.phase, Phase::New) {
            self.phase = Phase::Bare;
        }
        match request.command() {
            Some(command) => self.command(now, line.id, command, writer),
            None => {
                self.report(now, line.id, request, writer);
                Ok(())
            }
        }
    }

    /// Where there is a secret: only who has proved to know it, or proves it with this very message, is listened to.
    fn authorise(&mut self, text: &str, line: &Line<'_>) -> Result<(), Failure> {
        let Some(secret) = &self.state.secret else { return Ok(()) };
        match (&self.phase, &line.request) {
            (Phase::Open(_), _)
            | (Phase::New, Ok(Request::Hello(_)))
            | (Phase::Challenged { .. }, Ok(Request::Auth { .. })) => Ok(()),
            _ if line.hmac.is_some_and(|hmac| auth::check_message(secret, text, hmac)) => Ok(()),
            _ => Err(Failure::new(
                "auth_failed",
                "the broker has a secret, which this request does not prove to know; set EPHEMERAL_SECRET, or the option secret, to the broker's",
            )),
        }
    }

    fn hello(&mut self, id: Option<&str>, hello: &Hello<'_>, writer: &mut Writer<'_>) -> Result<(), Failure> {
        if !matches!(self.phase, Phase::New) {
            return Err(Failure::new("invalid_request", "hello must be the first request of a connection"));
        }
        if hello.protocol != PROTOCOL {
            let text = format!(
                "this broker speaks protocol {PROTOCOL}, not {}; use the same version of ephemeral-broker on both sides",
                hello.protocol
            );
            return Err(Failure::new("invalid_request", text));
        }
        let process = hello.process.as_deref().map(str::to_owned).or_else(|| hello.pid.map(|pid| format!("pid {pid}")));
        // Without either it is alone: no other connection can be of its process.
        let process = process.unwrap_or_else(|| format!("connection {}", self.state.next_serial()));
        let name = hello
            .name
            .as_deref()
            .map_or_else(|| hello.pid.map_or("worker".into(), |pid| format!("pid {pid}")), str::to_owned);
        let introduced = engine::Hello { name, pid: hello.pid, process, thread: hello.thread };
        if self.state.secret.is_none() {
            return self.open(id, introduced, writer);
        }
        let Some(client_nonce) = hello.nonce.as_deref().filter(|nonce| auth::is_nonce(nonce)) else {
            return Err(Failure::new(
                "auth_failed",
                "the broker has a secret: hello must have a nonce of 32 to 128 hex digits",
            ));
        };
        self.challenge(id, introduced, client_nonce, writer)
    }

    fn challenge(
        &mut self,
        id: Option<&str>,
        hello: engine::Hello,
        client_nonce: &str,
        writer: &mut Writer<'_>,
    ) -> Result<(), Failure> {
        let Some(secret) = &self.state.secret else { return Ok(()) };
        let broker_nonce = auth::random_hex(16).map_err(|error| {
            Failure::new("auth_failed", format_args!("the broker's system has no random numbers: {error}"))
        })?;
        let proof = auth::prove(secret, Side::Broker, client_nonce, &broker_nonce);
        writer.begin(id, true);
        writer.member("protocol", &PROTOCOL);
        writer.member("server", &report::SERVER);
        writer.member("auth", &serde_json::json!({ "nonce": broker_nonce, "proof": proof }));
        writer.end();
        self.phase = Phase::Challenged { hello, client_nonce: client_nonce.to_owned(), broker_nonce };
        Ok(())
    }

    fn auth(&mut self, id: Option<&str>, proof: &str, writer: &mut Writer<'_>) -> Result<(), Failure> {
        let Some(secret) = &self.state.secret else {
            return Err(Failure::new("invalid_request", "the broker has no secret: there is nothing to prove"));
        };
        match std::mem::replace(&mut self.phase, Phase::Left) {
            Phase::Challenged { hello, client_nonce, broker_nonce } => {
                if auth::check(secret, Side::Client, &client_nonce, &broker_nonce, proof) {
                    return self.open(id, hello, writer);
                }
                self.over = true;
                Err(Failure::new("auth_failed", "the proof is wrong: the worker's secret is not the broker's"))
            }
            phase => {
                self.phase = phase;
                Err(Failure::new("invalid_request", "auth answers the challenge in a reply to hello; there was none"))
            }
        }
    }

    fn open(&mut self, id: Option<&str>, hello: engine::Hello, writer: &mut Writer<'_>) -> Result<(), Failure> {
        self.state.log.debug("a worker has come", &[("name", hello.name.as_str().into()), ("pid", hello.pid.into())]);
        let session = self.state.engine.borrow_mut().open(hello);
        self.phase = Phase::Open(session);
        let options = &self.state.options;
        writer.begin(id, true);
        writer.member("protocol", &PROTOCOL);
        writer.member("session", &session.0);
        writer.member("server", &report::SERVER);
        writer.member("pid", &std::process::id());
        let limits =
            serde_json::json!({ "maxRequestSize": options.max_request_size, "maxValueSize": options.max_value_size });
        writer.member("limits", &limits);
        writer.member("requireTTL", &options.require_ttl);
        let compression =
            serde_json::json!({ "enabled": options.compression, "threshold": options.compression_threshold });
        writer.member("compression", &compression);
        writer.end();
        Ok(())
    }

    fn bye(&mut self, now: Micros) {
        if let Phase::Open(session) = std::mem::replace(&mut self.phase, Phase::Left) {
            self.state.engine.borrow_mut().close(now, session, true);
        }
        self.over = true;
    }

    fn command(
        &mut self,
        now: Micros,
        id: Option<&str>,
        command: engine::Command<'_>,
        writer: &mut Writer<'_>,
    ) -> Result<(), Failure> {
        let session = match self.phase {
            Phase::Open(session) => Some(session),
            _ => None,
        };
        let compression = match command {
            engine::Command::Set { value, .. } => Some(self.measure(value)?),
            _ => None,
        };
        let mut engine = self.state.engine.borrow_mut();
        match engine.apply(now, session, command) {
            Ok(reply) => {
                writer.reply(id, reply);
                if let Some(compression) = compression {
                    engine.record_value(compression);
                }
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A compressed value's size before and after; it must keep to the limit both ways.
    fn measure(&self, value: engine::Value<'_>) -> Result<Option<(usize, usize)>, Failure> {
        let (true, Some(json)) = (value.compressed, value.json) else { return Ok(None) };
        let limit = self.state.options.max_value_size;
        match inflated_size(json, limit) {
            Ok(size) => Ok(Some((size, json.len()))),
            Err(Unfit::TooLarge) => Err(Failure::new(
                "too_large",
                format_args!("the compressed value inflates to more than {limit} bytes (maxValueSize)"),
            )),
            Err(Unfit::NotGzip) => {
                Err(Failure::new("invalid_request", "value must be the base64 of a gzip, because compressed is true"))
            }
        }
    }

    fn report(&mut self, now: Micros, id: Option<&str>, request: &Request<'_>, writer: &mut Writer<'_>) {
        let action = match request {
            Request::List => Action::List,
            Request::Stats => Action::Stats,
            Request::Health => Action::Health,
            Request::Metrics => Action::Metrics,
            _ => Action::Ping,
        };
        let mut engine = self.state.engine.borrow_mut();
        engine.tick(now);
        engine.record(action, true);
        writer.begin(id, true);
        report::write(&self.state, &engine, now, action, writer);
        writer.end();
    }
}

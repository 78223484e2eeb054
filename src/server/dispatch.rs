//! What is said on a connection: who speaks, and what comes of each line.

use super::outbox::{Delivery, Outbox};
use super::report;
use super::state::State;
use crate::buffer::Buffer;
use crate::engine::{self, Action, Ask, Command, Effect, Micros, SessionId, Terms, Ticket};
use crate::protocol::auth::{self, Side};
use crate::protocol::compression::{Unfit, inflated_size};
use crate::protocol::frame::Frame;
use crate::protocol::reply::Writer;
use crate::protocol::request::{self, Hello, Line, Request};
use crate::protocol::{Failure, request::id_of_prefix};
use slab::Slab;
use std::collections::HashMap;
use std::rc::Rc;
use std::task::Waker;

/// The version of the protocol.
const PROTOCOL: u64 = 1;

/// The state of a conversation.
pub(super) struct Dialogue {
    state: Rc<State>,
    phase: Phase,
    /// The other side has said its last.
    over: bool,
    waiting: Waiting,
}

/// What the other side was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// What it asked for, or must know.
    Reply,
    /// A message for which it has credit, or that it has more of that: it need not be quick to read it.
    Message,
}

/// The requests that wait, by the tickets under which the engine knows them.
#[derive(Default)]
struct Waiting {
    ids: Slab<Option<Box<str>>>,
    tickets: HashMap<Box<str>, Ticket>,
    /// One without an id: those behind it wait too, because replies without ids come in order.
    held: Option<Ticket>,
}

impl Waiting {
    fn begin(&mut self, id: Option<&str>) -> Ticket {
        self.ids.insert(id.map(Box::from)) as Ticket
    }

    /// Its turn has not come at once: it can be cancelled by its id, or holds up those behind it.
    fn wait(&mut self, ticket: Ticket, id: Option<&str>) {
        match id {
            Some(id) => drop(self.tickets.insert(id.into(), ticket)),
            None => self.held = Some(ticket),
        }
    }

    /// The request's id.
    fn end(&mut self, ticket: Ticket) -> Option<Box<str>> {
        if self.held == Some(ticket) {
            self.held = None;
        }
        let id = self.ids.try_remove(ticket as usize)??;
        if self.tickets.get(&id) == Some(&ticket) {
            self.tickets.remove(&id);
        }
        Some(id)
    }
}

enum Phase {
    /// Nothing has been said.
    New,
    /// Requests came without a hello: leases are detached, and where there is a secret each message carries a MAC.
    Bare,
    /// It said hello and was asked for its proof.
    Challenged { hello: engine::Hello, client_nonce: String, broker_nonce: String },
    /// It has a session.
    Open(SessionId, Rc<Outbox>),
    /// Its session has ended; whatever comes now comes too late.
    Left,
}

impl Dialogue {
    pub(super) fn new(state: Rc<State>) -> Self {
        Self { state, phase: Phase::New, over: false, waiting: Waiting::default() }
    }

    /// Whether the connection is to end, once what was said has been sent.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Whether a request waits that has no id, so that those behind it wait too.
    pub(super) fn is_held(&self) -> bool {
        self.waiting.held.is_some()
    }

    /// Writes one of the things that the session is to be told, if there is any. If not, the waker is woken when there is.
    pub(super) fn deliver(&mut self, waker: &Waker, out: &mut Buffer) -> Option<Said> {
        let Phase::Open(_, outbox) = &self.phase else { return None };
        let Some(delivery) = outbox.take() else {
            outbox.wake(waker);
            return None;
        };
        let mut writer = Writer::new(out);
        match delivery {
            Delivery::Hosted { ticket, value } => {
                let id = self.waiting.end(ticket);
                writer.begin(id.as_deref(), true);
                writer.raw("value", &value);
                writer.end();
            }
            Delivery::Effect(Effect::Answer { ticket, outcome, .. }) => {
                let id = self.waiting.end(ticket);
                match outcome {
                    Ok(reply) => writer.reply(id.as_deref(), reply),
                    Err(error) => writer.failure(id.as_deref(), &error.into()),
                }
            }
            Delivery::Effect(Effect::Lost { token, what, .. }) => writer.lost(token, &what),
            Delivery::Effect(Effect::Message { subscription, message, dropped, .. }) => {
                writer.message(subscription, &message, dropped);
                return Some(Said::Message);
            }
            Delivery::Effect(Effect::Ended { subscription, error, .. }) => writer.ended(subscription, error.as_ref()),
        }
        Some(Said::Reply)
    }

    /// The other side has closed its end.
    pub(super) fn hang_up(&mut self) {
        self.over = true;
    }

    /// The connection is gone.
    pub(super) fn end(&mut self) {
        if let Phase::Open(session, outbox) = std::mem::replace(&mut self.phase, Phase::Left) {
            let orderly = self.state.ending.get();
            outbox.close(&self.state, session);
            self.state.engine.borrow_mut().close(self.state.now(), session, orderly);
        }
    }

    /// Takes a line with its payload, and writes its reply.
    pub(super) fn take(&mut self, now: Micros, frame: &Frame<'_>, out: &mut Buffer) -> Said {
        let mut writer = Writer::new(out);
        let (bytes, payload) = match *frame {
            Frame::Line(line) if line.trim_ascii().is_empty() => return Said::Message,
            Frame::Line(line) => (line, None),
            Frame::Raw(line, payload) => (line, Some(payload)),
            Frame::TooLong(prefix) => {
                let limit = self.state.options.max_request_size;
                let failure =
                    Failure::new("too_large", format_args!("a request may have {limit} bytes (maxRequestSize)"));
                writer.failure(id_of_prefix(prefix), &failure);
                return Said::Reply;
            }
        };
        self.state.last_request.set(now);
        let line = match request::parse(bytes, payload) {
            Ok(line) => line,
            Err(failure) => {
                writer.failure(None, &failure);
                return Said::Reply;
            }
        };
        // `parse` has seen that it is UTF-8.
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        if let Err(failure) = self.answer(now, (text, payload), &line, &mut writer) {
            writer.failure(line.id, &failure);
        }
        match line.request {
            Ok(Request::Command(Command::Taken { .. })) => Said::Message,
            _ => Said::Reply,
        }
    }

    fn answer(
        &mut self,
        now: Micros,
        received: (&str, Option<&[u8]>),
        line: &Line<'_>,
        writer: &mut Writer<'_>,
    ) -> Result<(), Failure> {
        self.authorise(received, line)?;
        let request = line.request.as_ref().map_err(Failure::clone)?;
        if self.state.draining.get() && !is_closing(request) {
            return Err(Failure::new("draining", "the broker is about to stop and takes no new requests"));
        }
        match request {
            Request::Hello(hello) => return self.hello(now, line.id, hello, writer),
            Request::Auth { proof } => return self.auth(now, line.id, proof, writer),
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
        match request {
            Request::Command(command) => self.command(now, line.id, command.clone(), writer),
            Request::Ask { ask, terms } => self.ask(now, line.id, ask, terms, writer),
            Request::Host { value } => self.ask_host(line.id, value),
            Request::Cancel { request } => {
                let cancelled = self.cancel(now, request);
                self.state.engine.borrow_mut().record(Action::Cancel, cancelled.is_ok());
                let cancelled = cancelled?;
                writer.begin(line.id, true);
                writer.member("cancelled", &cancelled);
                writer.end();
                Ok(())
            }
            Request::ListPool { pool } => {
                let mut engine = self.state.engine.borrow_mut();
                engine.tick(now);
                let listed = engine.list_pool(now, pool);
                engine.record(Action::ListPool, listed.is_ok());
                let listed = listed?;
                writer.begin(line.id, true);
                report::pool(&listed, writer);
                writer.end();
                Ok(())
            }
            _ => {
                self.report(now, line.id, request, writer);
                Ok(())
            }
        }
    }

    /// Where there is a secret: only who has proved to know it, or proves it with this very message, is listened to.
    fn authorise(&mut self, (text, payload): (&str, Option<&[u8]>), line: &Line<'_>) -> Result<(), Failure> {
        let Some(secret) = &self.state.secret else { return Ok(()) };
        match (&self.phase, &line.request) {
            (Phase::Open(..), _)
            | (Phase::New, Ok(Request::Hello(_)))
            | (Phase::Challenged { .. }, Ok(Request::Auth { .. })) => Ok(()),
            _ if line.hmac.is_some_and(|hmac| auth::check_message(secret, text, payload, hmac)) => Ok(()),
            _ => Err(Failure::new(
                "auth_failed",
                "the broker has a secret, which this request does not prove to know; set EPHEMERAL_SECRET, or the option secret, to the broker's",
            )),
        }
    }

    fn hello(
        &mut self,
        now: Micros,
        id: Option<&str>,
        hello: &Hello<'_>,
        writer: &mut Writer<'_>,
    ) -> Result<(), Failure> {
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
            return self.open(now, id, introduced, writer);
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

    fn auth(&mut self, now: Micros, id: Option<&str>, proof: &str, writer: &mut Writer<'_>) -> Result<(), Failure> {
        let Some(secret) = &self.state.secret else {
            return Err(Failure::new("invalid_request", "the broker has no secret: there is nothing to prove"));
        };
        match std::mem::replace(&mut self.phase, Phase::Left) {
            Phase::Challenged { hello, client_nonce, broker_nonce } => {
                if auth::check(secret, Side::Client, &client_nonce, &broker_nonce, proof) {
                    return self.open(now, id, hello, writer);
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

    fn open(
        &mut self,
        now: Micros,
        id: Option<&str>,
        hello: engine::Hello,
        writer: &mut Writer<'_>,
    ) -> Result<(), Failure> {
        self.state.log.debug("a worker has come", &[("name", hello.name.as_str().into()), ("pid", hello.pid.into())]);
        let session = self.state.engine.borrow_mut().open(now, hello);
        self.phase = Phase::Open(session, Outbox::open(&self.state, session));
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
        if let Phase::Open(session, outbox) = std::mem::replace(&mut self.phase, Phase::Left) {
            outbox.close(&self.state, session);
            self.state.engine.borrow_mut().close(now, session, true);
        }
        self.over = true;
    }

    /// The session, while it is open.
    pub(super) fn session(&self) -> Option<SessionId> {
        match self.phase {
            Phase::Open(session, _) => Some(session),
            _ => None,
        }
    }

    fn command(
        &mut self,
        now: Micros,
        id: Option<&str>,
        command: Command<'_>,
        writer: &mut Writer<'_>,
    ) -> Result<(), Failure> {
        let session = self.session();
        let compression = match command {
            Command::Set { value, .. } => Some(self.measure(value)?),
            Command::Fulfil { value, token, .. } => Some(self.measure(value).inspect_err(|_| {
                // It will not be made with this.
                let fail = Command::Fail { token, reason: "null", all: false };
                let _ = self.state.engine.borrow_mut().apply(now, session, fail);
            })?),
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

    fn ask(
        &mut self,
        now: Micros,
        id: Option<&str>,
        ask: &Ask<'_>,
        terms: &Terms,
        writer: &mut Writer<'_>,
    ) -> Result<(), Failure> {
        let session = self.session();
        if let Ask::Lease { key, worker, ttl, detached } = ask
            && (session.is_none() || !self.state.engine.borrow().is_pool(key))
        {
            let (key, worker) = (key.clone(), worker.clone());
            return self.command(now, id, Command::Lease { key, worker, ttl: *ttl, detached: *detached }, writer);
        }
        let session = session.ok_or(engine::Error::SessionRequired)?;
        let ticket = self.waiting.begin(id);
        let mut engine = self.state.engine.borrow_mut();
        match engine.ask(now, session, ticket, terms.clone(), ask) {
            Ok(()) => {
                if engine.is_waiting(session, ticket) {
                    self.waiting.wait(ticket, id);
                }
                Ok(())
            }
            Err(error) => {
                self.waiting.end(ticket);
                Err(error.into())
            }
        }
    }

    fn ask_host(&mut self, id: Option<&str>, value: &str) -> Result<(), Failure> {
        let session = self.session().ok_or(engine::Error::SessionRequired)?;
        let ticket = self.waiting.begin(id);
        if let Err(limit) = self.state.ask_host(session, ticket, value) {
            self.waiting.end(ticket);
            return Err(engine::Error::MaxWaits { limit }.into());
        }
        self.waiting.wait(ticket, id);
        Ok(())
    }

    fn cancel(&mut self, now: Micros, request: &str) -> Result<bool, Failure> {
        let session = self.session().ok_or(engine::Error::SessionRequired)?;
        let Some(&ticket) = self.waiting.tickets.get(request) else { return Ok(false) };
        let cancelled = self.state.engine.borrow_mut().cancel(now, session, ticket);
        if cancelled {
            self.waiting.end(ticket);
        }
        Ok(cancelled)
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
            Request::Inspect => Action::Inspect,
            _ => Action::Ping,
        };
        let mut engine = self.state.engine.borrow_mut();
        engine.tick(now);
        engine.record(action, true);
        writer.begin(id, true);
        match action {
            Action::Inspect => writer.member("inspect", &engine.inspect(now, self.session())),
            action => report::write(&self.state, &engine, now, action, writer),
        }
        writer.end();
    }
}

/// What is still served while the broker drains: what gives back, and what looks.
fn is_closing(request: &Request<'_>) -> bool {
    match request {
        Request::Health | Request::Stats | Request::Metrics | Request::Inspect | Request::Bye => true,
        Request::Cancel { .. } => true,
        Request::Command(command) => matches!(
            command,
            Command::Release { .. }
                | Command::ReleaseToken { .. }
                | Command::Leak { .. }
                | Command::Discard { .. }
                | Command::Renew { .. }
                | Command::Unreserve { .. }
                | Command::Fulfil { .. }
                | Command::Fail { .. }
                | Command::Ack { .. }
                | Command::Nack { .. }
                | Command::Append { .. }
                | Command::Collect { .. }
                | Command::Describe { .. }
                | Command::Unsubscribe { .. }
                | Command::Taken { .. }
                | Command::ReplyTo { .. }
        ),
        _ => false,
    }
}

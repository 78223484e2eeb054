use super::log::{Level, Log};
use super::notice::Notice;
use super::options::Options;
use super::outbox::{Delivery, Outbox};
use super::{Notify, StopReason};
use crate::engine::{Engine, Event, Micros, Report, SessionId, Ticket};
use crate::protocol::auth::Secret;
use serde_json::json;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Instant;

/// So many questions to the host may be open.
const MAX_CALLS: usize = 10_000;

/// A question to the host.
pub(super) struct Call {
    pub(super) session: SessionId,
    ticket: Ticket,
}

/// What all connections share, on the one thread that they share too.
pub(super) struct State {
    pub(super) engine: RefCell<Engine>,
    pub(super) outboxes: RefCell<HashMap<SessionId, Rc<Outbox>>>,
    pub(super) options: Options,
    pub(super) secret: Option<Secret>,
    pub(super) log: Log,
    pub(super) started: Instant,
    pub(super) draining: Cell<bool>,
    /// It stops because it was told to: that its workers' connections end is no news.
    pub(super) ending: Cell<bool>,
    pub(super) connections: Cell<usize>,
    /// It was logged that there are too many of them.
    pub(super) crowded: Cell<bool>,
    /// Connections with replies that have not been sent.
    pub(super) unsent: Cell<usize>,
    pub(super) last_request: Cell<Micros>,
    /// Wakes the task that keeps time, because something is due earlier than it knows.
    pub(super) earlier: tokio::sync::Notify,
    /// What that task knows.
    pub(super) alarm: Cell<Option<Micros>>,
    /// Wakes who waits for `unsent` to become 0.
    pub(super) quiet: tokio::sync::Notify,
    /// Questions that the host has not answered.
    pub(super) calls: RefCell<HashMap<u64, Call>>,
    /// Names for what has none.
    serial: Cell<u64>,
    notify: Notify,
}

impl State {
    pub(super) fn new(mut options: Options, notify: Notify) -> Self {
        let secret = options.take_secret();
        let mut engine = Engine::new(options.engine());
        for pool in options.pools.drain(..) {
            // Whoever made the options has checked them.
            let _ = engine.apply(0, None, pool.command());
        }
        Self {
            engine: RefCell::new(engine),
            outboxes: RefCell::default(),
            log: Log { level: options.log_level, structured: options.structured_logging },
            options,
            secret,
            started: Instant::now(),
            draining: Cell::new(false),
            ending: Cell::new(false),
            connections: Cell::new(0),
            crowded: Cell::new(false),
            unsent: Cell::new(0),
            last_request: Cell::new(0),
            earlier: tokio::sync::Notify::new(),
            alarm: Cell::new(None),
            quiet: tokio::sync::Notify::new(),
            calls: RefCell::default(),
            serial: Cell::new(0),
            notify,
        }
    }

    pub(super) fn now(&self) -> Micros {
        self.started.elapsed().as_micros() as Micros
    }

    pub(super) fn next_serial(&self) -> u64 {
        self.serial.set(self.serial.get() + 1);
        self.serial.get()
    }

    /// After the engine was used: passes on what happened in it, and sets the alarm. Whether another session than this one was woken.
    pub(super) fn settle(&self, own: Option<SessionId>) -> bool {
        let mut woken = false;
        let (events, effects, next) = {
            let mut engine = self.engine.borrow_mut();
            (engine.take_events(), engine.take_effects(), engine.next_deadline())
        };
        for effect in effects {
            let session = effect.session();
            // Cloned, so that nothing is borrowed while somebody is woken.
            let outbox = self.outboxes.borrow().get(&session).cloned();
            if let Some(outbox) = outbox {
                let other = own != Some(session);
                woken |= outbox.put(Delivery::Effect(effect)) && other;
            }
        }
        events.into_iter().for_each(|event| self.tell_event(event));
        let earlier = next.is_some_and(|next| self.alarm.get().is_none_or(|alarm| next < alarm));
        if earlier {
            self.alarm.set(next);
            self.earlier.notify_one();
        }
        woken
    }

    /// Passes a question on to the host.
    ///
    /// # Errors
    /// So many are allowed.
    pub(super) fn ask_host(&self, session: SessionId, ticket: Ticket, value: &str) -> Result<(), usize> {
        if self.calls.borrow().len() >= MAX_CALLS {
            return Err(MAX_CALLS);
        }
        let call = self.next_serial();
        self.calls.borrow_mut().insert(call, Call { session, ticket });
        (self.notify)(Notice::Asked { call, session: session.0, value: value.into() });
        Ok(())
    }

    /// What the host has answered. Who asked may be gone.
    pub(super) fn host_answered(&self, call: u64, value: Box<str>) {
        let Some(Call { session, ticket }) = self.calls.borrow_mut().remove(&call) else { return };
        let outbox = self.outboxes.borrow().get(&session).cloned();
        if let Some(outbox) = outbox {
            outbox.put(Delivery::Hosted { ticket, value });
        }
    }

    /// Whether a session is to be told something that its connection has not taken yet. One that does not read counts as unsent.
    pub(super) fn has_undelivered(&self) -> bool {
        self.unsent.get() == 0 && self.outboxes.borrow().values().any(|outbox| !outbox.is_empty())
    }

    /// What is left behind now. After a failure nothing is known of that.
    pub(super) fn report(&self) -> Report {
        self.engine.try_borrow_mut().map(|mut engine| engine.report(self.now())).unwrap_or_default()
    }

    pub(super) fn drained(&self, complete: bool) {
        (self.notify)(Notice::Drained(complete));
    }

    pub(super) fn stopped(&self, reason: StopReason, report: Report) {
        match &reason {
            StopReason::Failure(why) => self.log.error("failed", &[("error", json!(why))]),
            _ => self.log.info("stopped", &[]),
        }
        (self.notify)(Notice::Stopped(reason, report));
    }

    fn tell_event(&self, event: Event) {
        if self.log.is_on(Level::Warn) {
            match &event {
                Event::LeaseExpired { lease, .. } => {
                    let fields =
                        [("key", json!(lease.key)), ("workerId", json!(lease.worker)), ("number", json!(lease.number))];
                    self.log.info("a lease has expired", &fields);
                }
                Event::WorkerLost { name, pid, leases } => {
                    let fields = [("name", json!(name)), ("pid", json!(pid)), ("leases", json!(leases.len()))];
                    self.log.info("a worker has gone, its leases are free", &fields);
                }
                Event::SlowWait(blocked) => {
                    let who = [("blocked", json!(blocked))];
                    self.log.warn("somebody waits for long", &who);
                }
                Event::Waited(wait) => self.log.debug("a long wait is over", &[("wait", json!(wait))]),
                Event::Leaked(leak) => self.log.debug("something was not released", &[("leak", json!(leak))]),
                Event::NearCapacity { items, max_items } => {
                    self.log.warn("nearly full", &[("items", json!(items)), ("maxItems", json!(max_items))]);
                }
            }
        }
        (self.notify)(Notice::Event(event));
    }
}

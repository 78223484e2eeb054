use super::state::State;
use crate::engine::{Effect, SessionId, Ticket};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::Waker;

/// What a session is to be told.
#[derive(Debug)]
pub(super) enum Delivery {
    /// What happened in the engine.
    Effect(Effect),
    /// What the host answered, as JSON.
    Hosted { ticket: Ticket, value: Box<str> },
}

/// What a session is to be told that it did not ask for just now: answers to requests that waited, and news.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    deliveries: RefCell<VecDeque<Delivery>>,
    /// Of the task that serves the session's connection.
    waker: RefCell<Option<Waker>>,
    closed: Cell<bool>,
}

impl Outbox {
    /// Opens the one of a session, to which [`State::settle`] delivers from now on.
    pub(super) fn open(state: &State, session: SessionId) -> Rc<Self> {
        let outbox = Rc::new(Self::default());
        state.outboxes.borrow_mut().insert(session, outbox.clone());
        outbox
    }

    /// Nothing is delivered any more.
    pub(super) fn close(&self, state: &State, session: SessionId) {
        self.closed.set(true);
        self.deliveries.borrow_mut().clear();
        state.calls.borrow_mut().retain(|_, call| call.session != session);
        state.outboxes.borrow_mut().remove(&session);
    }

    /// Whether somebody was woken for it.
    pub(super) fn put(&self, delivery: Delivery) -> bool {
        if self.closed.get() {
            return false;
        }
        self.deliveries.borrow_mut().push_back(delivery);
        let waker = self.waker.borrow_mut().take();
        waker.map(Waker::wake).is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.deliveries.borrow().is_empty()
    }

    pub(super) fn take(&self) -> Option<Delivery> {
        self.deliveries.borrow_mut().pop_front()
    }

    /// Whom to wake when something comes.
    pub(super) fn wake(&self, waker: &Waker) {
        let mut known = self.waker.borrow_mut();
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
    }
}

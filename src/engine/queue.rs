//! Queues: work that is handed out once.
//!
//! An item is ready, taken, or done with: acked, or failed for good. What a worker has taken and not settled goes back to the front when the worker is
//! gone, so that it is the next to be handed out.

use super::command::Reply;
use super::error::Error;
use super::hold::{Held, Token};
use super::list::kept_size;
use super::resource::{Kind, ResourceId, State};
use super::session::SessionId;
use super::wait::{Ticket, WaitId, Want};
use super::{Engine, Micros};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// The most bytes of the reason of a failure; a longer one is not kept.
const MAX_REASON: usize = 64 * 1024;
/// The reason of a failure whose worker is gone.
const WORKER_GONE: &str = r#"{"name":"Error","message":"its worker is gone"}"#;

#[derive(Debug)]
pub(super) struct Queue {
    /// Whether anything was pushed, be it nothing.
    pushed: bool,
    ready: VecDeque<Item>,
    taken: BTreeMap<Token, Item>,
    acked: u64,
    failures: Rc<Vec<Failure>>,
    /// Takers that want to be told when all is done.
    until_done: usize,
}

#[derive(Debug)]
struct Item {
    json: Rc<str>,
    /// How often it has been handed out.
    attempts: u32,
    max_attempts: u32,
}

/// An item whose attempts are over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The item's JSON.
    pub json: Rc<str>,
    /// How often it was handed out.
    pub attempts: u32,
    /// The JSON of why.
    pub reason: Rc<str>,
    /// Who had it last.
    pub worker: Option<String>,
    /// What that one was doing.
    pub test: Option<Rc<str>>,
}

impl Queue {
    fn new() -> Self {
        Self {
            pushed: false,
            ready: VecDeque::new(),
            taken: BTreeMap::new(),
            acked: 0,
            failures: Rc::default(),
            until_done: 0,
        }
    }

    /// Something was pushed, and all of it is acked or has failed.
    fn is_done(&self) -> bool {
        self.pushed && self.ready.is_empty() && self.taken.is_empty()
    }

    pub(super) fn counts(&self) -> (usize, usize, u64, usize) {
        (self.ready.len(), self.taken.len(), self.acked, self.failures.len())
    }
}

impl Engine {
    pub(super) fn push(
        &mut self,
        now: Micros,
        name: &str,
        items: &[&str],
        max_attempts: u32,
    ) -> Result<Reply<'static>, Error> {
        if max_attempts == 0 {
            return Err(Error::Invalid { what: "maxAttempts must be a whole number from 1 on".into() });
        }
        self.keep_bytes(items, || format!("the queue \"{name}\""))?;
        let id = self.queue_id(name)?;
        let queue = self.queue(id);
        queue.pushed = true;
        queue.ready.extend(items.iter().map(|&json| Item { json: json.into(), attempts: 0, max_attempts }));
        self.resources.mark(id);
        // Those who wait have theirs first.
        self.settle(now);
        Ok(Reply::Length(self.queue(id).ready.len()))
    }

    pub(super) fn ask_for_item(
        &mut self,
        now: Micros,
        (session, ticket): (SessionId, Ticket),
        name: &str,
        until_done: bool,
    ) -> Result<WaitId, Error> {
        let id = self.queue_id(name)?;
        let wait = self.waits.insert(session, ticket, now, Want::Take { until_done });
        self.queue(id).until_done += usize::from(until_done);
        self.join(wait, id);
        Ok(wait)
    }

    pub(super) fn ask_for_end(
        &mut self,
        now: Micros,
        (session, ticket): (SessionId, Ticket),
        name: &str,
    ) -> Result<WaitId, Error> {
        self.queue_id(name)?;
        let id = self.resources.find_or_make(Kind::Done, name, || State::Bare);
        let wait = self.waits.insert(session, ticket, now, Want::Done);
        self.join(wait, id);
        Ok(wait)
    }

    /// Hands items out; tells those who want to know that there will be none.
    pub(super) fn serve_queue(&mut self, now: Micros, id: ResourceId) {
        while let Some(wait) = self.resources.get(id).and_then(|resource| self.waits.first(resource.line)) {
            let Some(mut item) = self.queue(id).ready.pop_front() else { break };
            let Some((session, since)) = self.waits.get(wait).map(|wait| (wait.session, wait.since)) else { return };
            item.attempts += 1;
            let token = self.hold(now, session, Held::Item { queue: id }, None);
            let reply = Reply::Item { json: item.json.clone(), token, attempt: item.attempts, waited: now - since };
            self.queue(id).taken.insert(token, item);
            self.finish(now, wait, Ok(reply));
        }
        if !self.queue(id).is_done() {
            return;
        }
        if self.queue(id).until_done > 0 {
            let line = self.resources.get(id).map(|resource| resource.line).unwrap_or_default();
            let told: Vec<WaitId> = self
                .waits
                .in_line(line)
                .filter(|&wait| matches!(self.waits.get(wait).map(|w| &w.want), Some(Want::Take { until_done: true })))
                .collect();
            told.into_iter().for_each(|wait| self.finish(now, wait, Ok(Reply::NoItem { done: true })));
        }
        let name = self.name_of(id);
        if let Some(done) = self.resources.find(Kind::Done, &name) {
            self.resources.mark(done);
        }
    }

    pub(super) fn serve_end(&mut self, now: Micros, id: ResourceId) {
        let name = self.name_of(id);
        let Some(queue) = self.resources.find(Kind::Queue, &name) else { return };
        if !self.queue(queue).is_done() {
            return;
        }
        let (acked, failures) = (self.queue(queue).acked, self.queue(queue).failures.clone());
        while let Some(wait) = self.resources.get(id).and_then(|resource| self.waits.first(resource.line)) {
            self.finish(now, wait, Ok(Reply::AllDone { acked, failures: failures.clone() }));
        }
    }

    pub(super) fn left_queue(&mut self, queue: ResourceId, until_done: bool) {
        self.queue(queue).until_done -= usize::from(until_done);
    }

    pub(super) fn ack(&mut self, session: SessionId, token: Token) -> Result<bool, Error> {
        let Some(queue) = self.taken_from(session, token)? else { return Ok(false) };
        self.holds.remove(token);
        if let Some(item) = self.queue(queue).taken.remove(&token) {
            self.queue(queue).acked += 1;
            self.kept_bytes -= kept_size(&item.json);
        }
        self.resources.mark(queue);
        Ok(true)
    }

    pub(super) fn nack(&mut self, session: SessionId, token: Token, reason: Option<&str>) -> Result<bool, Error> {
        let Some(queue) = self.taken_from(session, token)? else { return Ok(false) };
        let reason = reason.filter(|reason| reason.len() <= MAX_REASON);
        self.item_failed(queue, token, reason.unwrap_or("null"));
        Ok(true)
    }

    /// Its worker is gone.
    pub(super) fn item_lost(&mut self, queue: ResourceId, token: Token) {
        self.item_failed(queue, token, WORKER_GONE);
    }

    fn item_failed(&mut self, queue: ResourceId, token: Token, reason: &str) {
        let Some(hold) = self.holds.remove(token) else { return };
        let worker = self.sessions.get(hold.session).map(|session| session.name.to_string());
        let held = self.queue(queue);
        let Some(item) = held.taken.remove(&token) else { return };
        if item.attempts < item.max_attempts {
            held.ready.push_front(item);
        } else {
            let Item { json, attempts, .. } = item;
            let failure = Failure { json, attempts, reason: reason.into(), worker, test: hold.test };
            Rc::make_mut(&mut held.failures).push(failure);
        }
        self.resources.mark(queue);
    }

    /// It is given back as if it had not been taken.
    pub(super) fn put_back_item(&mut self, queue: ResourceId, token: Token) {
        let held = self.queue(queue);
        if let Some(mut item) = held.taken.remove(&token) {
            item.attempts -= 1;
            held.ready.push_front(item);
        }
        self.resources.mark(queue);
    }

    fn taken_from(&self, session: SessionId, token: Token) -> Result<Option<ResourceId>, Error> {
        match self.holds.of(session, token).map(|hold| hold.what) {
            None => Ok(None),
            Some(Held::Item { queue }) => Ok(Some(queue)),
            Some(_) => Err(Error::Invalid { what: format!("token {token} is not that of a queue's item") }),
        }
    }

    fn queue_id(&mut self, name: &str) -> Result<ResourceId, Error> {
        if let Some(id) = self.resources.find(Kind::Queue, name) {
            return Ok(id);
        }
        self.check_room()?;
        Ok(self.resources.find_or_make(Kind::Queue, name, || State::Queue(Queue::new())))
    }

    fn queue(&mut self, id: ResourceId) -> &mut Queue {
        match self.resources.get_mut(id).map(|resource| &mut resource.state) {
            Some(State::Queue(queue)) => queue,
            // Ids of queues are found by `Kind::Queue`, and queues are never removed.
            other => unreachable!("{other:?} is no queue"),
        }
    }
}

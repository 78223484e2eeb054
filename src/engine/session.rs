use super::Micros;
use hashbrown::HashMap;
use std::rc::Rc;

/// Names an open session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// How a worker introduces itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// For people: `worker-3`.
    pub name: String,
    /// The process, where it is known.
    pub pid: Option<u32>,
    /// Tells its process from all others.
    pub process: String,
    /// Tells the threads of the process apart.
    pub thread: u64,
}

/// A thread of a process: what holds leases. Its leases are given back when its last session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct HolderId(u64);

#[derive(Debug, Default)]
pub(super) struct Sessions {
    sessions: HashMap<SessionId, Session>,
    by_thread: HashMap<(String, u64), HolderId>,
    holders: HashMap<HolderId, Holder>,
    last_id: u64,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) name: Rc<str>,
    pub(super) pid: Option<u32>,
    holder: HolderId,
    /// What it does now: a test's title.
    pub(super) test: Option<Rc<str>>,
    pub(super) since: Micros,
}

#[derive(Debug)]
struct Holder {
    process: String,
    thread: u64,
    sessions: usize,
    name: String,
    pid: Option<u32>,
}

/// What was closed.
#[derive(Debug)]
pub(super) struct Closed {
    pub(super) name: String,
    pub(super) pid: Option<u32>,
    /// Its holder, when it has no session any more.
    pub(super) last_of_holder: Option<HolderId>,
}

impl Sessions {
    pub(super) fn len(&self) -> usize {
        self.sessions.len()
    }

    pub(super) fn open(&mut self, now: Micros, hello: Hello) -> SessionId {
        let Hello { name, pid, process, thread } = hello;
        let holder = *self.by_thread.entry((process.clone(), thread)).or_insert_with(|| {
            self.last_id += 1;
            HolderId(self.last_id)
        });
        let known = self.holders.entry(holder);
        known.or_insert_with(|| Holder { process, thread, sessions: 0, name: name.clone(), pid }).sessions += 1;
        self.last_id += 1;
        let id = SessionId(self.last_id);
        self.sessions.insert(id, Session { name: name.into(), pid, holder, test: None, since: now });
        id
    }

    pub(super) fn close(&mut self, id: SessionId) -> Option<Closed> {
        let Session { name, pid, holder, .. } = self.sessions.remove(&id)?;
        let remaining = self.holders.get_mut(&holder)?;
        remaining.sessions -= 1;
        let last = remaining.sessions == 0;
        if last && let Some(gone) = self.holders.remove(&holder) {
            self.by_thread.remove(&(gone.process, gone.thread));
        }
        Some(Closed { name: name.to_string(), pid, last_of_holder: last.then_some(holder) })
    }

    pub(super) fn get(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(&id)
    }

    pub(super) fn describe_test(&mut self, id: SessionId, text: Option<&str>) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.test = text.map(Rc::from);
        }
    }

    /// In the order in which they were opened.
    pub(super) fn sorted(&self) -> Vec<(SessionId, &Session)> {
        let mut all: Vec<_> = self.sessions.iter().map(|(&id, session)| (id, session)).collect();
        all.sort_by_key(|&(id, _)| id);
        all
    }

    pub(super) fn holder(&self, id: SessionId) -> Option<HolderId> {
        self.sessions.get(&id).map(|session| session.holder)
    }

    /// Whether its thread has no other session.
    pub(super) fn is_last(&self, id: SessionId) -> bool {
        let holder = self.holder(id).and_then(|holder| self.holders.get(&holder));
        holder.is_some_and(|holder| holder.sessions == 1)
    }

    /// Whether both are threads of one process.
    pub(super) fn same_process(&self, a: HolderId, b: HolderId) -> bool {
        a == b || self.holders.get(&a).zip(self.holders.get(&b)).is_some_and(|(a, b)| a.process == b.process)
    }

    /// A holder's name and pid.
    pub(super) fn describe(&self, holder: HolderId) -> Option<(String, Option<u32>)> {
        let holder = self.holders.get(&holder)?;
        Some((holder.name.clone(), holder.pid))
    }
}

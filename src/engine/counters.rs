/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the actions of PROTOCOL.md
pub enum Action {
    Get,
    Set,
    Del,
    Has,
    List,
    Lease,
    Release,
    Ping,
    Stats,
    Health,
    Metrics,
    Incr,
    Append,
    Collect,
    DefinePool,
    AddToPool,
    ListPool,
    Acquire,
    Renew,
    Discard,
    Lock,
    Semaphore,
    Reserve,
    Unreserve,
    Keep,
    Leak,
    Once,
    Fulfil,
    Fail,
    WaitFor,
    Watch,
    Push,
    Take,
    Ack,
    Nack,
    Done,
    Limit,
    Throttle,
    Barrier,
    Describe,
    Inspect,
    Cancel,
    Publish,
    Subscribe,
    Unsubscribe,
    Taken,
    Reply,
}

impl Action {
    /// Every action, in the order of its number.
    pub const ALL: [(Action, &'static str); 47] = [
        (Action::Get, "get"),
        (Action::Set, "set"),
        (Action::Del, "del"),
        (Action::Has, "has"),
        (Action::List, "list"),
        (Action::Lease, "lease"),
        (Action::Release, "release"),
        (Action::Ping, "ping"),
        (Action::Stats, "stats"),
        (Action::Health, "health"),
        (Action::Metrics, "metrics"),
        (Action::Incr, "incr"),
        (Action::Append, "append"),
        (Action::Collect, "collect"),
        (Action::DefinePool, "definePool"),
        (Action::AddToPool, "addToPool"),
        (Action::ListPool, "listPool"),
        (Action::Acquire, "acquire"),
        (Action::Renew, "renew"),
        (Action::Discard, "discard"),
        (Action::Lock, "lock"),
        (Action::Semaphore, "semaphore"),
        (Action::Reserve, "reserve"),
        (Action::Unreserve, "unreserve"),
        (Action::Keep, "keep"),
        (Action::Leak, "leak"),
        (Action::Once, "once"),
        (Action::Fulfil, "fulfil"),
        (Action::Fail, "fail"),
        (Action::WaitFor, "waitFor"),
        (Action::Watch, "watch"),
        (Action::Push, "push"),
        (Action::Take, "take"),
        (Action::Ack, "ack"),
        (Action::Nack, "nack"),
        (Action::Done, "done"),
        (Action::Limit, "limit"),
        (Action::Throttle, "throttle"),
        (Action::Barrier, "barrier"),
        (Action::Describe, "describe"),
        (Action::Inspect, "inspect"),
        (Action::Cancel, "cancel"),
        (Action::Publish, "publish"),
        (Action::Subscribe, "subscribe"),
        (Action::Unsubscribe, "unsubscribe"),
        (Action::Taken, "taken"),
        (Action::Reply, "reply"),
    ];
}

/// How often an action was asked for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// It was done.
    pub done: u64,
    /// It was answered with an error.
    pub failed: u64,
}

/// Counts since the broker began.
#[derive(Debug, Clone)]
pub struct Counters {
    actions: [Tally; Action::ALL.len()],
    /// Values whose time was over.
    pub expired_items: u64,
    /// Leases whose time was over.
    pub expired_leases: u64,
    /// Values that came compressed.
    pub compressed: u64,
    /// What those took before, and after.
    pub compression_bytes: (u64, u64),
    /// Values that came as they are.
    pub uncompressed: u64,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            actions: [Tally::default(); Action::ALL.len()],
            expired_items: 0,
            expired_leases: 0,
            compressed: 0,
            compression_bytes: (0, 0),
            uncompressed: 0,
        }
    }
}

impl Counters {
    pub(super) fn record(&mut self, action: Action, ok: bool) {
        let tally = &mut self.actions[action as usize];
        if ok {
            tally.done += 1;
        } else {
            tally.failed += 1;
        }
    }

    /// The counts of one action.
    pub fn of(&self, action: Action) -> Tally {
        self.actions[action as usize]
    }

    pub(super) fn record_value(&mut self, compressed: Option<(usize, usize)>) {
        match compressed {
            Some((before, after)) => {
                self.compressed += 1;
                self.compression_bytes.0 += before as u64;
                self.compression_bytes.1 += after as u64;
            }
            None => self.uncompressed += 1,
        }
    }
}

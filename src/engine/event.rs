use super::views::{Leak, LongWait, Party};
use serde::Serialize;

/// Names a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRef {
    /// What the number is one of.
    pub key: String,
    /// Who held it.
    pub worker: String,
    /// The number.
    pub number: u64,
}

/// Who waits for too long, and for whom.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // `Blocked` in index.d.ts
pub struct Blocked {
    pub kind: &'static str,
    pub name: String,
    pub worker: Option<String>,
    pub pid: Option<u32>,
    pub test: Option<String>,
    pub waited: f64,
    pub holders: Vec<Party>,
}

/// What the host should hear of.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // the members are those of `BrokerEvents` in index.d.ts
pub enum Event {
    LeaseExpired { lease: LeaseRef, token: u64, name: Option<String>, pid: Option<u32> },
    WorkerLost { name: String, pid: Option<u32>, leases: Vec<LeaseRef> },
    SlowWait(Blocked),
    Waited(LongWait),
    Leaked(Leak),
    NearCapacity { items: usize, max_items: usize },
}

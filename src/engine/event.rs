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

/// What the host should hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the members are those of `BrokerEvents` in index.d.ts
pub enum Event {
    LeaseExpired { lease: LeaseRef, token: u64, name: Option<String>, pid: Option<u32> },
    WorkerLost { name: String, pid: Option<u32>, leases: Vec<LeaseRef> },
    NearCapacity { items: usize, max_items: usize },
}

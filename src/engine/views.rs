//! What reports are made of. The shapes are those of `Inspection` and `BrokerReport` in index.d.ts; spans are in ms.

use serde::Serialize;

/// Who holds something.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Party {
    /// The name under which it was leased, or the session's.
    pub worker: Option<String>,
    /// The session's name, where it was leased under another.
    #[serde(skip)]
    pub session: Option<String>,
    pub pid: Option<u32>,
    pub test: Option<String>,
    pub held_for: f64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Inspection {
    #[serde(rename = "self")]
    pub asker: Option<u64>,
    pub sessions: Vec<SessionView>,
    pub pools: Vec<PoolView>,
    pub queues: Vec<QueueView>,
    pub limits: Vec<LimitView>,
    pub barriers: Vec<BarrierView>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct SessionView {
    pub session: u64,
    pub name: String,
    pub pid: Option<u32>,
    pub test: Option<String>,
    pub connected_for: f64,
    pub holds: Vec<HoldView>,
    pub waits: Vec<WaitView>,
    pub subscriptions: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct HoldView {
    pub kind: &'static str,
    pub name: String,
    pub number: Option<u64>,
    pub token: u64,
    pub held_for: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<u32>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct WaitView {
    pub kind: &'static str,
    pub name: String,
    pub waited: f64,
    pub ahead: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct PoolView {
    pub name: String,
    pub size: Option<usize>,
    pub held: usize,
    pub discarded: usize,
    pub waiting: usize,
    pub peak: usize,
    pub policy: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct QueueView {
    pub name: String,
    pub ready: usize,
    pub taken: usize,
    pub acked: u64,
    pub failed: usize,
    pub waiting: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct LimitView {
    pub name: String,
    pub max: u32,
    pub per: f64,
    pub burst: u32,
    pub waiting: usize,
    pub passed: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct BarrierView {
    pub name: String,
    pub parties: u32,
    pub waiting: usize,
    pub broken: bool,
}

/// What was not released.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Leak {
    pub kind: &'static str,
    pub name: String,
    pub number: Option<u64>,
    pub worker: Option<String>,
    pub pid: Option<u32>,
    pub test: Option<String>,
    pub held_for: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct LongWait {
    pub kind: &'static str,
    pub name: String,
    pub worker: Option<String>,
    pub test: Option<String>,
    pub waited: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct PeakView {
    pub name: String,
    pub size: Option<usize>,
    pub peak: u64,
}

/// What is told when the broker stops.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Report {
    pub leaked: Vec<Leak>,
    pub leaked_count: usize,
    pub longest_waits: Vec<LongWait>,
    pub pools: Vec<PeakView>,
}

/// What was waited for in vain.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Obstacle {
    pub kind: &'static str,
    pub name: String,
    /// The first of them.
    pub holders: Vec<Party>,
}

use crate::engine::{Event, LeaseRef, Report};
use serde_json::{Value, json};

/// Why a broker is no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// It was told to.
    Asked,
    /// Nobody asked for anything for as long as `idleTimeout` says.
    Idle,
    /// It failed; the text says how.
    Failure(String),
}

/// What the host hears.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// Something happened in the engine.
    Event(Event),
    /// A session asks the host for something, which is answered under this number.
    Asked {
        /// The question's.
        call: u64,
        /// Who asks.
        session: u64,
        /// JSON.
        value: Box<str>,
    },
    /// A drain is over; whether everything under way was answered in time.
    Drained(bool),
    /// The last notice, with what was left behind.
    Stopped(StopReason, Report),
}

impl Notice {
    /// As JavaScript takes it: `{ "type", "detail" }`.
    pub fn to_json(&self) -> String {
        let (name, detail) = match self {
            // As it came: it may be large.
            Notice::Asked { call, session, value } => {
                return format!(r#"{{"type":"asked","detail":{{"call":{call},"session":{session},"value":{value}}}}}"#);
            }
            Notice::Event(Event::LeaseExpired { lease, token, name, pid }) => {
                let LeaseRef { key, worker, number } = lease;
                let detail = json!({ "key": key, "workerId": worker, "number": number, "token": token, "name": name, "pid": pid });
                ("leaseExpired", detail)
            }
            Notice::Event(Event::WorkerLost { name, pid, leases }) => {
                let leases: Vec<Value> = leases
                    .iter()
                    .map(|LeaseRef { key, worker, number }| json!({ "key": key, "workerId": worker, "number": number }))
                    .collect();
                ("workerLost", json!({ "name": name, "pid": pid, "leases": leases }))
            }
            Notice::Event(Event::SlowWait(blocked)) => ("slowWait", json!(blocked)),
            Notice::Event(Event::Waited(wait)) => ("waited", json!(wait)),
            Notice::Event(Event::Leaked(leak)) => ("leaked", json!(leak)),
            Notice::Event(Event::NearCapacity { items, max_items }) => {
                let utilization = *items as f64 / (*max_items).max(1) as f64;
                ("nearCapacity", json!({ "items": items, "maxItems": max_items, "utilization": utilization }))
            }
            Notice::Drained(complete) => ("drained", json!(complete)),
            Notice::Stopped(reason, report) => {
                let detail = match reason {
                    StopReason::Asked => json!({ "reason": "stop", "report": report }),
                    StopReason::Idle => json!({ "reason": "idle", "report": report }),
                    StopReason::Failure(why) => json!({ "reason": "failure", "error": why, "report": report }),
                };
                ("stopped", detail)
            }
        };
        json!({ "type": name, "detail": detail }).to_string()
    }
}

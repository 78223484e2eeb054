//! What the broker says of itself.

use super::log::epoch_millis;
use super::state::State;
use crate::engine::{Action, Engine, Micros, PoolEntry};
use crate::protocol::reply::{Writer, millis};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};
use std::fmt::Write;

/// The name under which it answers.
pub(super) const SERVER: &str = concat!("ephemeral-broker/", env!("CARGO_PKG_VERSION"));

/// Writes the members of the reply to `ping`, `list`, `stats`, `health` or `metrics`.
pub(super) fn write(state: &State, engine: &Engine, now: Micros, action: Action, writer: &mut Writer<'_>) {
    match action {
        Action::List => writer.member("items", &Items { engine, now }),
        Action::Stats => writer.member("stats", &stats(state, engine, now)),
        Action::Health => health(state, engine, now, writer),
        Action::Metrics => {
            writer.member("metrics", &metrics(state, engine));
            writer.member("format", &"prometheus");
        }
        _ => writer.member("pong", &epoch_millis()),
    }
}

/// Writes the members of the reply to `listPool`.
pub(super) fn pool(entries: &[PoolEntry], writer: &mut Writer<'_>) {
    writer.list("values", entries.iter(), |writer, entry| {
        writer.text("{\"number\":");
        writer.text(&entry.number.to_string());
        match &entry.json {
            Some(json) => writer.raw("value", json),
            None => writer.member("value", &entry.number),
        }
        writer.member("state", entry.state);
        if let Some(reason) = &entry.reason {
            writer.member("reason", reason);
        }
        if let Some(holder) = &entry.holder {
            writer.member("worker", &holder.worker);
            writer.member("pid", &holder.pid);
            writer.member("test", &holder.test);
            writer.member("heldFor", &holder.held_for);
        }
        writer.text("}");
    });
}

struct Items<'a> {
    engine: &'a Engine,
    now: Micros,
}

impl Serialize for Items<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let wall = epoch_millis();
        let mut map = serializer.serialize_map(None)?;
        for listed in self.engine.list(self.now) {
            let expires = listed.expires_in.map(|left| wall + left / 1000);
            map.serialize_entry(listed.key, &json!({ "expires": expires, "hasValue": listed.has_value }))?;
        }
        map.end()
    }
}

fn rss() -> usize {
    memory_stats::memory_stats().map_or(0, |memory| memory.physical_mem)
}

fn capacity(engine: &Engine) -> Value {
    let utilization = engine.utilization();
    let (near, at) = (utilization >= 0.9, utilization >= 1.0);
    json!({
        "items": engine.items(),
        "maxItems": engine.config().max_items,
        "utilization": (utilization * 100.0).round() / 100.0,
        "nearCapacity": near,
        "atCapacity": at,
        "warning": if at { Some("at_capacity") } else if near { Some("near_capacity") } else { None },
    })
}

fn stats(state: &State, engine: &Engine, now: Micros) -> Value {
    json!({
        "items": engine.items(),
        "leases": engine.leases(),
        "connections": state.connections.get(),
        "sessions": engine.sessions(),
        "capacity": capacity(engine),
        "memory": { "rss": rss(), "heapUsed": engine.bytes(), "approximateStoreBytes": engine.bytes() },
        "uptime": millis(now),
    })
}

fn health(state: &State, engine: &Engine, now: Micros, writer: &mut Writer<'_>) {
    writer.member("status", &if engine.utilization() >= 1.0 { "degraded" } else { "healthy" });
    writer.member("uptime", &millis(now));
    writer.member("timestamp", &epoch_millis());
    writer.member("capacity", &capacity(engine));
    writer.member("memory", &json!({ "rss": rss(), "heapUsed": engine.bytes(), "heapTotal": engine.bytes() }));
    let connections = json!({ "open": state.connections.get(), "inFlight": in_flight(state, engine), "draining": state.draining.get() });
    writer.member("connections", &connections);
}

/// Requests that are not answered to the last byte; the one that asks is among them.
fn in_flight(state: &State, engine: &Engine) -> usize {
    state.unsent.get() + engine.waits() + 1
}

fn metrics(state: &State, engine: &Engine) -> String {
    if !state.options.metrics {
        return String::from("# metrics are off (the option metrics)\n");
    }
    let counters = engine.counters();
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, help: &str, samples: &[(String, f64)]| {
        let _ = writeln!(text, "# HELP ephemeral_broker_{name} {help}\n# TYPE ephemeral_broker_{name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(text, "ephemeral_broker_{name}{labels} {value}");
        }
    };
    let one = |value: f64| [(String::new(), value)];
    let operations: Vec<(String, f64)> = Action::ALL
        .iter()
        .flat_map(|&(action, name)| {
            let tally = counters.of(action);
            [("success", tally.done), ("error", tally.failed)]
                .map(|(result, count)| (format!("{{action=\"{name}\",result=\"{result}\"}}"), count as f64))
        })
        .collect();
    let requests: f64 = operations.iter().map(|(_, count)| count).sum();
    let (before, after) = counters.compression_bytes;
    let labelled = |label: &str, pairs: [(&str, u64); 2]| {
        pairs.map(|(value, count)| (format!("{{{label}=\"{value}\"}}"), count as f64))
    };
    family("operations_total", "counter", "Operations by action and result", &operations);
    let values = labelled("compressed", [("true", counters.compressed), ("false", counters.uncompressed)]);
    family("compression_total", "counter", "Values that came compressed, or not", &values);
    let bytes = labelled("stage", [("before", before), ("after", after)]);
    family("compression_bytes_total", "counter", "Bytes of compressed values before and after", &bytes);
    let ratio = if before == 0 { 0.0 } else { after as f64 / before as f64 };
    family("compression_ratio", "gauge", "Bytes after compression for each before", &one(ratio));
    let expired = labelled("type", [("items", counters.expired_items), ("leases", counters.expired_leases)]);
    family("expired_total", "counter", "Items and leases whose time was over", &expired);
    family("requests_total", "counter", "Operations done, or refused by what they met", &one(requests));
    family("requests_in_flight", "gauge", "Requests not answered yet", &one(in_flight(state, engine) as f64));
    family("draining", "gauge", "Whether the broker is draining", &one(f64::from(u8::from(state.draining.get()))));
    family("connections", "gauge", "Connections open", &one(state.connections.get() as f64));
    family("leases", "gauge", "Leases held", &one(engine.leases() as f64));
    family("holds", "gauge", "Held under a token: leases, locks, permits, items", &one(engine.holds() as f64));
    family("waits", "gauge", "Requests that wait for their turn", &one(engine.waits() as f64));
    family("capacity_items", "gauge", "Values held", &one(engine.items() as f64));
    family("capacity_max", "gauge", "Values allowed, 0 for no limit", &one(engine.config().max_items as f64));
    family("capacity_utilization", "gauge", "Values held for each allowed", &one(engine.utilization()));
    text
}

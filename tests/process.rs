//! The process layer with real processes.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "process/support.rs"]
mod support;

#[path = "process/ends.rs"]
mod ends;
#[path = "process/killed.rs"]
mod killed;
#[path = "process/listens.rs"]
mod listens;
#[path = "process/starts.rs"]
mod starts;

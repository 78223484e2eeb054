//! The runner: tests as commands, on isolated workers.
//!
//! # Its rule
//!
//! Never a false green, never an orphan. Every test of the plan ends in exactly one [`report::Status`], whatever becomes of its worker, its
//! servers or the run; and every process that was started is ended, with all that it started, before the run says that it is over.
//!
//! # The story of a run
//!
//! JavaScript reads the configuration, has tests listed ([`crate::process`] runs what lists them) and makes a [`plan::Plan`]. [`select`] says
//! which tests, [`cache`] which of them need not run. [`schedule`], a state machine that knows neither clocks nor processes, says what each idle
//! worker does next. [`executor`] does it: directories, servers, attempts, signals. All of them tell [`report::Event`]s, which JavaScript's
//! reporters print; nobody else says how a test ended.
//!
//! The cut into a dispatcher that faces the world, an executor that owns processes, and one event type for every reporter is cargo-nextest's.

pub mod cache;
pub mod executor;
pub mod files;
pub mod history;
pub mod plan;
pub mod report;
pub mod schedule;
pub mod select;
pub mod service;

//! The wire: `PROTOCOL.md` in code.
//!
//! [`frame`] cuts bytes into lines, [`request`] reads a line (the members of each action are in `actions`), [`reply`] writes one, [`auth`] knows the proofs.

mod actions;
pub mod auth;
pub mod compression;
pub mod frame;
pub mod reply;
pub mod request;

use crate::engine::Obstacle;

/// A request that cannot be done: the `error` and `message` of its reply.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The stable code.
    pub code: &'static str,
    /// For people; begins with the code.
    pub message: String,
    /// JSON of what went wrong, where somebody said.
    pub reason: Option<String>,
    /// What was waited for in vain.
    pub obstacle: Option<Box<Obstacle>>,
}

impl Failure {
    /// Puts the code before the text.
    pub fn new(code: &'static str, text: impl std::fmt::Display) -> Self {
        Self { code, message: format!("{code}: {text}"), reason: None, obstacle: None }
    }
}

impl From<crate::engine::Error> for Failure {
    fn from(error: crate::engine::Error) -> Self {
        let reason = error.reason().map(str::to_owned);
        let obstacle = error.obstacle().cloned().map(Box::new);
        Self { code: error.code(), message: error.to_string(), reason, obstacle }
    }
}

use super::{Action, Micros};

/// A value as it is handed in and out: JSON text that nobody here looks into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value<'a> {
    /// The text; `None` where the setter sent none.
    pub json: Option<&'a str>,
    /// Its setter says that the text is a string with the compressed value.
    pub compressed: bool,
}

/// What a worker asks for. TTLs are in milliseconds, unchecked.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)] // the members are those of PROTOCOL.md
pub enum Command<'a> {
    Get { key: &'a str },
    Set { key: &'a str, value: Value<'a>, ttl: Option<f64> },
    Del { key: &'a str },
    Has { key: &'a str },
    Lease { key: &'a str, worker: &'a str, ttl: Option<f64>, detached: bool },
    Release { worker: &'a str, key: Option<&'a str> },
}

impl Command<'_> {
    pub(super) fn action(&self) -> Action {
        match self {
            Command::Get { .. } => Action::Get,
            Command::Set { .. } => Action::Set,
            Command::Del { .. } => Action::Del,
            Command::Has { .. } => Action::Has,
            Command::Lease { .. } => Action::Lease,
            Command::Release { .. } => Action::Release,
        }
    }
}

/// A lease that was given or renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    /// The number leased.
    pub number: u64,
    /// The fencing token: higher for each later grant.
    pub token: u64,
    /// What is left of its TTL; `None`: it lasts as long as its holder.
    pub expires_in: Option<Micros>,
}

/// What a command came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // each is the reply to one command
pub enum Reply<'a> {
    Done,
    Value(Value<'a>),
    Deleted(bool),
    Exists(bool),
    Leased(Granted),
    Released(bool),
}

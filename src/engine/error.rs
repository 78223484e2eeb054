use super::views::Obstacle;
use std::rc::Rc;

/// Why a command was refused. The text begins with a stable code.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[allow(missing_docs)] // the texts say what each is
pub enum Error {
    #[error("not_found: no value under \"{key}\"")]
    NotFound { key: String },
    #[error("expired: the value under \"{key}\" has outlived its TTL")]
    Expired { key: String },
    #[error("ttl_required: set \"{key}\" with a TTL in milliseconds, or start the broker with requireTTL: false")]
    TtlRequired { key: String },
    #[error("invalid_ttl: {got} is not a TTL: a number of milliseconds above 0")]
    InvalidTtl { got: String },
    #[error("too_large: the value under \"{key}\" has {size} bytes, {limit} are allowed (maxValueSize)")]
    ValueTooLarge { key: String, size: usize, limit: usize },
    #[error("max_items: {limit} values are held, no more are allowed (maxItems); \"{key}\" was not added")]
    MaxItems { key: String, limit: usize },
    #[error("max_leases: {limit} leases are held, no more are allowed; \"{key}\" was not leased")]
    MaxLeases { key: String, limit: usize },
    #[error("not_owner: the lease of \"{worker}\" on \"{key}\" (number {number}) belongs to {owner}")]
    NotOwner { key: String, worker: String, number: u64, owner: String },
    #[error(
        "expired: the lease of \"{worker}\" on \"{key}\" (number {number}) ran out and {number} has gone to somebody else; \
         lease again for another number"
    )]
    LeaseLost { key: String, worker: String, number: u64 },
    #[error(
        "not_found: there is no pool \"{pool}\"; define it with the option pools of the broker or of the integration, in the config file, or with definePool"
    )]
    NoPool { pool: String },
    #[error("not_found: there is no limit \"{name}\"; define it with limit")]
    NoLimit { name: String },
    #[error("mismatch: {what}")]
    Mismatch { what: String },
    #[error(
        "no_match: {} of the {in_service} values in service in the pool \"{pool}\" match {pattern}, {wanted} asked for",
        if *fitting == 0 { "none".into() } else { fitting.to_string() }
    )]
    NoMatch { pool: String, pattern: String, wanted: usize, fitting: usize, in_service: usize },
    #[error("pool_exhausted: {text}")]
    PoolExhausted { text: String, obstacle: Box<Obstacle> },
    #[error("invalid_request: {what}")]
    Invalid { what: String },
    #[error("session_required: this needs a session; begin the connection with hello")]
    SessionRequired,
    #[error("timeout: {text}")]
    Timeout { text: String, obstacle: Box<Obstacle> },
    #[error("rate_limited: the limit \"{name}\" lets nothing more through for about {left_ms} ms")]
    RateLimited { name: String, left_ms: u64 },
    #[error("deadlock: {text}")]
    Deadlock { text: String },
    #[error("once_failed: whoever was to make \"{key}\" failed")]
    OnceFailed { key: String, reason: Rc<str> },
    #[error("barrier_broken: \"{name}\" broke: {why}")]
    BarrierBroken { name: String, why: String },
    #[error("not_held: nothing is held under the token {token}: it was released or lost, or is another session's")]
    NotHeld { token: u64 },
    #[error("invalid_value: the value under \"{key}\" is {found}")]
    NotANumber { key: String, found: String },
    #[error("max_waits: {limit} requests wait, no more are allowed")]
    MaxWaits { limit: usize },
    #[error("max_items: there are {limit} {what}, no more are allowed")]
    Full { what: &'static str, limit: usize },
    #[error("too_large: a value for {what} has {size} bytes, {limit} are allowed (maxValueSize)")]
    ItemTooLarge { what: String, size: usize, limit: usize },
    #[error("too_large: lists, queues and pools may have {limit} bytes in all; {what} was not added to")]
    TooMuchKept { what: String, limit: usize },
    #[error(
        "overflow: more messages of the topic \"{topic}\" came than were read, and {} wait; read faster, or subscribe with a \
         higher limit or with the policy latest or drop",
        if *by_bytes { "as many bytes as may".into() } else { format!("{limit} (limit)") }
    )]
    Overflow { topic: String, limit: usize, by_bytes: bool },
    #[error("no_subscribers: nobody who received the message on the topic \"{topic}\" is there any more to reply")]
    NoSubscribers { topic: String },
    #[error("draining: the broker is about to stop and nobody waits any more")]
    Draining,
}

impl Error {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Error::NotFound { .. } => "not_found",
            Error::Expired { .. } | Error::LeaseLost { .. } => "expired",
            Error::TtlRequired { .. } => "ttl_required",
            Error::InvalidTtl { .. } => "invalid_ttl",
            Error::ValueTooLarge { .. } => "too_large",
            Error::MaxItems { .. } => "max_items",
            Error::MaxLeases { .. } => "max_leases",
            Error::NotOwner { .. } => "not_owner",
            Error::NoPool { .. } | Error::NoLimit { .. } => "not_found",
            Error::Mismatch { .. } => "mismatch",
            Error::NoMatch { .. } => "no_match",
            Error::PoolExhausted { .. } => "pool_exhausted",
            Error::Invalid { .. } => "invalid_request",
            Error::SessionRequired => "session_required",
            Error::Timeout { .. } => "timeout",
            Error::RateLimited { .. } => "rate_limited",
            Error::Deadlock { .. } => "deadlock",
            Error::OnceFailed { .. } => "once_failed",
            Error::BarrierBroken { .. } => "barrier_broken",
            Error::NotHeld { .. } => "not_held",
            Error::NotANumber { .. } => "invalid_value",
            Error::MaxWaits { .. } => "max_waits",
            Error::Full { .. } => "max_items",
            Error::TooMuchKept { .. } | Error::ItemTooLarge { .. } => "too_large",
            Error::Overflow { .. } => "overflow",
            Error::NoSubscribers { .. } => "no_subscribers",
            Error::Draining => "draining",
        }
    }

    /// For programs: what was waited for, and who has it.
    pub fn obstacle(&self) -> Option<&Obstacle> {
        match self {
            Error::PoolExhausted { obstacle, .. } | Error::Timeout { obstacle, .. } => Some(obstacle),
            _ => None,
        }
    }

    /// For programs: JSON of what went wrong, where somebody said.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Error::OnceFailed { reason, .. } => Some(reason),
            _ => None,
        }
    }
}

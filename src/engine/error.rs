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
        }
    }
}

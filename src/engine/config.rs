use super::Micros;

/// What an [`Engine`](super::Engine) is told when it is made.
#[derive(Debug, Clone)]
pub struct Config {
    /// How long a value lives that was set without a TTL; `None`: for ever.
    pub default_ttl: Option<Micros>,
    /// How long a session's lease lasts that was taken without a TTL; `None`: as long as its holder.
    pub lease_ttl: Option<Micros>,
    /// Refuse to keep a value without a TTL.
    pub require_ttl: bool,
    /// A read starts the TTL again.
    pub refresh_ttl_on_get: bool,
    /// The most values; 0: no limit.
    pub max_items: usize,
    /// The most bytes of a value.
    pub max_value_size: usize,
    /// How long the key of an expired value is remembered.
    pub sweep_after: Micros,
    /// The lowest number that a lease gives.
    pub lease_start: u64,
    /// After how long a wait is told of; `None`: never.
    pub slow_wait: Option<Micros>,
    /// How long a wait must have been for its end to be told of; `None`: never.
    pub long_wait: Option<Micros>,
    /// Where the policy `random` begins.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            default_ttl: Some(30 * 60 * 1_000_000),
            lease_ttl: None,
            require_ttl: true,
            refresh_ttl_on_get: false,
            max_items: 10_000,
            max_value_size: 256 * 1024,
            sweep_after: 30_000_000,
            lease_start: 1,
            slow_wait: None,
            long_wait: None,
            seed: 0,
        }
    }
}

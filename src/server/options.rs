use super::log::Level;
use crate::engine::{Command, Config, Policy, PoolSpec};
use crate::protocol::auth::Secret;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::time::Duration;

/// How a broker behaves. Each is described in `BrokerOptions` of `index.d.ts`; whoever makes them has checked them.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Options {
    /// In milliseconds; 0: for ever.
    #[serde(rename = "defaultTTL")]
    pub default_ttl: f64,
    /// Whether `default_ttl` was asked for, and so ends leases too.
    #[serde(rename = "leasesExpire")]
    pub leases_expire: bool,
    #[serde(rename = "requireTTL")]
    pub require_ttl: bool,
    #[serde(rename = "refreshTTLOnGet")]
    pub refresh_ttl_on_get: bool,
    pub max_items: usize,
    pub max_value_size: usize,
    pub max_request_size: usize,
    pub max_connections: usize,
    pub sweeper_interval: f64,
    pub secret: Option<String>,
    pub log_level: Level,
    pub structured_logging: bool,
    /// 0: never.
    pub idle_timeout: f64,
    /// 0: never.
    pub heartbeat_interval: f64,
    pub compression: bool,
    pub compression_threshold: usize,
    pub metrics: bool,
    pub lease_start: u64,
    #[serde(default)]
    pub pools: Vec<Pool>,
    /// 0: never.
    #[serde(default = "slow_wait")]
    pub slow_wait: f64,
    /// 0: never.
    #[serde(default)]
    pub long_wait: f64,
}

/// Long enough that most waits for an account or a lock are over.
fn slow_wait() -> f64 {
    10_000.0
}

/// A pool that is there from the beginning.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(missing_docs)] // `PoolDefinition` in index.d.ts
pub struct Pool {
    pub pool: String,
    pub values: Option<Vec<Box<RawValue>>>,
    pub size: Option<usize>,
    pub policy: PoolPolicy,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum PoolPolicy {
    Lowest,
    Lru,
    Random,
}

impl Pool {
    pub(super) fn command(&self) -> Command<'_> {
        let values = self.values.as_ref().map(|values| values.iter().map(|value| value.get()).collect());
        let policy = match self.policy {
            PoolPolicy::Lowest => Policy::Lowest,
            PoolPolicy::Lru => Policy::Lru,
            PoolPolicy::Random => Policy::Random,
        };
        let name = self.pool.as_str().into();
        Command::DefinePool(PoolSpec { name, values, size: self.size.unwrap_or(0), policy })
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            default_ttl: 1_800_000.0,
            leases_expire: false,
            require_ttl: true,
            refresh_ttl_on_get: false,
            max_items: 10_000,
            max_value_size: 256 * 1024,
            max_request_size: 1024 * 1024,
            max_connections: 10_000,
            sweeper_interval: 30_000.0,
            secret: None,
            log_level: Level::Warn,
            structured_logging: false,
            idle_timeout: 0.0,
            heartbeat_interval: 0.0,
            compression: false,
            compression_threshold: 1024,
            metrics: true,
            lease_start: 1,
            pools: Vec::new(),
            slow_wait: slow_wait(),
            long_wait: 0.0,
        }
    }
}

impl Options {
    pub(super) fn engine(&self) -> Config {
        let micros = |ms: f64| (ms * 1000.0).ceil() as u64;
        let default_ttl = Some(micros(self.default_ttl)).filter(|&ttl| ttl > 0);
        Config {
            default_ttl,
            lease_ttl: default_ttl.filter(|_| self.leases_expire),
            require_ttl: self.require_ttl,
            refresh_ttl_on_get: self.refresh_ttl_on_get,
            max_items: self.max_items,
            max_value_size: self.max_value_size,
            sweep_after: micros(self.sweeper_interval),
            lease_start: self.lease_start,
            slow_wait: Some(micros(self.slow_wait)).filter(|&span| span > 0),
            long_wait: Some(micros(self.long_wait)).filter(|&span| span > 0),
            seed: random_seed(),
        }
    }

    /// Takes the secret out, so that it is held in one place only, which is wiped.
    pub(super) fn take_secret(&mut self) -> Option<Secret> {
        let text = zeroize::Zeroizing::new(self.secret.take()?);
        Some(Secret::new(&text))
    }

    pub(super) fn idle_timeout(&self) -> Option<Duration> {
        span(self.idle_timeout)
    }

    pub(super) fn heartbeat_interval(&self) -> Option<Duration> {
        span(self.heartbeat_interval)
    }
}

fn span(ms: f64) -> Option<Duration> {
    (ms > 0.0).then(|| Duration::from_secs_f64(ms / 1000.0))
}

/// Where nothing is random, pools with the policy `random` begin alike: that does no harm.
fn random_seed() -> u64 {
    getrandom::u64().unwrap_or(0)
}

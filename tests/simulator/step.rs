//! What is done to the engine: owned, so that it can be shown again, and by numbers in place of names, so that the model compares numbers.

use crate::topics::TopicStep;
use ephemeral_broker::engine::{Ask, Command, Condition, Policy, PoolSpec, SessionId, Value};

/// The first four may be defined as pools; the others are leased without bound.
pub const POOLS: [&str; 6] = ["accounts", "databases", "phones", "ports", "free-a", "free-b"];
pub const DEFINABLE: usize = 4;
pub const LOCKS: [&str; 3] = ["lock-a", "lock-b", "lock-c"];
pub const SEMAPHORES: [&str; 3] = ["sem-a", "sem-b", "sem-c"];
pub const KEYS: [&str; 6] = ["auth", "phase", "server", "count-a", "count-b", "seen"];
pub const QUEUES: [&str; 3] = ["chunks", "files", "jobs"];
pub const LIMITS: [&str; 3] = ["api", "mails", "logins"];
pub const BARRIERS: [&str; 3] = ["ready", "half", "end"];
pub const LISTS: [&str; 2] = ["timings", "failures"];
pub const SPACES: [&str; 2] = ["", "ports"];
pub const VALUES: [&str; 6] = ["1", "2", "3", "\"a\"", "\"b\"", "[1]"];
pub const WORKERS: [&str; 8] = ["w0", "w1", "w2", "w3", "w4", "w5", "w6", "w7"];
pub const ROLES: [&str; 3] = ["admin", "user", "guest"];
pub const REGIONS: [&str; 2] = ["eu", "us"];

/// Members that a value must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pattern {
    pub role: Option<u8>,
    pub region: Option<u8>,
}

impl Pattern {
    pub fn json(self) -> serde_json::Value {
        let mut members = serde_json::Map::new();
        if let Some(role) = self.role {
            members.insert("role".into(), ROLES[role as usize].into());
        }
        if let Some(region) = self.region {
            members.insert("region".into(), REGIONS[region as usize].into());
        }
        members.into()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Want {
    Values { parts: Vec<(usize, Option<Pattern>)>, ttl: Option<u64> },
    Number { pool: usize, worker: usize, ttl: Option<u64>, detached: bool },
    Lock { lock: usize, shared: bool },
    Permits { semaphore: usize, permits: u32, amount: u32 },
    Once { key: usize, refresh: Option<u64> },
    WaitFor { key: usize },
    Watch { key: usize, after: u64 },
    Take { queue: usize, until_done: bool },
    Done { queue: usize },
    Pass { limit: usize, cost: u32 },
    Arrive { barrier: usize, parties: u32 },
}

/// A value of a pool, or a number: then without a role and a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub json: Option<String>,
    pub role: Option<u8>,
    pub region: Option<u8>,
}

impl Member {
    pub fn number() -> Self {
        Self { json: None, role: None, region: None }
    }

    pub fn value(id: u64, role: u8, region: u8) -> Self {
        let json =
            format!(r#"{{"id":{id},"role":"{}","region":"{}"}}"#, ROLES[role as usize], REGIONS[region as usize]);
        Self { json: Some(json), role: Some(role), region: Some(region) }
    }

    pub fn fits(&self, pattern: Option<Pattern>) -> bool {
        let Some(pattern) = pattern else { return true };
        self.json.is_some()
            && (pattern.role.is_none() || pattern.role == self.role)
            && (pattern.region.is_none() || pattern.region == self.region)
    }
}

/// Times are in ms.
#[derive(Debug, Clone)]
pub enum Step {
    Open {
        process: usize,
        thread: u64,
    },
    Close {
        session: SessionId,
        orderly: bool,
    },
    Tick,
    Topic(TopicStep),
    Cancel {
        session: SessionId,
        ticket: u64,
    },
    /// `within`: the tokens that the asking line of work holds, where it says so.
    Ask {
        session: SessionId,
        ticket: u64,
        wait: Option<u64>,
        within: Option<Vec<u64>>,
        want: Want,
    },
    Get {
        key: usize,
    },
    GetVersion {
        key: usize,
    },
    Has {
        key: usize,
    },
    Set {
        key: usize,
        json: String,
        ttl: Option<u64>,
        if_version: Option<u64>,
        keep_ttl: bool,
    },
    Del {
        key: usize,
    },
    Incr {
        key: usize,
        by: i64,
        ttl: Option<u64>,
    },
    Lease {
        session: Option<SessionId>,
        pool: usize,
        worker: usize,
        ttl: Option<u64>,
        detached: bool,
    },
    ReleaseWorker {
        session: Option<SessionId>,
        worker: usize,
        pool: Option<usize>,
    },
    Append {
        list: usize,
        items: Vec<String>,
    },
    Collect {
        list: usize,
        from: usize,
    },
    DefinePool {
        pool: usize,
        members: Vec<Member>,
        sized: bool,
        policy: Policy,
    },
    AddToPool {
        pool: usize,
        members: Vec<Member>,
        sized: bool,
    },
    Push {
        queue: usize,
        items: Vec<String>,
        max_attempts: u32,
    },
    Limit {
        limit: usize,
        max: u32,
        per: u64,
        burst: u32,
    },
    Renew {
        session: SessionId,
        token: u64,
        ttl: Option<u64>,
    },
    /// Gives back what was forgotten.
    Leak {
        session: SessionId,
        token: u64,
    },
    Release {
        session: SessionId,
        token: u64,
        amount: Option<u32>,
    },
    Discard {
        session: SessionId,
        token: u64,
    },
    Reserve {
        session: SessionId,
        space: usize,
        values: Vec<usize>,
    },
    Unreserve {
        session: SessionId,
        space: usize,
        values: Vec<usize>,
    },
    Fulfil {
        session: SessionId,
        token: u64,
        json: String,
        ttl: Option<u64>,
    },
    Fail {
        session: SessionId,
        token: u64,
        all: bool,
    },
    Ack {
        session: SessionId,
        token: u64,
    },
    Nack {
        session: SessionId,
        token: u64,
    },
    Describe {
        session: SessionId,
        text: Option<String>,
    },
}

fn ms(time: Option<u64>) -> Option<f64> {
    time.map(|ms| ms as f64)
}

fn spec<'a>(pool: usize, members: &'a [Member], sized: bool, policy: Policy) -> PoolSpec<'a> {
    let values = (!sized).then(|| members.iter().map(|member| member.json.as_deref().unwrap_or("null")).collect());
    PoolSpec { name: POOLS[pool].into(), values, size: members.len(), policy }
}

impl Want {
    pub fn ask(&self) -> Ask<'static> {
        match *self {
            Want::Values { ref parts, ttl } => Ask::Acquire {
                pools: parts.iter().map(|&(pool, pattern)| (POOLS[pool].into(), pattern.map(Pattern::json))).collect(),
                ttl: ms(ttl),
            },
            Want::Number { pool, worker, ttl, detached } => {
                Ask::Lease { key: POOLS[pool].into(), worker: WORKERS[worker].into(), ttl: ms(ttl), detached }
            }
            Want::Lock { lock, shared } => Ask::Lock { name: LOCKS[lock].into(), shared },
            Want::Permits { semaphore, permits, amount } => {
                Ask::Semaphore { name: SEMAPHORES[semaphore].into(), permits, amount }
            }
            Want::Once { key, refresh } => Ask::Once { key: KEYS[key].into(), refresh: ms(refresh) },
            Want::WaitFor { key } => Ask::WaitFor { key: KEYS[key].into() },
            Want::Watch { key, after } => Ask::Watch { key: KEYS[key].into(), after },
            Want::Take { queue, until_done } => Ask::Take { queue: QUEUES[queue].into(), until_done },
            Want::Done { queue } => Ask::Done { queue: QUEUES[queue].into() },
            Want::Pass { limit, cost } => Ask::Throttle { name: LIMITS[limit].into(), cost },
            Want::Arrive { barrier, parties } => Ask::Barrier { name: BARRIERS[barrier].into(), parties },
        }
    }
}

impl Step {
    /// What is done with `apply`, and by whom.
    pub fn command(&self) -> Option<(Option<SessionId>, Command<'_>)> {
        let anybody = None;
        Some(match *self {
            Step::Topic(ref step) => step.command(),
            Step::Get { key } => (anybody, Command::Get { key: KEYS[key].into() }),
            Step::GetVersion { key } => (anybody, Command::GetVersion { key: KEYS[key].into() }),
            Step::Has { key } => (anybody, Command::Has { key: KEYS[key].into() }),
            Step::Set { key, ref json, ttl, if_version, keep_ttl } => {
                let value = Value { json: Some(json), compressed: false };
                let condition = Condition { if_version, keep_ttl };
                (anybody, Command::Set { key: KEYS[key].into(), value, ttl: ms(ttl), condition })
            }
            Step::Del { key } => (anybody, Command::Del { key: KEYS[key].into() }),
            Step::Incr { key, by, ttl } => {
                (anybody, Command::Incr { key: KEYS[key].into(), by: by as f64, ttl: ms(ttl) })
            }
            Step::Lease { session, pool, worker, ttl, detached } => {
                let (key, worker) = (POOLS[pool].into(), WORKERS[worker].into());
                (session, Command::Lease { key, worker, ttl: ms(ttl), detached })
            }
            Step::ReleaseWorker { session, worker, pool } => {
                let key = pool.map(|pool| POOLS[pool].into());
                (session, Command::Release { worker: WORKERS[worker].into(), key })
            }
            Step::Append { list, ref items } => {
                let items = items.iter().map(String::as_str).collect();
                (anybody, Command::Append { list: LISTS[list].into(), items })
            }
            Step::Collect { list, from } => (anybody, Command::Collect { list: LISTS[list].into(), from }),
            Step::DefinePool { pool, ref members, sized, policy } => {
                (anybody, Command::DefinePool(spec(pool, members, sized, policy)))
            }
            Step::AddToPool { pool, ref members, sized } => {
                (anybody, Command::AddToPool(spec(pool, members, sized, Policy::Lowest)))
            }
            Step::Push { queue, ref items, max_attempts } => {
                let items = items.iter().map(String::as_str).collect();
                (anybody, Command::Push { queue: QUEUES[queue].into(), items, max_attempts })
            }
            Step::Limit { limit, max, per, burst } => {
                (anybody, Command::Limit { name: LIMITS[limit].into(), max, per: Some(per as f64), burst })
            }
            Step::Renew { session, token, ttl } => (Some(session), Command::Renew { token, ttl: ms(ttl) }),
            Step::Leak { session, token } => (Some(session), Command::Leak { token }),
            Step::Release { session, token, amount } => (Some(session), Command::ReleaseToken { token, amount }),
            Step::Discard { session, token } => (Some(session), Command::Discard { token, reason: None }),
            Step::Reserve { session, space, ref values } => {
                let values = values.iter().map(|&value| VALUES[value]).collect();
                (Some(session), Command::Reserve { space: SPACES[space].into(), values })
            }
            Step::Unreserve { session, space, ref values } => {
                let values = values.iter().map(|&value| VALUES[value]).collect();
                (Some(session), Command::Unreserve { space: SPACES[space].into(), values })
            }
            Step::Fulfil { session, token, ref json, ttl } => {
                let value = Value { json: Some(json), compressed: false };
                (Some(session), Command::Fulfil { token, value, ttl: ms(ttl) })
            }
            Step::Fail { session, token, all } => (Some(session), Command::Fail { token, reason: "\"no\"", all }),
            Step::Ack { session, token } => (Some(session), Command::Ack { token }),
            Step::Nack { session, token } => (Some(session), Command::Nack { token, reason: None }),
            Step::Describe { session, ref text } => {
                (Some(session), Command::Describe { text: text.as_deref().map(Into::into) })
            }
            Step::Open { .. } | Step::Close { .. } | Step::Tick | Step::Cancel { .. } | Step::Ask { .. } => {
                return None;
            }
        })
    }
}

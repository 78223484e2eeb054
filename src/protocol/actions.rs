//! The actions of `PROTOCOL.md`, each with the members that it takes.

use super::Failure;
use super::request::{Members, Raw, Request, flag, is_id, name, number, shorten, text, wrong};
use crate::engine::{
    Ask, Backlog, Command, Condition, Encoding, Overflow, Payload, Policy, PoolSpec, Replies, Terms, Value,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// How often an item of a queue is handed out, unless the pusher says otherwise.
const MAX_ATTEMPTS: u32 = 5;
/// How many messages of a subscription wait, unless it says otherwise.
const LIMIT: u32 = 1000;
/// How many are on their way.
const WINDOW: u32 = 256;

type WantedPools<'a> = Vec<(Cow<'a, str>, Option<serde_json::Value>)>;

/// An element of `pools`.
#[derive(Deserialize)]
struct Wanted<'a> {
    #[serde(borrow)]
    pool: Cow<'a, str>,
    #[serde(rename = "match")]
    pattern: Option<serde_json::Value>,
}

impl<'a> Members<'a> {
    /// The request, if there is such an action.
    pub(super) fn act(&self, action: &str, payload: Option<&'a [u8]>) -> Result<Option<Request<'a>>, Failure> {
        if let Some(command) = self.message_command(action, payload)? {
            return Ok(Some(Request::Command(command)));
        }

        if let Some(ask) = self.ask(action)? {
            return Ok(Some(Request::Ask { ask, terms: self.terms()? }));
        }
        if let Some(command) = self.command(action)? {
            return Ok(Some(Request::Command(command)));
        }
        Ok(match action {
            "listPool" => Some(Request::ListPool { pool: self.name_of("pool", self.pool)? }),
            "cancel" => {
                let Some(Raw(request)) = self.request else { return Err(missing("request", "the id of a request")) };
                if request == "null" || !is_id(request) {
                    return Err(wrong("request", "the id of a request", request));
                }
                Some(Request::Cancel { request })
            }
            _ => None,
        })
    }

    /// What concerns topics.
    fn message_command(&self, action: &str, payload: Option<&'a [u8]>) -> Result<Option<Command<'a>>, Failure> {
        let whole = |member: &str, raw: Option<Raw<'a>>| -> Result<u64, Failure> {
            number(member, raw)?.ok_or_else(|| missing(member, "a whole number"))
        };
        let topic = || self.name_of("topic", self.topic);
        Ok(Some(match action {
            "publish" => {
                Command::Publish { topic: topic()?, payload: self.payload(payload)?, replies: self.replies()? }
            }
            "reply" => {
                Command::ReplyTo { message: whole("messageId", self.message_id)?, payload: self.payload(payload)? }
            }
            "subscribe" => Command::Subscribe { topic: topic()?, backlog: self.backlog()? },
            "unsubscribe" => Command::Unsubscribe { subscription: whole("subscription", self.subscription)? },
            "taken" => Command::Taken {
                subscription: whole("subscription", self.subscription)?,
                count: self.small("count", self.count)?.ok_or_else(|| missing("count", "a whole number"))? as usize,
            },
            _ => return Ok(None),
        }))
    }

    fn payload(&self, raw: Option<&'a [u8]>) -> Result<Payload<'a>, Failure> {
        const ALLOWED: &str = "v8 or bytes with a payload (raw), or not given with data";
        let encoding = self.encoding.filter(|Raw(json)| *json != "null");
        let name = encoding.map(|raw| text("encoding", raw)).transpose()?;
        match (raw, name.as_deref(), self.data) {
            (Some(bytes), Some("v8"), None) => Ok(Payload { encoding: Encoding::V8, bytes }),
            (Some(bytes), Some("bytes"), None) => Ok(Payload { encoding: Encoding::Bytes, bytes }),
            (None, None, Some(Raw(json))) => Ok(Payload { encoding: Encoding::Json, bytes: json.as_bytes() }),
            (None, None, None) => Err(missing("data", "any JSON; or a payload (raw)")),
            (Some(_), _, Some(_)) => {
                Err(Failure::new("invalid_request", "a message has either data or a payload (raw)"))
            }
            _ => Err(wrong("encoding", ALLOWED, encoding.map_or("none", |Raw(json)| json))),
        }
    }

    fn backlog(&self) -> Result<Backlog, Failure> {
        let overflow = match self.policy {
            None | Some(Raw("null")) => Overflow::Error,
            Some(raw) => match &*text("policy", raw)? {
                "latest" => Overflow::Latest,
                "drop" => Overflow::Drop,
                "error" => Overflow::Error,
                _ => return Err(wrong("policy", "latest, drop or error", raw.0)),
            },
        };
        let limit = self.small("limit", self.limit)?.unwrap_or(LIMIT) as usize;
        let window = self.small("window", self.window)?.unwrap_or(WINDOW) as usize;
        Ok(Backlog { overflow, limit, window })
    }

    fn replies(&self) -> Result<Option<Replies>, Failure> {
        match self.replies {
            None | Some(Raw("null")) => Ok(None),
            Some(raw @ Raw(json)) => match &*text("replies", raw)? {
                "first" => Ok(Some(Replies::First)),
                "all" => Ok(Some(Replies::All(self.backlog()?))),
                _ => Err(wrong("replies", "first or all", json)),
            },
        }
    }

    fn command(&self, action: &str) -> Result<Option<Command<'a>>, Failure> {
        Ok(Some(match action {
            "get" if flag("version", self.version)? => Command::GetVersion { key: self.key()? },
            "get" => Command::Get { key: self.key()? },
            "set" => {
                let absent = flag("ifAbsent", self.if_absent)?;
                let if_version = number("ifVersion", self.if_version)?.or(absent.then_some(0));
                let condition = Condition { if_version, keep_ttl: flag("keepTTL", self.keep_ttl)? };
                Command::Set { key: self.key()?, value: self.value()?, ttl: self.ttl()?, condition }
            }
            "del" => Command::Del { key: self.key()? },
            "has" => Command::Has { key: self.key()? },
            "release" if self.token.is_some() => {
                Command::ReleaseToken { token: self.token()?, amount: self.small("amount", self.amount)? }
            }
            "release" => Command::Release {
                worker: name("workerId", self.worker)?
                    .ok_or_else(|| Failure::new("worker_required", "release takes a workerId that is not empty"))?,
                key: name("key", self.key)?,
            },
            "incr" => {
                let by = self.decimal("by", self.by)?.unwrap_or(1.0);
                Command::Incr { key: self.key()?, by, ttl: self.ttl()? }
            }
            "append" => {
                Command::Append { list: self.name_of("list", self.list)?, items: self.texts("items", self.items)? }
            }
            "collect" => {
                let from = number("from", self.from)?.and_then(|from| usize::try_from(from).ok()).unwrap_or(0);
                Command::Collect { list: self.name_of("list", self.list)?, from }
            }
            "definePool" => Command::DefinePool(self.pool_spec()?),
            "addToPool" => Command::AddToPool(self.pool_spec()?),
            "push" => Command::Push {
                queue: self.name_of("queue", self.queue)?,
                items: self.texts("items", self.items)?,
                max_attempts: self.small("maxAttempts", self.max_attempts)?.unwrap_or(MAX_ATTEMPTS),
            },
            "limit" => Command::Limit {
                name: self.name_of("name", self.name)?,
                max: self.small("max", self.max)?.ok_or_else(|| missing("max", "a whole number"))?,
                per: self.decimal("per", self.per)?,
                burst: self.small("burst", self.burst)?.unwrap_or(1),
            },
            "keep" => Command::Keep { token: self.token()? },
            "leak" => Command::Leak { token: self.token()? },
            "renew" => Command::Renew { token: self.token()?, ttl: self.ttl()? },
            "discard" => Command::Discard { token: self.token()?, reason: self.title("reason", self.reason)? },
            "reserve" => Command::Reserve {
                space: name("name", self.name)?.unwrap_or_default(),
                values: self.texts("values", self.values)?,
            },
            "unreserve" => Command::Unreserve {
                space: name("name", self.name)?.unwrap_or_default(),
                values: self.texts("values", self.values)?,
            },
            "fulfil" => Command::Fulfil { token: self.token()?, value: self.value()?, ttl: self.ttl()? },
            "fail" => Command::Fail {
                token: self.token()?,
                reason: self.reason.map_or("null", |Raw(json)| json),
                all: flag("all", self.all)?,
            },
            "ack" => Command::Ack { token: self.token()? },
            "nack" => Command::Nack { token: self.token()?, reason: self.reason.map(|Raw(json)| json) },
            "describe" => Command::Describe { text: self.title("text", self.text)? },
            _ => return Ok(None),
        }))
    }

    fn ask(&self, action: &str) -> Result<Option<Ask<'a>>, Failure> {
        let the_name = || self.name_of("name", self.name);
        let some = |member, raw: Option<Raw<'a>>| -> Result<u32, Failure> {
            self.small(member, raw)?.ok_or_else(|| missing(member, "a whole number"))
        };
        Ok(Some(match action {
            "acquire" => Ask::Acquire { pools: self.wanted()?, ttl: self.ttl()? },
            "lease" => {
                let absent = || {
                    Failure::new("key_and_worker_required", "a lease takes a key and a workerId, neither of them empty")
                };
                Ask::Lease {
                    key: name("key", self.key)?.ok_or_else(absent)?,
                    worker: name("workerId", self.worker)?.ok_or_else(absent)?,
                    ttl: self.ttl()?,
                    detached: flag("detached", self.detached)?,
                }
            }
            "lock" => Ask::Lock { name: the_name()?, shared: flag("shared", self.shared)? },
            "semaphore" => Ask::Semaphore {
                name: the_name()?,
                permits: some("permits", self.permits)?,
                amount: self.small("amount", self.amount)?.unwrap_or(1),
            },
            "once" => Ask::Once { key: self.key()?, refresh: self.decimal("refresh", self.refresh)? },
            "waitFor" => Ask::WaitFor { key: self.key()? },
            "watch" => {
                let after =
                    number("after", self.after)?.ok_or_else(|| missing("after", "a version, 0 for no value"))?;
                Ask::Watch { key: self.key()?, after }
            }
            "take" => {
                Ask::Take { queue: self.name_of("queue", self.queue)?, until_done: flag("untilDone", self.until_done)? }
            }
            "done" => Ask::Done { queue: self.name_of("queue", self.queue)? },
            "throttle" => Ask::Throttle { name: the_name()?, cost: self.small("cost", self.cost)?.unwrap_or(1) },
            "barrier" => Ask::Barrier { name: the_name()?, parties: some("parties", self.parties)? },
            _ => return Ok(None),
        }))
    }

    fn key(&self) -> Result<Cow<'a, str>, Failure> {
        name("key", self.key)?.ok_or_else(|| Failure::new("key_required", "the request takes a key that is not empty"))
    }

    fn name_of(&self, member: &str, raw: Option<Raw<'a>>) -> Result<Cow<'a, str>, Failure> {
        name(member, raw)?.ok_or_else(|| missing(member, "a string that is not empty"))
    }

    fn value(&self) -> Result<Value<'a>, Failure> {
        let json = self.value.map(|Raw(json)| json);
        Ok(Value { json, compressed: flag("compressed", self.compressed)? })
    }

    fn ttl(&self) -> Result<Option<f64>, Failure> {
        match self.ttl {
            None | Some(Raw("null")) => Ok(None),
            Some(Raw(json)) => serde_json::from_str(json).map(Some).map_err(|_| {
                let text = format_args!("{} is not a TTL: a number of milliseconds above 0", shorten(json)).to_string();
                Failure::new("invalid_ttl", text)
            }),
        }
    }

    fn terms(&self) -> Result<Terms, Failure> {
        let wait = self.decimal("wait", self.wait)?;
        if wait.is_some_and(|ms| ms < 0.0) {
            return Err(wrong("wait", "a number of milliseconds from 0 on", self.wait.map_or("", |Raw(json)| json)));
        }
        let within = self.within.filter(|Raw(json)| *json != "null");
        let within =
            within.map(|Raw(json)| serde_json::from_str(json).map_err(|_| wrong("within", "an array of tokens", json)));
        Ok(Terms { wait, within: within.transpose()?, unsure: flag("unsure", self.unsure)? })
    }

    fn token(&self) -> Result<u64, Failure> {
        number("token", self.token)?.ok_or_else(|| missing("token", "the whole number that came with the grant"))
    }

    fn decimal(&self, member: &str, raw: Option<Raw<'a>>) -> Result<Option<f64>, Failure> {
        match raw {
            None | Some(Raw("null")) => Ok(None),
            Some(Raw(json)) => serde_json::from_str(json).map(Some).map_err(|_| wrong(member, "a number", json)),
        }
    }

    fn small(&self, member: &str, raw: Option<Raw<'a>>) -> Result<Option<u32>, Failure> {
        let json = raw.map_or("", |Raw(json)| json);
        let number = number(member, raw)?;
        number.map(|number| u32::try_from(number).map_err(|_| wrong(member, "below 2^32", json))).transpose()
    }

    /// Text for people; null and none are the same.
    fn title(&self, member: &str, raw: Option<Raw<'a>>) -> Result<Option<Cow<'a, str>>, Failure> {
        name(member, raw)
    }

    /// The JSON texts of an array.
    fn texts(&self, member: &str, raw: Option<Raw<'a>>) -> Result<Vec<&'a str>, Failure> {
        let Some(Raw(json)) = raw else { return Err(missing(member, "an array")) };
        let elements: Vec<&RawValue> = serde_json::from_str(json).map_err(|_| wrong(member, "an array", json))?;
        Ok(elements.into_iter().map(RawValue::get).collect())
    }

    fn pool_spec(&self) -> Result<PoolSpec<'a>, Failure> {
        let size = self.small("size", self.size)?;
        let values = self.values.map(|raw| self.texts("values", Some(raw))).transpose()?;
        if size.is_some() == values.is_some() {
            return Err(Failure::new(
                "invalid_request",
                "a pool takes either values, an array, or size, a whole number",
            ));
        }
        let policy = match self.policy {
            None | Some(Raw("null")) => Policy::default(),
            Some(raw) => match &*text("policy", raw)? {
                "lowest" => Policy::Lowest,
                "lru" => Policy::Lru,
                "random" => Policy::Random,
                _ => return Err(wrong("policy", "lowest, lru or random", raw.0)),
            },
        };
        Ok(PoolSpec { name: self.name_of("pool", self.pool)?, values, size: size.unwrap_or(0) as usize, policy })
    }

    fn wanted(&self) -> Result<WantedPools<'a>, Failure> {
        const ALLOWED: &str = r#"an array of {"pool": a string, "match"?: an object}"#;
        let Some(Raw(json)) = self.pools else { return Err(missing("pools", ALLOWED)) };
        let wanted: Vec<Wanted<'a>> = serde_json::from_str(json).map_err(|_| wrong("pools", ALLOWED, json))?;
        wanted
            .into_iter()
            .map(|Wanted { pool, pattern }| match pattern {
                _ if pool.is_empty() => Err(wrong("pools", ALLOWED, json)),
                None | Some(serde_json::Value::Object(_)) => Ok((pool, pattern)),
                Some(other) => Err(wrong("match", "an object", &other.to_string())),
            })
            .collect()
    }
}

fn missing(member: &str, allowed: &str) -> Failure {
    Failure::new("invalid_request", format_args!("the request takes {member}: {allowed}"))
}

//! A line into a request.

use super::Failure;
use super::frame::payload_size;
use crate::engine::{Ask, Command, Terms};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The most bytes of an `id` that is a string.
const MAX_ID: usize = 64;
/// The most bytes of a key or a name.
const MAX_NAME: usize = 1024;

/// The actions that may come with a payload.
const TAKES_PAYLOAD: [&str; 2] = ["publish", "reply"];

/// A request, with what concerns any of them.
#[derive(Debug)]
pub struct Line<'a> {
    /// The `id` as it stands in the line.
    pub id: Option<&'a str>,
    /// The `hmac` as it stands in the line.
    pub hmac: Option<&'a str>,
    /// What is asked for, or why it cannot be.
    pub request: Result<Request<'a>, Failure>,
}

/// What a line asks for.
#[derive(Debug)]
#[allow(missing_docs)] // the actions and members of PROTOCOL.md
pub enum Request<'a> {
    /// What is done at once.
    Command(Command<'a>),
    /// What may have to wait.
    Ask {
        ask: Ask<'a>,
        terms: Terms,
    },
    /// Ends the wait of the request with this id, as it stands in the line.
    Cancel {
        request: &'a str,
    },
    List,
    ListPool {
        pool: Cow<'a, str>,
    },
    Ping,
    Stats,
    Health,
    Metrics,
    Inspect,
    Hello(Hello<'a>),
    /// Something that the host's program does, not the broker.
    Host {
        value: &'a str,
    },
    Auth {
        proof: Cow<'a, str>,
    },
    Bye,
}

/// How a worker introduces itself.
#[derive(Debug)]
#[allow(missing_docs)] // the members of PROTOCOL.md
pub struct Hello<'a> {
    pub protocol: u64,
    pub pid: Option<u32>,
    pub name: Option<Cow<'a, str>>,
    pub process: Option<Cow<'a, str>>,
    pub thread: u64,
    pub nonce: Option<Cow<'a, str>>,
}

/// JSON text that is there, `null` included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raw<'a>(pub(super) &'a str);

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|raw| Raw(raw.get()))
    }
}

fn present<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Raw<'a>>, D::Error> {
    Raw::deserialize(deserializer).map(Some)
}

macro_rules! members {
    ($($member:ident $(= $wire:literal)?),* $(,)?) => {
        /// The members that mean something, as they stand in the line. One that is given twice is an error: two readers could take it differently.
        #[derive(Debug, Deserialize)]
        pub(super) struct Members<'a> {
            $(#[serde(borrow, default, deserialize_with = "present" $(, rename = $wire)?)] pub(super) $member: Option<Raw<'a>>),*
        }
    };
}

members!(
    raw,
    id,
    action,
    key,
    value,
    ttl,
    compressed,
    worker = "workerId",
    detached,
    hmac,
    protocol,
    pid,
    name,
    process,
    thread,
    nonce,
    proof,
    after,
    all,
    amount,
    burst,
    by,
    cost,
    count,
    data,
    encoding,
    from,
    if_absent = "ifAbsent",
    if_version = "ifVersion",
    items,
    keep_ttl = "keepTTL",
    limit,
    list,
    max,
    max_attempts = "maxAttempts",
    message_id = "messageId",
    parties,
    per,
    permits,
    policy,
    pool,
    pools,
    queue,
    reason,
    refresh,
    replies,
    request,
    shared,
    size,
    subscription,
    text,
    token,
    topic,
    unsure,
    until_done = "untilDone",
    values,
    version,
    wait,
    window,
    within,
);

/// Reads a line, and the payload that followed it.
///
/// # Errors
/// `invalid_json`: it is no JSON object in UTF-8, and so has no `id` either.
pub fn parse<'a>(line: &'a [u8], payload: Option<&'a [u8]>) -> Result<Line<'a>, Failure> {
    let invalid =
        |why: &dyn std::fmt::Display| Failure::new("invalid_json", format_args!("the line is not a request: {why}"));
    let text = std::str::from_utf8(line).map_err(|error| invalid(&error))?;
    // A struct would be read from an array too.
    if !text.trim_start().starts_with('{') {
        return Err(invalid(&"it is not a JSON object"));
    }
    let members: Members<'_> = serde_json::from_str(text).map_err(|error| invalid(&error))?;
    let id = members.id.map(|Raw(id)| id).filter(|id| *id != "null");
    if let Some(id) = id
        && !is_id(id)
    {
        let failure = Failure::new("invalid_request", "the id must be a number or a string of at most 64 bytes");
        return Ok(Line { id: None, hmac: members.hmac.map(|Raw(hmac)| hmac), request: Err(failure) });
    }
    Ok(Line { id, hmac: members.hmac.map(|Raw(hmac)| hmac), request: members.request(payload) })
}

/// The `id` at the very beginning of a line that is too long to be read.
pub fn id_of_prefix(line: &[u8]) -> Option<&str> {
    let rest = match payload_size(line) {
        Some(_) => line.iter().position(|&byte| byte == b',').and_then(|end| line[end + 1..].strip_prefix(b"\"id\":")),
        None => line.strip_prefix(b"{\"id\":"),
    }?;
    let end = rest.iter().take(MAX_ID).position(|&byte| byte == b',')?;
    std::str::from_utf8(&rest[..end]).ok().filter(|id| {
        !id.is_empty() && (id.len() == 1 || !id.starts_with('0')) && id.bytes().all(|byte| byte.is_ascii_digit())
    })
}

pub(super) fn is_id(raw: &str) -> bool {
    // A string has its quotes too.
    raw.len() <= MAX_ID + 2 && !matches!(raw.as_bytes(), [b'{' | b'[' | b't' | b'f', ..])
}

impl<'a> Members<'a> {
    fn request(&self, payload: Option<&'a [u8]>) -> Result<Request<'a>, Failure> {
        if self.raw.is_some() && payload.is_none() {
            return Err(Failure::new(
                "invalid_request",
                "raw must be the first member, and a whole number of bytes from 0 on: {\"raw\":5,",
            ));
        }
        let action = match self.action {
            Some(raw) => text("action", raw)?,
            None => return Err(Failure::new("unknown_action", "the request has no action")),
        };
        if payload.is_some() && !TAKES_PAYLOAD.contains(&&*action) {
            let text = format_args!("{} takes no payload (raw)", shorten(&action)).to_string();
            return Err(Failure::new("invalid_request", text));
        }
        Ok(match &*action {
            "list" => Request::List,
            "ping" => Request::Ping,
            "stats" => Request::Stats,
            "health" => Request::Health,
            "metrics" => Request::Metrics,
            "inspect" => Request::Inspect,
            "hello" => Request::Hello(self.hello()?),
            "auth" => Request::Auth { proof: self.proof.map_or(Ok(Cow::Borrowed("")), |raw| text("proof", raw))? },
            "host" => match self.value {
                Some(Raw(value)) => Request::Host { value },
                None => return Err(Failure::new("invalid_request", "value is missing: what the host is asked for")),
            },
            "bye" => Request::Bye,
            action => match self.act(action, payload)? {
                Some(request) => request,
                None => {
                    let text = format_args!("there is no action \"{}\"", shorten(action)).to_string();
                    return Err(Failure::new("unknown_action", text));
                }
            },
        })
    }

    fn hello(&self) -> Result<Hello<'a>, Failure> {
        let optional = |member, raw: Option<Raw<'a>>| raw.map(|raw| text(member, raw)).transpose();
        Ok(Hello {
            protocol: number("protocol", self.protocol)?.unwrap_or(1),
            pid: number("pid", self.pid)?.and_then(|pid| u32::try_from(pid).ok()),
            name: name("name", self.name)?,
            process: name("process", self.process)?,
            thread: number("thread", self.thread)?.unwrap_or(0),
            nonce: optional("nonce", self.nonce)?,
        })
    }
}

pub(super) fn text<'a>(member: &str, Raw(json): Raw<'a>) -> Result<Cow<'a, str>, Failure> {
    let inner = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let Some(inner) = inner else { return Err(wrong(member, "a string", json)) };
    if !inner.contains('\\') {
        return Ok(Cow::Borrowed(inner));
    }
    serde_json::from_str::<String>(json)
        .map(Cow::Owned)
        .map_err(|_| wrong(member, "a string of Unicode characters", json))
}

/// A key or a name; empty counts as not given.
pub(super) fn name<'a>(member: &str, raw: Option<Raw<'a>>) -> Result<Option<Cow<'a, str>>, Failure> {
    let Some(raw) = raw.filter(|Raw(json)| *json != "null") else { return Ok(None) };
    let name = text(member, raw)?;
    if name.len() > MAX_NAME {
        return Err(wrong(member, "a string of at most 1024 bytes", raw.0));
    }
    Ok((!name.is_empty()).then_some(name))
}

pub(super) fn flag(member: &str, raw: Option<Raw<'_>>) -> Result<bool, Failure> {
    match raw {
        None | Some(Raw("null" | "false")) => Ok(false),
        Some(Raw("true")) => Ok(true),
        Some(Raw(json)) => Err(wrong(member, "true or false", json)),
    }
}

pub(super) fn number(member: &str, raw: Option<Raw<'_>>) -> Result<Option<u64>, Failure> {
    match raw {
        None | Some(Raw("null")) => Ok(None),
        Some(Raw(json)) => {
            serde_json::from_str(json).map(Some).map_err(|_| wrong(member, "a whole number from 0 on", json))
        }
    }
}

pub(super) fn wrong(member: &str, allowed: &str, got: &str) -> Failure {
    Failure::new("invalid_request", format_args!("{member} must be {allowed}, not {}", shorten(got)))
}

/// Enough of a text for a message.
pub(super) fn shorten(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(40) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(line: &str) -> &'static str {
        match parse(line.as_bytes(), None) {
            Err(failure) => failure.code,
            Ok(Line { request: Err(failure), .. }) => failure.code,
            Ok(_) => "ok",
        }
    }

    #[test]
    fn what_is_not_a_request_says_why() {
        let deep =
            format!("{{\"action\":\"set\",\"key\":\"k\",\"value\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let cases = [
            ("null", "invalid_json"),
            ("[]", "invalid_json"),
            ("[null,\"ping\"]", "invalid_json"),
            ("7", "invalid_json"),
            ("{\"action\":\"ping\"", "invalid_json"),
            ("{\"action\":\"ping\"} x", "invalid_json"),
            ("{\"action\":\"ping\",\"action\":\"list\"}", "invalid_json"),
            ("{}", "unknown_action"),
            ("{\"action\":\"toString\"}", "unknown_action"),
            ("{\"action\":7}", "invalid_request"),
            ("{\"action\":\"get\"}", "key_required"),
            ("{\"action\":\"get\",\"key\":\"\"}", "key_required"),
            ("{\"action\":\"get\",\"key\":7}", "invalid_request"),
            ("{\"action\":\"get\",\"key\":\"\\ud800\"}", "invalid_request"),
            ("{\"action\":\"set\",\"key\":\"k\",\"ttl\":\"5\"}", "invalid_ttl"),
            ("{\"action\":\"set\",\"key\":\"k\",\"ttl\":1e999}", "invalid_ttl"),
            ("{\"action\":\"set\",\"key\":\"k\",\"compressed\":1}", "invalid_request"),
            ("{\"action\":\"lease\",\"key\":\"k\"}", "key_and_worker_required"),
            ("{\"action\":\"release\"}", "worker_required"),
            ("{\"id\":{},\"action\":\"ping\"}", "invalid_request"),
            ("{\"action\":\"hello\",\"pid\":-1}", "invalid_request"),
            ("{\"raw\":-1,\"action\":\"ping\"}", "invalid_request"),
            ("{\"action\":\"publish\",\"topic\":\"t\",\"data\":1,\"raw\":5}", "invalid_request"),
            ("{\"action\":\"publish\",\"topic\":\"t\"}", "invalid_request"),
            ("{\"action\":\"publish\",\"topic\":\"t\",\"encoding\":\"v8\",\"data\":1}", "invalid_request"),
            ("{\"action\":\"publish\",\"topic\":\"t\",\"data\":null}", "ok"),
            ("{\"action\":\"ping\",\"later\":[1,{}]}", "ok"),
            (" { \"id\" : \"a\" , \"action\" : \"p\\u0069ng\" } ", "ok"),
            (&deep, "ok"),
        ];
        for (line, expected) in cases {
            assert_eq!(code(line), expected, "{}", shorten(line));
        }
        assert_eq!(parse(b"{\"action\":\"\xff\"}", None).unwrap_err().code, "invalid_json");
    }

    fn value(line: Line<'_>) -> Option<&str> {
        match line.request {
            Ok(Request::Command(Command::Set { value, .. })) => value.json,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn values_are_kept_as_they_stand() {
        let line = parse(br#"{"action":"set","key":"k","value": {"b" : 1.0, "a":null}}"#, None).unwrap();
        assert_eq!(value(line), Some(r#"{"b" : 1.0, "a":null}"#));
        let line = parse(br#"{"action":"set","key":"k","value":null}"#, None).unwrap();
        assert_eq!(value(line), Some("null"));
        let line = parse(br#"{"action":"set","key":"k"}"#, None).unwrap();
        assert_eq!(value(line), None);
    }
}

use super::hold::Token;
use super::inbox::{Backlog, Payload, Replies};
use super::pool::Policy;
use super::queue::Failure;
use super::views::Leak;
use super::{Action, Micros};
use std::borrow::Cow;
use std::rc::Rc;

/// A value as it is handed in and out: JSON text that nobody here looks into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value<'a> {
    /// The text; `None` where the setter sent none.
    pub json: Option<&'a str>,
    /// Its setter says that the text is a string with the compressed value.
    pub compressed: bool,
}

/// What is set only under a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Condition {
    /// The version that it must still have; 0: there must be no value.
    pub if_version: Option<u64>,
    /// Its time goes on as it runs.
    pub keep_ttl: bool,
}

/// A pool to be made, or what is to be added to one.
#[derive(Debug, Clone)]
pub struct PoolSpec<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// The JSON of its values.
    pub values: Option<Vec<&'a str>>,
    /// How many numbers, where there are no values.
    pub size: usize,
    /// How it is handed out.
    pub policy: Policy,
}

/// What is done at once. Members are those of PROTOCOL.md; times are in milliseconds, unchecked. Those from `Renew` on need a session.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum Command<'a> {
    Get { key: Cow<'a, str> },
    GetVersion { key: Cow<'a, str> },
    Set { key: Cow<'a, str>, value: Value<'a>, ttl: Option<f64>, condition: Condition },
    Del { key: Cow<'a, str> },
    Has { key: Cow<'a, str> },
    Lease { key: Cow<'a, str>, worker: Cow<'a, str>, ttl: Option<f64>, detached: bool },
    Release { worker: Cow<'a, str>, key: Option<Cow<'a, str>> },
    Incr { key: Cow<'a, str>, by: f64, ttl: Option<f64> },
    Append { list: Cow<'a, str>, items: Vec<&'a str> },
    Collect { list: Cow<'a, str>, from: usize },
    DefinePool(PoolSpec<'a>),
    AddToPool(PoolSpec<'a>),
    Push { queue: Cow<'a, str>, items: Vec<&'a str>, max_attempts: u32 },
    Limit { name: Cow<'a, str>, max: u32, per: Option<f64>, burst: u32 },
    Publish { topic: Cow<'a, str>, payload: Payload<'a>, replies: Option<Replies> },
    Renew { token: Token, ttl: Option<f64> },
    ReleaseToken { token: Token, amount: Option<u32> },
    Keep { token: Token },
    Leak { token: Token },
    Discard { token: Token, reason: Option<Cow<'a, str>> },
    Reserve { space: Cow<'a, str>, values: Vec<&'a str> },
    Unreserve { space: Cow<'a, str>, values: Vec<&'a str> },
    Fulfil { token: Token, value: Value<'a>, ttl: Option<f64> },
    Fail { token: Token, reason: &'a str, all: bool },
    Ack { token: Token },
    Nack { token: Token, reason: Option<&'a str> },
    Describe { text: Option<Cow<'a, str>> },
    Subscribe { topic: Cow<'a, str>, backlog: Backlog },
    Unsubscribe { subscription: u64 },
    Taken { subscription: u64, count: usize },
    ReplyTo { message: u64, payload: Payload<'a> },
}

/// What may have to be waited for. Members are those of PROTOCOL.md.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum Ask<'a> {
    Acquire { pools: Vec<(Cow<'a, str>, Option<serde_json::Value>)>, ttl: Option<f64> },
    Lease { key: Cow<'a, str>, worker: Cow<'a, str>, ttl: Option<f64>, detached: bool },
    Lock { name: Cow<'a, str>, shared: bool },
    Semaphore { name: Cow<'a, str>, permits: u32, amount: u32 },
    Once { key: Cow<'a, str>, refresh: Option<f64> },
    WaitFor { key: Cow<'a, str> },
    Watch { key: Cow<'a, str>, after: u64 },
    Take { queue: Cow<'a, str>, until_done: bool },
    Done { queue: Cow<'a, str> },
    Throttle { name: Cow<'a, str>, cost: u32 },
    Barrier { name: Cow<'a, str>, parties: u32 },
}

impl Command<'_> {
    pub(super) fn action(&self) -> Action {
        match self {
            Command::Get { .. } | Command::GetVersion { .. } => Action::Get,
            Command::Set { .. } => Action::Set,
            Command::Del { .. } => Action::Del,
            Command::Has { .. } => Action::Has,
            Command::Lease { .. } => Action::Lease,
            Command::Release { .. } | Command::ReleaseToken { .. } => Action::Release,
            Command::Incr { .. } => Action::Incr,
            Command::Append { .. } => Action::Append,
            Command::Collect { .. } => Action::Collect,
            Command::DefinePool(_) => Action::DefinePool,
            Command::AddToPool(_) => Action::AddToPool,
            Command::Push { .. } => Action::Push,
            Command::Limit { .. } => Action::Limit,
            Command::Keep { .. } => Action::Keep,
            Command::Leak { .. } => Action::Leak,
            Command::Renew { .. } => Action::Renew,
            Command::Discard { .. } => Action::Discard,
            Command::Reserve { .. } => Action::Reserve,
            Command::Unreserve { .. } => Action::Unreserve,
            Command::Fulfil { .. } => Action::Fulfil,
            Command::Fail { .. } => Action::Fail,
            Command::Ack { .. } => Action::Ack,
            Command::Nack { .. } => Action::Nack,
            Command::Describe { .. } => Action::Describe,
            Command::Publish { .. } => Action::Publish,
            Command::Subscribe { .. } => Action::Subscribe,
            Command::Unsubscribe { .. } => Action::Unsubscribe,
            Command::Taken { .. } => Action::Taken,
            Command::ReplyTo { .. } => Action::Reply,
        }
    }
}

impl Ask<'_> {
    pub(super) fn action(&self) -> Action {
        match self {
            Ask::Acquire { .. } => Action::Acquire,
            Ask::Lease { .. } => Action::Lease,
            Ask::Lock { .. } => Action::Lock,
            Ask::Semaphore { .. } => Action::Semaphore,
            Ask::Once { .. } => Action::Once,
            Ask::WaitFor { .. } => Action::WaitFor,
            Ask::Watch { .. } => Action::Watch,
            Ask::Take { .. } => Action::Take,
            Ask::Done { .. } => Action::Done,
            Ask::Throttle { .. } => Action::Throttle,
            Ask::Barrier { .. } => Action::Barrier,
        }
    }
}

/// A lease that was given or renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    /// The number leased.
    pub number: u64,
    /// The fencing token: higher for each later grant.
    pub token: Token,
    /// What is left of its TTL; `None`: it lasts as long as its holder.
    pub expires_in: Option<Micros>,
    /// How long it was waited for.
    pub waited: Micros,
}

/// A value of a pool that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the members of `acquire`'s reply
pub struct LeaseGrant {
    pub pool: Rc<str>,
    pub number: u64,
    /// `None`: the pool has numbers only.
    pub json: Option<Rc<str>>,
    pub token: Token,
    pub expires_in: Option<Micros>,
}

/// A key's value, to be given to any number.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // as for `Value`
pub struct Kept {
    pub json: Option<Rc<str>>,
    pub compressed: bool,
    pub version: u64,
    pub expires_in: Option<Micros>,
}

/// What a command came to.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // each is the reply to one command, with the members of PROTOCOL.md
pub enum Reply<'a> {
    Done,
    Value(Value<'a>),
    Versioned { value: Value<'a>, version: u64 },
    Set { set: bool, version: u64 },
    Deleted(bool),
    Exists(bool),
    Leased(Granted),
    Released(bool),
    KeptHold(bool),
    Leaked(Option<Leak>),
    Number(f64),
    Length(usize),
    Items { items: Vec<&'a str>, length: usize, next: Option<usize> },
    Sized { size: usize, created: Option<bool> },
    Created(bool),
    Leases { leases: Vec<LeaseGrant>, waited: Micros },
    Held { token: Token, waited: Micros },
    Renewed(Option<Micros>),
    Discarded(bool),
    Reserved(Vec<usize>),
    Unreserved(usize),
    Kept { kept: Kept, token: Option<Token>, waited: Micros },
    Run { token: Token, waited: Micros },
    Changed { kept: Option<Kept>, waited: Micros },
    Item { json: Rc<str>, token: Token, attempt: u32, waited: Micros },
    NoItem { done: bool },
    Acked(bool),
    Nacked(bool),
    AllDone { acked: u64, failures: Rc<Vec<Failure>> },
    Passed { waited: Micros },
    Arrived { index: usize, waited: Micros },
    Published { message: u64, receivers: usize },
    Subscribed(u64),
    Unsubscribed(bool),
    Delivered(bool),
}

impl Reply<'_> {
    /// What it grants.
    pub(super) fn tokens(&self) -> Vec<Token> {
        match self {
            Reply::Held { token, .. } | Reply::Run { token, .. } | Reply::Item { token, .. } => vec![*token],
            Reply::Kept { token: Some(token), .. } => vec![*token],
            Reply::Leases { leases, .. } => leases.iter().map(|lease| lease.token).collect(),
            _ => Vec::new(),
        }
    }
}

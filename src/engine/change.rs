//! What a command changes at once.

use super::command::{Command, Condition, Granted, Reply, Value};
use super::error::Error;
use super::hold::Held;
use super::lease;
use super::resource::Kind;
use super::session::SessionId;
use super::store::{Put, checked_ttl};
use super::{Engine, Micros};

impl Engine {
    pub(super) fn change(
        &mut self,
        now: Micros,
        session: Option<SessionId>,
        command: Command<'_>,
    ) -> Result<Reply<'static>, Error> {
        match command {
            Command::Set { key, value, ttl, condition: Condition { if_version, keep_ttl } } => {
                let put = Put { value, ttl, if_version, keep_ttl, required: true };
                let written = self.store.put(now, &self.config, &key, put)?;
                self.watch_capacity();
                self.touched(&key);
                let plain = if_version.is_none() && !keep_ttl;
                Ok(if plain { Reply::Done } else { Reply::Set { set: written.set, version: written.version } })
            }
            Command::Del { key } => {
                let deleted = self.store.del(&key);
                self.watch_capacity();
                self.touched(&key);
                Ok(Reply::Deleted(deleted))
            }
            Command::Lease { key, worker, ttl, detached } => {
                let request = self.lease_request(session, &key, &worker, ttl, detached);
                self.lease(now, &request).map(Reply::Leased)
            }
            Command::Release { worker, key } => {
                let holder = session.and_then(|session| self.sessions.holder(session));
                let released = self.leases.release(&worker, key.as_deref(), holder, &self.sessions);
                self.take_back_numbers();
                released.map(Reply::Released)
            }
            Command::Incr { key, by, ttl } => self.incr(now, &key, by, ttl),
            Command::Append { list, items } => self.append(&list, &items),
            Command::DefinePool(spec) => self.define_pool(&spec),
            Command::AddToPool(spec) => self.add_to_pool(&spec),
            Command::Push { queue, items, max_attempts } => self.push(now, &queue, &items, max_attempts),
            Command::Publish { topic, payload, replies } => self.publish(session, &topic, payload, replies),
            Command::Limit { name, max, per, burst } => self.define_limit(&name, max, per, burst),
            command => {
                let session = session.filter(|&session| self.sessions.get(session).is_some());
                self.change_held(now, session.ok_or(Error::SessionRequired)?, command)
            }
        }
    }

    /// What concerns a session's own.
    pub(super) fn change_held(
        &mut self,
        now: Micros,
        session: SessionId,
        command: Command<'_>,
    ) -> Result<Reply<'static>, Error> {
        match command {
            Command::Renew { token, ttl } => {
                let ttl = checked_ttl(ttl)?;
                match self.holds.of(session, token).map(|hold| hold.what) {
                    Some(Held::Value { .. }) => {}
                    Some(_) => {
                        return Err(Error::Invalid {
                            what: format!("only a pool's value is renewed; token {token} is none"),
                        });
                    }
                    None => return Err(Error::NotHeld { token }),
                }
                Ok(Reply::Renewed(self.holds.renew(now, token, ttl)))
            }
            Command::ReleaseToken { token, amount: Some(amount) } => {
                self.release_some(session, token, amount).map(Reply::Released)
            }
            Command::ReleaseToken { token, amount: None } => {
                if self.holds.of(session, token).is_some() {
                    return Ok(Reply::Released(self.release_token(token)));
                }
                let holder = self.sessions.holder(session);
                let released = holder.is_some_and(|holder| self.leases.release_token(holder, token));
                self.take_back_numbers();
                Ok(Reply::Released(released))
            }
            Command::Keep { token } => Ok(Reply::KeptHold(self.keep(session, token))),
            Command::Leak { token } => Ok(Reply::Leaked(self.leak(now, session, token))),
            Command::Discard { token, reason } => self.discard(now, session, token, reason.as_deref()),
            Command::Reserve { space, values } => self.reserve(now, session, &space, &values),
            Command::Unreserve { space, values } => Ok(Reply::Unreserved(self.unreserve(session, &space, &values))),
            Command::Fulfil { token, value, ttl } => self.fulfil(now, session, token, value, ttl),
            Command::Fail { token, reason, all } => self.fail(now, session, token, reason, all),
            Command::Ack { token } => self.ack(session, token).map(Reply::Acked),
            Command::Nack { token, reason } => self.nack(session, token, reason).map(Reply::Nacked),
            Command::Subscribe { topic, backlog } => self.subscribe(session, &topic, backlog),
            Command::Unsubscribe { subscription } => Ok(Reply::Unsubscribed(self.unsubscribe(session, subscription))),
            Command::Taken { subscription, count } => self.taken(session, subscription, count).map(|()| Reply::Done),
            Command::ReplyTo { message, payload } => self.reply_to(message, payload).map(Reply::Delivered),
            Command::Describe { text } => {
                self.sessions.describe_test(session, text.as_deref());
                Ok(Reply::Done)
            }
            // Done in `apply` and `change`.
            _ => Ok(Reply::Done),
        }
    }

    pub(super) fn lease_request<'a>(
        &self,
        session: Option<SessionId>,
        key: &'a str,
        worker: &'a str,
        ttl: Option<f64>,
        detached: bool,
    ) -> lease::Request<'a> {
        let holder = session.and_then(|session| self.sessions.holder(session));
        lease::Request { key, worker, ttl, detached, holder, session }
    }

    /// A number under a worker's name, at once or not at all.
    pub(super) fn lease(&mut self, now: Micros, request: &lease::Request<'_>) -> Result<Granted, Error> {
        if let Some(pool) = self.resources.find(Kind::Pool, request.key)
            && !self.leases.is_held(request.worker, request.key)
        {
            return self.lease_bounded(now, pool, request);
        }
        let token = self.next_token();
        self.leases.lease(now, &self.config, request, &self.sessions, token)
    }

    pub(super) fn incr(&mut self, now: Micros, key: &str, by: f64, ttl: Option<f64>) -> Result<Reply<'static>, Error> {
        const MAX_SAFE: f64 = 9_007_199_254_740_991.0;
        let wrong = |found: &str| Error::NotANumber { key: key.into(), found: found.into() };
        let (current, live) = match self.store.peek(now, key) {
            None => (0.0, false),
            Some((Value { json: Some(json), compressed: false }, ..)) => {
                (json.parse::<f64>().map_err(|_| wrong("not a number"))?, true)
            }
            Some(_) => return Err(wrong("not a number")),
        };
        let sum = current + by;
        if !sum.is_finite() || (sum.fract() == 0.0 && sum.abs() > MAX_SAFE) {
            return Err(wrong(&format!("{current}: with {by} more it is out of the range of exact numbers")));
        }
        let text = sum.to_string();
        let value = Value { json: Some(&text), compressed: false };
        let put = Put { value, ttl: ttl.filter(|_| !live), if_version: None, keep_ttl: true, required: false };
        self.store.put(now, &self.config, key, put)?;
        self.watch_capacity();
        self.touched(key);
        Ok(Reply::Number(sum))
    }
}

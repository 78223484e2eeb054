//! What is made once, and who waits for a key.
//!
//! The value is the store's, under the same key. Whoever asks `once` stands in the key's line; at its head the right to make the value is handed out,
//! while there is none and nobody makes it. Those who only wait for the value, or for its change, stand in a line of their own.

use super::command::{Kept, Reply};
use super::error::Error;
use super::hold::{Held, Token};
use super::resource::{Kind, ResourceId, State};
use super::session::SessionId;
use super::store::Put;
use super::wait::{Ticket, WaitId, Want};
use super::{Engine, Micros, Value};
use std::rc::Rc;

/// Who makes the value of a key.
#[derive(Debug, Default)]
pub(super) struct Making {
    maker: Option<Token>,
    /// Makes a new one, while the old one lives.
    refresher: Option<Token>,
}

impl Making {
    pub(super) fn is_idle(&self) -> bool {
        self.maker.is_none() && self.refresher.is_none()
    }

    pub(super) fn maker(&self) -> Option<Token> {
        self.maker
    }

    fn forget(&mut self, token: Token) {
        for making in [&mut self.maker, &mut self.refresher] {
            if *making == Some(token) {
                *making = None;
            }
        }
    }
}

impl Engine {
    pub(super) fn ask_once(
        &mut self,
        now: Micros,
        (session, ticket): (SessionId, Ticket),
        key: &str,
        refresh: Micros,
    ) -> WaitId {
        let id = self.resources.find_or_make(Kind::Once, key, || State::Once(Making::default()));
        let wait = self.waits.insert(session, ticket, now, Want::Once { refresh });
        self.join(wait, id);
        wait
    }

    /// Waits for a value, or for a change. Only this wait is looked at: the others in the line have been.
    pub(super) fn ask_for_key(
        &mut self,
        now: Micros,
        (session, ticket): (SessionId, Ticket),
        key: &str,
        want: Want,
    ) -> WaitId {
        let id = self.resources.find_or_make(Kind::Value, key, || State::Bare);
        let wait = self.waits.insert(session, ticket, now, want);
        self.join_quietly(wait, id);
        let kept = self.kept(now, key);
        self.serve_watcher(now, wait, kept.as_ref());
        self.resources.tidy(id);
        wait
    }

    pub(super) fn serve_once(&mut self, now: Micros, id: ResourceId) {
        let Some(key) = self.resources.get(id).map(|resource| resource.name.clone()) else { return };
        let kept = self.kept(now, &key);
        while let Some(wait) = self.resources.get(id).and_then(|resource| self.waits.first(resource.line)) {
            let Some((session, since, refresh)) = self.waits.get(wait).and_then(|wait| match wait.want {
                Want::Once { refresh } => Some((wait.session, wait.since, refresh)),
                _ => None,
            }) else {
                return;
            };
            let Some(making) = self.making(id) else { return };
            if kept.is_none() && making.maker.is_none() {
                // Who was to renew the value makes it, now that it is gone.
                making.maker = making.refresher.take();
            }
            let waited = now - since;
            if let Some(kept) = &kept {
                let ends_soon = kept.expires_in.is_some_and(|left| left < refresh);
                let refreshes = ends_soon && making.is_idle();
                let token = refreshes.then(|| self.start_making(now, session, id, true));
                self.finish(now, wait, Ok(Reply::Kept { kept: kept.clone(), token, waited }));
            } else if making.maker.is_none() {
                let token = self.start_making(now, session, id, false);
                self.finish(now, wait, Ok(Reply::Run { token, waited }));
            } else {
                return;
            }
        }
    }

    fn start_making(&mut self, now: Micros, session: SessionId, key: ResourceId, refresh: bool) -> Token {
        let token = self.hold(now, session, Held::Making { key }, None);
        if let Some(making) = self.making(key) {
            let place = if refresh { &mut making.refresher } else { &mut making.maker };
            *place = Some(token);
        }
        token
    }

    /// Tells those who wait for the key's value or its change.
    pub(super) fn serve_watchers(&mut self, now: Micros, id: ResourceId) {
        let Some((key, line)) = self.resources.get(id).map(|resource| (resource.name.clone(), resource.line)) else {
            return;
        };
        let kept = self.kept(now, &key);
        let mut at = line.head();
        while let Some(place) = at {
            let (wait, next) = self.waits.step(place);
            at = next;
            self.serve_watcher(now, wait, kept.as_ref());
        }
    }

    fn serve_watcher(&mut self, now: Micros, id: WaitId, kept: Option<&Kept>) {
        let Some(wait) = self.waits.get(id) else { return };
        let waited = now - wait.since;
        match (&wait.want, kept) {
            (Want::Value, Some(kept)) => {
                self.finish(now, id, Ok(Reply::Kept { kept: kept.clone(), token: None, waited }));
            }
            (Want::Change { after }, kept) if kept.map_or(0, |kept| kept.version) != *after => {
                self.finish(now, id, Ok(Reply::Changed { kept: kept.cloned(), waited }));
            }
            _ => {}
        }
    }

    /// The value was made.
    pub(super) fn fulfil(
        &mut self,
        now: Micros,
        session: SessionId,
        token: Token,
        value: Value<'_>,
        ttl: Option<f64>,
    ) -> Result<Reply<'static>, Error> {
        let key = self.made_with(session, token)?;
        let name = self.name_of(key);
        // Whether or not it is kept: it is made no more, and the next that waits may try.
        self.release_token(token);
        let put = Put { value, ttl, if_version: None, keep_ttl: false, required: false };
        self.store.put(now, &self.config, &name, put)?;
        self.touched(&name);
        self.watch_capacity();
        Ok(Reply::Done)
    }

    /// It could not be made. `all`: all who wait now are told why.
    pub(super) fn fail(
        &mut self,
        now: Micros,
        session: SessionId,
        token: Token,
        reason: &str,
        all: bool,
    ) -> Result<Reply<'static>, Error> {
        let key = self.made_with(session, token)?;
        let is_maker = self.making(key).is_some_and(|making| making.maker == Some(token));
        if all && is_maker {
            let name = self.name_of(key);
            let line = self.resources.get(key).map(|resource| resource.line).unwrap_or_default();
            let waits: Vec<WaitId> = self.waits.in_line(line).collect();
            let reason: Rc<str> = reason.into();
            for wait in waits {
                self.finish(now, wait, Err(Error::OnceFailed { key: name.to_string(), reason: reason.clone() }));
            }
        }
        self.release_token(token);
        Ok(Reply::Done)
    }

    pub(super) fn stop_making(&mut self, key: ResourceId, token: Token) {
        if let Some(making) = self.making(key) {
            making.forget(token);
        }
        self.resources.mark(key);
    }

    /// The key's value has changed, or is no more.
    pub(super) fn touched(&mut self, key: &str) {
        if !self.resources.has_keyed() {
            return;
        }
        for kind in [Kind::Value, Kind::Once] {
            if let Some(id) = self.resources.find(kind, key) {
                self.resources.mark(id);
            }
        }
    }

    /// The value of a key, to be given to any number.
    fn kept(&self, now: Micros, key: &str) -> Option<Kept> {
        let (value, version, expires_in) = self.store.peek(now, key)?;
        Some(Kept { json: value.json.map(Rc::from), compressed: value.compressed, version, expires_in })
    }

    fn made_with(&self, session: SessionId, token: Token) -> Result<ResourceId, Error> {
        match self.holds.of(session, token).map(|hold| hold.what) {
            Some(Held::Making { key }) => Ok(key),
            _ => Err(Error::NotHeld { token }),
        }
    }

    fn making(&mut self, id: ResourceId) -> Option<&mut Making> {
        match self.resources.get_mut(id).map(|resource| &mut resource.state) {
            Some(State::Once(making)) => Some(making),
            _ => None,
        }
    }
}

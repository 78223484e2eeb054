//! Reservations: whoever names a value first has it.

use super::command::Reply;
use super::error::Error;
use super::hold::{Held, Token};
use super::session::SessionId;
use super::{Engine, Micros};
use hashbrown::HashMap;
use std::rc::Rc;

/// The most reservations at a time.
const MAX_RESERVATIONS: usize = 1_000_000;

/// By space and by JSON text.
#[derive(Debug, Default)]
pub(super) struct Reservations {
    by_name: HashMap<(Rc<str>, Rc<str>), Token>,
    by_token: HashMap<Token, (Rc<str>, Rc<str>)>,
}

impl Reservations {
    pub(super) fn remove(&mut self, token: Token) {
        if let Some(name) = self.by_token.remove(&token) {
            self.by_name.remove(&name);
        }
    }

    /// The space and the value.
    pub(super) fn name(&self, token: Token) -> Option<&(Rc<str>, Rc<str>)> {
        self.by_token.get(&token)
    }
}

impl Engine {
    pub(super) fn reserve(
        &mut self,
        now: Micros,
        session: SessionId,
        space: &str,
        values: &[&str],
    ) -> Result<Reply<'static>, Error> {
        if self.reservations.by_name.len() + values.len() > MAX_RESERVATIONS {
            return Err(Error::Full { what: "reservations", limit: MAX_RESERVATIONS });
        }
        let limit = self.config.max_value_size;
        if let Some(size) = values.iter().map(|json| json.len()).find(|&size| size > limit) {
            return Err(Error::ItemTooLarge { what: "a reservation".into(), size, limit });
        }
        let space: Rc<str> = space.into();
        let mut got = Vec::new();
        for (place, &value) in values.iter().enumerate() {
            let name = (space.clone(), Rc::from(value));
            if !self.reservations.by_name.contains_key(&name) {
                let token = self.hold(now, session, Held::Reservation, None);
                self.reservations.by_token.insert(token, name.clone());
                self.reservations.by_name.insert(name, token);
                got.push(place);
            }
        }
        Ok(Reply::Reserved(got))
    }

    pub(super) fn unreserve(&mut self, session: SessionId, space: &str, values: &[&str]) -> usize {
        let space: Rc<str> = space.into();
        let own: Vec<Token> = values
            .iter()
            .filter_map(|&value| self.reservations.by_name.get(&(space.clone(), Rc::from(value))).copied())
            .filter(|&token| self.holds.of(session, token).is_some())
            .collect();
        own.into_iter().filter(|&token| self.release_token(token)).count()
    }
}

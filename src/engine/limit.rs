//! Limits: one rate over all workers.
//!
//! Two rules must both hold. The generic cell rate algorithm (ITU-T I.371) spaces what is let through, but for the burst; and in no span of
//! `per` is more than `max` let through, a burst included. All in whole numbers: time is counted in `1/max` of a microsecond.

use super::command::Reply;
use super::error::Error;
use super::resource::{Kind, ResourceId, State};
use super::session::SessionId;
use super::wait::{Ticket, WaitId, Want};
use super::{Engine, Micros};
use std::collections::VecDeque;

/// The most that a limit lets through in its span.
const MAX: u32 = 1_000_000;

/// How late a turn may come without the next one being the later for it.
const CATCH_UP: Micros = 2_000;

#[derive(Debug)]
pub(super) struct Limit {
    max: u32,
    per: Micros,
    burst: u32,
    /// The theoretical arrival time: when, at the declared rate, all that was let through would have been. In `1/max` µs.
    arrival: u128,
    /// What was let through in the last span.
    passed: VecDeque<(Micros, u32)>,
    in_span: u64,
    total: u64,
    /// What those in the line ask for.
    waiting: u64,
}

impl Limit {
    fn new(max: u32, per: Micros, burst: u32) -> Self {
        Self { max, per, burst, arrival: 0, passed: VecDeque::new(), in_span: 0, total: 0, waiting: 0 }
    }

    /// When so much may pass, at the earliest.
    fn earliest(&mut self, now: Micros, cost: u32) -> Micros {
        while let Some(&(at, passed)) = self.passed.front()
            && at + self.per <= now
        {
            self.passed.pop_front();
            self.in_span -= u64::from(passed);
        }
        self.spaced(cost).max(self.in_order(now, cost)).max(now)
    }

    fn spaced(&self, cost: u32) -> Micros {
        let slack = u128::from(self.burst - cost.min(self.burst)) * u128::from(self.per);
        let at = self.arrival.saturating_sub(slack).div_ceil(u128::from(self.max));
        Micros::try_from(at).unwrap_or(Micros::MAX)
    }

    /// When enough of what has passed is out of the span.
    fn in_order(&self, now: Micros, cost: u32) -> Micros {
        let mut in_span = self.in_span;
        let mut at = now;
        for &(passed_at, passed) in &self.passed {
            if in_span + u64::from(cost) <= u64::from(self.max) {
                break;
            }
            in_span -= u64::from(passed);
            at = passed_at + self.per;
        }
        at
    }

    fn pass(&mut self, now: Micros, cost: u32, has_waited: bool) {
        // Whoever has waited was let through at a timer's convenience: what that was late is not lost to those behind.
        let from = if has_waited { now.saturating_sub(CATCH_UP) } else { now };
        let from_units = u128::from(from) * u128::from(self.max);
        self.arrival = self.arrival.max(from_units) + u128::from(cost) * u128::from(self.per);
        self.in_span += u64::from(cost);
        self.total += u64::from(cost);
        match self.passed.back_mut() {
            Some((at, passed)) if *at == now => *passed += cost,
            _ => self.passed.push_back((now, cost)),
        }
    }

    /// When, at the soonest, something could pass that joins the line now.
    fn estimate(&mut self, now: Micros, cost: u32) -> Micros {
        if self.waiting == 0 {
            return self.earliest(now, cost);
        }
        let span = u128::from(self.per);
        let slack = u128::from(self.burst - cost.min(self.burst)) * span;
        let arrival = self.arrival.max(u128::from(now) * u128::from(self.max)) + u128::from(self.waiting) * span;
        let at = arrival.saturating_sub(slack).div_ceil(u128::from(self.max));
        Micros::try_from(at).unwrap_or(Micros::MAX).max(now)
    }

    pub(super) fn figures(&self) -> (u32, Micros, u32, u64) {
        (self.max, self.per, self.burst, self.total)
    }
}

impl Engine {
    pub(super) fn define_limit(
        &mut self,
        name: &str,
        max: u32,
        per: Option<f64>,
        burst: u32,
    ) -> Result<Reply<'static>, Error> {
        let per = per.filter(|per| *per >= 0.001 && *per <= 1e12).map(|per| (per * 1000.0).round() as Micros);
        let invalid = |what: &str| Err(Error::Invalid { what: format!("the limit \"{name}\": {what}") });
        let Some(per) = per else { return invalid("per must be a number of milliseconds above 0") };
        if max == 0 || max > MAX {
            return invalid(&format!("max must be a whole number from 1 to {MAX}, not {max}"));
        }
        if burst == 0 || burst > max {
            return invalid(&format!("burst must be a whole number from 1 to max, {max}, not {burst}"));
        }
        if let Some(id) = self.resources.find(Kind::Limit, name) {
            let Limit { max: m, per: p, burst: b, .. } = *self.limit(id);
            if (m, p, b) == (max, per, burst) {
                return Ok(Reply::Created(false));
            }
            let what =
                format!("the limit \"{name}\" was defined with max {m}, per {} ms, burst {b}", p as f64 / 1000.0);
            return Err(Error::Mismatch { what });
        }
        self.check_room()?;
        self.resources.find_or_make(Kind::Limit, name, || State::Limit(Limit::new(max, per, burst)));
        Ok(Reply::Created(true))
    }

    pub(super) fn ask_to_pass(
        &mut self,
        now: Micros,
        (session, ticket): (SessionId, Ticket),
        name: &str,
        cost: u32,
        patience: Option<Micros>,
    ) -> Result<WaitId, Error> {
        let id = self.resources.find(Kind::Limit, name).ok_or_else(|| Error::NoLimit { name: name.into() })?;
        let limit = self.limit(id);
        if cost == 0 || cost > limit.max {
            let what = format!("cost must be from 1 to the max of the limit \"{name}\", {}, not {cost}", limit.max);
            return Err(Error::Invalid { what });
        }
        let turn = limit.estimate(now, cost);
        if patience.is_some_and(|patience| turn > now.saturating_add(patience)) {
            return Err(rate_limited(name, turn - now));
        }
        limit.waiting += u64::from(cost);
        let wait = self.waits.insert(session, ticket, now, Want::Pass { cost });
        self.join(wait, id);
        Ok(wait)
    }

    /// Lets through what may pass now, and sets the time of the next.
    pub(super) fn serve_limit(&mut self, now: Micros, id: ResourceId) {
        while let Some(wait) = self.resources.get(id).and_then(|resource| self.waits.first(resource.line)) {
            let Some((cost, since)) = self.waits.get(wait).and_then(|wait| match wait.want {
                Want::Pass { cost } => Some((cost, wait.since)),
                _ => None,
            }) else {
                return;
            };
            let limit = self.limit(id);
            let turn = limit.earliest(now, cost);
            if turn > now {
                return self.resource_times.set(id.index(), Some(turn));
            }
            limit.pass(now, cost, since < now);
            self.finish(now, wait, Ok(Reply::Passed { waited: now - since }));
        }
        self.resource_times.set(id.index(), None);
    }

    pub(super) fn left_limit(&mut self, id: ResourceId, cost: u32) {
        self.limit(id).waiting -= u64::from(cost);
    }

    pub(super) fn limited(&mut self, now: Micros, id: ResourceId) -> Error {
        let name = self.name_of(id);
        let turn = self.limit(id).earliest(now, 1);
        rate_limited(&name, turn.saturating_sub(now))
    }

    fn limit(&mut self, id: ResourceId) -> &mut Limit {
        match self.resources.get_mut(id).map(|resource| &mut resource.state) {
            Some(State::Limit(limit)) => limit,
            // Ids of limits are found by `Kind::Limit`, and limits are never removed.
            other => unreachable!("{other:?} is no limit"),
        }
    }
}

fn rate_limited(name: &str, left: Micros) -> Error {
    Error::RateLimited { name: name.into(), left_ms: left.div_ceil(1000) }
}

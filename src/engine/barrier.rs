//! Barriers: nobody goes on before all have come.
//!
//! One that breaks stays broken for those who are still to come, so that none of them waits for somebody who has given up: after as many
//! as there are parties, waiting or told, it begins anew.

use super::command::Reply;
use super::error::Error;
use super::resource::{Kind, Resource, ResourceId, State};
use super::session::SessionId;
use super::wait::{Ticket, WaitId, Want};
use super::{Engine, Micros};
use std::rc::Rc;

/// How long a barrier stays broken for those who are still to come.
const REMEMBERED: Micros = 5 * 60 * 1_000_000;

#[derive(Debug)]
pub(super) struct Barrier {
    parties: u32,
    broken: Option<Broken>,
}

#[derive(Debug)]
struct Broken {
    why: Rc<str>,
    /// How many have been told, or did it.
    told: u32,
    /// When nobody is expected any more.
    until: Micros,
}

impl Barrier {
    pub(super) fn is_new(&self) -> bool {
        self.broken.is_none()
    }

    pub(super) fn parties(&self) -> u32 {
        self.parties
    }
}

impl Engine {
    pub(super) fn ask_to_arrive(
        &mut self,
        now: Micros,
        (session, ticket): (SessionId, Ticket),
        name: &str,
        parties: u32,
    ) -> Result<WaitId, Error> {
        if parties == 0 {
            return Err(Error::Invalid { what: "parties must be a whole number from 1 on, not 0".into() });
        }
        let id = self.resources.find_or_make(Kind::Barrier, name, || State::Barrier(Barrier { parties, broken: None }));
        let Some(barrier) = self.barrier(id) else { return Err(Error::Invalid { what: name.into() }) };
        if barrier.parties != parties {
            let what = format!("the barrier \"{name}\" is for {} parties, not {parties}", barrier.parties);
            return Err(Error::Mismatch { what });
        }
        if let Some(Broken { why, told, .. }) = &mut barrier.broken {
            *told += 1;
            let error = Error::BarrierBroken { name: name.into(), why: why.to_string() };
            if *told >= parties {
                barrier.broken = None;
                self.resources.tidy(id);
            }
            return Err(error);
        }
        let wait = self.waits.insert(session, ticket, now, Want::Arrive);
        self.join(wait, id);
        Ok(wait)
    }

    pub(super) fn serve_barrier(&mut self, now: Micros, id: ResourceId) {
        let Some(line) = self.resources.get(id).map(|resource| resource.line) else { return };
        let forgotten = |barrier: &&mut Barrier| barrier.broken.as_ref().is_some_and(|broken| broken.until <= now);
        if let Some(barrier) = self.barrier(id).filter(forgotten) {
            barrier.broken = None;
        }
        if self.barrier(id).is_none_or(|barrier| line.len() < barrier.parties as usize) {
            return;
        }
        let all: Vec<WaitId> = self.waits.in_line(line).collect();
        for (index, wait) in all.into_iter().enumerate() {
            let waited = self.waits.get(wait).map_or(0, |wait| now - wait.since);
            self.finish(now, wait, Ok(Reply::Arrived { index, waited }));
        }
    }

    /// So many that waited have left: the others need not wait any more.
    pub(super) fn break_barrier(&mut self, now: Micros, id: ResourceId, why: &str, gone: u32) {
        let Some(line) = self.resources.get(id).map(|resource| resource.line) else { return };
        let others: Vec<WaitId> = self.waits.in_line(line).collect();
        let told = gone + others.len() as u32;
        let name = self.name_of(id);
        let Some(barrier) = self.barrier(id) else { return };
        let until = now.saturating_add(REMEMBERED);
        barrier.broken = Some(Broken { why: why.into(), told, until });
        self.resource_times.set(id.index(), Some(until));
        for wait in others {
            self.finish(now, wait, Err(Error::BarrierBroken { name: name.to_string(), why: why.into() }));
        }
        self.resources.tidy(id);
    }

    /// How many have not come yet.
    pub(super) fn missing(&self, id: ResourceId) -> usize {
        match self.resources.get(id) {
            Some(Resource { state: State::Barrier(barrier), line, .. }) => {
                (barrier.parties as usize).saturating_sub(line.len())
            }
            _ => 0,
        }
    }

    fn barrier(&mut self, id: ResourceId) -> Option<&mut Barrier> {
        match self.resources.get_mut(id).map(|resource| &mut resource.state) {
            Some(State::Barrier(barrier)) => Some(barrier),
            _ => None,
        }
    }
}

//! One test: its attempts, and what they come to.

use super::Verdict;
use super::ready::LimitSet;
use crate::run::plan::{Millis, Retries};
use crate::run::report::{Outcome, Status};

/// How many attempts of a test may be lost to the infrastructure.
pub const MAX_LOST: u32 = 3;

/// A test of the plan.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) unit: usize,
    pub(super) group: usize,
    pub(super) settings: usize,
    pub(super) set: LimitSet,
    /// How long it may take, as far as is known.
    pub(super) expected: Millis,
    /// Whether it did not pass the last time.
    pub(super) failed_before: bool,
    /// Dependencies that have not ended.
    pub(super) blockers: usize,
    /// Those begun.
    pub(super) attempts: u32,
    pub(super) status: Option<Status>,
    /// How the last attempt ended that did not pass, the infrastructure's aside; and how many these were.
    pub(super) defeat: Option<Status>,
    pub(super) defeats: u32,
    pub(super) lost: u32,
}

impl Task {
    /// What becomes of it after this attempt.
    pub(super) fn judge(&mut self, now: Millis, outcome: Outcome, retries: &Retries, may_retry: bool) -> Verdict {
        match outcome {
            Outcome::Passed => Verdict::Final(if self.defeats == 0 { Status::Passed } else { Status::Flaky }),
            // Who failed and then looks away has not passed: that would be a false green.
            Outcome::Skipped => Verdict::Final(self.defeat.unwrap_or(Status::Skipped)),
            Outcome::Cancelled => Verdict::Final(Status::NotRun),
            Outcome::Error => {
                self.lost += 1;
                let again = may_retry && self.lost < MAX_LOST;
                if again { Verdict::Retry { at: now } } else { Verdict::Final(Status::Error) }
            }
            Outcome::Failed => self.defeated(now, Status::Failed, retries, may_retry),
            Outcome::TimedOut => self.defeated(now, Status::TimedOut, retries, may_retry),
        }
    }

    fn defeated(&mut self, now: Millis, status: Status, retries: &Retries, may_retry: bool) -> Verdict {
        self.defeat = Some(status);
        self.defeats += 1;
        let again = may_retry && self.defeats <= retries.count;
        if again {
            Verdict::Retry { at: now.saturating_add(delay(retries, self.defeats)) }
        } else {
            Verdict::Final(status)
        }
    }
}

/// Before the retry of this number, from 1 on. A greatest delay of 0 is none.
fn delay(retries: &Retries, number: u32) -> Millis {
    if !retries.exponential {
        return retries.delay;
    }
    let doubled = 2_u64.checked_pow(number - 1).map_or(Millis::MAX, |factor| retries.delay.saturating_mul(factor));
    let doubled = if retries.delay == 0 { 0 } else { doubled };
    if retries.max_delay == 0 { doubled } else { doubled.min(retries.max_delay) }
}

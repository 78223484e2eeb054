//! How a run is asked to stop: gently first, then at once.

use tokio::sync::watch;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stop {
    /// Nothing.
    No,
    /// What runs is asked to end, and has its grace.
    Gently,
    /// What runs is killed.
    Now,
}

/// Asks for it, and hears of it.
#[derive(Debug, Clone)]
pub(crate) struct Stopping(watch::Sender<Stop>);

impl Stopping {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Stop::No))
    }

    /// Never takes back what was asked for.
    pub(crate) fn ask(&self, stop: Stop) {
        self.0.send_if_modified(|asked| {
            let more = stop > *asked;
            *asked = (*asked).max(stop);
            more
        });
    }

    pub(super) fn asked(&self) -> Stop {
        *self.0.borrow()
    }

    /// Until at least this was asked for.
    pub(crate) async fn until(&self, at_least: Stop) {
        // It cannot fail: we hold the sender.
        let _ = self.0.subscribe().wait_for(|asked| *asked >= at_least).await;
    }
}

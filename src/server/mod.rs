//! The broker as a thread: a socket in a private directory, connections, time, the log.
//!
//! [`Broker::start`] begins it and returns once it listens. Everything then happens on its own thread, on which a tokio runtime
//! drives one task for each connection ([`connection`]); they share one [`engine`](crate::engine) without a lock
//! ([`state`]), and [`dispatch`] does a request. The host hears of things by [`Notice`]s.

mod connection;
mod dispatch;
pub mod endpoint;
mod log;
mod notice;
mod options;
mod outbox;
mod report;
mod serve;
mod state;
#[cfg(test)]
mod tests;

pub use log::Level;
pub use notice::{Notice, StopReason};
pub use options::Options;

use endpoint::EndpointError;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc as commands;

/// Where notices go. Called on the broker's thread: it must not block.
pub type Notify = Box<dyn Fn(Notice) + Send>;

/// What the host asks of the thread.
#[derive(Debug)]
pub(crate) enum Order {
    Drain(Duration),
    Answer { call: u64, value: Box<str> },
    Stop,
}

/// A running broker. Dropping it stops it, and waits until nothing of it is left.
#[derive(Debug)]
pub struct Broker {
    pipe: PathBuf,
    orders: commands::UnboundedSender<Order>,
    thread: Option<JoinHandle<()>>,
}

impl Broker {
    /// Listens on `pipe`, as [`endpoint::path`] gives it, and serves from then on.
    ///
    /// # Errors
    /// The pipe is in use, or the system refused something.
    pub fn start(pipe: &Path, options: Options, notify: Notify) -> Result<Self, EndpointError> {
        let (orders, inbox) = commands::unbounded_channel();
        let (ready, started) = mpsc::sync_channel(1);
        let path = pipe.to_owned();
        let thread = std::thread::Builder::new()
            .name("ephemeral-broker".into())
            .spawn(move || serve::run(&path, options, notify, inbox, &ready))
            .map_err(|source| EndpointError::System { what: "start a thread for", path: pipe.into(), source })?;
        match started.recv() {
            Ok(Ok(())) => Ok(Self { pipe: pipe.into(), orders, thread: Some(thread) }),
            Ok(Err(error)) => {
                let _ = thread.join();
                Err(error)
            }
            Err(_) => Err(EndpointError::Broken { path: pipe.into() }),
        }
    }

    /// Where it listens.
    pub fn pipe(&self) -> &Path {
        &self.pipe
    }

    /// Takes no more requests; [`Notice::Drained`] says when those under way have been answered, or that it was not in time.
    pub fn drain(&self, timeout: Duration) {
        let _ = self.orders.send(Order::Drain(timeout));
    }

    /// Answers [`Notice::Asked`], with JSON.
    pub fn answer(&self, call: u64, value: Box<str>) {
        let _ = self.orders.send(Order::Answer { call, value });
    }

    /// Begins to stop; [`Notice::Stopped`] says when it has.
    pub fn stop(&self) {
        let _ = self.orders.send(Order::Stop);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

//! A worker's end: bytes out, whole lines in.
//!
//! A [`Link`] is either [`polled`] (Unix: whoever owns it watches its descriptor and reads on his own thread, which is the fastest there is) or
//! [`threaded`] (a named pipe, or a host without libuv: a thread reads and says when there is something). Both can be waited for, too: that is
//! what the blocking calls do.

mod lines;
#[cfg(unix)]
mod polled;
mod threaded;

pub use lines::{Batch, with_payloads};
#[cfg(unix)]
pub use polled::Polled;
pub use threaded::Threaded;

use std::io;
use std::time::Duration;

/// A connection to a broker.
#[derive(Debug)]
pub enum Link {
    /// Read by who owns it.
    #[cfg(unix)]
    Polled(Polled),
    /// Read by a thread.
    Threaded(Threaded),
}

impl Link {
    /// Sends, or keeps what cannot be sent yet for [`Link::flush`].
    ///
    /// # Errors
    /// The connection is gone.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            #[cfg(unix)]
            Link::Polled(link) => link.send(bytes),
            Link::Threaded(link) => link.send(bytes),
        }
    }

    /// Sends what was kept. `true`: nothing is left.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn flush(&mut self) -> io::Result<bool> {
        match self {
            #[cfg(unix)]
            Link::Polled(link) => link.flush(),
            Link::Threaded(_) => Ok(true),
        }
    }

    /// The lines that are there, without waiting.
    ///
    /// # Errors
    /// The connection is gone, and every line that came before that has been handed out.
    pub fn receive(&mut self) -> io::Result<Option<Batch>> {
        match self {
            #[cfg(unix)]
            Link::Polled(link) => link.receive(),
            Link::Threaded(link) => link.receive(),
        }
    }

    /// Waits for a line, and sends what was kept meanwhile.
    ///
    /// # Errors
    /// As [`Link::receive`].
    pub fn receive_within(&mut self, limit: Duration) -> io::Result<Option<Batch>> {
        match self {
            #[cfg(unix)]
            Link::Polled(link) => link.receive_within(limit),
            Link::Threaded(link) => link.receive_within(limit),
        }
    }
}

fn hung_up() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the broker closed the connection")
}

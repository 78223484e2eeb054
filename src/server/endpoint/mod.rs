//! Where a broker listens.
//!
//! On Unix: a socket, alone in a directory of mode 0700 that is locked for as long as the broker lives. A directory whose lock is free
//! belongs to a broker that was killed, whatever its name or pid says, and is removed by the next start. On Windows: a named pipe that
//! its user alone may open, and that the system removes.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(super) use unix::{bind, is_trusted, sweep};
#[cfg(unix)]
pub use unix::{path, remove_stale};
#[cfg(windows)]
pub(super) use windows::{bind, is_trusted, sweep};
#[cfg(windows)]
pub use windows::{path, remove_stale};

use std::io;
use std::path::PathBuf;

/// Why a broker does not listen.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // the texts say what each is
pub enum EndpointError {
    #[error("pipe_in_use: a live broker listens on {}; choose another pipeId, or none", path.display())]
    InUse { path: PathBuf },
    #[error("start_failed: {} belongs to somebody else, or others may enter it; remove it or choose another pipeId", path.display())]
    NotPrivate { path: PathBuf },
    #[error("start_failed: {} has {length} bytes, a socket's path may have {limit}; set TMPDIR to a shorter path, or shorten pipeId", path.display())]
    TooLong { path: PathBuf, length: usize, limit: usize },
    #[error("start_failed: could not {what} {}: {source}", path.display())]
    System { what: &'static str, path: PathBuf, source: io::Error },
    #[error("start_failed: the broker's thread ended before it listened on {}", path.display())]
    Broken { path: PathBuf },
    #[error("invalid_option: pipeId must be 1 to 32 of A-Z a-z 0-9 . _ - and not begin with a dot, not \"{id}\"")]
    InvalidId { id: String },
}

impl EndpointError {
    /// The stable code, with which the text begins.
    pub fn code(&self) -> &'static str {
        match self {
            EndpointError::InUse { .. } => "pipe_in_use",
            EndpointError::InvalidId { .. } => "invalid_option",
            _ => "start_failed",
        }
    }
}

/// A given id, checked, or a random one.
fn id_or_random(id: Option<&str>) -> Result<String, EndpointError> {
    match id {
        Some(id) if is_id(id) => Ok(id.to_owned()),
        Some(id) => Err(EndpointError::InvalidId { id: id.to_owned() }),
        None => crate::protocol::auth::random_hex(8).map_err(|error| EndpointError::System {
            what: "draw a random name for",
            path: "the pipe".into(),
            source: io::Error::other(error.to_string()),
        }),
    }
}

fn is_id(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=32).contains(&id.len()) && !id.starts_with('.') && id.bytes().all(allowed)
}

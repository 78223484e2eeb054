//! What the system knows of a file beside its size and time.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(super) use unix::{changed_at, identity, is_executable, number, open};
#[cfg(windows)]
pub(super) use windows::{changed_at, identity, is_executable, number, open};

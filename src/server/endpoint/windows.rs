use super::{EndpointError, id_or_random};
use interprocess::local_socket::tokio::{Listener, Stream};
use interprocess::local_socket::{GenericFilePath, ListenerOptions, ToFsName};
use interprocess::os::windows::local_socket::ListenerOptionsExt;
use interprocess::os::windows::security_descriptor::SecurityDescriptor;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use widestring::u16cstr;

/// Its creator and the system may open it, nobody else.
const DESCRIPTOR: &widestring::U16CStr = u16cstr!("D:P(A;;GA;;;OW)(A;;GA;;;SY)");

/// Nothing to hold: the system removes the pipe with the process.
#[derive(Debug)]
pub(in crate::server) struct Guard;

/// The name of the pipe on which a broker with this id (or a random one) listens.
///
/// # Errors
/// The id is not one.
pub fn path(id: Option<&str>) -> Result<PathBuf, EndpointError> {
    Ok(format!(r"\\.\pipe\ephemeral-broker-{}", id_or_random(id)?).into())
}

pub(in crate::server) fn bind(path: &Path) -> Result<(Listener, Guard), EndpointError> {
    let system = |source: std::io::Error| match source.kind() {
        ErrorKind::PermissionDenied | ErrorKind::AlreadyExists | ErrorKind::AddrInUse => {
            EndpointError::InUse { path: path.into() }
        }
        _ => EndpointError::System { what: "listen on", path: path.into(), source },
    };
    // What answers to the name is alive. (Of two that start at once, the system refuses the second: its instance is not the first.)
    match OpenOptions::new().read(true).write(true).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        _ => return Err(EndpointError::InUse { path: path.into() }),
    }
    let name = path.to_fs_name::<GenericFilePath>().map_err(system)?;
    let descriptor = SecurityDescriptor::deserialize(DESCRIPTOR).map_err(system)?;
    let listener = ListenerOptions::new().name(name).security_descriptor(descriptor).create_tokio().map_err(system)?;
    Ok((listener, Guard))
}

/// The pipe's descriptor has kept everybody else out.
pub(in crate::server) fn is_trusted(_: &Stream) -> bool {
    true
}

/// Pipes leave nothing behind.
pub(in crate::server) fn sweep() {}

/// Pipes leave nothing behind.
pub fn remove_stale(_: &Path) -> bool {
    false
}

use super::{EndpointError, id_or_random};
use interprocess::local_socket::tokio::{Listener, Stream};
use interprocess::local_socket::traits::StreamCommon;
use interprocess::local_socket::{GenericFilePath, ListenerOptions, ToFsName};
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Longer than a sweep holds a lock.
const SWEEP: Duration = Duration::from_millis(200);
const SOCKET: &str = "broker.sock";
/// The least that any system allows for a socket's path (macOS), its final zero left out.
const MAX_PATH: usize = 103;

/// What a broker holds while it lives: its directory, locked. Dropped, it leaves nothing, of the host's shared workers either: they listen there too.
#[derive(Debug)]
pub(in crate::server) struct Guard {
    directory: PathBuf,
    _lock: File,
}

impl Drop for Guard {
    fn drop(&mut self) {
        // The lock is held until after this: nobody else can have put a socket there.
        for entry in fs::read_dir(&self.directory).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_socket()) {
                let _ = fs::remove_file(entry.path());
            }
        }
        let _ = fs::remove_dir(&self.directory);
    }
}

/// The path on which a broker with this id (or a random one) listens.
///
/// # Errors
/// The id is not one, or the path would be too long.
pub fn path(id: Option<&str>) -> Result<PathBuf, EndpointError> {
    let name = format!("{}{}", prefix(), id_or_random(id)?);
    let fits = |path: &PathBuf| path.as_os_str().len() <= MAX_PATH;
    let wanted = std::env::temp_dir().join(&name).join(SOCKET);
    if fits(&wanted) {
        return Ok(wanted);
    }
    // A long TMPDIR is common on CI; the directory is private wherever it is.
    let fallback = Path::new("/tmp").join(&name).join(SOCKET);
    match fits(&fallback) {
        true => Ok(fallback),
        false => Err(EndpointError::TooLong { length: wanted.as_os_str().len(), path: wanted, limit: MAX_PATH }),
    }
}

/// Makes the directory, locks it, and listens in it.
pub(in crate::server) fn bind(path: &Path) -> Result<(Listener, Guard), EndpointError> {
    let system = |what| move |source| EndpointError::System { what, path: path.into(), source };
    let directory = path.parent().unwrap_or(path);
    let begun = Instant::now();
    let guard = loop {
        create(directory)?;
        match lock(directory).map_err(system("lock the directory of"))? {
            Lock::Taken(lock) => break Guard { directory: directory.into(), _lock: lock },
            Lock::Held if begun.elapsed() > SWEEP => return Err(EndpointError::InUse { path: path.into() }),
            // Another broker's sweep may hold it for a moment, between the two steps, or have removed it.
            Lock::Held => std::thread::sleep(Duration::from_millis(1)),
            Lock::Gone => {}
        }
    };
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(system("remove the old socket at")(error)),
        _ => {}
    }
    let name = path.to_fs_name::<GenericFilePath>().map_err(system("listen on"))?;
    let listener = ListenerOptions::new().name(name).reclaim_name(false).create_tokio().map_err(system("listen on"))?;
    Ok((listener, guard))
}

/// Whether the process at the other end is this user's, or root's.
pub(in crate::server) fn is_trusted(stream: &Stream) -> bool {
    let peer = stream.peer_creds().ok().and_then(|peer| peer.euid());
    peer.is_some_and(|uid| uid == 0 || uid == own_uid())
}

/// Removes what killed brokers of this user left.
pub(in crate::server) fn sweep() {
    let mut bases = vec![std::env::temp_dir(), "/tmp".into()];
    bases.dedup();
    for base in bases {
        let Ok(entries) = fs::read_dir(base) else { continue };
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with(&prefix()) {
                remove_directory(&entry.path());
            }
        }
    }
}

/// Removes the socket of a broker that was killed, and its directory. A live broker's is left alone, and so is all that is not a socket of this
/// user. `true`: something was removed.
pub fn remove_stale(path: &Path) -> bool {
    let is_ours = fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket() && meta.uid() == own_uid());
    if !is_ours {
        return false;
    }
    let directory = path.parent().unwrap_or(path);
    let in_private_directory = path.file_name().is_some_and(|name| name == SOCKET)
        && directory.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix()));
    if in_private_directory {
        return remove_directory(directory);
    }
    // A socket of another program has no lock to look at: only one that refuses connections is dead.
    let refused = UnixStream::connect(path).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused);
    refused && fs::remove_file(path).is_ok()
}

enum Lock {
    Taken(File),
    Held,
    Gone,
}

/// Locks a directory, unless a live broker has locked it or it is not the one any more that was opened.
fn lock(directory: &Path) -> io::Result<Lock> {
    let file = match File::open(directory) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Lock::Gone),
        Err(error) => return Err(error),
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(Lock::Held),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let locked = file.metadata()?;
    Ok(match fs::symlink_metadata(directory) {
        Ok(there) if there.ino() == locked.ino() && there.dev() == locked.dev() => Lock::Taken(file),
        _ => Lock::Gone,
    })
}

fn create(directory: &Path) -> Result<(), EndpointError> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => match fs::symlink_metadata(directory) {
            Ok(meta) if is_private(&meta) => Ok(()),
            Ok(_) => Err(EndpointError::NotPrivate { path: directory.into() }),
            // It went away just now: there will be an error if it does not go away for good.
            Err(_) => create(directory),
        },
        Err(source) => Err(EndpointError::System { what: "create", path: directory.into(), source }),
    }
}

fn is_private(meta: &fs::Metadata) -> bool {
    meta.is_dir() && meta.uid() == own_uid() && meta.mode() & 0o077 == 0
}

fn remove_directory(directory: &Path) -> bool {
    if !fs::symlink_metadata(directory).is_ok_and(|meta| is_private(&meta)) {
        return false;
    }
    let Ok(Lock::Taken(lock)) = lock(directory) else { return false };
    let guard = Guard { directory: directory.into(), _lock: lock };
    drop(guard);
    !directory.exists()
}

fn prefix() -> String {
    format!("ephemeral-broker-{}-", own_uid())
}

fn own_uid() -> u32 {
    // SAFETY: it takes nothing, cannot fail and touches no memory.
    unsafe { libc::geteuid() }
}

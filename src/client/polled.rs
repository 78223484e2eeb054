use super::hung_up;
use super::lines::{Batch, Inbox};
use crate::buffer::Buffer;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// Bytes read at a time.
const CHUNK: usize = 64 * 1024;
/// Bytes read in one turn, before others have theirs.
const MAX_TURN: usize = 1024 * 1024;

/// A socket that never blocks but where it is asked to.
#[derive(Debug)]
pub struct Polled {
    stream: UnixStream,
    inbox: Inbox,
    out: Buffer,
    ended: Option<ErrorKind>,
}

impl Polled {
    /// Connects. On a Unix socket that takes no time: it succeeds or fails.
    ///
    /// # Errors
    /// There is no such socket, nobody listens, or too many are knocking (`WouldBlock`: try again).
    pub fn connect(path: &Path) -> io::Result<Self> {
        let stream = open(path)?;
        Ok(Self { stream, inbox: Inbox::default(), out: Buffer::default(), ended: None })
    }

    /// To be watched.
    pub fn descriptor(&self) -> RawFd {
        self.stream.as_raw_fd()
    }

    /// The user that listens, where the system tells.
    pub fn peer_user(&self) -> Option<u32> {
        use interprocess::local_socket::traits::StreamCommon;
        let stream: interprocess::os::unix::uds_local_socket::Stream = self.stream.try_clone().ok()?.into();
        stream.peer_creds().ok()?.euid()
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let sent = if self.out.is_empty() { write(&mut self.stream, bytes)? } else { 0 };
        self.out.extend(&bytes[sent..]);
        Ok(())
    }

    pub(super) fn flush(&mut self) -> io::Result<bool> {
        while !self.out.is_empty() {
            match write(&mut self.stream, self.out.as_slice())? {
                0 => return Ok(false),
                sent => self.out.consume(sent),
            }
        }
        self.out.shrink(CHUNK);
        Ok(true)
    }

    pub(super) fn receive(&mut self) -> io::Result<Option<Batch>> {
        let mut received = 0;
        while self.ended.is_none() && received < MAX_TURN {
            match self.read_chunk() {
                Ok(0) => self.ended = Some(ErrorKind::UnexpectedEof),
                Ok(n) => {
                    received += n;
                    if n < CHUNK {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => self.ended = Some(error.kind()),
            }
        }
        match (self.inbox.take(), self.ended) {
            (Some(batch), _) => Ok(Some(batch)),
            (None, Some(ErrorKind::UnexpectedEof)) => Err(hung_up()),
            (None, Some(kind)) => Err(kind.into()),
            (None, None) => Ok(None),
        }
    }

    pub(super) fn receive_within(&mut self, limit: Duration) -> io::Result<Option<Batch>> {
        let deadline = Instant::now() + limit;
        loop {
            let sent = self.flush()?;
            if let Some(batch) = self.receive()? {
                return Ok(Some(batch));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            wait(self.descriptor(), !sent, left)?;
        }
    }

    fn read_chunk(&mut self) -> io::Result<usize> {
        let spare = self.inbox.buffer.spare(CHUNK);
        // SAFETY: the system writes at most `CHUNK` bytes, for which there is room.
        let n = unsafe { libc::recv(self.stream.as_raw_fd(), spare.as_mut_ptr().cast(), CHUNK, 0) };
        let n = usize::try_from(n).map_err(|_| io::Error::last_os_error())?;
        // SAFETY: the system says that it wrote so many.
        unsafe { self.inbox.buffer.commit(n) };
        Ok(n)
    }
}

/// Connects without blocking, also where the broker is too busy to accept: that is `WouldBlock`.
pub(super) fn open(path: &Path) -> io::Result<UnixStream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(path)?)?;
    Ok(OwnedFd::from(socket).into())
}

/// What the system takes of it without blocking.
fn write(stream: &mut UnixStream, bytes: &[u8]) -> io::Result<usize> {
    let mut sent = 0;
    while sent < bytes.len() {
        match stream.write(&bytes[sent..]) {
            Ok(n) => sent += n,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sent)
}

/// Waits until there is something to read (or room to write), or the time is over.
fn wait(descriptor: RawFd, writable: bool, limit: Duration) -> io::Result<()> {
    let events = libc::POLLIN | if writable { libc::POLLOUT } else { 0 };
    let mut watched = libc::pollfd { fd: descriptor, events, revents: 0 };
    let millis = limit.as_micros().div_ceil(1000).min(i32::MAX as u128) as i32;
    // SAFETY: one `pollfd`, alive for the call.
    let ready = unsafe { libc::poll(&raw mut watched, 1, millis) };
    match ready {
        -1 => match io::Error::last_os_error() {
            error if error.kind() == ErrorKind::Interrupted => Ok(()),
            error => Err(error),
        },
        _ => Ok(()),
    }
}

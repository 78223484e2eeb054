//! A process that leads a group: waiting for it, signals to it, and its end.

use super::exit::Exit;
use super::marker::Scope;
use super::platform::{self, Left};
use std::collections::HashSet;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::Child;
use std::sync::{Mutex, OnceLock, PoisonError};
use tokio::io::AsyncReadExt;
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::output::Output;

/// Read at a time from a process that writes much.
const CHUNK: usize = 64 << 10;
/// And from one that does not.
const FIRST_CHUNK: usize = 4 << 10;

/// The process that was started. It stays a zombie until it is released, so that its id and its group's stay its own.
#[derive(Debug)]
pub(super) struct Leader {
    pid: u32,
    scope: Scope,
    pipe: Option<u64>,
    waiter: Waiter,
    exit: OnceLock<Exit>,
    reaped: Mutex<bool>,
    /// Those that were asked to end.
    asked: Mutex<HashSet<u32>>,
}

impl Leader {
    /// # Errors
    /// Never here, but on other platforms.
    #[expect(clippy::unnecessary_wraps, reason = "it can fail on Windows")]
    pub(super) fn new(child: Child, marker: String, pipe: Option<u64>) -> io::Result<Self> {
        // Dropped, the child is not waited for.
        let pid = child.id();
        platform::add_leader(pid);
        let scope = Scope::Process { group: pid, marker };
        let (waiter, exit, reaped) = (Waiter::new(pid), OnceLock::new(), Mutex::new(false));
        Ok(Leader { pid, scope, pipe, waiter, exit, reaped, asked: Mutex::default() })
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits for its end.
    pub(super) async fn ended(&self) -> Exit {
        match self.exit.get() {
            Some(exit) => *exit,
            None => {
                let exit = self.waiter.ended().await;
                *self.exit.get_or_init(|| exit)
            }
        }
    }

    /// Asks the group to end, and what has left it. One that is stopped is woken to hear it. Again, it asks only what it did not see before.
    pub(super) fn terminate(&self) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        // Seen before the tree falls apart. Nobody is asked twice: some take that for "at once".
        let family = self.family();
        let is_new = |pid: &u32| group_of(*pid) != Some(self.pid) && !asked.contains(pid);
        let strays: Vec<u32> = family.into_iter().filter(is_new).collect();
        let is_first = asked.insert(self.pid);
        for signal in [libc::SIGTERM, libc::SIGCONT] {
            if is_first {
                self.signal_group(signal);
            }
            strays.iter().for_each(|&pid| send(pid, signal));
        }
        asked.extend(strays);
    }

    /// Ends the group, and with it all that belongs to it.
    pub(super) fn kill(&self) {
        // Seen before the tree falls apart.
        let family = self.family();
        self.signal_group(libc::SIGKILL);
        family.into_iter().for_each(kill);
    }

    /// Living processes of it, itself too.
    pub(super) fn family(&self) -> Vec<u32> {
        platform::family(&self.scope, self.pipe)
    }

    /// Reaps it, if nothing else of it is left. `false`: something is.
    ///
    /// `pipe_is_open`: who holds the pipe belongs to it, even if nothing else shows that. `patient`: what may be of it counts too.
    pub(super) fn release(&self, pipe_is_open: bool, patient: bool) -> bool {
        match platform::look(&self.scope, self.pipe.filter(|_| pipe_is_open)) {
            Left::Something => return false,
            Left::Perhaps if patient => return false,
            Left::Perhaps | Left::Nothing => {}
        }
        self.reap();
        // SAFETY: the call takes no pointer. Signal 0 only asks, so no stranger is hit.
        unsafe { libc::kill(-self.pid.cast_signed(), 0) != 0 }
    }

    /// Reaps it, whatever else is left.
    pub(super) fn reap(&self) {
        let mut reaped = self.reaped.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::mem::replace(&mut *reaped, true) {
            wait(self.pid);
        }
    }

    fn signal_group(&self, signal: libc::c_int) {
        let reaped = self.reaped.lock().unwrap_or_else(PoisonError::into_inner);
        if !*reaped {
            // SAFETY: the call takes no pointer. The group is ours while its leader is not reaped, and the lock keeps it from that.
            unsafe { libc::kill(-self.pid.cast_signed(), signal) };
        }
    }
}

/// Ends one process.
pub(super) fn kill(pid: u32) {
    send(pid, libc::SIGKILL);
}

fn send(pid: u32, signal: libc::c_int) {
    // SAFETY: the call takes no pointer.
    unsafe { libc::kill(pid.cast_signed(), signal) };
}

fn group_of(pid: u32) -> Option<u32> {
    // SAFETY: the call takes no pointer.
    u32::try_from(unsafe { libc::getpgid(pid.cast_signed()) }).ok()
}

/// Waits for a child that is a zombie or about to be one, and reaps it.
pub(super) fn wait(pid: u32) {
    loop {
        // SAFETY: a null pointer is allowed where the status is not wanted.
        let waited = unsafe { libc::waitpid(pid.cast_signed(), std::ptr::null_mut(), 0) };
        if waited >= 0 || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return platform::remove_leader(pid);
        }
    }
}

/// What tells of a child's end without reaping it. Not SIGCHLD: that is Node's.
#[derive(Debug)]
pub(super) struct Waiter {
    pid: u32,
    means: Means,
}

#[derive(Debug)]
enum Means {
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "there are no pidfds"))]
    Pidfd(AsyncFd<OwnedFd>),
    /// A thread that waits.
    Thread(watch::Receiver<Option<Exit>>),
}

impl Waiter {
    pub(super) fn new(pid: u32) -> Self {
        let means = pidfd(pid).unwrap_or_else(|| {
            let (tell, hear) = watch::channel(None);
            let waits = std::thread::Builder::new().name("ephemeral-wait".into()).stack_size(64 << 10);
            // Without threads nothing else works either: the sender is dropped, and the end is unknown.
            let _ = waits.spawn(move || tell.send(peek(pid, 0)));
            Means::Thread(hear)
        });
        Waiter { pid, means }
    }

    pub(super) async fn ended(&self) -> Exit {
        let unknown = Exit { code: None, signal: None };
        match &self.means {
            Means::Pidfd(fd) => loop {
                match fd.readable().await {
                    Ok(mut ready) => match peek(self.pid, libc::WNOHANG) {
                        Some(exit) => return exit,
                        None => ready.clear_ready(),
                    },
                    // The runtime is shutting down.
                    Err(_) => return unknown,
                }
            },
            Means::Thread(hear) => {
                let mut hear = hear.clone();
                hear.wait_for(Option::is_some).await.ok().and_then(|exit| *exit).unwrap_or(unknown)
            }
        }
    }
}

#[cfg(target_os = "linux")]
fn pidfd(pid: u32) -> Option<Means> {
    // SAFETY: the call takes no pointer. The child is not reaped, so the number is its own.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let fd = libc::c_int::try_from(fd).ok().filter(|fd| *fd >= 0)?;
    // SAFETY: the descriptor is new and nobody else's.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: an OwnedFd is the same open descriptor until it is dropped, and it is not taken out of here.
    let registered = unsafe { AsyncFd::register_with_interest(fd, tokio::io::Interest::READABLE) };
    registered.ok().map(Means::Pidfd)
}

#[cfg(not(target_os = "linux"))]
fn pidfd(_pid: u32) -> Option<Means> {
    None
}

/// How a child ended; it stays to be reaped. `None`: it has not. One that somebody else has reaped has an end that nobody knows.
fn peek(pid: u32, flags: libc::c_int) -> Option<Exit> {
    loop {
        let mut info = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
        let flags = libc::WEXITED | libc::WNOWAIT | flags;
        // SAFETY: the pointer is to a structure that lives until after the call.
        if unsafe { libc::waitid(libc::P_PID, pid as libc::id_t, info.as_mut_ptr(), flags) } != 0 {
            if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted {
                continue;
            }
            return Some(Exit { code: None, signal: None });
        }
        // SAFETY: the system filled it, and zeros are valid in it too; the fields are those of a child's end.
        let (found, code, status) = unsafe {
            let info = info.assume_init();
            (info.si_pid(), info.si_code, info.si_status())
        };
        return match (found, code) {
            (0, _) => None,
            (_, libc::CLD_EXITED) => Some(Exit { code: Some(status), signal: None }),
            _ => Some(Exit { code: None, signal: Some(status) }),
        };
    }
}

/// Reads all that is written into the pipe, as fast as it is.
pub(super) fn listen(reader: io::PipeReader, output: Output) -> io::Result<JoinHandle<()>> {
    let mut pipe = pipe::Receiver::from_owned_fd(reader.into())?;
    Ok(tokio::spawn(async move {
        let mut buffer = vec![0; FIRST_CHUNK];
        loop {
            match pipe.read(&mut buffer).await {
                Ok(0) => break,
                Ok(read) => {
                    output.push(&buffer[..read]);
                    if read == buffer.len() && read < CHUNK {
                        buffer = vec![0; CHUNK];
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        output.finish();
    }))
}

/// The pipe's number in the system.
pub(super) fn pipe_id(reader: &io::PipeReader) -> Option<u64> {
    let mut stat = std::mem::MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: the pointer is to a structure that lives until after the call.
    let read = unsafe { libc::fstat(reader.as_raw_fd(), stat.as_mut_ptr()) };
    // SAFETY: the system filled it.
    (read == 0).then(|| unsafe { stat.assume_init() }.st_ino)
}

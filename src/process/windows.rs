//! A process in a job object: whatever it starts is in the job too, and dies when its last handle is closed; by us, or by our death.

use super::exit::Exit;
use super::output::Output;
use std::io::{self, Read};
use std::mem::size_of;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::os::windows::process::CommandExt;
use std::process::{Child, Command};
use tokio::sync::watch;
use windows_sys::Win32::Foundation::{CloseHandle, FILETIME, HANDLE, WAIT_OBJECT_0};
use windows_sys::Win32::System::Console::{CTRL_BREAK_EVENT, GenerateConsoleCtrlEvent};
use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE, JOBOBJECT_BASIC_PROCESS_ID_LIST,
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION, JobObjectBasicProcessIdList, JobObjectExtendedLimitInformation,
    QueryInformationJobObject, SetInformationJobObject, TerminateJobObject,
};
use windows_sys::Win32::System::Threading::{
    CREATE_NEW_PROCESS_GROUP, CREATE_SUSPENDED, GetExitCodeProcess, GetProcessTimes, INFINITE, OpenProcess,
    PROCESS_QUERY_LIMITED_INFORMATION, WaitForSingleObject,
};

/// The exit code of what was killed.
const KILLED: u32 = 1;
/// Processes of one job that are listed.
const LISTED: usize = 1024;

#[link(name = "ntdll")]
unsafe extern "system" {
    fn NtResumeProcess(process: HANDLE) -> i32;
}

/// It runs when it is in its job, so that nothing it starts is outside.
pub(super) fn prepare(command: &mut Command) {
    command.creation_flags(CREATE_NEW_PROCESS_GROUP | CREATE_SUSPENDED);
}

/// The process that was started, and its job.
#[derive(Debug)]
pub(super) struct Leader {
    pid: u32,
    job: OwnedHandle,
    exit: watch::Receiver<Option<Exit>>,
}

impl Leader {
    /// # Errors
    /// The system gives no job, or does not let the process into it.
    pub(super) fn new(mut child: Child, _marker: String, _pipe: Option<u64>) -> io::Result<Self> {
        let begun = job().and_then(|job| {
            // SAFETY: both handles are open.
            check(unsafe { AssignProcessToJobObject(job.as_raw_handle(), child.as_raw_handle()) })?;
            // SAFETY: the handle is open, and has all rights.
            match unsafe { NtResumeProcess(child.as_raw_handle()) } {
                0.. => Ok(job),
                status => Err(io::Error::other(format!("NtResumeProcess: {status:#x}"))),
            }
        });
        let job = match begun {
            Ok(job) => job,
            Err(error) => {
                child.kill()?;
                return Err(error);
            }
        };
        let pid = child.id();
        let (tell, exit) = watch::channel(None);
        std::thread::Builder::new().name("ephemeral-wait".into()).spawn(move || tell.send(Some(wait(&child))))?;
        Ok(Leader { pid, job, exit })
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits for its end.
    pub(super) async fn ended(&self) -> Exit {
        let mut exit = self.exit.clone();
        let unknown = Exit { code: None, signal: None };
        exit.wait_for(Option::is_some).await.ok().and_then(|exit| *exit).unwrap_or(unknown)
    }

    /// Asks its group to end.
    pub(super) fn terminate(&self) {
        // SAFETY: the call takes no pointer. The wait's handle keeps the id from being used again.
        unsafe { GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, self.pid) };
    }

    /// Ends the job.
    pub(super) fn kill(&self) {
        // SAFETY: the handle is open.
        unsafe { TerminateJobObject(self.job.as_raw_handle(), KILLED) };
    }

    /// Living processes of the job.
    pub(super) fn family(&self) -> Vec<u32> {
        #[repr(C)]
        struct List {
            head: JOBOBJECT_BASIC_PROCESS_ID_LIST,
            more: [usize; LISTED],
        }
        // SAFETY: zeros are valid in it.
        let mut list: Box<List> = unsafe { Box::new(std::mem::zeroed()) };
        let (job, size) = (self.job.as_raw_handle(), size_of::<List>() as u32);
        let into = (&raw mut *list).cast();
        // SAFETY: the handle is open; the buffer is as long as is said. Where more are in the job, the first are listed.
        unsafe { QueryInformationJobObject(job, JobObjectBasicProcessIdList, into, size, std::ptr::null_mut()) };
        let count = (list.head.NumberOfProcessIdsInList as usize).min(LISTED);
        let first = (&raw const list.head.ProcessIdList).cast::<usize>();
        // SAFETY: the list begins in its head and goes on behind it, in the same allocation.
        (0..count).map(|at| unsafe { first.add(at).read() } as u32).collect()
    }

    /// Whether nothing of it is left.
    pub(super) fn release(&self, _pipe_is_open: bool, _patient: bool) -> bool {
        self.family().is_empty()
    }

    /// There are no zombies.
    pub(super) fn reap(&self) {}
}

fn job() -> io::Result<OwnedHandle> {
    // SAFETY: no name and no attributes are given.
    let job = unsafe { CreateJobObjectW(std::ptr::null(), std::ptr::null()) };
    check(i32::from(!job.is_null()))?;
    // SAFETY: the handle is new and nobody else's.
    let job = unsafe { OwnedHandle::from_raw_handle(job) };
    let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    let size = size_of::<JOBOBJECT_EXTENDED_LIMIT_INFORMATION>() as u32;
    let from = (&raw const limits).cast();
    // SAFETY: the handle is open; the structure is as long as is said.
    check(unsafe { SetInformationJobObject(job.as_raw_handle(), JobObjectExtendedLimitInformation, from, size) })?;
    Ok(job)
}

fn check(succeeded: i32) -> io::Result<()> {
    if succeeded == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn wait(child: &Child) -> Exit {
    let mut code = 0;
    // SAFETY: the handle is the child's, which lives until after both calls, and so does the number.
    let known = unsafe {
        WaitForSingleObject(child.as_raw_handle(), INFINITE) == WAIT_OBJECT_0
            && GetExitCodeProcess(child.as_raw_handle(), &raw mut code) != 0
    };
    Exit { code: known.then_some(code.cast_signed()), signal: None }
}

/// Reads all that is written into the pipe, on a thread: pipes without names cannot be waited for.
pub(super) fn listen(mut pipe: io::PipeReader, output: Output) -> io::Result<()> {
    std::thread::Builder::new().name("ephemeral-read".into()).spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(read @ 1..) = pipe.read(&mut buffer) {
            output.push(&buffer[..read]);
        }
        output.finish();
    })?;
    Ok(())
}

/// It needs none: jobs know their processes.
pub(super) fn pipe_id(_reader: &io::PipeReader) -> Option<u64> {
    None
}

/// When it was started: a number that tells it from another with the same id. 0: it is not there.
pub(super) fn start_time(pid: u32) -> u64 {
    // SAFETY: the call takes no pointer.
    let process = unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, pid) };
    if process.is_null() {
        return 0;
    }
    let [mut start, mut exit, mut kernel, mut user] = [FILETIME::default(); 4];
    // SAFETY: the handle is open, and closed once; the structures live until after the call.
    let read = unsafe {
        let read = GetProcessTimes(process, &raw mut start, &raw mut exit, &raw mut kernel, &raw mut user);
        CloseHandle(process);
        read
    };
    let has_ended = exit.dwLowDateTime != 0 || exit.dwHighDateTime != 0;
    if read == 0 || has_ended { 0 } else { u64::from(start.dwHighDateTime) << 32 | u64::from(start.dwLowDateTime) }
}

/// What tells this start of the system from others: start times do so here.
pub(super) fn boot() -> String {
    String::new()
}

/// The system does not say it to others.
pub(super) fn command(_pid: u32) -> Option<String> {
    None
}

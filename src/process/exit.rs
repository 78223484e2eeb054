//! How a process ended.

/// A code or a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// `None`: a signal ended it.
    pub code: Option<i32>,
    /// What ended it, where it did not end by itself.
    pub signal: Option<i32>,
}

impl Exit {
    /// Whether it ended with code 0.
    pub fn is_success(self) -> bool {
        self.code == Some(0)
    }

    /// As in `SIGKILL`; `None`: no signal ended it.
    pub fn signal_name(self) -> Option<String> {
        self.signal.map(|signal| match NAMES.iter().find(|(number, _)| *number == signal) {
            Some((_, name)) => (*name).to_owned(),
            None => format!("signal {signal}"),
        })
    }
}

#[cfg(unix)]
#[rustfmt::skip]
const NAMES: &[(i32, &str)] = &[
    (libc::SIGHUP, "SIGHUP"), (libc::SIGINT, "SIGINT"), (libc::SIGQUIT, "SIGQUIT"), (libc::SIGILL, "SIGILL"), (libc::SIGTRAP, "SIGTRAP"),
    (libc::SIGABRT, "SIGABRT"), (libc::SIGBUS, "SIGBUS"), (libc::SIGFPE, "SIGFPE"), (libc::SIGKILL, "SIGKILL"), (libc::SIGUSR1, "SIGUSR1"),
    (libc::SIGSEGV, "SIGSEGV"), (libc::SIGUSR2, "SIGUSR2"), (libc::SIGPIPE, "SIGPIPE"), (libc::SIGALRM, "SIGALRM"), (libc::SIGTERM, "SIGTERM"),
    (libc::SIGXCPU, "SIGXCPU"), (libc::SIGXFSZ, "SIGXFSZ"), (libc::SIGVTALRM, "SIGVTALRM"), (libc::SIGPROF, "SIGPROF"), (libc::SIGSYS, "SIGSYS"),
];
#[cfg(not(unix))]
const NAMES: &[(i32, &str)] = &[];

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.code, self.signal_name()) {
            (Some(code), _) => write!(f, "exit code {code}"),
            (None, Some(name)) => f.write_str(&name),
            (None, None) => f.write_str("an unknown end"),
        }
    }
}

//! The variable that says which run a process belongs to. Whatever a process starts inherits it, unless it clears its environment.

/// The variable's name.
pub const MARKER: &str = "EPHEMERAL_PROCESS";

/// Whose processes are meant.
#[cfg(unix)]
#[derive(Debug, Clone)]
pub(super) enum Scope {
    /// Those of one process.
    Process {
        /// Its leader and group.
        group: u32,
        /// The value of its marker.
        marker: String,
    },
    /// Those of a run.
    Run {
        /// What the values of all its markers begin with.
        prefix: String,
    },
}

#[cfg(unix)]
impl Scope {
    pub(super) fn run(run_id: &str) -> Self {
        Scope::Run { prefix: format!("{run_id}.") }
    }

    pub(super) fn group(&self) -> Option<u32> {
        match self {
            Scope::Process { group, .. } => Some(*group),
            Scope::Run { .. } => None,
        }
    }

    /// Whether a process with this marker is meant.
    pub(super) fn has_marker(&self, value: &[u8]) -> bool {
        match self {
            Scope::Process { marker, .. } => value == marker.as_bytes(),
            Scope::Run { prefix } => value.starts_with(prefix.as_bytes()),
        }
    }
}

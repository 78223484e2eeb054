//! What everything in a run has in common.

use super::stop::Stopping;
use super::template::Values;
use crate::process::{Host, Redactor};
use crate::run::plan::{Plan, Scope, Server};
use crate::run::report::{Event, RunError};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// Names and values of variables.
pub(crate) type Environment = BTreeMap<String, String>;

/// Who is told of what happens.
pub(crate) type Teller = Rc<dyn Fn(Event)>;

/// What everything in a run has in common. All of a run happens on one thread.
pub(super) struct Context {
    pub(super) plan: Plan,
    pub(super) host: Arc<Host>,

    /// Where setups run.
    pub(super) root: PathBuf,
    /// For directories; the run's own, gone with it.
    pub(super) dir: PathBuf,
    /// For logs, which stay.
    pub(super) logs: PathBuf,
    pub(super) teller: Teller,
    pub(super) began: Instant,
    /// What all that is started gets.
    pub(super) base: Environment,
    /// What the setup left for all.
    pub(super) exported: RefCell<Environment>,
    /// Those that servers of this run have, or will have in a moment.
    pub(super) ports: Rc<RefCell<HashSet<u16>>>,
    pub(super) redactor: Arc<Redactor>,
    pub(super) stopping: Stopping,
    pub(super) errors: RefCell<Vec<RunError>>,
    pub(super) logs_made: Cell<u64>,
    /// Directories that are to outlive the run.
    pub(super) kept: RefCell<Vec<String>>,
}

impl Context {
    /// Milliseconds since the run began.
    pub(super) fn at(&self) -> f64 {
        self.began.elapsed().as_secs_f64() * 1000.0
    }

    /// The same, as the scheduler counts.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn tell(&self, event: Event) {
        (self.teller)(event);
    }

    pub(super) fn failed(&self, error: RunError) {
        self.errors.borrow_mut().push(error);
    }

    /// The server whose port and URL tests know as theirs.
    pub(super) fn main_server(&self) -> Option<&Server> {
        self.plan.servers.iter().find(|server| server.main)
    }

    /// A file for a log that no other has; the number keeps names apart that read the same.
    pub(super) fn log(&self, name: &str) -> PathBuf {
        let number = self.logs_made.get() + 1;
        self.logs_made.set(number);
        let safe: String = name
            .chars()
            .take(80)
            .map(|sign| if sign.is_ascii_alphanumeric() || "-_.".contains(sign) { sign } else { '_' })
            .collect();
        self.logs.join(format!("{number:05}-{safe}.log"))
    }

    /// What a test, a server or a setup gets, beside its own variables.
    pub(super) fn environment(&self, values: &Values) -> Environment {
        let mut all = self.base.clone();
        let mut set = |name: &str, value: Option<&str>| value.map(|value| all.insert(name.into(), value.into()));
        set("EPHEMERAL_WORKER", values.get("worker"));
        set("EPHEMERAL_TEST", values.get("id"));
        set("EPHEMERAL_ATTEMPT", values.get("attempt"));
        for name in ["EPHEMERAL_DIR", "DATA_DIR"] {
            set(name, values.get("dir"));
        }
        for name in ["EPHEMERAL_PORT", "PORT"] {
            set(name, values.get("port"));
        }
        for name in ["EPHEMERAL_URL", "TEST_BASE_URL"] {
            set(name, values.get("url"));
        }
        if let (Some(main), Some(worker)) = (self.main_server(), values.get("worker")) {
            // A server and the tests that use it agree on it.
            let number = if main.scope == Scope::Run { "0" } else { worker };
            all.insert("API_TOKEN".into(), format!("test-token-{number}"));
        }
        let given = &self.plan.env;
        for (name, value) in given {
            match value {
                Some(value) => all.insert(name.clone(), values.fill(value)),
                None => all.remove(name),
            };
        }
        all.extend(self.exported.borrow().iter().map(|(name, value)| (name.clone(), value.clone())));
        all
    }
}

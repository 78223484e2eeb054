use super::reason;
use crate::server::{self, Notice, Options};
use napi::CleanupEnvHook;
use napi::bindgen_prelude::{Env, Function, Result};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

type Listener = ThreadsafeFunction<String, (), String, napi::Status, false>;
/// Empty once it was stopped.
type Shared = Arc<Mutex<Option<server::Broker>>>;

/// A running broker. Its thread ends when it is stopped, when its environment ends, and when the process exits.
#[napi]
pub struct NativeBroker {
    broker: Shared,
    /// `None` once it was disposed of.
    attached: Option<Attached>,
}

/// What ties a broker to its environment.
struct Attached {
    listener: Arc<Listener>,
    hook: CleanupEnvHook<Shared>,
}

#[napi]
impl NativeBroker {
    /// Listens, and serves from then on. `listener` gets each notice as JSON.
    #[napi(factory, catch_unwind)]
    pub fn start(env: Env, pipe: String, options: String, listener: Function<'_, String, ()>) -> Result<Self> {
        let options: Options = serde_json::from_str(&options).map_err(reason)?;
        let listener = Arc::new(listener.build_threadsafe_function::<String>().callee_handled::<false>().build()?);
        let teller = listener.clone();
        let notify = Box::new(move |notice: Notice| {
            if !exit::has_begun() {
                teller.call(notice.to_json(), ThreadsafeFunctionCallMode::NonBlocking);
            }
        });
        let broker = server::Broker::start(Path::new(&pipe), options, notify).map_err(reason)?;
        let broker = Arc::new(Mutex::new(Some(broker)));
        exit::remember(&broker);
        let hook = env.add_env_cleanup_hook(broker.clone(), |broker| stop_now(&broker))?;
        Ok(Self { broker, attached: Some(Attached { listener, hook }) })
    }

    /// Takes no more requests. The notice `drained` says whether those under way were answered in time.
    #[napi(catch_unwind)]
    pub fn drain(&self, timeout_ms: f64) {
        self.with(|broker| broker.drain(Duration::from_secs_f64(timeout_ms.clamp(0.0, 1e12) / 1000.0)));
    }

    /// Answers the notice `asked`, with JSON.
    #[napi(catch_unwind)]
    pub fn answer(&self, call: f64, value: String) {
        self.with(|broker| broker.answer(call as u64, value.into()));
    }

    /// Begins to stop. The notice `stopped` says when it has.
    #[napi(catch_unwind)]
    pub fn stop(&self) {
        self.with(server::Broker::stop);
    }

    /// Whether it keeps the process alive.
    #[napi(catch_unwind)]
    pub fn hold(&self, env: Env, hold: bool) -> Result<()> {
        let Some(Attached { listener, .. }) = &self.attached else { return Ok(()) };
        // SAFETY: called on the thread of its environment; the handle is alive as long as `listener`.
        let status = unsafe {
            if hold {
                napi::sys::napi_ref_threadsafe_function(env.raw(), listener.raw())
            } else {
                napi::sys::napi_unref_threadsafe_function(env.raw(), listener.raw())
            }
        };
        napi::check_status!(status)
    }

    /// After the notice `stopped`: joins the thread, and lets go of the environment.
    #[napi(catch_unwind)]
    pub fn dispose(&mut self, env: Env) -> Result<()> {
        stop_now(&self.broker);
        self.hold(env, false)?;
        match self.attached.take() {
            Some(Attached { hook, .. }) => env.remove_env_cleanup_hook(hook),
            None => Ok(()),
        }
    }

    fn with(&self, act: impl FnOnce(&server::Broker)) {
        if let Some(broker) = &*self.broker.lock().unwrap_or_else(PoisonError::into_inner) {
            act(broker);
        }
    }
}

/// Stops, and waits until nothing is left of it.
fn stop_now(broker: &Shared) {
    let broker = broker.lock().unwrap_or_else(PoisonError::into_inner).take();
    drop(broker);
}

/// The end of the process: `process.exit()` runs no hook of the environment.
#[cfg(unix)]
mod exit {
    use super::{Shared, stop_now};
    use crate::server;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Mutex, Once, PoisonError, Weak};

    static BEGUN: AtomicBool = AtomicBool::new(false);
    static RUNNING: Mutex<Vec<Weak<Mutex<Option<server::Broker>>>>> = Mutex::new(Vec::new());

    /// Whether JavaScript can be told nothing any more.
    pub(super) fn has_begun() -> bool {
        BEGUN.load(Ordering::SeqCst)
    }

    /// Sees to it that nothing is left of a broker when the process exits.
    pub(super) fn remember(broker: &Shared) {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            // SAFETY: the function is there as long as the library, which is never unmapped.
            let _ = unsafe { libc::atexit(at_exit) };
        });
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|broker| broker.strong_count() > 0);
        running.push(std::sync::Arc::downgrade(broker));
    }

    extern "C" fn at_exit() {
        BEGUN.store(true, Ordering::SeqCst);
        let running = std::mem::take(&mut *RUNNING.lock().unwrap_or_else(PoisonError::into_inner));
        let stopping = || running.iter().filter_map(Weak::upgrade).for_each(|broker| stop_now(&broker));
        // A panic must not cross into the system's code.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(stopping));
    }
}

/// The system ends threads before it tells libraries of the exit, and removes pipes by itself.
#[cfg(windows)]
mod exit {
    pub(super) fn has_begun() -> bool {
        false
    }

    pub(super) fn remember(_: &super::Shared) {}
}

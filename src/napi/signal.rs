//! How the loop learns that a link has something.

use super::client::Core;
#[cfg(unix)]
use super::poll::Poll;
use napi::bindgen_prelude::{Env, Result};
use napi::sys;
use std::cell::RefCell;
use std::ffi::c_void;
use std::ptr;
use std::rc::{Rc, Weak};

/// Calls [`Core::ready`] on the loop's thread.
pub(super) enum Signal {
    /// The loop watches the link's descriptor.
    #[cfg(unix)]
    Polled(Poll),
    /// The link's thread says so.
    Threaded(Waker),
}

impl Signal {
    #[cfg(unix)]
    pub(super) fn polled(env: &Env, descriptor: std::os::fd::RawFd) -> Result<Self> {
        Poll::new(env, descriptor).map(Self::Polled)
    }

    /// With what the link's thread calls.
    pub(super) fn threaded(env: &Env) -> Result<(Self, Box<dyn Fn() + Send>)> {
        let waker = Waker::new(env)?;
        let shared = Shared(waker.function);
        let wake = move || {
            let Shared(function) = &shared;
            // SAFETY: a threadsafe function may be called from any thread until it is released, which `shared` does when it is dropped.
            unsafe {
                sys::napi_call_threadsafe_function(
                    *function,
                    ptr::null_mut(),
                    sys::ThreadsafeFunctionCallMode::nonblocking,
                )
            };
        };
        Ok((Self::Threaded(waker), Box::new(wake)))
    }

    pub(super) fn attach(&self, core: &Rc<Core>) {
        match self {
            #[cfg(unix)]
            Self::Polled(poll) => poll.attach(core),
            Self::Threaded(waker) => waker.attach(core),
        }
    }

    /// Keeps the loop alive, or does not.
    pub(super) fn hold(&self, env: sys::napi_env, hold: bool) {
        match self {
            #[cfg(unix)]
            Self::Polled(poll) => poll.hold(hold),
            Self::Threaded(waker) => waker.hold(env, hold),
        }
    }

    /// Looks out for what can be read and, where `writable`, for room to write.
    #[cfg_attr(windows, allow(unused_variables))] // the link's thread looks out for itself
    pub(super) fn watch(&self, writable: bool) {
        match self {
            #[cfg(unix)]
            Self::Polled(poll) => poll.watch(writable),
            Self::Threaded(_) => {}
        }
    }

    pub(super) fn unwatch(&self) {
        match self {
            #[cfg(unix)]
            Self::Polled(poll) => poll.unwatch(),
            Self::Threaded(_) => {}
        }
    }

    /// Ends it, and the core's link with it.
    pub(super) fn close(self, core: &Core) {
        match self {
            // The descriptor must not be closed before the loop has let go of it: the link goes when that is done.
            #[cfg(unix)]
            Self::Polled(poll) => poll.close(),
            Self::Threaded(waker) => {
                drop(core.link.take());
                waker.release();
            }
        }
    }

    /// Ends it before there was a core.
    pub(super) fn abandon(self) {
        match self {
            #[cfg(unix)]
            Self::Polled(poll) => poll.close(),
            Self::Threaded(waker) => waker.release(),
        }
    }
}

/// A threadsafe function without a JavaScript function. Its context is the core, once attached.
pub(super) struct Waker {
    function: sys::napi_threadsafe_function,
    /// Shared with the context; freed by the finalizer.
    target: *mut Target,
    env: sys::napi_env,
}

/// What a waker wakes. Used on the loop's thread only.
struct Target {
    core: RefCell<Weak<Core>>,
}

/// The link thread's hold on the function.
struct Shared(sys::napi_threadsafe_function);

// SAFETY: that is what threadsafe functions are for.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: acquired for this thread when it was made.
        unsafe { sys::napi_release_threadsafe_function(self.0, sys::ThreadsafeFunctionReleaseMode::release) };
    }
}

impl Waker {
    fn new(env: &Env) -> Result<Self> {
        let name = env.create_string("ephemeral-broker")?;
        let target = Box::into_raw(Box::new(Target { core: RefCell::new(Weak::new()) }));
        let mut function = ptr::null_mut();
        // SAFETY: `target` lives until `finalize`; two threads, this one and the link's, hold the function.
        let status = unsafe {
            sys::napi_create_threadsafe_function(
                env.raw(),
                ptr::null_mut(),
                ptr::null_mut(),
                napi::JsValue::raw(&name),
                0,
                2,
                target.cast(),
                Some(finalize),
                target.cast(),
                Some(wake),
                &raw mut function,
            )
        };
        napi::check_status!(status)?;
        // SAFETY: just made. Nothing is awaited yet, so it must not keep the process.
        // The hook runs before the function, which is older, goes with the environment.
        unsafe {
            sys::napi_unref_threadsafe_function(env.raw(), function);
            sys::napi_add_env_cleanup_hook(env.raw(), Some(environment_ends), target.cast());
        }
        Ok(Self { function, target, env: env.raw() })
    }

    fn attach(&self, core: &Rc<Core>) {
        // SAFETY: alive until `finalize`, which comes after `release`.
        unsafe { (*self.target).core.replace(Rc::downgrade(core)) };
    }

    fn hold(&self, env: sys::napi_env, hold: bool) {
        // SAFETY: on the thread of the environment, before `release`.
        unsafe {
            if hold {
                sys::napi_ref_threadsafe_function(env, self.function);
            } else {
                sys::napi_unref_threadsafe_function(env, self.function);
            }
        }
    }

    fn release(self) {
        // SAFETY: added by `new`; then this thread's hold, let go of once.
        unsafe {
            sys::napi_remove_env_cleanup_hook(self.env, Some(environment_ends), self.target.cast());
            sys::napi_release_threadsafe_function(self.function, sys::ThreadsafeFunctionReleaseMode::release);
        }
    }
}

unsafe extern "C" fn wake(env: sys::napi_env, _callback: sys::napi_value, context: *mut c_void, _data: *mut c_void) {
    if env.is_null() {
        return;
    }
    // SAFETY: the context given to the function, alive until `finalize`.
    let target = unsafe { &*context.cast::<Target>() };
    let core = target.core.borrow().upgrade();
    if let Some(core) = core {
        // A panic must not cross into Node's code.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| core.ready()));
    }
}

unsafe extern "C" fn environment_ends(target: *mut c_void) {
    // SAFETY: alive until `finalize`.
    let core = unsafe { (*target.cast::<Target>()).core.borrow().upgrade() };
    if let Some(core) = core {
        core.close();
    }
}

unsafe extern "C" fn finalize(_env: sys::napi_env, data: *mut c_void, _hint: *mut c_void) {
    // SAFETY: made by `Box::into_raw` in `Waker::new`, and finalized once.
    drop(unsafe { Box::from_raw(data.cast::<Target>()) });
}

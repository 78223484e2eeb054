//! A descriptor watched by the loop itself (libuv's `uv_poll_t`): a reply is read on the thread that waits for it, without another in between.

use super::client::Core;
use napi::bindgen_prelude::{Env, Result};
use napi::sys;
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_int, c_void};
use std::os::fd::RawFd;
use std::ptr;
use std::rc::Rc;
use std::sync::LazyLock;

const UV_POLL: c_int = 8;
const UV_READABLE: c_int = 1;
const UV_WRITABLE: c_int = 2;

type Handle = *mut c_void;
type Loop = *mut sys::uv_loop_s;

/// libuv, as the host exports it. Hosts that only look like Node may not.
struct Uv {
    handle_size: unsafe extern "C" fn(c_int) -> usize,
    poll_init: unsafe extern "C" fn(Loop, Handle, c_int) -> c_int,
    poll_start: unsafe extern "C" fn(Handle, c_int, unsafe extern "C" fn(Handle, c_int, c_int)) -> c_int,
    poll_stop: unsafe extern "C" fn(Handle) -> c_int,
    ref_: unsafe extern "C" fn(Handle),
    unref: unsafe extern "C" fn(Handle),
    close: unsafe extern "C" fn(Handle, unsafe extern "C" fn(Handle)),
}

static UV: LazyLock<Option<Uv>> = LazyLock::new(|| {
    // SAFETY: each symbol is cast to the type that libuv's stable ABI gives it.
    unsafe {
        Some(Uv {
            handle_size: std::mem::transmute::<*mut c_void, unsafe extern "C" fn(c_int) -> usize>(symbol(
                c"uv_handle_size",
            )?),
            poll_init: std::mem::transmute::<*mut c_void, unsafe extern "C" fn(Loop, Handle, c_int) -> c_int>(symbol(
                c"uv_poll_init",
            )?),
            poll_start: std::mem::transmute::<
                *mut c_void,
                unsafe extern "C" fn(Handle, c_int, unsafe extern "C" fn(Handle, c_int, c_int)) -> c_int,
            >(symbol(c"uv_poll_start")?),
            poll_stop: std::mem::transmute::<*mut c_void, unsafe extern "C" fn(Handle) -> c_int>(symbol(
                c"uv_poll_stop",
            )?),
            ref_: std::mem::transmute::<*mut c_void, unsafe extern "C" fn(Handle)>(symbol(c"uv_ref")?),
            unref: std::mem::transmute::<*mut c_void, unsafe extern "C" fn(Handle)>(symbol(c"uv_unref")?),
            close: std::mem::transmute::<*mut c_void, unsafe extern "C" fn(Handle, unsafe extern "C" fn(Handle))>(
                symbol(c"uv_close")?,
            ),
        })
    }
});

fn symbol(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: looks a name up in what the process has loaded.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!address.is_null()).then_some(address)
}

/// Whether the host has what this needs.
pub(super) fn is_supported() -> bool {
    UV.is_some()
}

/// A watched descriptor.
pub(super) struct Poll {
    watch: Rc<Watch>,
}

/// Lives until the loop has closed the handle.
struct Watch {
    uv: &'static Uv,
    handle: Handle,
    /// Held until then too: it owns the descriptor.
    core: RefCell<Option<Rc<Core>>>,
    /// What the loop looks out for; 0: nothing.
    events: Cell<c_int>,
    hook: Cell<sys::napi_async_cleanup_hook_handle>,
    closing: Cell<bool>,
}

impl Poll {
    pub(super) fn new(env: &Env, descriptor: RawFd) -> Result<Self> {
        let Some(uv) = &*UV else { return Err(super::reason("EIO: the host has no libuv")) };
        let event_loop = env.get_uv_event_loop()?;
        // SAFETY: memory of the size that libuv asks for, freed in `closed`, or here when the handle was not made.
        let handle = unsafe {
            let handle = libc::calloc(1, (uv.handle_size)(UV_POLL));
            if (uv.poll_init)(event_loop, handle, descriptor) != 0 {
                libc::free(handle);
                return Err(super::reason("EIO: the loop cannot watch the connection"));
            }
            (uv.unref)(handle);
            handle
        };
        let watch = Rc::new(Watch {
            uv,
            handle,
            core: RefCell::new(None),
            events: Cell::new(0),
            hook: Cell::new(ptr::null_mut()),
            closing: Cell::new(false),
        });
        let mut hook = ptr::null_mut();
        // SAFETY: `handle.data`, the first member of every handle, holds a count of `watch` until `closed`; so does the hook's argument, which is the same.
        unsafe {
            *handle.cast::<*const Watch>() = Rc::into_raw(watch.clone());
            sys::napi_add_async_cleanup_hook(
                env.raw(),
                Some(environment_ends),
                Rc::as_ptr(&watch).cast_mut().cast(),
                &raw mut hook,
            );
        }
        watch.hook.set(hook);
        Ok(Self { watch })
    }

    pub(super) fn attach(&self, core: &Rc<Core>) {
        self.watch.core.replace(Some(core.clone()));
    }

    pub(super) fn hold(&self, hold: bool) {
        let Watch { uv, handle, .. } = &*self.watch;
        // SAFETY: the handle is open: `close` consumes this.
        unsafe {
            if hold {
                (uv.ref_)(*handle);
            } else {
                (uv.unref)(*handle);
            }
        }
    }

    pub(super) fn watch(&self, writable: bool) {
        let events = UV_READABLE | if writable { UV_WRITABLE } else { 0 };
        let Watch { uv, handle, .. } = &*self.watch;
        if self.watch.events.replace(events) != events {
            // SAFETY: as in `hold`.
            unsafe { (uv.poll_start)(*handle, events, on_event) };
        }
    }

    pub(super) fn unwatch(&self) {
        let Watch { uv, handle, .. } = &*self.watch;
        if self.watch.events.replace(0) != 0 {
            // SAFETY: as in `hold`.
            unsafe { (uv.poll_stop)(*handle) };
        }
    }

    pub(super) fn close(self) {
        self.watch.close();
    }
}

impl Watch {
    fn close(&self) {
        if !self.closing.replace(true) {
            // SAFETY: open until now; `closed` is called once.
            unsafe {
                (self.uv.poll_stop)(self.handle);
                (self.uv.close)(self.handle, closed);
            }
        }
    }
}

unsafe extern "C" fn on_event(handle: Handle, status: c_int, _events: c_int) {
    // SAFETY: `data` counts a `Watch` until `closed`.
    let watch = unsafe { &**handle.cast::<*const Watch>() };
    if status < 0 {
        // The peer closed with requests unread. libuv has stopped watching, though what the peer sent before is still to be read.
        watch.events.set(0);
    }
    let core = watch.core.borrow().clone();
    if let Some(core) = core {
        // A failure shows when it is read. A panic must not cross into libuv.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| core.ready()));
    }
}

/// The environment is about to end: it waits until the hook is removed, in `closed`.
unsafe extern "C" fn environment_ends(_hook: sys::napi_async_cleanup_hook_handle, watch: *mut c_void) {
    // SAFETY: counted by the handle's `data` until `closed`, which removes this hook.
    let watch = unsafe { &*watch.cast::<Watch>() };
    let core = watch.core.borrow().clone();
    match core {
        Some(core) => core.close(),
        None => watch.close(),
    }
}

unsafe extern "C" fn closed(handle: Handle) {
    // SAFETY: the count that `new` put into `data`; libuv is done with the handle.
    unsafe {
        let watch = Rc::from_raw(*handle.cast::<*const Watch>());
        sys::napi_remove_async_cleanup_hook(watch.hook.get());
        if let Some(core) = watch.core.take() {
            drop(core.link.take());
        }
        libc::free(handle);
    }
}

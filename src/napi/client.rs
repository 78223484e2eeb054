use super::reason;
use super::signal::Signal;
use crate::client::{Batch, Link, Threaded, with_payloads};
use napi::JsValue;
use napi::bindgen_prelude::{Env, Result, Uint8Array, Unknown};
use napi::sys;
use napi_derive::napi;
use std::cell::{Cell, RefCell};
use std::io;
use std::path::Path;
use std::ptr;
use std::rc::Rc;
use std::time::Duration;
use zeroize::{Zeroize, Zeroizing};

/// What V8 should think that an open connection weighs: a test runner that loads the package anew for each file leaves clients behind, which are
/// closed when they are collected, and collection follows weight.
const WEIGHT: i64 = 4 * 1024 * 1024;

/// Memory that a connection keeps for requests to come.
const KEPT: usize = 256 * 1024;

/// A connection to a broker.
///
/// `callback(batch, error)` is called when something came: whole lines as one JSON array, or `null` and why the connection ended. It says whether more is
/// awaited. Where payloads followed some of the lines, the batch is an array of the text and the payloads, in their order. The callback is held weakly, and the process not at all, but while something is awaited.
#[napi]
pub struct NativeClient {
    core: Rc<Core>,
}

pub(super) struct Core {
    env: sys::napi_env,
    /// `None` once it is closed.
    pub(super) link: RefCell<Option<Link>>,
    callback: Cell<sys::napi_ref>,
    signal: RefCell<Option<Signal>>,
    awaiting: Cell<bool>,
    /// For `send`; empty between.
    scratch: RefCell<Vec<u8>>,
    /// Something was sent during the callback, or in the microtasks after it, when its answer had been given already.
    sent: Cell<bool>,
    closed: Cell<bool>,
}

#[napi]
impl NativeClient {
    /// Connects. Throws the system's error.
    #[napi(factory, catch_unwind)]
    pub fn connect(
        env: Env,
        path: String,
        #[napi(
            ts_arg_type = "(batch: string | [text: string, payloads: ArrayBuffer[]] | null, error: string | null) => boolean"
        )]
        callback: Unknown<'_>,
        threaded: bool,
    ) -> Result<Self> {
        let core = Core::connect(&env, &path, callback.raw(), threaded)?;
        let _ = env.adjust_external_memory(WEIGHT);
        Ok(Self { core })
    }

    /// The user that listens at the other end, where the system tells.
    #[napi(catch_unwind)]
    pub fn peer_user(&self) -> Option<u32> {
        match &*self.core.link.borrow() {
            #[cfg(unix)]
            Some(Link::Polled(link)) => link.peer_user(),
            _ => None,
        }
    }

    /// Sends lines, to which replies are awaited. Each payload follows a line that says so, in their order.
    #[napi(catch_unwind)]
    pub fn send(
        &self,
        env: Env,
        #[napi(ts_arg_type = "string")] text: Unknown<'_>,
        payloads: Option<Vec<Uint8Array>>,
    ) -> Result<()> {
        self.core.sent.set(true);
        self.core.set_awaiting(true);
        let mut bytes = self.core.scratch.borrow_mut();
        copy_text(env.raw(), text.raw(), &mut bytes)?;
        if let Some(payloads) = payloads {
            let mut payloads = payloads.iter().map(|payload| &**payload);
            *bytes = with_payloads(&Zeroizing::new(std::mem::take(&mut *bytes)), &mut payloads);
        }
        let all_sent = self.core.with_link(|link| link.send(&bytes).and_then(|()| link.flush()));
        // The bytes that were used, not all that there is room for; and a large block is not kept for small requests to come.
        bytes.as_mut_slice().zeroize();
        bytes.clear();
        if bytes.capacity() > KEPT {
            *bytes = Vec::new();
        }
        self.core.watch(!all_sent.map_err(system)?);
        Ok(())
    }

    /// Waits, blocking, for lines: a batch, or `null` when none came in time. Throws when the connection has ended.
    #[napi(catch_unwind, ts_return_type = "string | [text: string, payloads: ArrayBuffer[]] | null")]
    pub fn receive(&self, env: Env, timeout_ms: f64) -> Result<Option<Unknown<'static>>> {
        let limit = Duration::from_secs_f64(timeout_ms.clamp(0.0, 1e9) / 1000.0);
        let batch = self.core.with_link(|link| link.receive_within(limit)).map_err(system)?;
        let Some(batch) = batch else { return Ok(None) };
        let text = batch_to_js(env.raw(), &batch)?;
        // SAFETY: the value was made in this environment just now, and is returned at once.
        Ok(Some(unsafe { Unknown::from_raw_unchecked(env.raw(), text) }))
    }

    /// Says whether replies are awaited.
    #[napi(catch_unwind)]
    pub fn set_awaiting(&self, awaiting: bool) {
        self.core.set_awaiting(awaiting);
    }

    /// Ends the connection. The callback is not called any more.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.core.close();
    }
}

impl Drop for NativeClient {
    fn drop(&mut self) {
        self.core.close();
    }
}

impl Core {
    fn connect(env: &Env, path: &str, callback: sys::napi_value, threaded: bool) -> Result<Rc<Self>> {
        let (signal, link) = Self::open(env, path, threaded)?;
        let mut reference = ptr::null_mut();
        // SAFETY: the value is alive in this scope; 0 makes the reference weak.
        napi::check_status!(unsafe { sys::napi_create_reference(env.raw(), callback, 0, &raw mut reference) })?;
        let core = Rc::new(Self {
            env: env.raw(),
            link: RefCell::new(Some(link)),
            callback: Cell::new(reference),
            signal: RefCell::new(None),
            awaiting: Cell::new(false),
            scratch: RefCell::new(Vec::new()),
            sent: Cell::new(false),
            closed: Cell::new(false),
        });
        signal.attach(&core);
        core.signal.replace(Some(signal));
        core.watch(false);
        Ok(core)
    }

    #[cfg(unix)]
    fn open(env: &Env, path: &str, threaded: bool) -> Result<(Signal, Link)> {
        if !threaded && super::poll::is_supported() {
            let link = crate::client::Polled::connect(Path::new(path)).map_err(system)?;
            let signal = Signal::polled(env, link.descriptor())?;
            return Ok((signal, Link::Polled(link)));
        }
        Self::open_threaded(env, path)
    }

    #[cfg(windows)]
    fn open(env: &Env, path: &str, _threaded: bool) -> Result<(Signal, Link)> {
        Self::open_threaded(env, path)
    }

    fn open_threaded(env: &Env, path: &str) -> Result<(Signal, Link)> {
        let (signal, wake) = Signal::threaded(env)?;
        match Threaded::connect(Path::new(path), wake) {
            Ok(link) => Ok((signal, Link::Threaded(link))),
            Err(error) => {
                signal.abandon();
                Err(system(error))
            }
        }
    }

    fn with_link<T>(&self, act: impl FnOnce(&mut Link) -> io::Result<T>) -> io::Result<T> {
        match &mut *self.link.borrow_mut() {
            Some(link) => act(link),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// On the loop's thread, when there may be something to receive or room to send.
    pub(super) fn ready(&self) {
        if self.closed.get() {
            return;
        }
        match self.with_link(|link| link.flush().and_then(|all_sent| link.receive().map(|batch| (all_sent, batch)))) {
            Ok((all_sent, batch)) => {
                self.watch(!all_sent);
                if let Some(batch) = batch {
                    self.tell(Some(&batch), None);
                }
            }
            Err(error) => {
                self.unwatch();
                self.tell(None, Some(&describe(&error)));
            }
        }
    }

    /// Calls back, outside of any borrow: JavaScript may call anything from there.
    fn tell(&self, batch: Option<&Batch>, error: Option<&str>) {
        let env = self.env;
        let mut scope = ptr::null_mut();
        // SAFETY: on the thread of the environment, with no JavaScript running; the scope is closed below.
        if unsafe { sys::napi_open_handle_scope(env, &raw mut scope) } != sys::Status::napi_ok {
            return;
        }
        self.sent.set(false);
        // SAFETY: within the scope just opened.
        let awaiting = unsafe { self.call(batch, error) };
        if awaiting == Some(false) && !self.sent.get() {
            self.set_awaiting(false);
        }
        // SAFETY: it was opened above.
        unsafe { sys::napi_close_handle_scope(env, scope) };
    }

    /// # Safety
    /// On the thread of the environment, within a handle scope.
    unsafe fn call(&self, batch: Option<&Batch>, error: Option<&str>) -> Option<bool> {
        let env = self.env;
        let (mut global, mut callback, mut returned) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        let mut awaiting = false;
        // SAFETY: the out pointers live here; the reference is deleted by `close` only, which sets `closed`.
        unsafe {
            let arguments = [
                batch.map_or_else(|| Ok(js_null(env)), |batch| batch_to_js(env, batch)).ok()?,
                error.map_or_else(|| Ok(js_null(env)), |error| text_to_js(env, error.as_bytes())).ok()?,
            ];
            sys::napi_get_global(env, &raw mut global);
            sys::napi_get_reference_value(env, self.callback.get(), &raw mut callback);
            if callback.is_null() {
                return None;
            }
            // Runs the microtasks too, as the end of any callback does. No async context: it would be one open handle more to a leak detector.
            match sys::napi_make_callback(
                env,
                ptr::null_mut(),
                global,
                callback,
                2,
                arguments.as_ptr(),
                &raw mut returned,
            ) {
                sys::Status::napi_ok => {}
                sys::Status::napi_pending_exception => {
                    let mut exception = ptr::null_mut();
                    sys::napi_get_and_clear_last_exception(env, &raw mut exception);
                    sys::napi_fatal_exception(env, exception);
                    return None;
                }
                _ => return None,
            }
            sys::napi_get_value_bool(env, returned, &raw mut awaiting);
        }
        Some(awaiting)
    }

    /// While something is awaited the callback is held, and with it all that waits for it; and the process goes on.
    fn set_awaiting(&self, awaiting: bool) {
        if self.closed.get() || self.awaiting.replace(awaiting) == awaiting {
            return;
        }
        let mut count = 0;
        // SAFETY: on the thread of the environment; the reference lives until `close`.
        unsafe {
            if awaiting {
                sys::napi_reference_ref(self.env, self.callback.get(), &raw mut count);
            } else {
                sys::napi_reference_unref(self.env, self.callback.get(), &raw mut count);
            }
        }
        if let Some(signal) = &*self.signal.borrow() {
            signal.hold(self.env, awaiting);
        }
    }

    fn watch(&self, writable: bool) {
        if let Some(signal) = &*self.signal.borrow() {
            signal.watch(writable);
        }
    }

    fn unwatch(&self) {
        if let Some(signal) = &*self.signal.borrow() {
            signal.unwatch();
        }
    }

    pub(super) fn close(&self) {
        if self.closed.replace(true) {
            return;
        }
        if let Some(signal) = self.signal.take() {
            signal.close(self);
        }
        // SAFETY: deleted once, on the thread of its environment.
        unsafe {
            sys::napi_delete_reference(self.env, self.callback.get());
            let mut total = 0;
            sys::napi_adjust_external_memory(self.env, -WEIGHT, &raw mut total);
        }
    }
}

fn system(error: io::Error) -> napi::Error {
    reason(describe(&error))
}

/// `ENOENT: …`: the code first, for JavaScript to take it off.
fn describe(error: &io::Error) -> String {
    let code = match error.kind() {
        io::ErrorKind::NotFound => "ENOENT",
        io::ErrorKind::ConnectionRefused => "ECONNREFUSED",
        io::ErrorKind::PermissionDenied => "EACCES",
        io::ErrorKind::WouldBlock => "EAGAIN",
        io::ErrorKind::BrokenPipe => "EPIPE",
        io::ErrorKind::ConnectionReset => "ECONNRESET",
        io::ErrorKind::UnexpectedEof => "EOF",
        _ => "EIO",
    };
    format!("{code}: {error}")
}

fn js_null(env: sys::napi_env) -> sys::napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: fills the pointer with a value that always exists.
    unsafe { sys::napi_get_null(env, &raw mut value) };
    value
}

/// Copies a string's UTF-8, in one pass over it: its length is asked for in the units that V8 has at hand.
fn copy_text(env: sys::napi_env, text: sys::napi_value, into: &mut Vec<u8>) -> Result<()> {
    let (mut units, mut written) = (0, 0);
    into.clear();
    // SAFETY: a unit takes three bytes at most, and what is written ends with a zero, for all of which there is room.
    unsafe {
        napi::check_status!(sys::napi_get_value_string_utf16(env, text, ptr::null_mut(), 0, &raw mut units))?;
        into.reserve(3 * units + 1);
        let room = into.capacity();
        napi::check_status!(sys::napi_get_value_string_utf8(
            env,
            text,
            into.as_mut_ptr().cast(),
            room,
            &raw mut written
        ))?;
        into.set_len(written);
    }
    Ok(())
}

/// A text, or an array of it and the payloads.
fn batch_to_js(env: sys::napi_env, batch: &Batch) -> Result<sys::napi_value> {
    let text = text_to_js(env, batch.as_bytes())?;
    if batch.payloads().len() == 0 {
        return Ok(text);
    }
    let (mut both, mut payloads) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: makes arrays of values made in this scope, of the lengths that they are filled to.
    unsafe {
        napi::check_status!(sys::napi_create_array_with_length(env, batch.payloads().len(), &raw mut payloads))?;
        for (at, payload) in batch.payloads().enumerate() {
            let payload = bytes_to_js(env, payload)?;
            napi::check_status!(sys::napi_set_element(env, payloads, at as u32, payload))?;
        }
        napi::check_status!(sys::napi_create_array_with_length(env, 2, &raw mut both))?;
        napi::check_status!(sys::napi_set_element(env, both, 0, text))?;
        napi::check_status!(sys::napi_set_element(env, both, 1, payloads))?;
    }
    Ok(both)
}

/// An `ArrayBuffer` of its own.
fn bytes_to_js(env: sys::napi_env, bytes: &[u8]) -> Result<sys::napi_value> {
    let (mut data, mut value) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: as many bytes are copied as the new buffer has.
    unsafe {
        napi::check_status!(sys::napi_create_arraybuffer(env, bytes.len(), &raw mut data, &raw mut value))?;
        if !bytes.is_empty() {
            ptr::copy_nonoverlapping(bytes.as_ptr(), data.cast(), bytes.len());
        }
    }
    Ok(value)
}

/// ASCII, the usual case, is taken over without being decoded.
fn text_to_js(env: sys::napi_env, text: &[u8]) -> Result<sys::napi_value> {
    let mut value = ptr::null_mut();
    let (start, length) = (text.as_ptr().cast(), text.len() as isize);
    // SAFETY: the text is copied before the call returns.
    let status = unsafe {
        if text.is_ascii() {
            sys::napi_create_string_latin1(env, start, length, &raw mut value)
        } else {
            sys::napi_create_string_utf8(env, start, length, &raw mut value)
        }
    };
    napi::check_status!(status)?;
    Ok(value)
}

use super::reason;
use crate::process;
use crate::run::files;
use crate::run::history::History;
use crate::run::select;
use crate::run::service::{Options, Service};
use napi::bindgen_prelude::{Env, Function, Result};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

type Listener = ThreadsafeFunction<String, (), String, napi::Status, false>;

/// A run of tests: orders in, events and replies out, all of them JSON.
#[napi]
pub struct NativeRun {
    service: Option<Service>,
    listener: Option<Arc<Listener>>,
}

#[napi]
impl NativeRun {
    /// Begins to take orders. `listener` gets each message.
    #[napi(factory, catch_unwind)]
    pub fn start(options: String, listener: Function<'_, String, ()>) -> Result<Self> {
        let options: Options = serde_json::from_str(&options).map_err(reason)?;
        let listener = Arc::new(listener.build_threadsafe_function::<String>().callee_handled::<false>().build()?);
        let teller = listener.clone();
        let tell = Box::new(move |message| {
            teller.call(message, ThreadsafeFunctionCallMode::NonBlocking);
        });
        let service = Service::start(options, tell).map_err(reason)?;
        Ok(Self { service: Some(service), listener: Some(listener) })
    }

    /// Gives an order.
    #[napi(catch_unwind)]
    pub fn order(&self, order: String) {
        if let Some(service) = &self.service {
            service.order(order);
        }
    }

    /// After the reply to `close`: joins the thread, and lets go of the environment.
    #[napi(catch_unwind)]
    pub fn dispose(&mut self, env: Env) -> Result<()> {
        self.service = None;
        let Some(listener) = self.listener.take() else { return Ok(()) };
        // SAFETY: called on the thread of its environment; the handle is alive as long as `listener`.
        let status = unsafe { napi::sys::napi_unref_threadsafe_function(env.raw(), listener.raw()) };
        napi::check_status!(status)
    }
}

/// The files that globs match: `{"root","cwd","patterns"}` in, names from the root out.
#[napi(catch_unwind)]
pub fn find_files(request: String) -> Result<String> {
    files::find_files(&request).map_err(reason)
}

/// The files that results depend on: `{"root","output","patterns"}` in, names from the root out.
#[napi(catch_unwind)]
pub fn input_files(request: String) -> Result<String> {
    #[derive(Deserialize)]
    struct Request {
        root: PathBuf,
        output: PathBuf,
        patterns: Option<Vec<String>>,
    }
    let Request { root, output, patterns } = serde_json::from_str(&request).map_err(reason)?;
    let listed =
        files::Inputs::new(&root, patterns.as_deref(), &output).and_then(|inputs| inputs.list()).map_err(reason)?;
    let names: Vec<String> = listed.files.into_iter().map(|file| file.name).collect();
    serde_json::to_string(&names).map_err(reason)
}

/// Which tests are chosen: see `select::select`. `output` is the folder that knows of earlier runs.
#[napi(catch_unwind)]
pub fn select_tests(request: String, output: String) -> Result<String> {
    let history = History::load(Path::new(&output));
    select::select(&request, |id| history.past(id)).map_err(reason)
}

/// The places of the tests that each test depends on.
#[napi(catch_unwind)]
pub fn resolve_dependencies(request: String) -> Result<String> {
    select::resolve_dependencies(&request).map_err(reason)
}

/// Ends what is left of runs that were killed, below this folder.
#[napi(catch_unwind)]
pub fn clean_runs(folder: String) -> Result<String> {
    serde_json::to_string(&process::clean(Path::new(&folder))).map_err(reason)
}

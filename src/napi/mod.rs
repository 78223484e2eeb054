//! Node: the classes and functions that `lib/` builds on. Thin, and made of strings and numbers: what they mean, and every error's shape,
//! is made in JavaScript, in the caller's own realm.

#![allow(unreachable_pub)] // what napi-derive exports is `pub`, and reached from JavaScript
#![cfg_attr(test, allow(dead_code))] // a test harness exports nothing to JavaScript

mod broker;
mod client;
#[cfg(unix)]
mod poll;
mod run;
mod signal;

use crate::protocol::auth::{self, Secret, Side};
use crate::server::endpoint;
use napi::{Error, Result, Status};
use napi_derive::napi;
use std::path::Path;
use std::sync::{LazyLock, OnceLock};
use std::time::Instant;

/// The path on which a broker with this id (or a random one) listens. Throws a message that begins with its code.
#[napi(catch_unwind)]
pub fn pipe_path(id: Option<String>) -> Result<String> {
    let path = endpoint::path(id.as_deref()).map_err(reason)?;
    path.into_os_string()
        .into_string()
        .map_err(|path| reason(format!("start_failed: {} is not Unicode", path.display())))
}

/// Removes what a killed broker left at `path`, and says whether there was something.
#[napi(catch_unwind)]
pub fn remove_stale(path: String) -> bool {
    endpoint::remove_stale(Path::new(&path))
}

/// A side's proof in the handshake: that of the `broker` or of the `client`.
#[napi(catch_unwind)]
pub fn prove(secret: String, side: String, client_nonce: String, broker_nonce: String) -> String {
    let side = if side == "broker" { Side::Broker } else { Side::Client };
    auth::prove(&take_secret(secret), side, &client_nonce, &broker_nonce)
}

/// The MAC of a message for a broker that does not know the handshake.
#[napi(catch_unwind)]
pub fn sign_message(secret: String, text: String) -> String {
    auth::sign_message(&take_secret(secret), &text)
}

/// So many random bytes in hex.
#[napi(catch_unwind)]
pub fn random_hex(bytes: u32) -> Result<String> {
    auth::random_hex(bytes as usize).map_err(reason)
}

/// A random name for this process, the same in all of its threads and realms.
#[napi(catch_unwind)]
pub fn process_identity() -> Result<String> {
    static IDENTITY: OnceLock<String> = OnceLock::new();
    match IDENTITY.get() {
        Some(identity) => Ok(identity.clone()),
        None => {
            let identity = random_hex(16)?;
            Ok(IDENTITY.get_or_init(|| identity).clone())
        }
    }
}

/// A monotonic clock in milliseconds, out of reach of fake timers.
#[napi(catch_unwind)]
pub fn now() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_secs_f64() * 1000.0
}

fn take_secret(text: String) -> Secret {
    Secret::new(&zeroize::Zeroizing::new(text))
}

fn reason(error: impl std::fmt::Display) -> Error {
    Error::new(Status::GenericFailure, error.to_string())
}

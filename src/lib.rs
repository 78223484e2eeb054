//! The core of ephemeral-broker: what parallel test workers share, in the memory of the process that hosts the run.
//!
//! # The story of one request
//!
//! A worker writes `{"id":7,"action":"get","key":"foo"}` and a newline to the broker's socket. On the broker's own thread
//! [`server`] reads the bytes; [`protocol`] cuts them into lines and a line into a request; [`engine`] does the command
//! and says what it came to; [`protocol`] writes that as a line, and [`server`] sends all that one read led to at once.
//! The host's JavaScript takes no part in it, and so cannot hold it up.
//!
//! # The map
//!
//! | module | knows | does not know |
//! |---|---|---|
//! | [`engine`] | commands, sessions, leases, values, time as a number | sockets, clocks, threads |
//! | [`protocol`] | lines, JSON, HMAC | where the bytes come from |
//! | [`server`] | tokio, the socket and its directory, limits of connections, the log | Node |
//! | [`client`] | a blocking and a polled connection to a broker | Node's loop |
//! | `napi` | Node: the classes that JavaScript sees | how state is kept |
//!
//! Only `napi` names napi; without the feature `node` the rest builds and is tested alone.

mod buffer;
pub mod client;
pub mod engine;
#[cfg(feature = "node")]
mod napi;
pub mod process;
pub mod protocol;
pub mod run;
pub mod server;
mod wipe;

#[global_allocator]
static ALLOCATOR: wipe::Wiping = wipe::Wiping;

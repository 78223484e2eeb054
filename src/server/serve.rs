//! The broker's thread.

use super::connection::Connection;
use super::endpoint::{self, EndpointError};
use super::state::State;
use super::{Notify, Options, Order, StopReason};
use crate::buffer::Buffer;
use crate::protocol::Failure;
use crate::protocol::reply::Writer;
use crate::protocol::reply::millis;
use interprocess::local_socket::tokio::{Listener, Stream};
use interprocess::local_socket::traits::tokio::Listener as _;
use serde_json::json;
use std::path::Path;
use std::rc::Rc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, sleep_until, timeout};

/// How long to wait before accepting again, when the system has no more descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// How long one that is turned away may take for its first request.
const TURN_AWAY: Duration = Duration::from_secs(1);

/// Listens, says through `ready` whether that went well, and serves until it is told to stop.
pub(super) fn run(
    path: &Path,
    options: Options,
    notify: Notify,
    orders: UnboundedReceiver<Order>,
    ready: &SyncSender<Result<(), EndpointError>>,
) {
    let system = |source| EndpointError::System { what: "start a runtime for", path: path.into(), source };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return drop(ready.send(Err(system(error)))),
    };
    let tasks = LocalSet::new();
    let bound = {
        let _inside = runtime.enter();
        endpoint::bind(path)
    };
    let (listener, guard) = match bound {
        Ok(bound) => bound,
        Err(error) => return drop(ready.send(Err(error))),
    };
    let state = Rc::new(State::new(options, notify));
    state.log.info("started", &[("pipe", json!(path))]);
    let _ = ready.send(Ok(()));
    let served = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        tasks.block_on(&runtime, serve(state.clone(), listener, orders))
    }));
    // Connections go first, then the socket, then the news of it.
    let reason = served.unwrap_or_else(|panic| StopReason::Failure(describe_panic(&*panic)));
    state.ending.set(!matches!(reason, StopReason::Failure(_)));
    let report = state.report();
    let closed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(tasks)));
    drop(runtime);
    drop(guard);
    if closed.is_err() {
        state.log.warn("a connection did not end in good order", &[]);
    }
    state.stopped(reason, report);
}

async fn serve(state: Rc<State>, listener: Listener, mut orders: UnboundedReceiver<Order>) -> StopReason {
    let mut accepting = spawn_local(accept(state.clone(), listener));
    let mut timing = spawn_local(keep_time(state.clone()));
    if let Some(interval) = state.options.heartbeat_interval() {
        spawn_local(heartbeat(state.clone(), interval));
    }
    if !cfg!(windows) {
        // What killed brokers left is not worth delaying the start for.
        spawn_local(async { endpoint::sweep() });
    }
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(Order::Drain(limit)) => drop(spawn_local(drain(state.clone(), limit))),
                Some(Order::Answer { call, value }) => state.host_answered(call, value),
                Some(Order::Stop) | None => return StopReason::Asked,
            },
            () = idle(&state) => return StopReason::Idle,
            // Neither ends but by a failure, and without them there is no broker.
            Err(error) = &mut accepting => return StopReason::Failure(error.to_string()),
            Err(error) = &mut timing => return StopReason::Failure(error.to_string()),
        }
    }
}

async fn accept(state: Rc<State>, listener: Listener) {
    let mut failing = false;
    loop {
        match listener.accept().await {
            Ok(stream) => {
                failing = false;
                admit(&state, stream);
            }
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    state.log.warn("connections cannot be accepted", &[("error", json!(error.to_string()))]);
                }
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn admit(state: &Rc<State>, stream: Stream) {
    if !endpoint::is_trusted(&stream) {
        return state.log.warn("a process of another user was turned away", &[]);
    }
    let limit = state.options.max_connections;
    if state.connections.get() >= limit {
        if !state.crowded.replace(true) {
            state.log.warn("too many connections", &[("maxConnections", json!(limit))]);
        }
        spawn_local(turn_away(stream, limit));
        return;
    }
    state.crowded.set(false);
    let connection = Connection::new(stream, state.clone());
    spawn_local(async move {
        // The peer is gone or was cut off: there is nobody to tell.
        let _ = connection.await;
    });
}

/// Waits for the first request, so that its reply finds somebody who reads.
async fn turn_away(mut stream: Stream, limit: usize) {
    let mut request = zeroize::Zeroizing::new([0; 1024]);
    let _ = timeout(TURN_AWAY, stream.read(request.as_mut())).await;
    let mut line = Buffer::default();
    let text = format!("the broker has {limit} connections, no more are allowed (maxConnections)");
    Writer::new(&mut line).failure(None, &Failure::new("too_many_connections", text));
    let _ = timeout(TURN_AWAY, stream.write_all(line.as_slice())).await;
}

/// Ends what is due, when it is due.
async fn keep_time(state: Rc<State>) {
    loop {
        let next = state.engine.borrow().next_deadline();
        state.alarm.set(next);
        let due = async {
            match next {
                Some(at) => sleep_until((state.started + Duration::from_micros(at)).into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => {
                state.engine.borrow_mut().tick(state.now());
                state.settle(None);
            }
            () = state.earlier.notified() => {}
        }
    }
}

async fn drain(state: Rc<State>, limit: Duration) {
    state.draining.set(true);
    state.engine.borrow_mut().drain(state.now());
    state.settle(None);
    state.log.info("draining", &[("unsent", json!(state.unsent.get()))]);
    let quiet = async {
        // Those who waited have been answered, but their connections have had no turn yet.
        while state.has_undelivered() {
            tokio::task::yield_now().await;
        }
        while state.unsent.get() > 0 {
            state.quiet.notified().await;
        }
    };
    state.drained(timeout(limit, quiet).await.is_ok());
}

/// Ends when nobody has asked for anything for `idleTimeout`.
async fn idle(state: &State) {
    let Some(limit) = state.options.idle_timeout() else { return std::future::pending().await };
    loop {
        if state.engine.borrow().waits() > 0 {
            // Who waits has asked, and is not answered yet.
            state.last_request.set(state.now());
        }
        let end = Duration::from_micros(state.last_request.get()) + limit;
        if state.started.elapsed() >= end {
            state.log.info("idle for too long", &[("idleTimeout", json!(limit.as_millis() as u64))]);
            return;
        }
        sleep_until((state.started + end).into()).await;
    }
}

async fn heartbeat(state: Rc<State>, interval: Duration) {
    loop {
        sleep(interval).await;
        let engine = state.engine.borrow();
        let fields = [
            ("uptimeMs", json!(millis(state.now()).round())),
            ("items", json!(engine.items())),
            ("leases", json!(engine.leases())),
            ("connections", json!(state.connections.get())),
        ];
        drop(engine);
        state.log.info("heartbeat", &fields);
    }
}

fn describe_panic(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the broker's thread failed: {}", text.unwrap_or("no reason given"))
}

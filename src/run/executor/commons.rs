//! What the workers of a run share: servers and a directory of the whole run, and what is known of starting servers.

use super::context::Context;
use super::directory::Directory;
use super::server::Server;
use crate::run::plan::Keep;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use tokio::sync::Notify;

/// What the whole run shares.
#[derive(Default)]
pub(super) struct Commons {
    /// Held while somebody starts or ends something here.
    pub(super) turn: tokio::sync::Mutex<()>,
    pub(super) dir: RefCell<Option<Directory>>,
    pub(super) servers: RefCell<BTreeMap<usize, Rc<Server>>>,
    pub(super) restarts: Cell<u32>,
    /// By server, one of the whole run or one a worker.
    starts: RefCell<BTreeMap<usize, Starts>>,
    /// A start was successful, or failed.
    started: Notify,
}

/// How starts of a server went.
#[derive(Default)]
struct Starts {
    under_way: usize,
    /// One was successful.
    successful: bool,
}

impl Commons {
    pub(super) fn begin_start(&self, index: usize) {
        self.starts.borrow_mut().entry(index).or_default().under_way += 1;
    }

    pub(super) fn end_start(&self, index: usize, successful: bool) {
        let mut starts = self.starts.borrow_mut();
        let starts = starts.entry(index).or_default();
        starts.under_way -= 1;
        starts.successful |= successful;
        self.started.notify_waiters();
    }

    /// Whether no worker can start it: answered when none tries any more.
    pub(super) async fn is_broken(&self, index: usize) -> bool {
        loop {
            let started = self.started.notified();
            tokio::pin!(started);
            started.as_mut().enable();
            match self.starts.borrow().get(&index) {
                None => return true,
                Some(starts) if starts.successful => return false,
                Some(starts) if starts.under_way == 0 => return true,
                Some(_) => {}
            }
            started.await;
        }
    }

    /// Ends its servers, the last first, and removes its directory.
    pub(super) async fn close(&self, context: &Context) {
        let servers = std::mem::take(&mut *self.servers.borrow_mut());
        for server in servers.into_values().rev().filter_map(|server| Rc::try_unwrap(server).ok()) {
            server.stop().await;
        }
        let dir = self.dir.borrow_mut().take();
        if let Some(dir) = dir {
            dispose(context, dir);
        }
    }
}

/// Removes a directory that is of no use any more, unless it is to be kept.
pub(super) fn dispose(context: &Context, dir: Directory) {
    let keep = match context.plan.dir.keep {
        Keep::Never => false,
        Keep::Failure => dir.failed,
        Keep::Always => true,
    };
    if keep {
        context.kept.borrow_mut().push(dir.text());
    } else {
        dir.remove();
    }
}

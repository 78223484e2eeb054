//! One connection: bytes in, bytes out, within bounds.

use super::dispatch::{Dialogue, Said};
use super::state::State;
use crate::buffer::Buffer;
use crate::protocol::frame::LineDecoder;
use interprocess::local_socket::tokio::Stream;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// Bytes read at a time. Small, so that the peer has the first replies while the next requests are done.
const CHUNK: usize = 16 * 1024;
/// Replies held for a peer that does not read them, before its requests wait too.
const MAX_UNSENT: usize = 1024 * 1024;
/// How long a peer may take nothing of what is held for it.
const MAX_STALL: Duration = Duration::from_secs(10);
/// Memory that an idle connection keeps.
const IDLE_MEMORY: usize = 16 * 1024;

/// A future that serves a connection until it ends.
pub(super) struct Connection {
    stream: Stream,
    decoder: LineDecoder,
    dialogue: Dialogue,
    out: Buffer,
    /// How far into what is to be sent there are replies. Messages behind them are no more than the peer has credit for: they may lie.
    owed: usize,
    /// Runs while the peer takes nothing of its replies.
    stall: Option<Pin<Box<Sleep>>>,
    state: Rc<State>,
    counted_unsent: bool,
    /// Others were given something by what was answered.
    woke_others: bool,
}

impl Connection {
    pub(super) fn new(stream: Stream, state: Rc<State>) -> Self {
        state.connections.set(state.connections.get() + 1);
        Self {
            stream,
            decoder: LineDecoder::new(state.options.max_request_size),
            dialogue: Dialogue::new(state.clone()),
            out: Buffer::default(),
            owed: 0,
            stall: None,
            state,
            counted_unsent: false,
            woke_others: false,
        }
    }

    /// Sends until everything is sent or the peer takes no more. Ready: with what ends the connection, or when all is sent.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            match Pin::new(&mut &self.stream).poll_write(cx, self.out.as_slice()) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(sent)) => {
                    self.out.consume(sent);
                    self.owed = self.owed.saturating_sub(sent);
                    self.stall = None;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.count_unsent(true);
                    if self.owed == 0 {
                        return Poll::Pending;
                    }
                    let stall = self.stall.get_or_insert_with(|| Box::pin(tokio::time::sleep(MAX_STALL)));
                    ready!(stall.as_mut().poll(cx));
                    self.state.log.warn("a peer that does not read is cut off", &[("unsent", self.out.len().into())]);
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
            }
        }
        self.count_unsent(false);
        self.out.shrink(IDLE_MEMORY);
        Poll::Ready(Ok(()))
    }

    /// Reads a chunk. Ready: whether the peer has more to say.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let buffer = self.decoder.buffer();
        buffer.shrink(IDLE_MEMORY);
        let spare = buffer.spare(4096);
        let room = spare.len().min(CHUNK);
        let mut chunk = ReadBuf::uninit(&mut spare[..room]);
        ready!(Pin::new(&mut &self.stream).poll_read(cx, &mut chunk))?;
        let received = chunk.filled().len();
        let full = received == room && room < CHUNK;
        // SAFETY: `ReadBuf` says that so many bytes were written at the beginning of the spare room.
        unsafe { buffer.commit(received) };
        if full {
            // There is likely to be more: read it in larger pieces.
            buffer.spare((2 * room).min(CHUNK));
        }
        Poll::Ready(Ok(received > 0))
    }

    /// Answers the requests that are there whole, as long as there is room for replies.
    fn answer(&mut self, cx: &Context<'_>) {
        let now = self.state.now();
        while self.out.len() < MAX_UNSENT && !self.dialogue.is_over() && !self.dialogue.is_held() {
            let Some(frame) = self.decoder.next_frame() else { break };
            if self.dialogue.take(now, &frame, &mut self.out) == Said::Reply {
                self.owed = self.out.len();
            }
            if self.state.engine.borrow().has_effects() {
                // What was asked for and is there already goes with the other replies, in order.
                self.woke_others |= self.state.settle(self.dialogue.session());
                self.deliver(cx);
            }
        }
        self.woke_others |= self.state.settle(self.dialogue.session());
    }

    /// Writes what the session is to be told, as long as there is room for it.
    fn deliver(&mut self, cx: &Context<'_>) {
        while self.out.len() < MAX_UNSENT
            && let Some(said) = self.dialogue.deliver(cx.waker(), &mut self.out)
        {
            if said == Said::Reply {
                self.owed = self.out.len();
            }
        }
    }

    fn count_unsent(&mut self, unsent: bool) {
        if self.counted_unsent == unsent {
            return;
        }
        self.counted_unsent = unsent;
        let count = &self.state.unsent;
        if unsent {
            count.set(count.get() + 1);
        } else {
            count.set(count.get() - 1);
            if count.get() == 0 {
                self.state.quiet.notify_waiters();
            }
        }
    }
}

impl Future for Connection {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let mut had_its_turn = false;
        loop {
            let sent = this.poll_send(cx)?;
            if this.dialogue.is_over() {
                ready!(sent);
                return Poll::Ready(Ok(()));
            }
            this.deliver(cx);
            // Requests that had to wait for room come before new ones.
            this.answer(cx);
            if sent.is_ready() && !this.out.is_empty() {
                continue;
            }
            if this.out.len() >= MAX_UNSENT {
                return Poll::Pending;
            }
            if this.dialogue.is_held() && this.decoder.len() > this.state.options.max_request_size {
                // Not to read on would be not to notice its end, and so to keep what it holds from the others.
                this.state.log.warn("a peer that sends on and on behind a wait without an id is cut off", &[]);
                return Poll::Ready(Err(io::ErrorKind::OutOfMemory.into()));
            }
            if had_its_turn {
                // However much it has to say: a chunk, then the others.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            had_its_turn = true;
            if ready!(this.poll_receive(cx))? {
                this.answer(cx);
            } else {
                this.dialogue.hang_up();
            }
            if std::mem::take(&mut this.woke_others) {
                // Those who waited for what was given back go first: whoever gave it back is in no hurry.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.count_unsent(false);
        self.state.connections.set(self.state.connections.get() - 1);
        self.dialogue.end();
        self.state.settle(None);
    }
}

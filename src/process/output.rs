//! What a process wrote: its start and its end in memory, all of it in a file, each line to whom it concerns.

use super::log::{Log, keep_last};
use super::redact::{Redactor, Stream};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Bytes from the start of the output that are kept in memory.
pub const HEAD: usize = 16 << 10;
/// Bytes from the end of the output that are kept in memory.
pub const TAIL: usize = 48 << 10;
/// A line that is longer is told of in pieces.
const MAX_LINE: usize = 64 << 10;

/// Hears each line, without its end. `false`: it wants no more. It must not call the [`Output`] that it hears.
pub type LineSink = Box<dyn FnMut(&str) -> bool + Send>;

/// A place in an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Mark(u64);

/// What a process has written to stdout and stderr, in its order. Secrets are hidden in all that can be had of it. A clone is the same output.
#[derive(Debug, Clone)]
pub struct Output {
    shared: Arc<Shared>,
}

struct Shared {
    redactor: Arc<Redactor>,
    /// Locked before `kept` and during both, so that no line is told of twice or never.
    ears: Mutex<Ears>,
    kept: Mutex<Kept>,
    over: watch::Sender<bool>,
}

#[derive(Default)]
struct Ears {
    stream: Stream,
    sinks: Vec<(LineSink, Vec<u8>)>,
    finished: bool,
}

#[derive(Debug, Default)]
struct Kept {
    head: Vec<u8>,
    /// The last [`TAIL`] bytes, those in `head` too.
    tail: VecDeque<u8>,
    total: u64,
    size: u64,
    log: Log,
}

impl Output {
    pub(super) fn new(log: Option<PathBuf>, redactor: Arc<Redactor>) -> Self {
        let kept = Kept { log: Log::new(log), ..Kept::default() };
        let shared =
            Shared { redactor, ears: Mutex::default(), kept: Mutex::new(kept), over: watch::Sender::new(false) };
        Output { shared: Arc::new(shared) }
    }

    /// How many bytes the process has written.
    pub fn size(&self) -> u64 {
        self.kept().size
    }

    /// The file that has all of it; of more than 16 MiB the first 16 and, when the process has ended, the last. `None`: nothing was written yet,
    /// no file was asked for, or it could not be written (see [`Output::log_error`]).
    pub fn log(&self) -> Option<PathBuf> {
        self.kept().log.path().map(PathBuf::from)
    }

    /// Why the log does not have all that it should.
    pub fn log_error(&self) -> Option<String> {
        self.kept().log.error().map(String::from)
    }

    /// The place where the output is now.
    pub fn mark(&self) -> Mark {
        Mark(self.kept().total)
    }

    /// All of it; of more than [`HEAD`] and [`TAIL`] bytes these two, and between them how much is left out. What is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        self.since(Mark::default())
    }

    /// What was written since then, in the same manner.
    pub fn since(&self, mark: Mark) -> String {
        String::from_utf8_lossy(&self.kept().since(mark.0)).into_owned()
    }

    /// Tells of each line, first of those that were written already, as far as [`Output::text`] has them.
    pub fn on_line(&self, sink: LineSink) {
        let mut ears = self.ears();
        let mut entry = (sink, Vec::new());
        let text = self.kept().since(0);
        if hear(&mut entry, &text) && !(ears.finished && end_line(&mut entry)) {
            ears.sinks.push(entry);
        }
    }

    /// Waits until nobody can write any more.
    pub async fn ended(&self) {
        // The sender lives as long as this.
        let _ = self.shared.over.subscribe().wait_for(|over| *over).await;
    }

    pub(super) fn has_ended(&self) -> bool {
        *self.shared.over.borrow()
    }

    pub(super) fn redactor(&self) -> &Redactor {
        &self.shared.redactor
    }

    pub(super) fn push(&self, bytes: &[u8]) {
        let mut ears = self.ears();
        if ears.finished {
            return;
        }
        self.kept().size += bytes.len() as u64;
        if self.shared.redactor.is_empty() {
            return self.take(&mut ears, bytes);
        }
        let mut shown = Vec::with_capacity(bytes.len());
        ears.stream.push(&self.shared.redactor, bytes, &mut shown);
        self.take(&mut ears, &shown);
    }

    /// Nothing more comes, or nothing more is wanted.
    pub(super) fn finish(&self) {
        let mut ears = self.ears();
        if !std::mem::replace(&mut ears.finished, true) {
            let mut shown = Vec::new();
            ears.stream.finish(&mut shown);
            self.take(&mut ears, &shown);
            for mut entry in std::mem::take(&mut ears.sinks) {
                end_line(&mut entry);
            }
            self.kept().log.finish();
        }
        drop(ears);
        self.shared.over.send_replace(true);
    }

    fn take(&self, ears: &mut Ears, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.kept().push(bytes);
            ears.sinks.retain_mut(|entry| hear(entry, bytes));
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.shared.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ears(&self) -> MutexGuard<'_, Ears> {
        self.shared.ears.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output").field("kept", &self.kept).finish_non_exhaustive()
    }
}

/// Tells of the lines that are whole. `false`: the sink wants no more.
fn hear((sink, pending): &mut (LineSink, Vec<u8>), mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        let room = MAX_LINE - pending.len();
        let end = memchr::memchr(b'\n', &bytes[..room.min(bytes.len())]);
        let (piece, rest, is_whole) = match end {
            Some(end) => (&bytes[..end], &bytes[end + 1..], true),
            None if bytes.len() >= room => (&bytes[..room], &bytes[room..], true),
            None => (bytes, &[][..], false),
        };
        bytes = rest;
        if is_whole && pending.is_empty() {
            if !tell(sink, piece) {
                return false;
            }
            continue;
        }
        pending.extend_from_slice(piece);
        if is_whole {
            let line = std::mem::take(pending);
            if !tell(sink, &line) {
                return false;
            }
        }
    }
    true
}

/// Tells of a last line that has no end. `true`, for nothing more can come.
fn end_line((sink, pending): &mut (LineSink, Vec<u8>)) -> bool {
    if !pending.is_empty() {
        tell(sink, &std::mem::take(pending));
    }
    true
}

fn tell(sink: &mut LineSink, line: &[u8]) -> bool {
    sink(&String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)))
}

impl Kept {
    fn push(&mut self, bytes: &[u8]) {
        let room = (HEAD - self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..room]);
        keep_last(&mut self.tail, bytes, TAIL);
        self.total += bytes.len() as u64;
        self.log.push(bytes);
    }

    fn since(&mut self, from: u64) -> Vec<u8> {
        let total = self.total;
        let from = from.min(total);
        if total - from <= (HEAD + TAIL) as u64
            && let Some(all) = self.range(from, total)
        {
            return all;
        }
        let tail_start = total - self.tail.len() as u64;
        let head_end = (from + HEAD as u64).min(tail_start);
        let mut text = self.range(from, head_end).unwrap_or_default();
        let left_out = tail_start - from - text.len() as u64;
        text.extend_from_slice(format!("\n[... {left_out} bytes are left out ...]\n").as_bytes());
        text.extend(&self.tail);
        text
    }

    /// These bytes, from where they are still to be had.
    fn range(&mut self, start: u64, end: u64) -> Option<Vec<u8>> {
        let tail_start = self.total - self.tail.len() as u64;
        let in_head = |from: u64, to: u64| self.head.get(from as usize..to as usize).map(<[u8]>::to_vec);
        if start >= tail_start {
            let (from, to) = ((start - tail_start) as usize, (end - tail_start) as usize);
            return Some(self.tail.range(from..to).copied().collect());
        }
        if end <= self.head.len() as u64 {
            return in_head(start, end);
        }
        if self.head.len() as u64 >= tail_start {
            let mut bytes = in_head(start, tail_start)?;
            bytes.extend(self.tail.range(..(end - tail_start) as usize));
            return Some(bytes);
        }
        self.log.range(start, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(secrets: &[&str]) -> Output {
        Output::new(None, Arc::new(Redactor::new(secrets)))
    }

    fn lines(output: &Output) -> Arc<Mutex<Vec<String>>> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let ears = lines.clone();
        output.on_line(Box::new(move |line| {
            ears.lock().unwrap().push(line.to_owned());
            line != "stop"
        }));
        lines
    }

    #[test]
    fn a_short_output_is_kept_whole_and_a_long_one_at_both_ends() {
        let short = output(&[]);
        let text: String = (0..8_000).map(|n| format!("{n:07}\n")).collect();
        for chunk in text.as_bytes().chunks(999) {
            short.push(chunk);
        }
        assert_eq!(short.text(), text);
        assert_eq!(short.size(), text.len() as u64);
        let mark = short.mark();
        short.push(&text.as_bytes()[..40_000]);
        let shown = short.text();
        assert!(shown.starts_with(&text[..HEAD]) && shown.ends_with(&text[..40_000]));
        let left_out = text.len() + 40_000 - HEAD - TAIL;
        assert!(shown.contains(&format!("\n[... {left_out} bytes are left out ...]\n")));
        assert_eq!(short.since(mark), text[..40_000]);
    }

    #[test]
    fn what_memory_has_no_more_is_read_from_the_log() {
        let path = std::env::temp_dir().join(format!("ephemeral-output-{}", std::process::id()));
        let output = Output::new(Some(path.clone()), Arc::default());
        output.push(&vec![b'a'; 30_000]);
        let mark = output.mark();
        output.push(b"after the mark");
        output.push(&vec![b'b'; 100_000]);
        let since = output.since(mark);
        std::fs::remove_file(path).unwrap();
        assert!(since.starts_with("after the markbbb"));
        assert!(since.contains(&format!("[... {} bytes are left out ...]", 100_014 - HEAD - TAIL)));
    }

    #[test]
    fn each_line_is_told_once_wherever_chunks_are_cut() {
        let output = output(&["hunter2"]);
        output.push(b"early\nhal");
        let heard = lines(&output);
        for byte in b"f\r\n\npass hunter2\nlast" {
            output.push(&[*byte]);
        }
        output.finish();
        output.push(b"too late\n");
        let expected = ["early", "half", "", "pass [hidden]", "last"];
        assert_eq!(*heard.lock().unwrap(), expected);
        assert_eq!(*lines(&output).lock().unwrap(), expected);
    }

    #[test]
    fn a_sink_that_wants_no_more_hears_no_more_and_an_endless_line_comes_in_pieces() {
        let output = output(&[]);
        let heard = lines(&output);
        output.push(&vec![b'x'; MAX_LINE + 1]);
        output.push(b"\nstop\nmore\n");
        let heard = heard.lock().unwrap();
        assert_eq!(heard.iter().map(String::len).collect::<Vec<_>>(), [MAX_LINE, 1, 4]);
    }
}

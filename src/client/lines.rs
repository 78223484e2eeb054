use crate::buffer::Buffer;
use crate::protocol::frame::payload_size;
use zeroize::{Zeroize, Zeroizing};

/// Whole lines, as one JSON array of them: one `JSON.parse` reads them all. Wiped when dropped.
#[derive(Debug, PartialEq, Eq)]
pub struct Batch {
    text: Vec<u8>,
    payloads: Vec<Zeroizing<Vec<u8>>>,
}

impl Batch {
    /// Its text, in UTF-8 as far as the broker kept to that.
    pub fn as_bytes(&self) -> &[u8] {
        &self.text
    }

    /// What followed those of its lines that say so, in their order.
    pub fn payloads(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.payloads.iter().map(|payload| payload.as_slice())
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.text.zeroize();
    }
}

/// Puts the payloads behind the lines that say so.
pub fn with_payloads<'a>(lines: &[u8], payloads: &mut impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut joined = Vec::with_capacity(2 * lines.len());
    for line in lines.split_inclusive(|&byte| byte == b'\n') {
        joined.extend_from_slice(line);
        if payload_size(line).is_some() {
            joined.extend_from_slice(payloads.next().unwrap_or_default());
        }
    }
    joined
}

/// What came in, until its lines are whole.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    pub(super) buffer: Buffer,
    /// Bytes of the first line that are known to have no newline.
    scanned: usize,
    /// The bytes of the first line and its payload, where they are known and not all there.
    awaited: usize,
}

impl Inbox {
    /// Takes all whole lines.
    pub(super) fn take(&mut self) -> Option<Batch> {
        let bytes = self.buffer.as_slice();
        if bytes.len() < self.awaited {
            return None;
        }
        self.awaited = 0;
        let Some(first) = memchr::memchr(b'\n', &bytes[self.scanned..]) else {
            self.scanned = bytes.len();
            return None;
        };
        let mut text = Vec::with_capacity(bytes.len() + 2);
        let mut payloads = Vec::new();
        let (mut start, mut newline) = (0, Some(self.scanned + first));
        while let Some(end) = newline {
            let line = &bytes[start..end];
            let mut next = end + 1;
            if let Some(size) = payload_size(line) {
                let size = usize::try_from(size).unwrap_or(usize::MAX);
                let Some(payload) = bytes[next..].get(..size) else {
                    self.awaited = (next - start).saturating_add(size);
                    break;
                };
                payloads.push(Zeroizing::new(payload.to_vec()));
                next += size;
            }
            text.push(if start == 0 { b'[' } else { b',' });
            text.extend_from_slice(line);
            start = next;
            newline = memchr::memchr(b'\n', &bytes[start..]).map(|at| start + at);
        }
        self.scanned = if self.awaited > 0 { 0 } else { bytes.len() - start };
        if start == 0 {
            return None;
        }
        text.push(b']');
        self.buffer.consume(start);
        self.buffer.shrink(256 * 1024);
        Some(Batch { text, payloads })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_an_array_when_they_are_whole() {
        let mut inbox = Inbox::default();
        inbox.buffer.extend(b"{\"a\":1}\n{\"b\"");
        assert_eq!(inbox.take().unwrap().as_bytes(), b"[{\"a\":1}]");
        assert_eq!(inbox.take(), None);
        inbox.buffer.extend(b":2}\n3\n");
        assert_eq!(inbox.take().unwrap().as_bytes(), b"[{\"b\":2},3]");
        assert_eq!(inbox.take(), None);
    }

    #[test]
    fn payloads_are_taken_out_whole() {
        let mut inbox = Inbox::default();
        inbox.buffer.extend(b"1\n{\"raw\":3,\"a\":1}\n");
        assert_eq!(inbox.take().unwrap().as_bytes(), b"[1]");
        inbox.buffer.extend(b"\n\n");
        assert_eq!(inbox.take(), None);
        inbox.buffer.extend(b"x2\n{\"raw\":0,\"b\":1}\n{\"raw\":1,");
        let batch = inbox.take().unwrap();
        assert_eq!(batch.as_bytes(), b"[{\"raw\":3,\"a\":1},2,{\"raw\":0,\"b\":1}]");
        assert_eq!(batch.payloads().collect::<Vec<_>>(), [b"\n\nx".as_slice(), b""]);
        inbox.buffer.extend(b"\"c\":1}\n\n");
        let batch = inbox.take().unwrap();
        assert_eq!(batch.as_bytes(), b"[{\"raw\":1,\"c\":1}]");
        assert_eq!(batch.payloads().collect::<Vec<_>>(), [b"\n"]);
        assert_eq!(inbox.take(), None);
    }
}

use crate::buffer::Buffer;
use zeroize::Zeroize;

/// Whole lines, as one JSON array of them: one `JSON.parse` reads them all. Wiped when dropped.
#[derive(Debug, PartialEq, Eq)]
pub struct Batch(Vec<u8>);

impl Batch {
    /// Its text, in UTF-8 as far as the broker kept to that.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// What came in, until its lines are whole.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    pub(super) buffer: Buffer,
    /// Bytes that are known to have no newline.
    scanned: usize,
}

impl Inbox {
    /// Takes all whole lines.
    pub(super) fn take(&mut self) -> Option<Batch> {
        let bytes = self.buffer.as_slice();
        let Some(last) = memchr::memrchr(b'\n', &bytes[self.scanned..]) else {
            self.scanned = bytes.len();
            return None;
        };
        let length = self.scanned + last;
        let mut array = Vec::with_capacity(length + 2);
        array.push(b'[');
        array.extend_from_slice(&bytes[..length]);
        let newlines: Vec<usize> = memchr::memchr_iter(b'\n', &array).collect();
        newlines.into_iter().for_each(|at| array[at] = b',');
        array.push(b']');
        self.buffer.consume(length + 1);
        self.scanned = self.buffer.len();
        self.buffer.shrink(256 * 1024);
        Some(Batch(array))
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
}

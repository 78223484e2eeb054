//! Bytes into lines, however they were split on their way.

use crate::buffer::Buffer;

/// What a [`LineDecoder`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A whole line, without its newline.
    Line(&'a [u8]),
    /// A line over the limit, by its first bytes. The rest of it is skipped.
    TooLong(&'a [u8]),
}

/// Cuts a stream of bytes into lines of at most `limit` bytes.
#[derive(Debug)]
pub struct LineDecoder {
    buffer: Buffer,
    limit: usize,
    /// Bytes of the buffer in which there is no newline.
    scanned: usize,
    /// Bytes of the frame handed out last, to be consumed before the next.
    handed_out: usize,
    /// Within a line over the limit.
    skipping: bool,
}

impl LineDecoder {
    /// A decoder at the beginning of a line.
    pub fn new(limit: usize) -> Self {
        Self { buffer: Buffer::default(), limit, scanned: 0, handed_out: 0, skipping: false }
    }

    /// Adds what came in.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend(bytes);
    }

    /// For reading into without a copy.
    pub(crate) fn buffer(&mut self) -> &mut Buffer {
        self.consume_frame();
        &mut self.buffer
    }

    /// Bytes that are held.
    pub(crate) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// The next line, if it is there whole (or too long already).
    pub fn next_frame(&mut self) -> Option<Frame<'_>> {
        self.consume_frame();
        loop {
            let unseen = &self.buffer.as_slice()[self.scanned..];
            let Some(newline) = memchr::memchr(b'\n', unseen) else { return self.without_newline() };
            let length = self.scanned + newline;
            self.scanned = 0;
            if std::mem::take(&mut self.skipping) {
                self.buffer.consume(length + 1);
                continue;
            }
            self.handed_out = length + 1;
            let line = &self.buffer.as_slice()[..length];
            return Some(if length > self.limit { Frame::TooLong(line) } else { Frame::Line(line) });
        }
    }

    fn without_newline(&mut self) -> Option<Frame<'_>> {
        let length = self.buffer.len();
        self.scanned = length;
        if self.skipping {
            self.buffer.consume(length);
            self.scanned = 0;
            return None;
        }
        if length <= self.limit {
            return None;
        }
        self.skipping = true;
        self.scanned = 0;
        self.handed_out = length;
        Some(Frame::TooLong(self.buffer.as_slice()))
    }

    fn consume_frame(&mut self) {
        let consumed = std::mem::take(&mut self.handed_out);
        self.buffer.consume(consumed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(limit: usize, input: &[u8], splits: &[usize]) -> Vec<Result<Vec<u8>, ()>> {
        let mut decoder = LineDecoder::new(limit);
        let mut frames = Vec::new();
        let mut rest = input;
        let mut splits = splits.iter().cycle();
        while !rest.is_empty() {
            let at = splits.next().map_or(rest.len(), |&n| n.clamp(1, rest.len()));
            decoder.feed(&rest[..at]);
            rest = &rest[at..];
            while let Some(frame) = decoder.next_frame() {
                frames.push(match frame {
                    Frame::Line(line) => Ok(line.to_vec()),
                    Frame::TooLong(_) => Err(()),
                });
            }
        }
        frames
    }

    proptest! {
        /// However the bytes are split, the same lines come out, and a line over the limit costs exactly one answer.
        #[test]
        fn splits_do_not_matter(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..30), 0..20),
                                splits in prop::collection::vec(1usize..40, 1..10)) {
            let lines: Vec<Vec<u8>> = lines.into_iter().map(|line| line.into_iter().filter(|&b| b != b'\n').collect()).collect();
            let mut input: Vec<u8> = lines.iter().flat_map(|line| [line.as_slice(), b"\n"].concat()).collect();
            input.extend(b"unfinished");
            let expected: Vec<_> = lines.into_iter().map(|line| if line.len() > 20 { Err(()) } else { Ok(line) }).collect();
            prop_assert_eq!(decode(20, &input, &splits), expected);
        }
    }

    #[test]
    fn ten_megabytes_without_a_newline_are_not_kept() {
        let mut decoder = LineDecoder::new(1000);
        let mut too_long = 0;
        for _ in 0..1000 {
            decoder.feed(&[b'x'; 10_000]);
            while decoder.next_frame().is_some() {
                too_long += 1;
            }
            assert!(decoder.buffer().len() <= 11_000);
        }
        decoder.feed(b"\nok\n");
        assert_eq!(too_long, 1);
        assert_eq!(decoder.next_frame(), Some(Frame::Line(b"ok")));
    }
}

//! Bytes into lines, however they were split on their way, and the payloads that follow some of them.

use crate::buffer::Buffer;

/// How a line begins that a payload follows. Its size in bytes stands behind that.
const RAW: &[u8] = b"{\"raw\":";
/// The most digits of a size: it is a whole number in any language.
const MAX_DIGITS: usize = 15;
/// By so many bytes of a line it is known what follows it.
const PREFIX: usize = RAW.len() + MAX_DIGITS + 1;

/// What a [`LineDecoder`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A whole line, without its newline.
    Line(&'a [u8]),
    /// A whole line that says that a payload follows, and the payload.
    Raw(&'a [u8], &'a [u8]),
    /// A line over the limit, or one that is over it with its payload, by its first bytes. The rest is skipped.
    TooLong(&'a [u8]),
}

/// The size of the payload that follows a line, by the line's first bytes: `{"raw":5,`. `None`: nothing follows it.
pub fn payload_size(line: &[u8]) -> Option<u64> {
    let rest = line.strip_prefix(RAW)?;
    let digits = rest.iter().take(MAX_DIGITS + 1).take_while(|byte| byte.is_ascii_digit()).count();
    let is_number = (1..=MAX_DIGITS).contains(&digits) && (digits == 1 || rest[0] != b'0');
    if !is_number || rest.get(digits) != Some(&b',') {
        return None;
    }
    Some(rest[..digits].iter().fold(0, |size, digit| size * 10 + u64::from(digit - b'0')))
}

/// Cuts a stream of bytes into lines of at most `limit` bytes, their payloads included.
#[derive(Debug)]
pub struct LineDecoder {
    buffer: Buffer,
    limit: usize,
    /// Bytes of the buffer in which there is no newline.
    scanned: usize,
    /// Bytes of the frame handed out last, to be consumed before the next.
    handed_out: usize,
    /// A whole line at the front, by its length, and the size of the payload that is not there whole yet.
    awaited: Option<(usize, usize)>,
    /// Within a line over the limit; the number is the size of the payload behind it.
    skipping: Option<u64>,
    /// Bytes of a payload that are still to be skipped.
    skipping_payload: u64,
}

impl LineDecoder {
    /// A decoder at the beginning of a line.
    pub fn new(limit: usize) -> Self {
        Self {
            buffer: Buffer::default(),
            limit,
            scanned: 0,
            handed_out: 0,
            awaited: None,
            skipping: None,
            skipping_payload: 0,
        }
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

    /// The next line, if it is there whole with its payload (or too long already).
    pub fn next_frame(&mut self) -> Option<Frame<'_>> {
        self.consume_frame();
        loop {
            if self.skipping_payload > 0 && !self.skip_payload() {
                return None;
            }
            if self.awaited.is_some() {
                return self.with_payload();
            }
            let unseen = &self.buffer.as_slice()[self.scanned..];
            let Some(newline) = memchr::memchr(b'\n', unseen) else { return self.without_newline() };
            let length = self.scanned + newline;
            self.scanned = 0;
            if let Some(payload) = self.skipping.take() {
                self.buffer.consume(length + 1);
                self.skipping_payload = payload;
                continue;
            }
            let payload = payload_size(&self.buffer.as_slice()[..length]);
            let size = length as u64 + payload.unwrap_or(0);
            if size > self.limit as u64 {
                self.skipping_payload = payload.unwrap_or(0);
                self.handed_out = length + 1;
                return Some(Frame::TooLong(&self.buffer.as_slice()[..length]));
            }
            if let Some(payload) = payload {
                self.awaited = Some((length, payload as usize));
                continue;
            }
            self.handed_out = length + 1;
            return Some(Frame::Line(&self.buffer.as_slice()[..length]));
        }
    }

    fn with_payload(&mut self) -> Option<Frame<'_>> {
        let (length, payload) = self.awaited?;
        let end = length + 1 + payload;
        if self.buffer.len() < end {
            return None;
        }
        self.awaited = None;
        self.handed_out = end;
        let bytes = self.buffer.as_slice();
        Some(Frame::Raw(&bytes[..length], &bytes[length + 1..end]))
    }

    fn without_newline(&mut self) -> Option<Frame<'_>> {
        let length = self.buffer.len();
        self.scanned = length;
        if self.skipping.is_some() {
            self.buffer.consume(length);
            self.scanned = 0;
            return None;
        }
        if length <= self.limit.max(PREFIX) {
            return None;
        }
        self.skipping = Some(payload_size(self.buffer.as_slice()).unwrap_or(0));
        self.scanned = 0;
        self.handed_out = length;
        Some(Frame::TooLong(self.buffer.as_slice()))
    }

    /// Whether all of it has come.
    fn skip_payload(&mut self) -> bool {
        let there = (self.buffer.len() as u64).min(self.skipping_payload);
        self.buffer.consume(there as usize);
        self.skipping_payload -= there;
        self.skipping_payload == 0
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

    /// A line and its payload; or that it was too long.
    type Found = Result<(Vec<u8>, Option<Vec<u8>>), ()>;

    fn decode(limit: usize, input: &[u8], splits: &[usize]) -> Vec<Found> {
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
                    Frame::Line(line) => Ok((line.to_vec(), None)),
                    Frame::Raw(line, payload) => Ok((line.to_vec(), Some(payload.to_vec()))),
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
            let expected: Vec<_> = lines.into_iter().map(|line| if line.len() > 20 { Err(()) } else { Ok((line, None)) }).collect();
            prop_assert_eq!(decode(20, &input, &splits), expected);
        }

        /// Payloads may hold anything, newlines too; one that is over the limit is skipped with its line, or behind a line that is over it alone.
        #[test]
        fn payloads_come_with_their_lines(frames in prop::collection::vec((prop::option::of(prop::collection::vec(prop::num::u8::ANY, 0..40)), 0usize..40), 0..12),
                                          splits in prop::collection::vec(1usize..60, 1..10)) {
            let mut input = Vec::new();
            let mut expected = Vec::new();
            for (payload, filling) in frames {
                let raw = payload.as_ref().map_or(String::new(), |payload| format!("\"raw\":{},", payload.len()));
                let line = format!("{{{raw}\"a\":\"{}\"}}", "\u{7f}".repeat(filling)).into_bytes();
                input.extend([line.as_slice(), b"\n", payload.as_deref().unwrap_or_default()].concat());
                let size = line.len() + payload.as_ref().map_or(0, Vec::len);
                expected.push(if size > 50 { Err(()) } else { Ok((line, payload)) });
            }
            prop_assert_eq!(decode(50, &input, &splits), expected);
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

    #[test]
    fn only_the_one_form_announces_a_payload() {
        for (line, size) in [
            ("{\"raw\":0,", Some(0)),
            ("{\"raw\":12,\"raw\":3}", Some(12)),
            ("{\"raw\":123456789012345,}", Some(123_456_789_012_345)),
            ("{\"raw\":1234567890123456,}", None),
            ("{\"raw\":012,}", None),
            ("{\"raw\":-1,}", None),
            ("{\"raw\":1e3,}", None),
            ("{\"raw\":\"5\",}", None),
            ("{\"raw\":5}", None),
            ("{\"raw\":5", None),
            ("{\"raw\":,}", None),
            ("{ \"raw\":5,}", None),
            ("{\"raw\" :5,}", None),
        ] {
            assert_eq!(payload_size(line.as_bytes()), size, "{line}");
        }
    }

    #[test]
    fn a_payload_over_the_limit_is_not_kept() {
        let mut decoder = LineDecoder::new(1000);
        decoder.feed(b"{\"raw\":10000000,\"id\":7}\n");
        assert_eq!(decoder.next_frame(), Some(Frame::TooLong(b"{\"raw\":10000000,\"id\":7}")));
        for _ in 0..1000 {
            decoder.feed(&[b'\n'; 10_000]);
            assert_eq!(decoder.next_frame(), None);
            assert_eq!(decoder.len(), 0);
        }
        decoder.feed(b"ok\n");
        assert_eq!(decoder.next_frame(), Some(Frame::Line(b"ok")));
    }
}

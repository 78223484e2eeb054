//! Secrets, hidden in a stream of bytes wherever its chunks are cut.

use aho_corasick::AhoCorasick;

/// What is shown instead of a secret.
pub(super) const HIDDEN: &[u8] = b"[hidden]";
/// Shorter ones would hide half of every text.
const MIN_SECRET: usize = 4;
/// A line of a secret of several lines is a secret of its own when it has so many bytes.
const MIN_LINE: usize = 6;

/// The secrets of a run.
#[derive(Debug, Default)]
pub struct Redactor {
    secrets: Vec<Vec<u8>>,
    search: Option<AhoCorasick>,
    longest: usize,
    is_first: [bool; 32],
}

impl Redactor {
    /// Hides these. Those of less than 4 bytes are not hidden. Of one with several lines each line of at least 6 bytes is hidden by itself too.
    pub fn new<S: AsRef<[u8]>>(secrets: impl IntoIterator<Item = S>) -> Self {
        let mut all = Vec::new();
        for secret in secrets {
            let secret = secret.as_ref();
            let lines = secret.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
            all.extend(lines.filter(|line| line.len() >= MIN_LINE).map(<[u8]>::to_vec));
            if secret.len() >= MIN_SECRET {
                all.push(secret.to_vec());
            }
        }
        all.sort();
        all.dedup();
        // Too many for one automaton is gigabytes of secrets: they are cut to none by no caller.
        let search = if all.is_empty() { None } else { AhoCorasick::new(&all).ok() };
        let mut is_first = [false; 32];
        for secret in &all {
            is_first[usize::from(secret[0] % 32)] = true;
        }
        Redactor { longest: all.iter().map(Vec::len).max().unwrap_or(0), secrets: all, search, is_first }
    }

    /// Whether there is nothing to hide.
    pub fn is_empty(&self) -> bool {
        self.search.is_none()
    }

    /// A text that is there as a whole.
    pub fn text(&self, text: &str) -> String {
        let (mut stream, mut out) = (Stream::default(), Vec::with_capacity(text.len()));
        stream.push(self, text.as_bytes(), &mut out);
        stream.finish(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// Where the bytes begin that may be the start of a secret which goes on after them.
    fn open_from(&self, bytes: &[u8]) -> usize {
        let from = bytes.len().saturating_sub(self.longest.saturating_sub(1));
        let begins = |at: &usize| {
            let rest = &bytes[*at..];
            self.is_first[usize::from(rest[0] % 32)]
                && self.secrets.iter().any(|secret| secret.len() > rest.len() && secret.starts_with(rest))
        };
        (from..bytes.len()).find(begins).unwrap_or(bytes.len())
    }

    /// The ranges that secrets cover; those that overlap are one.
    fn covered(&self, bytes: &[u8]) -> Vec<(usize, usize)> {
        let mut ranges: Vec<(usize, usize)> = Vec::new();
        let Some(search) = &self.search else { return ranges };
        // The plain search is several times as fast as the one that finds overlaps, and nearly always enough.
        let Some(first) = search.find(bytes) else { return ranges };
        let from = first.end().saturating_sub(self.longest);
        let mut found: Vec<_> = search.find_overlapping_iter(&bytes[from..]).collect();
        found.sort_by_key(aho_corasick::Match::start);
        for found in found {
            let (start, end) = (found.start() + from, found.end() + from);
            match ranges.last_mut() {
                Some(last) if start < last.1 => last.1 = last.1.max(end),
                _ => ranges.push((start, end)),
            }
        }
        ranges
    }
}

/// One stream's place between chunks.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// What was not handed on yet: the start of a secret, perhaps. Shorter than the longest secret.
    carry: Vec<u8>,
    /// How many bytes of `carry` belong to a secret of which was told already.
    told: usize,
}

impl Stream {
    /// Hands on what is certain.
    pub(super) fn push(&mut self, redactor: &Redactor, chunk: &[u8], out: &mut Vec<u8>) {
        if redactor.is_empty() {
            out.extend_from_slice(chunk);
            return;
        }
        let mut bytes = std::mem::take(&mut self.carry);
        bytes.extend_from_slice(chunk);
        let open = redactor.open_from(&bytes);
        let mut done = self.told;
        self.told = 0;
        for (start, end) in redactor.covered(&bytes) {
            if start >= open {
                break;
            }
            // It overlaps one that was told of: both are one.
            if start >= done {
                out.extend_from_slice(&bytes[done..start]);
                out.extend_from_slice(HIDDEN);
            }
            done = done.max(end);
        }
        if done < open {
            out.extend_from_slice(&bytes[done..open]);
        } else {
            self.told = done - open;
        }
        bytes.drain(..open);
        self.carry = bytes;
    }

    /// The stream is over: what was held back was no secret.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.carry[self.told..]);
        self.carry.clear();
        self.told = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_chunks(redactor: &Redactor, text: &[u8], size: usize) -> String {
        let (mut stream, mut out) = (Stream::default(), Vec::new());
        for chunk in text.chunks(size) {
            stream.push(redactor, chunk, &mut out);
        }
        stream.finish(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_secret_is_hidden_wherever_chunks_are_cut() {
        let redactor = Redactor::new(["hunter2", "hunter2-long", "abcabc", "bcabcd"]);
        let text = "a hunter2 b hunter2-long c hunter2-lonx abcabcd hunter abc";
        for size in 1..text.len() {
            let shown = in_chunks(&redactor, text.as_bytes(), size);
            assert_eq!(shown, "a [hidden] b [hidden] c [hidden]-lonx [hidden] hunter abc", "chunks of {size}");
        }
    }

    #[test]
    fn secrets_one_after_the_other_are_two_and_overlapping_ones_are_one() {
        let redactor = Redactor::new(["aaaa"]);
        for size in 1..12 {
            assert_eq!(in_chunks(&redactor, b"xaaaaaaaaaaay", size), "x[hidden]y", "chunks of {size}");
        }
        let redactor = Redactor::new(["abcd", "efgh"]);
        for size in 1..12 {
            assert_eq!(in_chunks(&redactor, b"abcdefgh.", size), "[hidden][hidden].", "chunks of {size}");
        }
    }

    #[test]
    fn any_cut_shows_what_no_cut_shows() {
        let redactor = Redactor::new(["abab", "babba", "bbbb", "aabb"]);
        let mut seed = 7u32;
        for _ in 0..2_000 {
            let mut next = || {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                seed >> 16
            };
            let text: Vec<u8> = (0..40).map(|_| if next() % 2 == 0 { b'a' } else { b'b' }).collect();
            let whole = in_chunks(&redactor, &text, text.len());
            let cut = in_chunks(&redactor, &text, 1 + next() as usize % 7);
            assert_eq!(cut, whole, "{}", String::from_utf8_lossy(&text));
            assert!(!redactor.secrets.iter().any(|secret| whole.contains(std::str::from_utf8(secret).unwrap())));
        }
    }

    #[test]
    fn lines_of_a_secret_are_secrets_and_short_ones_are_not() {
        let redactor = Redactor::new(["-----BEGIN\r\nabcdefgh\nxy\n", "abc", ""]);
        assert_eq!(redactor.text("abcdefgh xy abc -----BEGIN."), "[hidden] xy abc [hidden].");
        assert!(Redactor::new(["abc"]).is_empty());
    }

    #[test]
    fn what_is_no_secret_is_not_held_back() {
        let redactor = Redactor::new(["secret"]);
        let (mut stream, mut out) = (Stream::default(), Vec::new());
        stream.push(&redactor, b"ready\n", &mut out);
        assert_eq!(out, b"ready\n");
        stream.push(&redactor, b"secre", &mut out);
        assert_eq!(out, b"ready\n");
    }
}

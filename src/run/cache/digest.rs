//! Digests of parts that cannot run into each other.

use std::fmt::Write;

/// Collisions are out of question at this size.
pub(super) type Digest = [u8; 32];

/// A digest of parts: each is preceded by its length, so `ab` and `c` is not `a` and `bc`.
#[derive(Clone, Default)]
pub(super) struct Parts(blake3::Hasher);

impl Parts {
    /// `what` keeps digests of different things apart.
    pub(super) fn of(what: &str) -> Parts {
        let mut parts = Parts::default();
        parts.add(what);
        parts
    }

    pub(super) fn add(&mut self, part: impl AsRef<[u8]>) -> &mut Parts {
        self.number(part.as_ref().len() as u64);
        self.0.update(part.as_ref());
        self
    }

    /// A text that may be missing, which is not the same as an empty one.
    pub(super) fn maybe(&mut self, part: Option<impl AsRef<[u8]>>) -> &mut Parts {
        self.number(u64::from(part.is_some()));
        if let Some(part) = part {
            self.add(part);
        }
        self
    }

    pub(super) fn number(&mut self, number: u64) -> &mut Parts {
        self.0.update(&number.to_le_bytes());
        self
    }

    pub(super) fn end(&self) -> Digest {
        *self.0.finalize().as_bytes()
    }
}

/// The first `bytes` of a digest, in hexadecimal digits.
pub(super) fn hex(digest: &Digest, bytes: usize) -> String {
    digest.iter().take(bytes).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What decides whether a result counts.
pub(super) fn key(digest: &Digest) -> String {
    hex(digest, 16)
}

/// What only says which part differs. It is short so that a guessed secret cannot be confirmed by it with certainty, and the store stays small.
pub(super) fn hint(digest: &Digest) -> String {
    hex(digest, 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(Parts::of("x").add("ab").add("c").end(), Parts::of("x").add("a").add("bc").end());
        assert_ne!(Parts::of("x").maybe(None::<&str>).end(), Parts::of("x").maybe(Some("")).end());
        assert_ne!(Parts::of("x").add("").end(), Parts::of("x").end());
        assert_eq!(key(&Parts::of("x").end()).len(), 32);
    }
}

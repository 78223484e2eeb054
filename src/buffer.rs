//! Bytes on their way, wiped as soon as they have been used.

use std::io;
use zeroize::Zeroize;

/// A queue of bytes: written at its end, consumed at its front. Secrets pass through it, so bytes that were consumed, and memory that is
/// outgrown, are overwritten.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    /// What is before has been consumed and wiped.
    start: usize,
}

impl Buffer {
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub(crate) fn extend(&mut self, more: &[u8]) {
        self.reserve(more.len());
        self.bytes.extend_from_slice(more);
    }

    /// Takes `n` bytes from the front.
    pub(crate) fn consume(&mut self, n: usize) {
        self.bytes[self.start..self.start + n].zeroize();
        self.start += n;
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        }
    }

    /// Room for at least `n` bytes, for [`Buffer::commit`].
    pub(crate) fn spare(&mut self, n: usize) -> &mut [std::mem::MaybeUninit<u8>] {
        self.reserve(n);
        self.bytes.spare_capacity_mut()
    }

    /// Takes over what was written into [`Buffer::spare`].
    ///
    /// # Safety
    /// The first `n` bytes of it must have been written.
    pub(crate) unsafe fn commit(&mut self, n: usize) {
        // SAFETY: the caller says that these are initialised, and `spare` is within the capacity.
        unsafe { self.bytes.set_len(self.bytes.len() + n) }
    }

    /// Lets go of memory beyond `keep` bytes, when it is empty.
    pub(crate) fn shrink(&mut self, keep: usize) {
        if self.is_empty() && self.bytes.capacity() > keep {
            self.bytes = Vec::new();
        }
    }

    fn reserve(&mut self, n: usize) {
        if self.bytes.capacity() - self.bytes.len() >= n {
            return;
        }
        let len = self.len();
        if self.bytes.capacity() >= 2 * len + n {
            // Much of it has been consumed: move the rest to the front.
            self.bytes.copy_within(self.start.., 0);
            self.bytes[len..].zeroize();
            self.bytes.truncate(len);
        } else {
            let mut grown = Vec::with_capacity((2 * len + n).max(1024));
            grown.extend_from_slice(self.as_slice());
            self.bytes[self.start..].zeroize();
            self.bytes = grown;
        }
        self.start = 0;
    }
}

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    proptest! {
        #[test]
        fn is_a_queue(steps in prop::collection::vec((prop::bool::ANY, 0usize..3000), 0..100)) {
            let mut buffer = Buffer::default();
            let mut model = VecDeque::new();
            for (at, (write, n)) in steps.into_iter().enumerate() {
                if write {
                    buffer.extend(&vec![at as u8; n]);
                    model.extend(std::iter::repeat_n(at as u8, n));
                } else {
                    let n = n.min(buffer.len());
                    buffer.consume(n);
                    model.drain(..n);
                }
                prop_assert!(buffer.as_slice().iter().eq(model.iter()));
                prop_assert!(buffer.bytes[..buffer.start].iter().all(|&byte| byte == 0));
            }
        }
    }
}

use std::collections::BTreeSet;

/// The numbers of one key.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// Free numbers below `end`.
    gaps: BTreeSet<u64>,
    /// The lowest number that was never given, counted from 0.
    end: u64,
}

impl Numbers {
    pub(super) fn take_lowest(&mut self) -> u64 {
        self.gaps.pop_first().unwrap_or_else(|| {
            self.end += 1;
            self.end - 1
        })
    }

    pub(super) fn take(&mut self, number: u64) -> bool {
        if number < self.end {
            return self.gaps.remove(&number);
        }
        self.gaps.extend(self.end..number);
        self.end = number + 1;
        true
    }

    pub(super) fn give_back(&mut self, number: u64) {
        self.gaps.insert(number);
        while self.end > 0 && self.gaps.remove(&(self.end - 1)) {
            self.end -= 1;
        }
    }

    /// Whether none is held.
    pub(super) fn is_empty(&self) -> bool {
        self.end == 0
    }

    /// How many are held.
    pub(super) fn held(&self) -> u64 {
        self.end - self.gaps.len() as u64
    }
}

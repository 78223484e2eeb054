use super::Micros;

const ABSENT: u32 = u32::MAX;

/// Which of many slots is due first: a binary heap that knows where each slot stands in it, so that a deadline
/// can be moved or dropped in logarithmic time and none is ever found by a scan.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    heap: Vec<(Micros, u32)>,
    /// For each slot its place in `heap`, or `ABSENT`.
    places: Vec<u32>,
}

impl Deadlines {
    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<Micros> {
        self.heap.first().map(|&(due, _)| due)
    }

    /// The deadline of a slot.
    pub(super) fn get(&self, slot: u32) -> Option<Micros> {
        match self.places.get(slot as usize) {
            None | Some(&ABSENT) => None,
            Some(&place) => Some(self.heap[place as usize].0),
        }
    }

    /// Gives a slot a deadline in place of the one it may have; `None` takes it away.
    pub(super) fn set(&mut self, slot: u32, due: Option<Micros>) {
        if self.places.len() <= slot as usize {
            if due.is_none() {
                return;
            }
            self.places.resize(slot as usize + 1, ABSENT);
        }
        let place = self.places[slot as usize];
        match (due, place) {
            (None, ABSENT) => {}
            (None, place) => self.remove_at(place as usize),
            (Some(due), ABSENT) => {
                self.heap.push((due, slot));
                self.rise(self.heap.len() - 1);
            }
            (Some(due), place) => {
                self.heap[place as usize].0 = due;
                self.settle(place as usize);
            }
        }
    }

    /// Takes out the slot that is due first, if it is due.
    pub(super) fn pop_due(&mut self, now: Micros) -> Option<u32> {
        let &(due, slot) = self.heap.first()?;
        (due <= now).then(|| {
            self.remove_at(0);
            slot
        })
    }

    fn remove_at(&mut self, place: usize) {
        let (_, slot) = self.heap.swap_remove(place);
        self.places[slot as usize] = ABSENT;
        if place < self.heap.len() {
            self.settle(place);
        }
    }

    fn settle(&mut self, place: usize) {
        let place = self.rise(place);
        self.sink(place);
    }

    /// Moves an entry up to where it belongs and notes its place.
    fn rise(&mut self, mut place: usize) -> usize {
        while place > 0 {
            let parent = (place - 1) / 2;
            if self.heap[parent] <= self.heap[place] {
                break;
            }
            self.swap(place, parent);
            place = parent;
        }
        self.places[self.heap[place].1 as usize] = place as u32;
        place
    }

    fn sink(&mut self, mut place: usize) {
        loop {
            let left = 2 * place + 1;
            let Some(&first) = self.heap.get(left) else { return };
            let child = match self.heap.get(left + 1) {
                Some(&right) if right < first => left + 1,
                _ => left,
            };
            if self.heap[place] <= self.heap[child] {
                return;
            }
            self.swap(place, child);
            place = child;
        }
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        self.places[self.heap[a].1 as usize] = a as u32;
        self.places[self.heap[b].1 as usize] = b as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        /// Against the plainest model: a map from slot to deadline.
        #[test]
        fn agrees_with_a_map(steps in prop::collection::vec((0u32..40, prop::option::of(0u64..100), prop::bool::ANY), 0..400)) {
            let mut deadlines = Deadlines::default();
            let mut model: BTreeMap<u32, Micros> = BTreeMap::new();
            for (slot, due, pop) in steps {
                if pop {
                    let now = due.unwrap_or(50);
                    let expected = model.iter().map(|(&slot, &due)| (due, slot)).min().filter(|&(due, _)| due <= now);
                    prop_assert_eq!(deadlines.pop_due(now), expected.map(|(_, slot)| slot));
                    if let Some((_, slot)) = expected { model.remove(&slot); }
                } else {
                    deadlines.set(slot, due);
                    match due { Some(due) => model.insert(slot, due), None => model.remove(&slot) };
                }
                prop_assert_eq!(deadlines.next(), model.values().min().copied());
                for slot in 0..40 { prop_assert_eq!(deadlines.get(slot), model.get(&slot).copied()); }
            }
        }
    }
}

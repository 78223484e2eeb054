use hashbrown::HashMap;
use std::collections::VecDeque;

/// Which of several claims has which of several places, so that as many of the claims as can be have one, and no claim loses its place to one that came
/// after it: it may be moved to another that fits (augmenting paths, Berge 1957).
#[derive(Debug, Default)]
pub(super) struct Matching {
    place_of: Vec<Option<u32>>,
    claim_of: HashMap<u32, usize>,
}

impl Matching {
    /// Adds the next claim; whether there is a place for it beside those of all before it. Of the places that fit the first are preferred.
    pub(super) fn add(&mut self, places: &[u32], fits: impl Fn(usize, u32) -> bool) -> bool {
        let start = self.place_of.len();
        self.place_of.push(None);
        let mut came_by: HashMap<u32, usize> = HashMap::new();
        let mut next = VecDeque::from([start]);
        while let Some(claim) = next.pop_front() {
            for &place in places {
                if came_by.contains_key(&place) || !fits(claim, place) {
                    continue;
                }
                came_by.insert(place, claim);
                match self.claim_of.get(&place) {
                    Some(&other) => next.push_back(other),
                    None => {
                        self.shift(start, place, &came_by);
                        return true;
                    }
                }
            }
        }
        false
    }

    /// Each claim on the way moves on to the place by which the next was reached.
    fn shift(&mut self, start: usize, free: u32, came_by: &HashMap<u32, usize>) {
        let mut place = free;
        while let Some(&claim) = came_by.get(&place) {
            self.claim_of.insert(place, claim);
            let before = self.place_of[claim].replace(place);
            match before {
                Some(before) if claim != start => place = before,
                _ => return,
            }
        }
    }

    /// How many claims have a place.
    pub(super) fn len(&self) -> usize {
        self.claim_of.len()
    }

    /// The places of the claims from this one on.
    pub(super) fn places_from(&self, claim: usize) -> impl Iterator<Item = Option<u32>> + '_ {
        self.place_of[claim..].iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The most claims that can have places, by trying all.
    fn most(claims: &[u8], taken: u8) -> usize {
        let Some((&first, rest)) = claims.split_first() else { return 0 };
        let with = (0..6u8).filter(|place| first & !taken & (1 << place) != 0);
        let best = with.map(|place| 1 + most(rest, taken | (1 << place))).max();
        best.unwrap_or(0).max(most(rest, taken))
    }

    proptest! {
        /// Each claim fits the places whose bits are set.
        #[test]
        fn gives_places_to_as_many_as_can_have_them_the_first_first(claims in prop::collection::vec(0u8..64, 0..7)) {
            let places: Vec<u32> = (0..6).collect();
            let fits = |claim: usize, place: u32| claims[claim] & (1 << place) != 0;
            let mut matching = Matching::default();
            for upto in 0..claims.len() {
                let before: Vec<bool> = matching.places_from(0).map(|place| place.is_some()).collect();
                let added = matching.add(&places, fits);
                prop_assert_eq!(added, most(&claims[..=upto], 0) > most(&claims[..upto], 0));
                let after: Vec<Option<u32>> = matching.places_from(0).collect();
                prop_assert!(before.iter().zip(&after).all(|(before, after)| *before == after.is_some()));
                let held: Vec<u32> = after.iter().copied().flatten().collect();
                prop_assert_eq!(held.iter().collect::<std::collections::BTreeSet<_>>().len(), held.len());
                prop_assert!(after.iter().enumerate().all(|(claim, place)| place.is_none_or(|place| fits(claim, place))));
                prop_assert_eq!(matching.len(), held.len());
            }
        }
    }
}

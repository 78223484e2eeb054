//! Which part of the tests is this machine's.

use super::{Listed, Shard, ShardBy};
use crate::run::plan::Millis;
use sha2::{Digest, Sha256};
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

/// What is not to be torn apart, in the order of its first test.
struct Piece<'a> {
    tests: Vec<usize>,
    duration: u128,
    /// What stays the same when other tests come and go: the least of its ids, in a grouped run of its groups.
    name: &'a str,
}

/// Takes out what is other shards'.
pub(super) fn keep(
    taken: &mut [bool],
    tests: &[Listed],
    depends_on: &[Vec<usize>],
    shard: Shard,
    by: ShardBy,
    grouped: bool,
) {
    let pieces = pieces(taken, tests, depends_on, grouped);
    let shares = match by {
        ShardBy::Duration => by_duration(&pieces, shard.count),
        ShardBy::Slice => by_slice(&pieces, shard.count),
        ShardBy::Hash => pieces.iter().map(|piece| by_hash(piece.name, shard.count)).collect(),
    };
    for (piece, share) in pieces.iter().zip(shares) {
        if share + 1 != shard.index {
            piece.tests.iter().for_each(|&test| taken[test] = false);
        }
    }
}

/// The longest first, each to whom has least so far; with equal loads, to whom has fewest tests.
fn by_duration(pieces: &[Piece<'_>], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..pieces.len()).collect();
    order.sort_by_key(|&at| (Reverse(pieces[at].duration), at));
    // There may be more machines than work; those get nothing.
    let mut loads: BTreeSet<(u128, usize, usize)> = (0..count.min(pieces.len())).map(|share| (0, 0, share)).collect();
    let mut shares = vec![0; pieces.len()];
    for at in order {
        let Some((load, tests, share)) = loads.pop_first() else { break };
        loads.insert((load + pieces[at].duration, tests + pieces[at].tests.len(), share));
        shares[at] = share;
    }
    shares
}

/// One behind the other: where every piece is one test, their numbers differ by one at most.
fn by_slice(pieces: &[Piece<'_>], count: usize) -> Vec<usize> {
    let all: u128 = pieces.iter().map(|piece| piece.tests.len() as u128).sum();
    let mut before = 0;
    let mut shares = Vec::with_capacity(pieces.len());
    for piece in pieces {
        shares.push((before * count as u128 / all) as usize);
        before += piece.tests.len() as u128;
    }
    shares
}

fn by_hash(name: &str, count: usize) -> usize {
    let digest = Sha256::digest(name.as_bytes());
    let number = digest.iter().take(8).fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
    (number % count as u64) as usize
}

fn pieces<'a>(taken: &[bool], tests: &'a [Listed], depends_on: &[Vec<usize>], grouped: bool) -> Vec<Piece<'a>> {
    let durations = durations(taken, tests);
    let mut together = Together((0..tests.len()).collect());
    let mut firsts: HashMap<&str, usize> = HashMap::new();
    let selected = || (0..tests.len()).filter(|&test| taken[test]);
    for test in selected() {
        depends_on[test].iter().for_each(|&dependency| together.join(test, dependency));
        if grouped {
            together.join(test, *firsts.entry(&tests[test].group).or_insert(test));
        }
    }
    let mut places: HashMap<usize, usize> = HashMap::new();
    let mut pieces: Vec<Piece<'a>> = Vec::new();
    for test in selected() {
        let name = if grouped { tests[test].group.as_str() } else { tests[test].id.as_str() };
        let place = *places.entry(together.root(test)).or_insert(pieces.len());
        if place == pieces.len() {
            pieces.push(Piece { tests: Vec::new(), duration: 0, name });
        }
        let piece = &mut pieces[place];
        piece.tests.push(test);
        piece.duration += u128::from(durations[test]);
        piece.name = piece.name.min(name);
    }
    pieces
}

/// What is not known takes as long as the others do on average; where nothing is known, all the same.
fn durations(taken: &[bool], tests: &[Listed]) -> Vec<Millis> {
    let known = || tests.iter().zip(taken).filter(|(_, taken)| **taken).filter_map(|(test, _)| test.duration);
    let sum: u128 = known().map(u128::from).sum();
    let mean = sum.checked_div(known().count() as u128).map_or(1, |mean| mean as Millis);
    tests.iter().map(|test| test.duration.unwrap_or(mean)).collect()
}

/// Sets that have no test in common (union–find).
struct Together(Vec<usize>);

impl Together {
    fn root(&mut self, test: usize) -> usize {
        let mut at = test;
        while self.0[at] != at {
            self.0[at] = self.0[self.0[at]];
            at = self.0[at];
        }
        at
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.0[one.max(other)] = one.min(other);
    }
}

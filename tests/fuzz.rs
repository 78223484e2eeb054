//! The fuzz targets on inputs of their own, a fixed number of them: `FUZZ_INPUTS` says how many, `FUZZ_SECONDS` for how long instead, `FUZZ_SEED`
//! repeats a run.

#![allow(clippy::expect_used)]

#[path = "../fuzz/src/lib.rs"]
#[allow(unreachable_pub)]
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// xorshift64*: inputs need to be many and repeatable, not unpredictable.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() >> 33) as usize % n
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most)).map(|_| self.next() as u8).collect()
    }
}

/// The pieces of `fuzz/requests.dict`.
fn dictionary() -> Vec<Vec<u8>> {
    let lines = include_str!("../fuzz/requests.dict").lines().filter(|line| line.starts_with('"'));
    lines.map(|line| unescape(&line[1..line.len() - 1])).collect()
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\\') {
        bytes.extend(before.as_bytes());
        rest = match escape.strip_prefix('x') {
            Some(hex) => {
                bytes.push(u8::from_str_radix(&hex[..2], 16).expect("two hex digits"));
                &hex[2..]
            }
            None => {
                bytes.push(escape.as_bytes()[0]);
                &escape[1..]
            }
        };
    }
    bytes.extend(rest.as_bytes());
    bytes
}

/// Bytes that are nothing, nearly a request, or one.
fn make_input(random: &mut Random, dictionary: &[Vec<u8>], header: usize) -> Vec<u8> {
    let mut input: Vec<u8> = (0..header).map(|_| random.next() as u8).collect();
    for _ in 0..random.below(6) {
        match random.below(8) {
            0 => input.extend(random.bytes(40)),
            2 => input.extend(make_raw(random, dictionary)),
            1 => (0..random.below(12)).for_each(|_| input.extend(&dictionary[random.below(dictionary.len())])),
            _ => input.extend(make_request(random, dictionary)),
        }
        if random.below(8) > 0 {
            input.push(b'\n');
        }
    }
    if input.len() > header && random.below(4) == 0 {
        let at = random.below(input.len());
        input[at] = random.next() as u8;
    }
    input
}

fn make_request(random: &mut Random, dictionary: &[Vec<u8>]) -> Vec<u8> {
    let members: Vec<&Vec<u8>> =
        dictionary.iter().filter(|piece| piece.starts_with(b"\"") && piece.contains(&b':')).collect();
    let chosen: Vec<&[u8]> = (0..random.below(6)).map(|_| members[random.below(members.len())].as_slice()).collect();
    [b"{", chosen.join(&b","[..]).as_slice(), b"}"].concat()
}

/// A line that announces a payload, and one that may be as long as it says.
fn make_raw(random: &mut Random, dictionary: &[Vec<u8>]) -> Vec<u8> {
    let request = make_request(random, dictionary);
    let payload = random.bytes(60);
    let size = if random.below(8) == 0 { random.below(100_000) } else { payload.len() };
    [format!("{{\"raw\":{size},").as_bytes(), &request[1..], b"\n", &payload].concat()
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a whole number, not {text}")))
}

/// Feeds a target. `header`: how many bytes of an input it takes for settings.
fn feed(name: &str, target: fn(&[u8]), header: usize, inputs: u64) {
    let seed = setting("FUZZ_SEED").unwrap_or(0x5EED);
    let dictionary = dictionary();
    let mut random = Random(seed.max(1));
    let limit = setting("FUZZ_SECONDS").map(Duration::from_secs);
    let inputs = if limit.is_some() { u64::MAX } else { setting("FUZZ_INPUTS").unwrap_or(inputs) };
    let start = Instant::now();
    let mut done = 0;
    while done < inputs && limit.is_none_or(|limit| start.elapsed() < limit) {
        let input = make_input(&mut random, &dictionary, header);
        if catch_unwind(AssertUnwindSafe(|| target(&input))).is_err() {
            panic!("{name}: input {done} of seed {seed} fails: b\"{}\"", input.escape_ascii());
        }
        done += 1;
    }
    assert!(done > 0);
    println!("{name}: {done} inputs in {:.1} s", start.elapsed().as_secs_f64());
}

#[test]
fn decoder() {
    feed("decoder", targets::decoder, 2, 100_000);
}

#[test]
fn hmac() {
    feed("hmac", targets::hmac, 3, 50_000);
}

#[test]
fn engine() {
    feed("engine", targets::engine, 0, 100_000);
}

/// What a generator of short inputs does not come upon.
#[test]
fn extremes() {
    let mega = |piece: &[u8]| piece.repeat(10_000_000 / piece.len());
    let lines: [Vec<u8>; 9] = [
        mega(b"x"),
        mega(b"["),
        mega(b"{\"a\":"),
        [b"{\"action\":\"ping\",\"id\":".as_slice(), &mega(b"9"), b"}"].concat(),
        [b"{\"action\":\"set\",\"key\":\"k\",\"value\":".as_slice(), &mega(b"[1,"), b"}"].concat(),
        [b"{\"action\":\"".as_slice(), &mega(b"\\u0000"), b"\"}"].concat(),
        mega(b"\xff\xfe"),
        mega(b"{\"id\":1,\"id\":1}"),
        mega(b" "),
    ];
    for line in lines {
        targets::decoder(&[&[255, 2], line.as_slice(), b"\n{\"action\":\"ping\"}\n"].concat());
        targets::engine(&line);
        // Signing megabytes takes seconds without optimisation, and finds no more.
        targets::hmac(&[&[1, 2, 3], &line[..100_000]].concat());
    }
}

/// Found by the target `hmac`: a number may have a sign, a digit of a MAC may not.
#[test]
fn a_mac_is_hex_digits_only() {
    use ephemeral_broker::protocol::auth::{Secret, check_message, sign_message};
    let secret = Secret::new("s");
    let mut found = 0;
    for n in 0..100 {
        let text = format!("{{\"action\":\"ping\",\"n\":{n}}}");
        let tag = sign_message(&secret, &text);
        let Some(at) = (0..64).step_by(2).find(|&at| tag[at..].starts_with('0')) else { continue };
        found += 1;
        for (tag, good) in [(tag.clone(), true), (format!("{}+{}", &tag[..at], &tag[at + 1..]), false)] {
            let head = format!("{},\"hmac\":", &text[..text.len() - 1]);
            let line = format!("{head}\"{tag}\"}}");
            assert_eq!(check_message(&secret, &line, None, &line[head.len()..head.len() + 66]), good, "{line}");
        }
    }
    assert!(found > 10);
}

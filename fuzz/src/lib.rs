//! What each fuzz target checks, as a function of the input's bytes that panics when something does not hold.
//!
//! cargo-fuzz calls them through `fuzz_targets/`; `tests/fuzz.rs` of the crate itself calls them with inputs of its own, on any toolchain.

use ephemeral_broker::engine::{Ask, Command, Condition, Config, Engine, Hello, Reply, SessionId};
use ephemeral_broker::protocol::auth::{Secret, check_message, sign_message};
use ephemeral_broker::protocol::frame::{Frame, LineDecoder, payload_size};
use ephemeral_broker::protocol::request::{Request, id_of_prefix, parse};
use std::collections::{HashMap, HashSet};

/// However bytes are split on their way, each line with its payload yields exactly one frame, and no line is beyond being parsed.
pub fn decoder(input: &[u8]) {
    let Some((&[limit, splits], stream)) = input.split_first_chunk() else { return };
    let limit = usize::from(limit);
    let mut expected = frames(stream, limit).into_iter();
    let mut decoder = LineDecoder::new(limit);
    for piece in pieces(stream, splits) {
        decoder.feed(piece);
        while let Some(frame) = decoder.next_frame() {
            let (line, payload) = expected.next().expect("a frame for each line, no more");
            match frame {
                Frame::Line(found) => {
                    assert_eq!((found, None), (line, payload));
                    assert!(found.len() <= limit);
                    read(found, None);
                }
                Frame::Raw(found, behind) => {
                    assert_eq!((found, Some(behind)), (line, payload));
                    assert!(found.len() + behind.len() <= limit);
                    read(found, payload);
                }
                Frame::TooLong(prefix) => {
                    let more = payload_size(line).unwrap_or(0);
                    assert!(line.len() as u64 + more > limit as u64 && line.starts_with(prefix));
                    id_of_prefix(prefix);
                }
            }
        }
    }
    assert_eq!(expected.next(), None, "a frame for each line, no fewer");
}

/// The lines of a stream and what follows them, cut one after the other with all of it at hand.
fn frames(mut rest: &[u8], limit: usize) -> Vec<(&[u8], Option<&[u8]>)> {
    let mut frames = Vec::new();
    loop {
        let Some(newline) = rest.iter().position(|&byte| byte == b'\n') else {
            // What has no newline yet is a frame only when it is too long already, and it is known what will follow it.
            if rest.len() > limit.max(23) {
                frames.push((rest, None));
            }
            return frames;
        };
        let (line, behind) = (&rest[..newline], &rest[newline + 1..]);
        let size = payload_size(line);
        let there = size.map_or(0, |size| size.min(behind.len() as u64) as usize);
        let is_whole = there as u64 == size.unwrap_or(0);
        if is_whole || line.len() as u64 + size.unwrap_or(0) > limit as u64 {
            frames.push((line, size.map(|_| &behind[..there])));
        }
        if !is_whole {
            return frames;
        }
        rest = &behind[there..];
    }
}

/// Parses a line, and sees to it that whatever it says of the line is in the line.
fn read(line: &[u8], payload: Option<&[u8]>) {
    id_of_prefix(line);
    match parse(line, payload) {
        Ok(request) => {
            let text = std::str::from_utf8(line).expect("only UTF-8 is a request");
            assert!(text.trim_start().starts_with('{') && text.trim_end().ends_with('}'));
            assert!(request.id.is_none_or(|id| text.contains(id) && id.len() <= 64 && !id.contains('\n')));
            assert!(request.hmac.is_none_or(|hmac| text.contains(hmac)));
            if let Err(failure) = request.request {
                assert!(failure.message.starts_with(failure.code));
                assert!(failure.message.len() < 1000, "a message quotes a little of the line only");
            }
        }
        Err(failure) => assert_eq!(failure.code, "invalid_json"),
    }
}

/// Pieces of a stream, of lengths that `seed` decides.
fn pieces(mut rest: &[u8], seed: u8) -> impl Iterator<Item = &[u8]> {
    let mut state = u32::from(seed) | 1;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        state = state.wrapping_mul(0x9E37_79B1).rotate_left(7);
        let most = if state & 1 == 0 { 7 } else { 300 };
        let (piece, after) = rest.split_at(((state >> 3) as usize % most + 1).min(rest.len()));
        rest = after;
        Some(piece)
    })
}

/// Nobody without the secret makes a message that passes; the message of somebody with it passes, and does not when a byte of it was changed.
pub fn hmac(input: &[u8]) {
    let Some((&[place, at, change], rest)) = input.split_first_chunk() else { return };
    let secret = Secret::new("the secret");
    forged(&secret, rest);
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let Some(text) = text.trim().strip_prefix('{').and_then(|text| text.strip_suffix('}')) else { return };
    // A line of which not even the id can be taken has no `hmac` either.
    let readable = |line: &str| {
        parse(line.as_bytes(), None)
            .is_ok_and(|line| !matches!(line.request, Err(failure) if failure.message.contains("the id ")))
    };
    if !readable(&format!("{{{text}}}")) || text.contains("mac\"") {
        return;
    }
    let tag = sign_message(&secret, &format!("{{{text}}}"));
    let empty = text.trim().is_empty();
    let line = match place % 3 {
        _ if empty => format!("{{{text}\"hmac\":\"{tag}\"}}"),
        0 => format!("{{\"hmac\":\"{tag}\",{text}}}"),
        1 => format!("{{{text},\"hmac\":\"{tag}\"}}"),
        _ => format!("{{{text} , \"hmac\" : \"{}\"}}", sign_message(&secret, &format!("{{{text} }}"))),
    };
    assert!(passes(&secret, &line));
    assert!(!passes(&Secret::new("another secret"), &line));
    let mut changed = line.clone().into_bytes();
    let at = usize::from(at) % changed.len();
    changed[at] ^= change;
    // The white space around the member is not signed, nor whether its digits are capitals.
    let is_space = |bytes: &[u8]| bytes[at].is_ascii_whitespace();
    let is_same = changed.eq_ignore_ascii_case(line.as_bytes()) || is_space(&changed) && is_space(line.as_bytes());
    if let (Ok(changed), false) = (std::str::from_utf8(&changed), is_same) {
        assert!(!passes(&secret, changed));
    }
}

fn passes(secret: &Secret, line: &str) -> bool {
    parse(line.as_bytes(), None)
        .ok()
        .and_then(|request| request.hmac)
        .is_some_and(|hmac| check_message(secret, line, None, hmac))
}

/// Any text with any part of it as its `hmac`.
fn forged(secret: &Secret, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let boundary = |at: usize| (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    let (from, to) = (boundary(text.len() / 3), boundary(text.len() / 3 + 66));
    assert!(!check_message(secret, &text, None, &text[from..to]));
    assert!(!check_message(secret, &text, None, &text));
    assert!(!check_message(secret, &text[from..], None, &text[..from]));
    assert!(!check_message(secret, &text, None, "\"\""));
    assert!(!passes(secret, &text));
}

/// What lines do to the engine: numbers are held once, tokens rise, values come back as they were set, and when all have gone nothing is held.
pub fn engine(input: &[u8]) {
    let mut engine = Engine::new(Config { default_ttl: None, require_ttl: false, max_items: 8, ..Config::default() });
    let mut sessions: Vec<SessionId> = Vec::new();
    let mut values: HashMap<String, String> = HashMap::new();
    let mut tokens = HashSet::new();
    let mut now = 0;
    for (at, line) in input.split(|&byte| byte == b'\n').enumerate() {
        // Time goes on with the length of the lines: TTLs run out.
        now += line.len() as u64 * 100;
        let Ok(Ok(request)) = parse(line, None).map(|line| line.request) else { continue };
        match &request {
            Request::Hello(hello) => {
                let process = hello.process.as_deref().unwrap_or("alone").to_owned();
                let introduced = Hello { name: "n".into(), pid: hello.pid, process, thread: hello.thread % 2 };
                sessions.push(engine.open(now, introduced));
            }
            Request::Bye => drop(sessions.pop().map(|session| engine.close(now, session, at % 2 == 0))),
            _ => {}
        }
        let session = (!sessions.is_empty()).then(|| sessions[at % sessions.len()]);
        let command = match request {
            Request::Command(command) => command,
            Request::Ask { ask: Ask::Lease { key, worker, ttl, detached }, .. } => {
                Command::Lease { key, worker, ttl, detached }
            }
            Request::Ask { ask, terms } => {
                if let Some(session) = session {
                    let _ = engine.ask(now, session, at as u64, terms, &ask);
                }
                continue;
            }
            _ => continue,
        };
        match (&command, engine.apply(now, session, command.clone())) {
            (Command::Set { key, value, ttl, condition }, Ok(_)) if *condition == Condition::default() => {
                match (ttl, value.json) {
                    (Some(ttl), _) if *ttl > 0.0 => values.remove(&**key),
                    (_, None) => values.remove(&**key),
                    (_, Some(json)) => values.insert(key.to_string(), json.to_owned()),
                };
            }
            (Command::Set { key, .. } | Command::Del { key } | Command::Incr { key, .. }, _) => {
                drop(values.remove(&**key));
            }
            // It writes a key that it does not name.
            (Command::Fulfil { .. }, _) => values.clear(),
            (Command::Get { key }, outcome) => {
                if let Some(value) = values.get(&**key) {
                    assert!(matches!(outcome, Ok(Reply::Value(found)) if found.json == Some(value)), "{key}");
                }
            }
            (Command::Lease { key, worker, .. }, Ok(Reply::Leased(granted))) => {
                assert!(granted.number >= 1);
                // The same token only for the same lease, renewed.
                tokens.insert((granted.token, key.to_string(), worker.to_string(), granted.number));
                let others = tokens.iter().filter(|(token, ..)| *token == granted.token).count();
                assert_eq!(others, 1);
            }
            _ => {}
        }
        drop(engine.take_effects());
        assert!(engine.items() <= 8 && values.len() <= engine.items());
        assert!(engine.sessions() == sessions.len());
    }
    for session in sessions {
        engine.close(now, session, false);
    }
    engine.tick(u64::MAX);
    assert_eq!((engine.sessions(), engine.waits(), engine.holds(), engine.topics()), (0, 0, 0, (0, 0, 0)));
}

//! What an attempt came to: its exit, and what its output says.

use crate::run::plan::{Leaks, Output};
use crate::run::report::Outcome;
use regex::{RegexSet, RegexSetBuilder};
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// By which a command says that its test was skipped; automake's convention.
const SKIP_CODE: i32 = 77;

/// [`Output`], compiled.
#[derive(Debug, Default)]
pub(super) struct Words {
    patterns: RegexSet,
    /// What each pattern says, in their order.
    meanings: Vec<u8>,
    skip_code: Option<i32>,
}

const PASSED: u8 = 1;
const SKIPPED: u8 = 2;
const NONE: u8 = 4;

impl Words {
    /// # Errors
    /// One is no regular expression; the text says which.
    pub(super) fn new(output: &Output) -> Result<Self, String> {
        let given = [(&output.passed, PASSED), (&output.skipped, SKIPPED), (&output.none, NONE)];
        let (patterns, meanings): (Vec<&String>, _) =
            given.iter().filter_map(|(pattern, meaning)| Some((pattern.as_ref()?, *meaning))).unzip();
        let patterns = RegexSetBuilder::new(patterns).multi_line(true).build();
        let patterns = patterns.map_err(|error| format!("invalid_config: output: {error}"))?;
        Ok(Self { patterns, meanings, skip_code: output.skip_code })
    }

    /// Whether there is something to listen for.
    pub(super) fn listen(&self) -> bool {
        self.meanings.iter().any(|&meaning| meaning != PASSED)
    }
}

/// What a test's output has said so far. A clone is the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Said(Arc<AtomicU8>);

impl Said {
    /// Hears a line. `false`: the rest does not matter.
    pub(super) fn hear(&self, words: &Words, line: &str) -> bool {
        let line = plain(line);
        let said = words
            .patterns
            .matches(&line)
            .into_iter()
            .map(|pattern| words.meanings[pattern])
            .fold(0, |all, one| all | one);
        let said = self.0.fetch_or(said, Ordering::Relaxed) | said;
        said & PASSED == 0
    }

    fn has(&self, what: u8) -> bool {
        self.0.load(Ordering::Relaxed) & what != 0
    }
}

/// How a process ended, as far as that decides.
#[derive(Debug, Clone, Copy)]
pub(super) struct End<'a> {
    pub(super) code: Option<i32>,
    pub(super) signal: Option<&'a str>,
    pub(super) leaked: bool,
}

/// Judges an attempt that ended by itself.
pub(super) fn judge(end: End<'_>, words: &Words, leaks: Leaks, said: &Said) -> (Outcome, Option<String>) {
    let (outcome, reason) = match (end.code, end.signal) {
        (Some(0), _) => read(said),
        (Some(code), _) if words.skip_code == Some(code) && said.has(SKIPPED) && !said.has(PASSED) => skipped(),
        (Some(SKIP_CODE), _) => (Outcome::Skipped, Some(format!("exit code {SKIP_CODE}"))),
        (Some(code), _) => (Outcome::Failed, Some(format!("exit code {code}"))),
        (None, Some(signal)) => (Outcome::Failed, Some(format!("killed by {signal}"))),
        (None, None) => (Outcome::Failed, Some("ended, nobody knows how".into())),
    };
    if outcome == Outcome::Passed && end.leaked && leaks == Leaks::Fail {
        return (Outcome::Failed, Some("left processes behind".into()));
    }
    (outcome, reason)
}

fn read(said: &Said) -> (Outcome, Option<String>) {
    if said.has(PASSED) {
        (Outcome::Passed, None)
    } else if said.has(SKIPPED) {
        skipped()
    } else if said.has(NONE) {
        (Outcome::Failed, Some("the command ran no test, though one was listed".into()))
    } else {
        (Outcome::Passed, None)
    }
}

fn skipped() -> (Outcome, Option<String>) {
    (Outcome::Skipped, Some("its output says so".into()))
}

/// Without the terminal's codes.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains('\x1b') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        if sign != '\x1b' {
            plain.push(sign);
            continue;
        }
        match signs.next() {
            // A control sequence ends with a letter or the like, an operating system command with BEL or ESC \.
            Some('[') => while signs.next().is_some_and(|sign| !('@'..='~').contains(&sign)) {},
            Some(']') => {
                while let Some(sign) = signs.next() {
                    if sign == '\x07' || (sign == '\x1b' && signs.next_if_eq(&'\\').is_some()) {
                        break;
                    }
                }
            }
            _ => {}
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const PASS: End<'_> = End { code: Some(0), signal: None, leaked: false };

    fn words() -> Words {
        let go = Output {
            skipped: Some("^--- SKIP".into()),
            passed: Some("^--- PASS".into()),
            none: Some(r"no tests to run\]?$".into()),
            skip_code: Some(5),
        };
        Words::new(&go).unwrap()
    }

    fn judged(end: End<'_>, output: &str) -> Outcome {
        let said = Said::default();
        let words = words();
        let _ = output.lines().all(|line| said.hear(&words, line));
        judge(end, &words, Leaks::Warn, &said).0
    }

    fn outcome(output: &str) -> Outcome {
        judged(PASS, output)
    }

    #[test]
    fn only_what_the_output_does_not_contradict_has_passed() {
        assert_eq!(outcome("--- PASS: A\nok"), Outcome::Passed);
        assert_eq!(outcome("--- SKIP: A\nok"), Outcome::Skipped);
        assert_eq!(outcome("--- SKIP: B\n--- PASS: A\nok"), Outcome::Passed);
        assert_eq!(outcome("ok  x 0.1s [no tests to run]"), Outcome::Failed);
        assert_eq!(outcome("ok  x 0.1s [no tests to run]\n--- PASS: A"), Outcome::Passed);
        assert_eq!(outcome("\x1b[32m\x1b]8;;x\x1b\\--- SKIP: A\x1b[0m"), Outcome::Skipped);
        let with_5 = |output| judged(End { code: Some(5), ..PASS }, output);
        assert_eq!((with_5("--- SKIP: A"), with_5("nothing")), (Outcome::Skipped, Outcome::Failed));
    }

    #[test]
    fn exits_speak_for_themselves() {
        let judge = |end: End<'_>, leaks| judge(end, &Words::default(), leaks, &Said::default());
        assert_eq!(judge(PASS, Leaks::Warn), (Outcome::Passed, None));
        assert_eq!(judge(End { code: Some(77), ..PASS }, Leaks::Warn).0, Outcome::Skipped);
        assert_eq!(judge(End { code: Some(3), ..PASS }, Leaks::Warn), (Outcome::Failed, Some("exit code 3".into())));
        let killed = judge(End { code: None, signal: Some("SIGSEGV"), leaked: false }, Leaks::Warn);
        assert_eq!(killed, (Outcome::Failed, Some("killed by SIGSEGV".into())));
        assert_eq!(judge(End { leaked: true, ..PASS }, Leaks::Warn).0, Outcome::Passed);
        assert_eq!(judge(End { leaked: true, ..PASS }, Leaks::Fail).0, Outcome::Failed);
    }
}

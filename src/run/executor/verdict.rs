//! What an attempt came to: its exit, and what its output says.

use crate::run::plan::{Leaks, Output};
use crate::run::report::Outcome;
use regex::{Regex, RegexBuilder};
use std::borrow::Cow;

/// By which a command says that its test was skipped; automake's convention.
const SKIPPED: i32 = 77;

/// [`Output`], compiled.
#[derive(Debug, Default)]
pub(super) struct Words {
    skipped: Option<Regex>,
    passed: Option<Regex>,
    none: Option<Regex>,
    skip_code: Option<i32>,
}

impl Words {
    /// # Errors
    /// One is no regular expression; the text says which.
    pub(super) fn new(output: &Output) -> Result<Self, String> {
        let compile = |pattern: &Option<String>| {
            let compile = |pattern: &String| RegexBuilder::new(pattern).multi_line(true).build();
            pattern.as_ref().map(compile).transpose().map_err(|error| error.to_string())
        };
        Ok(Self {
            skipped: compile(&output.skipped)?,
            passed: compile(&output.passed)?,
            none: compile(&output.none)?,
            skip_code: output.skip_code,
        })
    }

    fn says_skipped(&self, output: &str) -> bool {
        let output = plain(output);
        says(&self.skipped, &output) && !says(&self.passed, &output)
    }

    fn silent(&self) -> bool {
        self.skipped.is_none() && self.none.is_none()
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
pub(super) fn judge(
    end: End<'_>,
    words: &Words,
    leaks: Leaks,
    output: impl FnOnce() -> String,
) -> (Outcome, Option<String>) {
    let (outcome, reason) = match (end.code, end.signal) {
        (Some(0), _) => read(words, output),
        (Some(code), _) if words.skip_code == Some(code) && words.says_skipped(&output()) => {
            (Outcome::Skipped, Some("its output says so".into()))
        }
        (Some(SKIPPED), _) => (Outcome::Skipped, Some(format!("exit code {SKIPPED}"))),
        (Some(code), _) => (Outcome::Failed, Some(format!("exit code {code}"))),
        (None, Some(signal)) => (Outcome::Failed, Some(format!("killed by {signal}"))),
        (None, None) => (Outcome::Failed, Some("ended, nobody knows how".into())),
    };
    if outcome == Outcome::Passed && end.leaked && leaks == Leaks::Fail {
        return (Outcome::Failed, Some("left processes behind".into()));
    }
    (outcome, reason)
}

fn read(words: &Words, output: impl FnOnce() -> String) -> (Outcome, Option<String>) {
    if words.silent() {
        return (Outcome::Passed, None);
    }
    let output = output();
    let output = plain(&output);
    if says(&words.passed, &output) {
        (Outcome::Passed, None)
    } else if says(&words.skipped, &output) {
        (Outcome::Skipped, Some("its output says so".into()))
    } else if says(&words.none, &output) {
        (Outcome::Failed, Some("the command ran no test, though one was listed".into()))
    } else {
        (Outcome::Passed, None)
    }
}

fn says(pattern: &Option<Regex>, output: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.is_match(output))
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

    fn outcome(output: &str) -> Outcome {
        judge(PASS, &words(), Leaks::Warn, || output.to_string()).0
    }

    #[test]
    fn only_what_the_output_does_not_contradict_has_passed() {
        assert_eq!(outcome("--- PASS: A\nok"), Outcome::Passed);
        assert_eq!(outcome("--- SKIP: A\nok"), Outcome::Skipped);
        assert_eq!(outcome("--- PASS: A\n--- SKIP: B\nok"), Outcome::Passed);
        assert_eq!(outcome("ok  x 0.1s [no tests to run]"), Outcome::Failed);
        assert_eq!(outcome("--- PASS: A\nok  x 0.1s [no tests to run]"), Outcome::Passed);
        let with_5 =
            |output: &'static str| judge(End { code: Some(5), ..PASS }, &words(), Leaks::Warn, || output.into()).0;
        assert_eq!((with_5("--- SKIP: A"), with_5("nothing")), (Outcome::Skipped, Outcome::Failed));
        assert_eq!(outcome("\x1b[32m\x1b]8;;x\x1b\\--- SKIP: A\x1b[0m"), Outcome::Skipped);
    }

    #[test]
    fn exits_speak_for_themselves() {
        let judge = |end: End<'_>, leaks| judge(end, &Words::default(), leaks, String::new);
        assert_eq!(judge(PASS, Leaks::Warn), (Outcome::Passed, None));
        assert_eq!(judge(End { code: Some(77), ..PASS }, Leaks::Warn).0, Outcome::Skipped);
        assert_eq!(judge(End { code: Some(3), ..PASS }, Leaks::Warn), (Outcome::Failed, Some("exit code 3".into())));
        let killed = judge(End { code: None, signal: Some("SIGSEGV"), leaked: false }, Leaks::Warn);
        assert_eq!(killed, (Outcome::Failed, Some("killed by SIGSEGV".into())));
        assert_eq!(judge(End { leaked: true, ..PASS }, Leaks::Warn).0, Outcome::Passed);
        assert_eq!(judge(End { leaked: true, ..PASS }, Leaks::Fail).0, Outcome::Failed);
    }
}

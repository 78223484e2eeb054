//! Placeholders: `{port}`, `{test}`, … in commands and variables.
//!
//! Only known names are placeholders; everything else in braces (JSON, the shell's `${HOME}`) stays as it is. `{{` is a brace. In a command for
//! the shell a value can never become anything but one piece of text, whatever it holds and in whatever quotes it stands.

use crate::run::plan::Command;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Values by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Values(BTreeMap<String, String>);

impl Values {
    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.0.insert(name.to_string(), value.into());
        self
    }

    pub(super) fn set_if(&mut self, name: &str, value: Option<impl Into<String>>) -> &mut Self {
        if let Some(value) = value {
            self.set(name, value);
        }
        self
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A variable's value.
    pub(super) fn fill(&self, text: &str) -> String {
        self.replace(text, |_, value| Cow::Borrowed(value))
    }

    /// A command, ready to be run.
    pub(super) fn fill_command(&self, command: &Command) -> Command {
        match command {
            Command::Argv(words) => Command::Argv(words.iter().map(|word| self.fill(word)).collect()),
            Command::Shell(line) => Command::Shell(self.replace(line, |quotes, value| quotes.protect(value))),
        }
    }

    fn replace<'v>(&'v self, text: &str, mut write: impl FnMut(Quotes, &'v str) -> Cow<'v, str>) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut quotes = Quotes::None;
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("{{") {
                filled.push('{');
                rest = after;
                continue;
            }
            if let Some((value, after)) = self.placeholder(rest).filter(|_| !filled.ends_with('$')) {
                filled.push_str(&write(quotes, value));
                rest = after;
                continue;
            }
            let length = match (quotes, next) {
                // What follows is meant as it is.
                (Quotes::None | Quotes::Double, '\\') => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
                _ => next.len_utf8(),
            };
            quotes = quotes.after(next);
            filled.push_str(&rest[..length]);
            rest = &rest[length..];
        }
        filled
    }

    fn placeholder<'t>(&self, text: &'t str) -> Option<(&str, &'t str)> {
        let (name, after) = text.strip_prefix('{')?.split_once('}')?;
        Some((self.0.get(name)?, after))
    }
}

/// What a place in a shell's line stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quotes {
    None,
    Single,
    Double,
}

impl Quotes {
    fn after(self, sign: char) -> Self {
        match (self, sign) {
            (Quotes::None, '\'') if cfg!(unix) => Quotes::Single,
            (Quotes::None, '"') => Quotes::Double,
            (Quotes::Single, '\'') | (Quotes::Double, '"') => Quotes::None,
            (same, _) => same,
        }
    }

    #[cfg(unix)]
    fn protect(self, value: &str) -> Cow<'_, str> {
        match self {
            Quotes::None => Cow::Owned(crate::process::quote(value)),
            Quotes::Single => Cow::Owned(value.replace('\'', r"'\''")),
            Quotes::Double => {
                let mut safe = String::with_capacity(value.len());
                for sign in value.chars() {
                    if matches!(sign, '"' | '\\' | '$' | '`') {
                        safe.push('\\');
                    }
                    safe.push(sign);
                }
                Cow::Owned(safe)
            }
        }
    }

    #[cfg(windows)]
    fn protect(self, value: &str) -> Cow<'_, str> {
        match self {
            Quotes::Double => Cow::Owned(value.replace('"', "\"\"").replace('%', "%%")),
            _ => Cow::Owned(crate::process::quote(value)),
        }
    }
}

/// A name as a regular expression of most dialects.
pub(super) fn escape_pattern(name: &str) -> String {
    let mut pattern = String::with_capacity(name.len());
    for sign in name.chars() {
        if r"\^$.|?*+()[]{}/".contains(sign) {
            pattern.push('\\');
        }
        pattern.push(sign);
    }
    pattern
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn values() -> Values {
        let mut values = Values::default();
        values.set("test", "it's \"$HOME\" `x` \\").set("port", "9000").set("db.port", "5432");
        values
    }

    #[test]
    fn known_names_are_filled_in_and_the_rest_is_left() {
        let filled = values().fill("{port} {db.port} {{port} ${port} {\"a\":1} {unknown} {");
        assert_eq!(filled, "9000 5432 {port} ${port} {\"a\":1} {unknown} {");
    }

    #[test]
    fn a_value_is_never_filled_in_again() {
        let mut values = Values::default();
        values.set("a", "{b}").set("b", "x");
        assert_eq!(values.fill("{a}"), "{b}");
    }

    #[cfg(unix)]
    #[test]
    fn in_any_quotes_a_value_stays_one_text() {
        for line in ["printf %s {test}", "printf %s 'a{test}b'", "printf %s \"a{test}b\"", "printf %s a\\'{test}b"] {
            let Command::Shell(line) = values().fill_command(&Command::Shell(line.into())) else { panic!() };
            let printed = std::process::Command::new("/bin/sh").args(["-c", &line]).output().unwrap();
            let printed = String::from_utf8(printed.stdout).unwrap();
            assert!(printed.contains("it's \"$HOME\" `x` \\"), "{line} printed {printed}");
        }
    }
}

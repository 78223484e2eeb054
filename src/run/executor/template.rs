//! Placeholders: `{port}`, `{test}`, … in commands and variables.
//!
//! Only known names are placeholders; everything else in braces (JSON, the shell's `${HOME}`) stays as it is. `{{` is a brace. In a command for
//! the shell a value can never become anything but one piece of text, whatever it holds and in whatever quotes it stands.

use super::context::Environment;
use crate::run::plan::Command;
use std::collections::BTreeMap;
use std::path::Path;

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
        self.replace(text, false, |_, _, value| value.to_string())
    }

    /// A command, ready to be run with the variables that it adds to `env`.
    pub(super) fn fill_command(&self, command: &Command, env: &mut Environment) -> Command {
        match command {
            Command::Argv(words) => Command::Argv(words.iter().map(|word| self.fill(word)).collect()),
            Command::Shell(line) => {
                Command::Shell(self.replace(line, true, |quotes, name, value| quotes.protect(name, value, env)))
            }
        }
    }

    fn replace(&self, text: &str, shell: bool, mut write: impl FnMut(Quotes, &str, &str) -> String) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut quotes = Quotes::None;
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("{{") {
                filled.push('{');
                rest = after;
                continue;
            }
            if let Some((name, value, after)) = self.placeholder(rest).filter(|_| !filled.ends_with('$')) {
                filled.push_str(&write(quotes, name, value));
                rest = after;
                continue;
            }
            let length = match (quotes, next) {
                // What follows is meant as it is.
                (Quotes::None | Quotes::Double, '\\') if shell => {
                    1 + rest[1..].chars().next().map_or(0, char::len_utf8)
                }
                _ => next.len_utf8(),
            };
            quotes = quotes.after(next);
            filled.push_str(&rest[..length]);
            rest = &rest[length..];
        }
        filled
    }

    fn placeholder<'t>(&self, text: &'t str) -> Option<(&'t str, &str, &'t str)> {
        let (name, after) = text.strip_prefix('{')?.split_once('}')?;
        Some((name, self.0.get(name)?, after))
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

    /// The shell reads what a variable holds as text, wherever that stands: also where these quotes are misread, as within `$(…)`.
    #[cfg(unix)]
    fn protect(self, name: &str, value: &str, env: &mut Environment) -> String {
        let sign = |sign: char| if sign.is_ascii_alphanumeric() { sign } else { '_' };
        let variable: String = "EPHEMERAL_VALUE_".chars().chain(name.chars().map(sign)).collect();
        let text = match self {
            Quotes::None => format!("\"${{{variable}}}\""),
            Quotes::Single => format!("'\"${{{variable}}}\"'"),
            Quotes::Double => format!("${{{variable}}}"),
        };
        env.insert(variable, value.to_string());
        text
    }

    #[cfg(windows)]
    fn protect(self, _name: &str, value: &str, _env: &mut Environment) -> String {
        match self {
            Quotes::Double => value.replace('"', "\"\"").replace('%', "%%"),
            _ => crate::process::quote(value),
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

/// A path from the root as it is from another folder, which is where commands run.
pub(super) fn from_folder(root: &Path, file: &str, folder: &Path) -> String {
    let Ok(below) = folder.strip_prefix(root) else { return root.join(file).to_string_lossy().into_owned() };
    let mut steps = below.components().peekable();
    let mut rest = Path::new(file).components();
    while let Some(step) = steps.peek() {
        let mut further = rest.clone();
        if further.next().as_ref() != Some(step) {
            break;
        }
        rest = further;
        steps.next();
    }
    let up = steps.map(|_| "..".to_string());
    let down = rest.map(|part| part.as_os_str().to_string_lossy().into_owned());
    up.chain(down).collect::<Vec<_>>().join("/")
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
        let lines = ["printf %s {test}", "printf %s 'a{test}b'", "printf %s \"a{test}b\"", "printf %s a\\'{test}b"];
        for line in lines.into_iter().chain(["printf %s \"$(printf %s \"{test}\")\""]) {
            let mut env = Environment::new();
            let Command::Shell(line) = values().fill_command(&Command::Shell(line.into()), &mut env) else { panic!() };
            let printed = std::process::Command::new("/bin/sh").args(["-c", &line]).envs(&env).output().unwrap();
            let printed = String::from_utf8(printed.stdout).unwrap();
            assert!(printed.replace(' ', "").contains("it's\"$HOME\"`x`\\"), "{line} printed {printed}");
        }
    }

    #[test]
    fn a_backslash_means_something_to_the_shell_alone() {
        assert_eq!(values().fill(r"C:\{port}"), r"C:\9000");
    }

    #[test]
    fn files_are_named_from_where_commands_run() {
        let from = |file, folder: &str| from_folder(Path::new("/r"), file, Path::new(folder));
        assert_eq!(from("a/b.js", "/r"), "a/b.js");
        assert_eq!(from("a/b.js", "/r/a"), "b.js");
        assert_eq!(from("a/b.js", "/r/a/c"), "../b.js");
        assert_eq!(from("b.js", "/r/a/c"), "../../b.js");
        assert_eq!(from("a/b.js", "/elsewhere"), "/r/a/b.js");
    }
}

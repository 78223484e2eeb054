//! The platform's shell: what needs it, and how a value is quoted for it.

/// The words of a line that means the same without a shell; `None`: it needs one.
pub fn plain_words(line: &str) -> Option<Vec<String>> {
    let is_plain = |c: char| c.is_alphanumeric() || c == ' ' || c == '\t' || PLAIN.contains(c);
    if !line.chars().all(is_plain) {
        return None;
    }
    let words: Vec<String> = line.split_ascii_whitespace().map(String::from).collect();
    let first = words.first()?;
    // An assignment, a word of the shell itself, or what a shell may have built in and does otherwise than the program of that name.
    let is_shells = first.contains('=') || BUILTINS.contains(&first.to_ascii_lowercase().as_str());
    (!is_shells).then_some(words)
}

/// The value as one word for the shell, whatever is in it.
///
/// On Windows a line break ends a command and cannot be quoted: it becomes a space.
pub fn quote(value: &str) -> String {
    imp::quote(value)
}

use imp::{BUILTINS, PLAIN};

#[cfg(unix)]
mod imp {
    pub(super) const PLAIN: &str = "./_-=@:+,%";

    /// Reserved words and built-in commands of sh, dash, bash and busybox.
    #[rustfmt::skip]
    pub(super) const BUILTINS: &[&str] = &[
        ".", ":", "alias", "bg", "bind", "break", "builtin", "caller", "case", "cd", "chdir", "command", "compgen", "complete", "continue",
        "coproc", "declare", "dirs", "disown", "do", "done", "echo", "elif", "else", "enable", "esac", "eval", "exec", "exit", "export", "false",
        "fc", "fg", "fi", "for", "function", "getopts", "hash", "help", "history", "if", "in", "jobs", "kill", "let", "local", "logout",
        "mapfile", "popd", "printf", "pushd", "pwd", "read", "readarray", "readonly", "return", "select", "set", "shift", "shopt", "source",
        "suspend", "test", "then", "time", "times", "trap", "true", "type", "typeset", "ulimit", "umask", "unalias", "unset", "until", "wait",
        "while",
    ];

    pub(super) fn quote(value: &str) -> String {
        // Not "=", which would make an assignment of a first word.
        let is_safe = |c: char| c.is_ascii_alphanumeric() || "./_-@:+,%".contains(c);
        if !value.is_empty() && value.chars().all(is_safe) {
            return value.to_owned();
        }
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

#[cfg(windows)]
mod imp {
    /// Not "%" (a variable), nor "=" and "," (which cmd takes for spaces).
    pub(super) const PLAIN: &str = "./\\_-@:+";

    #[rustfmt::skip]
    pub(super) const BUILTINS: &[&str] = &[
        "assoc", "break", "call", "cd", "chdir", "cls", "color", "copy", "date", "del", "dir", "dpath", "echo", "endlocal", "erase", "exit",
        "for", "ftype", "goto", "if", "keys", "md", "mkdir", "mklink", "move", "path", "pause", "popd", "prompt", "pushd", "rd", "rem", "ren",
        "rename", "rmdir", "set", "setlocal", "shift", "start", "time", "title", "type", "ver", "verify", "vol",
    ];

    pub(super) fn quote(value: &str) -> String {
        let mut quoted = String::from("\"");
        let mut backslashes = 0;
        for c in value.chars() {
            match c {
                // Programs read backslashes before a quotation mark as pairs.
                '"' => quoted.extend(std::iter::repeat_n('\\', backslashes).chain("\"\"".chars())),
                // An empty part of a variable that is always there keeps a percent sign from beginning the name of one.
                '%' => quoted.push_str("%%cd:~,%"),
                '\r' | '\n' | '\0' => quoted.push(' '),
                c => quoted.push(c),
            }
            backslashes = if c == '\\' { backslashes + 1 } else { 0 };
        }
        quoted.extend(std::iter::repeat_n('\\', backslashes));
        quoted.push('"');
        quoted
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn plain_words_need_no_shell() {
        let words = plain_words("go test ./e2e  -run=TestA -count=1 a@b:c+d,e%f\tend").unwrap();
        assert_eq!(words, ["go", "test", "./e2e", "-run=TestA", "-count=1", "a@b:c+d,e%f", "end"]);
        assert_eq!(plain_words("véhicule").unwrap(), ["véhicule"]);
    }

    #[test]
    fn what_a_shell_reads_otherwise_needs_one() {
        let lines = [
            "",
            " ",
            "A=1 node x",
            "cd x",
            "a | b",
            "a > b",
            "a & b",
            "a; b",
            "a\nb",
            "echo hi",
            "ls *",
            "ls a?",
            "ls [a]",
            "a $B",
            "a `b`",
            "a 'b'",
            "a \"b\"",
            "a \\b",
            "~/a",
            "a {b,c}",
            "a #b",
            "! a",
            "(a)",
            "a ^b",
            ". x",
            "exec a",
            "if a",
            "true",
        ];
        for line in lines {
            assert_eq!(plain_words(line), None, "{line:?}");
        }
    }

    #[test]
    fn a_quoted_value_comes_through_every_shell_as_it_is() {
        let values = [
            "",
            " ",
            "a",
            "a b",
            "'",
            "''",
            "it's",
            "\"",
            "$(touch x)",
            "`x`",
            "a\nb",
            "\\",
            "\\'",
            "*",
            "~",
            "-n",
            "a=b",
            "#",
            "!x",
            "é",
            "%s",
            "';exit 3;'",
            "{a,b}",
            "a\tb",
            "&",
            "|",
            "$HOME",
            "\u{7f}",
        ];
        for shell in ["dash", "bash", "busybox"] {
            for value in values {
                let line = format!("printf '%s.' {}", quote(value));
                let mut command = Command::new(shell);
                let command = if shell == "busybox" { command.arg("sh") } else { &mut command };
                // Not every system has all three.
                let Ok(output) = command.args(["-c", &line]).output() else { continue };
                assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{value}."), "{shell}: {line}");
            }
        }
    }
}

#[cfg(all(test, windows))]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_word_for_cmd() {
        assert_eq!(quote("a b"), "\"a b\"");
        assert_eq!(quote("50% \"x\\\" \\"), "\"50%%cd:~,% \"\"x\\\\\"\" \\\\\"");
        assert_eq!(plain_words("npm run dev").unwrap(), ["npm", "run", "dev"]);
        assert_eq!(plain_words("echo x"), None);
    }
}

//! Globs.
//!
//! `*`, `?` and `[a-z]` match within one part of a path, `**` any number of parts, `{a,b}` either; `\` takes a sign's meaning away. A pattern with a
//! leading `!` leaves out what it matches, and all that lies in it, wherever it stands in the list. `/` separates on every platform.
//!
//! `?` and `[…]` know ASCII signs only. A wildcard does not match a leading dot, nor `.git` and `node_modules`: those must be written.

use globset::{GlobBuilder, GlobMatcher};
use std::path::{Component, Path};
use std::{fmt, slice};

/// What no wildcard matches.
const NEVER: [&str; 2] = [".git", "node_modules"];
/// More alternatives than this in one pattern are a mistake, not a wish.
const MAX_ALTERNATIVES: usize = 1000;

/// A pattern that is none.
#[derive(Debug, thiserror::Error)]
pub enum GlobError {
    /// Its syntax.
    #[error("the pattern `{pattern}` is wrong: {reason}")]
    Syntax {
        /// As it was given.
        pattern: String,
        /// What is wrong.
        reason: String,
    },
    /// Nothing can be found.
    #[error("the patterns ({patterns}) only leave out: name what there is to find too, such as `**/*`")]
    OnlyLeavesOut {
        /// As they were given.
        patterns: String,
    },
}

/// Patterns, compiled.
#[derive(Debug, Clone)]
pub struct Globs {
    given: Vec<String>,
    pub(super) wanted: Vec<Pattern>,
    left_out: Vec<Pattern>,
}

/// One alternative of a pattern.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    /// The place in `Globs::given`.
    given: usize,
    /// How many `..` it begins with.
    pub(super) up: usize,
    parts: Vec<Part>,
    /// Whether wildcards match a leading dot.
    dots: bool,
}

#[derive(Debug, Clone)]
enum Part {
    /// `**`
    Any,
    Literal(String),
    Glob(Box<GlobMatcher>),
    /// A glob with a dot in front.
    DotGlob(Box<GlobMatcher>),
}

impl Globs {
    /// Globs of tests.
    pub fn new(patterns: &[impl AsRef<str>]) -> Result<Globs, GlobError> {
        Globs::compile(patterns, false)
    }

    /// Globs of what results depend on. They leave less out: wildcards match a leading dot, and a path without wildcards stands for all that lies
    /// in it too.
    pub(super) fn of_inputs(patterns: &[String]) -> Result<Globs, GlobError> {
        Globs::compile(patterns, true)
    }

    fn compile(patterns: &[impl AsRef<str>], inputs: bool) -> Result<Globs, GlobError> {
        let given = patterns.iter().map(|pattern| pattern.as_ref().to_owned()).collect();
        let mut globs = Globs { given, wanted: Vec::new(), left_out: Vec::new() };
        for (index, given) in globs.given.iter().enumerate() {
            let (leaves_out, text) = match given.strip_prefix('!') {
                Some(rest) => (true, rest),
                None => (false, given.as_str()),
            };
            let wrong = |reason: String| GlobError::Syntax { pattern: given.clone(), reason };
            for alternative in alternatives(text).map_err(wrong)? {
                let pattern = Pattern::new(&alternative, index, inputs || leaves_out).map_err(wrong)?;
                let list = if leaves_out { &mut globs.left_out } else { &mut globs.wanted };
                if leaves_out || (inputs && pattern.is_literal()) {
                    list.push(pattern.below());
                }
                list.push(pattern);
            }
        }
        if globs.wanted.is_empty() && !globs.left_out.is_empty() {
            return Err(GlobError::OnlyLeavesOut { patterns: globs.to_string() });
        }
        Ok(globs)
    }

    /// The same patterns, begun at `root` although they were written for `cwd`.
    pub(super) fn in_folder(mut self, root: &Path, cwd: &Path) -> Result<Globs, GlobError> {
        let folder = match cwd.strip_prefix(root) {
            Ok(folder) => folder,
            Err(_) => {
                let reason = format!("its folder {} is not in the root {}", cwd.display(), root.display());
                return Err(GlobError::Syntax { pattern: self.to_string(), reason });
            }
        };
        let names: Vec<Part> = folder
            .components()
            .filter(|part| matches!(part, Component::Normal(_)))
            .map(|part| Part::Literal(part.as_os_str().to_string_lossy().into_owned()))
            .collect();
        for pattern in self.wanted.iter_mut().chain(&mut self.left_out) {
            let kept = names.len().saturating_sub(pattern.up);
            pattern.up = pattern.up.saturating_sub(names.len());
            pattern.parts.splice(0..0, names.iter().take(kept).cloned());
        }
        Ok(self)
    }

    /// Whether `path`, which has `/` on every platform, is one of those sought.
    pub fn matches(&self, path: &str) -> bool {
        let (up, names) = split(path);
        self.takes(up, &names)
    }

    pub(super) fn takes(&self, up: usize, names: &[&str]) -> bool {
        self.wanted.iter().any(|pattern| pattern.matches(up, names))
            && !self.left_out.iter().any(|pattern| pattern.matches(up, names))
    }

    /// Whether something in the folder `names` may be sought: what need not be looked into is not.
    pub(super) fn may_hold(&self, up: usize, names: &[&str]) -> bool {
        self.wanted.iter().any(|pattern| pattern.up == up && pattern.reaches(&pattern.parts, names))
            && !self.left_out.iter().any(|pattern| pattern.matches(up, names))
    }

    pub(super) fn unmatched<'a>(&self, names: impl Iterator<Item = &'a str>) -> Vec<String> {
        let mut missing: Vec<bool> = self.given.iter().map(|given| !given.starts_with('!')).collect();
        for name in names {
            let (up, names) = split(name);
            for pattern in &self.wanted {
                if missing.get(pattern.given) == Some(&true) && pattern.matches(up, &names) {
                    missing[pattern.given] = false;
                }
            }
        }
        self.given.iter().zip(missing).filter(|(_, missing)| *missing).map(|(given, _)| given.clone()).collect()
    }
}

impl fmt::Display for Globs {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.given.join(", "))
    }
}

impl Pattern {
    fn new(text: &str, given: usize, dots: bool) -> Result<Pattern, String> {
        if text.starts_with('/') || (cfg!(windows) && text.as_bytes().get(1) == Some(&b':')) {
            return Err("it is absolute, and must begin at the root".to_owned());
        }
        let mut pattern = Pattern { given, up: 0, parts: Vec::new(), dots };
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    if pattern.parts.pop().is_none() {
                        pattern.up += 1;
                    }
                }
                "**" if matches!(pattern.parts.last(), Some(Part::Any)) => {}
                "**" => pattern.parts.push(Part::Any),
                _ => pattern.parts.push(Part::new(part)?),
            }
        }
        if text.is_empty() {
            return Err("it is empty".to_owned());
        }
        if pattern.parts.is_empty() || text.ends_with('/') {
            return Ok(pattern.below());
        }
        Ok(pattern)
    }

    /// All that lies in what it matches.
    fn below(&self) -> Pattern {
        let mut below = self.clone();
        if !matches!(below.parts.last(), Some(Part::Any)) {
            below.parts.push(Part::Any);
        }
        below
    }

    fn is_literal(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Literal(_)))
    }

    fn matches(&self, up: usize, names: &[&str]) -> bool {
        self.up == up && self.matches_parts(&self.parts, names)
    }

    fn matches_parts(&self, parts: &[Part], names: &[&str]) -> bool {
        match (parts, names) {
            ([], names) => names.is_empty(),
            ([Part::Any, rest @ ..], [name, below @ ..]) => {
                (!rest.is_empty() && self.matches_parts(rest, names))
                    || (self.wild(name) && ((rest.is_empty() && below.is_empty()) || self.matches_parts(parts, below)))
            }
            ([part, rest @ ..], [name, below @ ..]) => self.matches_part(part, name) && self.matches_parts(rest, below),
            (_, []) => false,
        }
    }

    fn reaches(&self, parts: &[Part], names: &[&str]) -> bool {
        match (parts, names) {
            (parts, []) => !parts.is_empty(),
            ([], _) => false,
            ([Part::Any, rest @ ..], [name, below @ ..]) => {
                self.reaches(rest, names) || (self.wild(name) && self.reaches(parts, below))
            }
            ([part, rest @ ..], [name, below @ ..]) => self.matches_part(part, name) && self.reaches(rest, below),
        }
    }

    fn matches_part(&self, part: &Part, name: &str) -> bool {
        match part {
            Part::Any => self.wild(name),
            Part::Literal(text) => text == name,
            Part::Glob(glob) => self.wild(name) && glob.is_match(name),
            Part::DotGlob(glob) => !NEVER.contains(&name) && glob.is_match(name),
        }
    }

    fn wild(&self, name: &str) -> bool {
        !NEVER.contains(&name) && (self.dots || !name.starts_with('.'))
    }
}

impl Part {
    fn new(text: &str) -> Result<Part, String> {
        let mut literal = String::new();
        let mut signs = text.chars();
        while let Some(sign) = signs.next() {
            match sign {
                '*' | '?' | '[' => {
                    let glob = GlobBuilder::new(text).literal_separator(true).backslash_escape(true).build();
                    let glob = Box::new(glob.map_err(|error| error.kind().to_string())?.compile_matcher());
                    return Ok(if text.starts_with('.') { Part::DotGlob(glob) } else { Part::Glob(glob) });
                }
                '\\' => literal.push(signs.next().ok_or("a `\\` ends it")?),
                _ => literal.push(sign),
            }
        }
        Ok(Part::Literal(literal))
    }
}

/// A path's leading `..`, and its further parts.
fn split(path: &str) -> (usize, Vec<&str>) {
    let names: Vec<&str> = path.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
    let up = names.iter().take_while(|name| **name == "..").count();
    (up, names[up..].to_vec())
}

/// `text` with each of its `{a,b}` replaced by one of what it offers, in all ways.
fn alternatives(text: &str) -> Result<Vec<String>, String> {
    let mut done = Vec::new();
    let mut open = vec![text.to_owned()];
    while let Some(text) = open.pop() {
        match first_braces(&text)? {
            None => done.push(text),
            Some((start, end, offers)) => {
                open.extend(offers.iter().map(|offer| format!("{}{offer}{}", &text[..start], &text[end + 1..])));
            }
        }
        if done.len() + open.len() > MAX_ALTERNATIVES {
            return Err(format!("its braces make more than {MAX_ALTERNATIVES} patterns"));
        }
    }
    Ok(done)
}

type Braces<'a> = (usize, usize, Vec<&'a str>);

/// The first outermost `{…}`: where it starts and ends, and what is between its commas.
fn first_braces(text: &str) -> Result<Option<Braces<'_>>, String> {
    let (mut depth, mut start, mut from) = (0_usize, 0, 0);
    let mut offers = Vec::new();
    let mut signs = text.char_indices();
    while let Some((at, sign)) = signs.next() {
        match sign {
            '\\' => drop(signs.next()),
            '[' => skip_class(&text[at..], &mut signs),
            '{' => {
                depth += 1;
                if depth == 1 {
                    (start, from) = (at, at + 1);
                }
            }
            ',' if depth == 1 => {
                offers.push(&text[from..at]);
                from = at + 1;
            }
            '}' if depth == 1 => {
                offers.push(&text[from..at]);
                return Ok(Some((start, at, offers)));
            }
            '}' => depth = depth.checked_sub(1).ok_or("a `}` has no `{`")?,
            _ => {}
        }
    }
    if depth > 0 { Err("a `{` is not closed".to_owned()) } else { Ok(None) }
}

/// Braces in `[…]` are signs like others.
fn skip_class(text: &str, signs: &mut std::str::CharIndices<'_>) {
    if let Some(end) = text.get(2..).and_then(|rest| rest.find(']')) {
        for _ in text[1..end + 3].chars() {
            signs.next();
        }
    }
}

/// Each number of `..` that a pattern begins with, once.
pub(super) fn starts(patterns: slice::Iter<'_, Pattern>) -> Vec<usize> {
    let mut starts: Vec<usize> = patterns.map(|pattern| pattern.up).collect();
    starts.sort_unstable();
    starts.dedup();
    starts
}

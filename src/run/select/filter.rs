//! What is asked for.

use super::{Changed, Listed, SelectError, Selection, nearest};
use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// By test, whether it fits.
pub(super) fn filter(tests: &[Listed], selection: &Selection) -> Result<Vec<bool>, SelectError> {
    check_projects(tests, &selection.projects)?;
    let grep = selection.grep.as_deref().map(pattern).transpose()?;
    let concerned = selection.changed.as_ref().map(|changed| concerned(tests, changed)).transpose()?;
    let fits = |(at, test): (usize, &Listed)| {
        let has_part = |text: Option<&str>, parts: &[String]| {
            parts.is_empty() || text.is_some_and(|text| parts.iter().any(|part| text.contains(part.as_str())))
        };
        let has_tag = |tags: &[String]| tags.iter().any(|tag| test.tags.contains(tag));
        let is_of = |name: &String| *name == test.project || *name == test.group;
        has_part(Some(&test.id), &selection.filters)
            && grep.as_ref().is_none_or(|grep| grep.is_match(&test.id))
            && has_part(Some(test.file.as_deref().unwrap_or(&test.id)), &selection.files)
            && (selection.projects.is_empty() || selection.projects.iter().any(is_of))
            && (selection.tags.is_empty() || has_tag(&selection.tags))
            && !has_tag(&selection.exclude_tags)
            && (!selection.last_failed || test.failed || !test.known)
            && concerned.as_ref().is_none_or(|concerned| concerned[at])
    };
    Ok(tests.iter().enumerate().map(fits).collect())
}

fn pattern(text: &str) -> Result<Regex, SelectError> {
    Regex::new(text).map_err(|error| SelectError::Grep { pattern: text.to_owned(), why: error.to_string() })
}

fn check_projects(tests: &[Listed], wanted: &[String]) -> Result<(), SelectError> {
    let known: BTreeSet<&str> = tests.iter().flat_map(|test| [test.project.as_str(), test.group.as_str()]).collect();
    let Some(name) = wanted.iter().find(|name| !known.contains(name.as_str())) else { return Ok(()) };
    let nearest = nearest(name, known.iter().copied());
    let known = if known.is_empty() { vec!["none".to_owned()] } else { known.into_iter().map(str::to_owned).collect() };
    Err(SelectError::Project { name: name.clone(), nearest, known })
}

/// By test, whether a change may concern it: its own file's, or that of an input which is not another test's own file.
fn concerned(tests: &[Listed], changed: &Changed) -> Result<Vec<bool>, SelectError> {
    let files: HashSet<String> = changed.files.iter().map(|file| slashes(file)).collect();
    let own: HashSet<String> = tests.iter().filter_map(|test| test.file.as_deref()).map(slashes).collect();
    let shared: Vec<&String> = files.difference(&own).collect();
    let mut touched: BTreeMap<&str, bool> = BTreeMap::new();
    for test in tests {
        if !touched.contains_key(test.project.as_str()) {
            let is_touched = match changed.inputs.get(&test.project) {
                Some(globs) => Inputs::new(&test.project, globs)?.any(&shared),
                None => !shared.is_empty(),
            };
            touched.insert(&test.project, is_touched);
        }
    }
    let is_concerned = |test: &Listed| {
        touched.get(test.project.as_str()) == Some(&true)
            || test.file.as_deref().is_some_and(|file| files.contains(&slashes(file)))
    };
    Ok(tests.iter().map(is_concerned).collect())
}

fn slashes(path: &str) -> String {
    let path = if cfg!(windows) { path.replace('\\', "/") } else { path.to_owned() };
    path.strip_prefix("./").map(str::to_owned).unwrap_or(path)
}

/// A project's globs: what they take in, and what they take out again.
struct Inputs {
    within: GlobSet,
    without: GlobSet,
}

impl Inputs {
    fn new(project: &str, globs: &[String]) -> Result<Inputs, SelectError> {
        let (without, within): (Vec<&str>, Vec<&str>) =
            globs.iter().map(String::as_str).partition(|glob| glob.starts_with('!'));
        // Where something is only taken out, it is taken out of everything.
        let within = if within.is_empty() && !without.is_empty() { vec!["**"] } else { within };
        let without = without.iter().map(|glob| &glob[1..]);
        Ok(Inputs { within: set(project, within.into_iter())?, without: set(project, without)? })
    }

    fn any(&self, files: &[&String]) -> bool {
        files.iter().any(|file| self.within.is_match(file.as_str()) && !self.without.is_match(file.as_str()))
    }
}

fn set<'a>(project: &str, globs: impl Iterator<Item = &'a str>) -> Result<GlobSet, SelectError> {
    let wrong = |glob: &str, error: globset::Error| SelectError::Glob {
        project: project.to_owned(),
        glob: glob.to_owned(),
        why: error.kind().to_string(),
    };
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        set.add(compile(glob.strip_prefix("./").unwrap_or(glob)).map_err(|error| wrong(glob, error))?);
    }
    set.build().map_err(|error| wrong("", error))
}

/// `*` stops at `/`.
fn compile(glob: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(glob).literal_separator(true).build()
}

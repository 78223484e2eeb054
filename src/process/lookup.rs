//! Which file a program's name means to a process with another environment and directory than ours.
//!
//! The standard library would find it too, but with PATH among the child's variables it copies this whole process to do so.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Names that were found.
#[derive(Debug, Default)]
pub(super) struct Programs {
    found: Mutex<HashMap<Key, PathBuf>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    name: OsString,
    path: Option<OsString>,
    cwd: PathBuf,
}

/// Why there is no file to run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// None of that name.
    NotFound,
    /// This one, but it may not be run.
    NotExecutable(PathBuf),
}

impl Programs {
    /// An absolute path, if `cwd` is one.
    pub(super) fn find(&self, name: &OsStr, path: Option<&OsStr>, cwd: &Path) -> Result<PathBuf, Missing> {
        if is_path(name) {
            return executable(&cwd.join(name))
                .map_err(|found| found.map_or(Missing::NotFound, Missing::NotExecutable));
        }
        let key = Key { name: name.into(), path: path.map(OsStr::to_owned), cwd: cwd.into() };
        if let Some(found) = self.found.lock().unwrap_or_else(PoisonError::into_inner).get(&key)
            && let Ok(found) = executable(found)
        {
            return Ok(found);
        }
        let found = search(name, path.unwrap_or(OsStr::new(DEFAULT_PATH)), cwd)?;
        self.found.lock().unwrap_or_else(PoisonError::into_inner).insert(key, found.clone());
        Ok(found)
    }
}

/// What is searched when there is no PATH.
const DEFAULT_PATH: &str = if cfg!(windows) { "" } else { "/usr/local/bin:/usr/bin:/bin" };

fn is_path(name: &OsStr) -> bool {
    name.to_string_lossy().chars().any(std::path::is_separator)
}

fn search(name: &OsStr, path: &OsStr, cwd: &Path) -> Result<PathBuf, Missing> {
    let mut missing = Missing::NotFound;
    for folder in std::env::split_paths(path) {
        match executable(&cwd.join(folder).join(name)) {
            Ok(found) => return Ok(found),
            Err(Some(found)) if missing == Missing::NotFound => missing = Missing::NotExecutable(found),
            Err(_) => {}
        }
    }
    Err(missing)
}

/// `Err(Some)`: it is there, but cannot be run.
#[cfg(unix)]
fn executable(path: &Path) -> Result<PathBuf, Option<PathBuf>> {
    use std::os::unix::ffi::OsStrExt;
    let is_file = path.metadata().is_ok_and(|meta| meta.is_file());
    let Ok(name) = std::ffi::CString::new(path.as_os_str().as_bytes()) else { return Err(None) };
    // SAFETY: the string ends with a zero and lives until after the call.
    let may_run = unsafe { libc::access(name.as_ptr(), libc::X_OK) } == 0;
    match (is_file, may_run) {
        (true, true) => Ok(path.into()),
        (false, false) if !path.exists() => Err(None),
        _ => Err(Some(path.into())),
    }
}

#[cfg(windows)]
fn executable(path: &Path) -> Result<PathBuf, Option<PathBuf>> {
    const EXTENSIONS: [&str; 4] = ["com", "exe", "bat", "cmd"];
    let known = path.extension().is_some_and(|has| EXTENSIONS.iter().any(|known| has.eq_ignore_ascii_case(known)));
    if known && path.is_file() {
        return Ok(path.into());
    }
    let with = |extension: &&str| {
        let mut name = path.as_os_str().to_owned();
        name.push(".");
        name.push(extension);
        PathBuf::from(name)
    };
    let found = EXTENSIONS.iter().map(with).find(|path| path.is_file());
    found.ok_or_else(|| path.is_file().then(|| path.into()))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_name_is_searched_in_the_childs_path_and_a_path_from_its_directory() {
        let dir = std::env::temp_dir().join(format!("ephemeral-lookup-{}", std::process::id()));
        fs::create_dir_all(dir.join("bin")).unwrap();
        for (name, mode) in [("bin/tool", 0o755), ("bin/text", 0o644)] {
            fs::write(dir.join(name), "#!/bin/sh\n").unwrap();
            fs::set_permissions(dir.join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        let programs = Programs::default();
        let find = |name: &str, path: Option<&str>| programs.find(name.as_ref(), path.map(OsStr::new), &dir);
        assert_eq!(find("tool", Some("/nowhere:bin")), Ok(dir.join("bin/tool")));
        assert_eq!(find("bin/tool", None), Ok(dir.join("bin/tool")));
        assert_eq!(find("text", Some("bin")), Err(Missing::NotExecutable(dir.join("bin/text"))));
        assert_eq!(find("bin/text", None), Err(Missing::NotExecutable(dir.join("bin/text"))));
        assert_eq!(find("bin", Some("")), Err(Missing::NotExecutable(dir.join("bin"))));
        assert_eq!(find("tool", Some("/nowhere")), Err(Missing::NotFound));
        assert!(find("sh", None).is_ok());
        fs::remove_dir_all(dir).unwrap();
    }
}

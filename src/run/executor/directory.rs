//! Workers' directories: random names, nobody else's to look into, gone with the run.

use crate::run::plan::Dir;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

/// A directory for tests and servers. Its removal is [`Directory::remove`]'s business, or the run's, whose directory holds it.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// A test failed in it.
    pub(super) failed: bool,
}

impl Directory {
    /// Makes one in `parent`, with what `dir` says it holds at first.
    ///
    /// # Errors
    /// It cannot be made or filled; the text says which file.
    pub(super) fn create(parent: &Path, name: &str, dir: &Dir) -> Result<Self, String> {
        let random = crate::protocol::auth::random_hex(4).map_err(|error| error.to_string())?;
        let path = parent.join(format!("{name}-{random}"));
        make_private(&path).map_err(|error| format!("cannot make {}: {error}", path.display()))?;
        fill(&path, dir)?;
        Ok(Self { path, failed: false })
    }

    /// As text, for variables.
    pub(super) fn text(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }

    /// Puts its files back as they were at first.
    ///
    /// # Errors
    /// As [`Directory::create`].
    pub(super) fn reset(&self, dir: &Dir) -> Result<(), String> {
        let clear = || -> io::Result<()> {
            for entry in fs::read_dir(&self.path)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    fs::remove_dir_all(entry.path())?
                } else {
                    fs::remove_file(entry.path())?
                }
            }
            Ok(())
        };
        clear().map_err(|error| format!("cannot empty {}: {error}", self.path.display()))?;
        fill(&self.path, dir)
    }

    /// Removes it, with all that is in it.
    pub(super) fn remove(self) {
        // What cannot be removed now goes with the run's directory, or is told of there.
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn make_private(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn fill(path: &Path, dir: &Dir) -> Result<(), String> {
    if let Some(template) = &dir.template {
        copy_all(template, path).map_err(|error| format!("cannot copy {}: {error}", template.display()))?;
    }
    for (name, content) in &dir.files {
        let name = Path::new(name);
        if !name.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Err(format!("dir.files: {} leads out of the directory", name.display()));
        }
        let file = path.join(name);
        let write = || -> io::Result<()> {
            if let Some(parent) = file.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(&file, content)
        };
        write().map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    }
    Ok(())
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            fs::create_dir(&target)?;
            copy_all(&entry.path(), &target)?;
        } else if kind.is_symlink() {
            copy_link(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn copy_link(from: &Path, to: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(fs::read_link(from)?, to)
}

#[cfg(windows)]
fn copy_link(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to).map(drop)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn scratch() -> PathBuf {
        let path =
            std::env::temp_dir().join(format!("ephemeral-test-{}", crate::protocol::auth::random_hex(8).unwrap()));
        fs::create_dir(&path).unwrap();
        path
    }

    #[test]
    fn holds_the_template_and_the_files_and_is_put_back() {
        let scratch = scratch();
        let template = scratch.join("template");
        fs::create_dir_all(template.join("a/b")).unwrap();
        fs::write(template.join("a/b/c"), "1").unwrap();
        let files =
            BTreeMap::from([("sites.jsonc".to_string(), "[]".to_string()), ("logs/x".to_string(), String::new())]);
        let dir = Dir { template: Some(template), files, ..Dir::default() };

        let directory = Directory::create(&scratch, "worker-0", &dir).unwrap();
        assert_eq!(fs::read_to_string(directory.path.join("a/b/c")).unwrap(), "1");
        #[cfg(unix)]
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&directory.path).unwrap().permissions()) & 0o777,
            0o700
        );

        fs::write(directory.path.join("sites.jsonc"), "[1]").unwrap();
        fs::write(directory.path.join("extra"), "").unwrap();
        directory.reset(&dir).unwrap();
        assert_eq!(fs::read_to_string(directory.path.join("sites.jsonc")).unwrap(), "[]");
        assert!(!directory.path.join("extra").exists());
        fs::remove_dir_all(scratch).unwrap();
    }

    #[test]
    fn no_file_leads_out() {
        let scratch = scratch();
        for name in ["../x", "/tmp/x", "a/../../x"] {
            let dir = Dir { files: BTreeMap::from([(name.to_string(), String::new())]), ..Dir::default() };
            assert!(Directory::create(&scratch, "d", &dir).unwrap_err().contains("leads out"));
        }
        fs::remove_dir_all(scratch).unwrap();
    }
}

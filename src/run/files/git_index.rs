//! What git tracks, as its index says (gitformat-index(5), versions 2 to 4).
//!
//! Only names are of interest. Of a split index, the shared part is read too; what its bitmaps take away is listed all the same, which at
//! worst makes a result depend on a file too many.

use super::FilesError;
use std::path::{Path, PathBuf};
use std::{fs, io};

const GITLINK: u32 = 0o160_000;
const SPARSE_FOLDER: u32 = 0o040_000;
const TYPE: u32 = 0o170_000;

/// A path that git tracks, from the repository's top.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tracked {
    pub(super) name: Vec<u8>,
    /// Whether it is a submodule's folder.
    pub(super) submodule: bool,
}

/// All that the repository with this top tracks; nothing where it has no index yet.
pub(super) fn read(top: &Path) -> Result<Vec<Tracked>, FilesError> {
    let folder = git_folder(top).map_err(|error| wrong(&top.join(".git"), &error))?;
    let path = folder.join("index");
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(wrong(&path, &error)),
    };
    let index = parse(&bytes).ok_or_else(|| wrong(&path, &"its format is not known"))?;
    let mut tracked = index.tracked;
    if let Some(shared) = index.shared {
        let path = folder.join(format!("sharedindex.{shared}"));
        let bytes = fs::read(&path).map_err(|error| wrong(&path, &error))?;
        tracked.extend(parse(&bytes).ok_or_else(|| wrong(&path, &"its format is not known"))?.tracked);
    }
    Ok(tracked)
}

fn wrong(path: &Path, reason: &dyn ToString) -> FilesError {
    FilesError::Index { path: path.to_owned(), reason: reason.to_string() }
}

/// `.git`, or the folder that a file of that name points to, as in worktrees and submodules.
fn git_folder(top: &Path) -> io::Result<PathBuf> {
    let git = top.join(".git");
    if git.is_dir() {
        return Ok(git);
    }
    let text = fs::read_to_string(&git)?;
    let folder = text.trim_end().strip_prefix("gitdir: ").ok_or_else(|| io::Error::other("it names no `gitdir`"))?;
    Ok(top.join(folder))
}

#[derive(Debug, Default)]
struct Index {
    tracked: Vec<Tracked>,
    /// The name's end of the file that has the rest.
    shared: Option<String>,
}

fn parse(bytes: &[u8]) -> Option<Index> {
    // Nothing in the file says how long its hashes are: with the wrong length its parts do not end where it ends.
    parse_with(bytes, 20).or_else(|| parse_with(bytes, 32))
}

fn parse_with(bytes: &[u8], hash: usize) -> Option<Index> {
    let mut reader = Reader { bytes: bytes.get(..bytes.len().checked_sub(hash)?)?, at: 0 };
    if reader.take(4)? != b"DIRC" {
        return None;
    }
    let version = reader.number()?;
    let count = reader.number()?;
    if !(2..=4).contains(&version) {
        return None;
    }
    let mut index = Index::default();
    let mut last = Vec::new();
    for _ in 0..count {
        let (mode, name) = entry(&mut reader, hash, version, &last)?;
        last.clone_from(&name);
        // A split index leaves names out of what it replaces.
        if !name.is_empty() && mode & TYPE != SPARSE_FOLDER {
            index.tracked.push(Tracked { name, submodule: mode & TYPE == GITLINK });
        }
    }
    while reader.at < reader.bytes.len() {
        let name = reader.take(4)?;
        let length = usize::try_from(reader.number()?).ok()?;
        let content = reader.take(length)?;
        if name == b"link" {
            index.shared = Some(content.get(..hash)?.iter().map(|byte| format!("{byte:02x}")).collect());
        }
    }
    Some(index)
}

fn entry(reader: &mut Reader<'_>, hash: usize, version: u32, last: &[u8]) -> Option<(u32, Vec<u8>)> {
    const EXTENDED: u8 = 0x40;
    let start = reader.at;
    reader.take(24)?;
    let mode = reader.number()?;
    reader.take(12 + hash)?;
    let flags = reader.take(2)?;
    if flags[0] & EXTENDED != 0 {
        reader.take(2)?;
    }
    if version == 4 {
        let kept = last.len().checked_sub(reader.varint()?)?;
        let mut name = last[..kept].to_vec();
        name.extend_from_slice(reader.until_zero()?);
        return Some((mode, name));
    }
    let name = reader.until_zero()?.to_vec();
    let padding = (8 - (reader.at - start) % 8) % 8;
    reader.take(padding)?;
    Some((mode, name))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// As in pack files' offsets: seven bits a byte, and one more for each that follows.
    fn varint(&mut self) -> Option<usize> {
        let mut byte = self.take(1)?[0];
        let mut value = usize::from(byte & 0x7f);
        while byte & 0x80 != 0 {
            byte = self.take(1)?[0];
            value = value.checked_add(1)?.checked_mul(128)?.checked_add(usize::from(byte & 0x7f))?;
        }
        Some(value)
    }

    fn until_zero(&mut self) -> Option<&'a [u8]> {
        let length = memchr::memchr(0, self.bytes.get(self.at..)?)?;
        let taken = self.take(length)?;
        self.take(1)?;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Version 2: as git writes `a` and the submodule `sub/m`.
    fn index() -> Vec<u8> {
        let mut bytes = b"DIRC\0\0\0\x02\0\0\0\x02".to_vec();
        for (mode, name) in [(0o100_644_u32, "a"), (GITLINK, "sub/m")] {
            let start = bytes.len();
            bytes.extend([0; 24]);
            bytes.extend(mode.to_be_bytes());
            bytes.extend([0; 12 + 20]);
            bytes.extend([0, u8::try_from(name.len()).unwrap()]);
            bytes.extend(name.as_bytes());
            bytes.push(0);
            while !(bytes.len() - start).is_multiple_of(8) {
                bytes.push(0);
            }
        }
        bytes.extend(b"TREE\0\0\0\x02xy");
        bytes.extend([7; 20]);
        bytes
    }

    #[test]
    fn names_and_submodules_are_read() {
        let tracked = parse(&index()).unwrap().tracked;
        assert_eq!(tracked[0], Tracked { name: b"a".to_vec(), submodule: false });
        assert_eq!(tracked[1], Tracked { name: b"sub/m".to_vec(), submodule: true });
    }

    #[test]
    fn what_is_cut_or_bent_is_no_index_or_another_and_never_a_panic() {
        let whole = index();
        for end in 0..whole.len() {
            // Between two of its later parts, an end is an end: all names are there.
            assert!(parse(&whole[..end]).is_none_or(|index| index.tracked.len() == 2), "cut at {end}");
            for bits in [1, 0x40, 0x80, 0xff] {
                let mut bent = whole.clone();
                bent[end] ^= bits;
                drop(parse(&bent));
            }
        }
    }
}

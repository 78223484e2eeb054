//! The file that has all that a process wrote, up to a limit, and after that its end.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Bytes from the start of the output that are written as they come.
pub const LOG_START: u64 = 16 << 20;
/// Bytes from the end of the output that are written when it is over, where it was longer than [`LOG_START`].
pub const LOG_END: usize = 1 << 20;

/// It is made with the first byte: a process that wrote nothing has none.
#[derive(Debug, Default)]
pub(super) struct Log {
    path: Option<PathBuf>,
    file: Option<File>,
    written: u64,
    last: VecDeque<u8>,
    beyond: u64,
    error: Option<String>,
}

impl Log {
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        Log { path, ..Log::default() }
    }

    /// The file, where there is one.
    pub(super) fn path(&self) -> Option<&Path> {
        self.file.as_ref().and(self.path.as_deref())
    }

    /// Why the output is not in the file, or not all of it.
    pub(super) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.path.is_none() || self.error.is_some() {
            return;
        }
        let room = usize::try_from(LOG_START - self.written).unwrap_or(usize::MAX).min(bytes.len());
        if room > 0 {
            self.write(&bytes[..room]);
            self.written += room as u64;
        }
        self.beyond += (bytes.len() - room) as u64;
        keep_last(&mut self.last, &bytes[room..], LOG_END);
    }

    /// Writes the end of the output.
    pub(super) fn finish(&mut self) {
        let last: Vec<u8> = std::mem::take(&mut self.last).into();
        let left_out = std::mem::take(&mut self.beyond) - last.len() as u64;
        if left_out > 0 {
            self.write(format!("\n[... {left_out} bytes are left out ...]\n").as_bytes());
        }
        self.write(&last);
    }

    /// These bytes of the output, where the file has them.
    pub(super) fn range(&mut self, start: u64, end: u64) -> Option<Vec<u8>> {
        let file = self.file.as_mut().filter(|_| self.error.is_none() && end <= self.written)?;
        let mut bytes = vec![0; usize::try_from(end - start).ok()?];
        let read = file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(&mut bytes));
        let back = file.seek(SeekFrom::End(0));
        (read.is_ok() && back.is_ok()).then_some(bytes)
    }

    fn write(&mut self, bytes: &[u8]) {
        let Some(path) = self.path.as_deref().filter(|_| self.error.is_none() && !bytes.is_empty()) else { return };
        let written = match &mut self.file {
            Some(file) => file.write_all(bytes),
            None => create(path).and_then(|file| self.file.insert(file).write_all(bytes)),
        };
        if let Err(error) = written {
            self.error = Some(format!("the log {} cannot be written: {error}", path.display()));
        }
    }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            options.open(path)
        }
        opened => opened,
    }
}

/// Appends and keeps the last `limit` bytes.
pub(super) fn keep_last(kept: &mut VecDeque<u8>, bytes: &[u8], limit: usize) {
    let bytes = &bytes[bytes.len().saturating_sub(limit)..];
    let over = (kept.len() + bytes.len()).saturating_sub(limit);
    kept.drain(..over);
    kept.extend(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_output_has_its_start_and_its_end_in_the_file() {
        let path = std::env::temp_dir().join(format!("ephemeral-log-{}", std::process::id()));
        let mut log = Log::new(Some(path.clone()));
        log.finish();
        assert_eq!(log.path(), None);
        let chunk = vec![b'x'; 1_000_003];
        for _ in 0..20 {
            log.push(&chunk);
        }
        log.push(b"the end");
        assert_eq!(log.range(5, 9).unwrap(), b"xxxx");
        log.finish();
        let text = fs::read_to_string(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let left_out = 20 * 1_000_003 + 7 - LOG_START as usize - LOG_END;
        assert!(text[LOG_START as usize..].starts_with(&format!("\n[... {left_out} bytes are left out ...]\nx")));
        assert!(text.ends_with("xthe end"));
        assert_eq!(log.error(), None);
    }

    #[test]
    fn a_log_that_cannot_be_written_says_so() {
        let mut log = Log::new(Some("/dev/null/log".into()));
        log.push(b"x");
        assert!(log.error().unwrap().contains("/dev/null/log"));
        assert_eq!(log.path(), None);
    }
}

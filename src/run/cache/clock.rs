//! The clock of a file system, which counts in ticks: two changes within one may leave the same times.

use super::platform;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// The longest tick there is (FAT).
const LONGEST: Duration = Duration::from_secs(2);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(4);

/// Tells the time as the file system of a folder does, by a file that is written for it: the system's own clock runs ahead of that one, by more than
/// a tick on a machine that is busy (the idea is Mercurial's).
#[derive(Debug)]
pub(super) struct Clock {
    file: PathBuf,
}

impl Clock {
    pub(super) fn of(folder: &Path) -> Clock {
        Clock { file: folder.join("clock") }
    }

    /// No change that is yet to come is stamped with an earlier time.
    pub(super) fn now(&self) -> SystemTime {
        // Where nothing can be written, the system's clock less all that the other may be behind.
        self.stamp().unwrap_or_else(|_| SystemTime::now() - LONGEST)
    }

    fn stamp(&self) -> io::Result<SystemTime> {
        if let Some(folder) = self.file.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = File::create(&self.file)?;
        file.write_all(b".")?;
        Ok(platform::changed_at(&fs::metadata(&self.file)?))
    }

    /// Waits until no further change can be stamped with `time`, and tells the time.
    pub(super) fn wait_past(&self, time: SystemTime) -> SystemTime {
        let began = Instant::now();
        loop {
            let now = self.now();
            if !is_present(time, now) || began.elapsed() > 3 * LONGEST {
                return now;
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// Whether a change after `now` may be stamped with `time` too. A time far ahead is not the clock's.
pub(super) fn is_present(time: SystemTime, now: SystemTime) -> bool {
    now <= time + rounding(time) && time <= now + LONGEST
}

/// By how much it may be rounded down: a round time probably is.
fn rounding(time: SystemTime) -> Duration {
    const EXFAT: u32 = 10_000_000;
    match time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.subsec_nanos()) {
        0 => LONGEST,
        nanos if nanos % EXFAT == 0 => Duration::from_nanos(EXFAT.into()),
        _ => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn nothing_after_a_wait_is_stamped_with_the_same_time() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::of(folder.path());
        let file = folder.path().join("file");
        for _ in 0..20 {
            fs::write(&file, "1").unwrap();
            let before = platform::changed_at(&fs::metadata(&file).unwrap());
            assert!(clock.wait_past(before) > before);
            fs::write(&file, "2").unwrap();
            assert!(platform::changed_at(&fs::metadata(&file).unwrap()) > before);
        }
    }

    #[test]
    fn round_times_may_be_rounded() {
        let at = |millis, nanos| {
            SystemTime::UNIX_EPOCH
                + Duration::new(1_000, 0)
                + Duration::from_millis(millis)
                + Duration::from_nanos(nanos)
        };
        assert!(is_present(at(0, 0), at(1_999, 1)));
        assert!(!is_present(at(0, 0), at(2_000, 1)));
        assert!(is_present(at(10, 0), at(19, 9)));
        assert!(!is_present(at(10, 0), at(20, 1)));
        assert!(is_present(at(10, 1), at(10, 1)));
        assert!(!is_present(at(10, 1), at(10, 2)));
        assert!(!is_present(at(60_000, 1), at(0, 2)), "nobody's clock is there yet");
    }
}

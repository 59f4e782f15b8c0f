//! How far a long file is, on the terminal; gone when it ends. Files in pipes and short files show nothing.

use crate::storage::words::{bytes, counted, percent};
use fanal_base::{Clock, SystemClock, cast};
use std::io::{IsTerminal, Write, stderr};

/// Time before the bar appears, and between two drawings, in nanoseconds.
const FIRST_NANOS: u64 = 500_000_000;
const NEXT_NANOS: u64 = 100_000_000;
/// Width of the bar, in characters.
const CELLS: usize = 24;

/// A bar on the terminal. None where nobody looks.
#[derive(Debug)]
pub(super) struct ImportProgress {
    total_bytes: Option<u64>,
    is_shown: bool,
    is_drawn: bool,
    began_nanos: u64,
    next_nanos: u64,
}

impl ImportProgress {
    pub(super) fn new(total_bytes: Option<u64>) -> Self {
        let now = SystemClock.now_unix_nanos();
        Self {
            total_bytes,
            is_shown: stderr().is_terminal(),
            is_drawn: false,
            began_nanos: now,
            next_nanos: now.saturating_add(FIRST_NANOS),
        }
    }

    pub(super) fn show(&mut self, read_bytes: u64, spans: u64) {
        let now = SystemClock.now_unix_nanos();
        if !self.is_shown || now < self.next_nanos {
            return;
        }
        self.next_nanos = now.saturating_add(NEXT_NANOS);
        self.is_drawn = true;
        let seconds = cast::figure(now.saturating_sub(self.began_nanos)) / 1e9;
        eprint!("\r\x1b[2K{}", line(read_bytes, self.total_bytes, spans, seconds));
        // A line that does not come out is no reason to stop.
        stderr().flush().ok();
    }
}

impl Drop for ImportProgress {
    fn drop(&mut self) {
        if self.is_drawn {
            eprint!("\r\x1b[2K");
            stderr().flush().ok();
        }
    }
}

fn line(read_bytes: u64, total_bytes: Option<u64>, spans: u64, seconds: f64) -> String {
    let done = match total_bytes {
        None => bytes(read_bytes),
        Some(total) => {
            let share = percent(read_bytes, total).min(100.0);
            let cells = cast::figure(cast::wide(CELLS));
            let is_full = |cell: &usize| cast::figure(cast::wide(*cell)) * 100.0 <= share * cells;
            let full = (1..=CELLS).filter(is_full).count();
            let bar = format!("{}{}", "█".repeat(full), "░".repeat(CELLS - full));
            format!("{bar} {share:>3.0} %  {} of {}", bytes(read_bytes), bytes(total))
        }
    };
    let rate = cast::figure(spans) / seconds.max(0.001);
    format!("{done}  {}  {rate:.0} a second", counted(spans, "span", "spans"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_how_far_the_file_is() {
        let check = |read: u64, total: Option<u64>, expect: &str| {
            assert_eq!(line(read, total, 5000, 2.0), expect);
        };
        let half = format!(
            "{}{}  50 %  1.00 KiB of 2.00 KiB  5 000 spans  2500 a second",
            "█".repeat(12),
            "░".repeat(12)
        );
        check(1024, Some(2048), &half);
        check(1024, None, "1.00 KiB  5 000 spans  2500 a second");
        // A file that grew meanwhile.
        assert!(line(4096, Some(2048), 1, 1.0).contains("100 %"));
        assert!(line(0, Some(0), 0, 0.0).contains("0 spans"));
    }
}

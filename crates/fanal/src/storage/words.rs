//! Figures in words, and how far a command is.

use fanal_base::{Clock, SystemClock, cast};
use fanal_local::inspect::Progress;
use std::io::{IsTerminal, Write, stderr};

/// Nanoseconds between two lines of progress.
const PROGRESS_NANOS: u64 = 100_000_000;

/// Bytes in the unit that leaves at most four digits before the point.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut value = cast::figure(count) / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if value < 10.0 {
        format!("{value:.2} {}", UNITS[unit])
    } else if value < 100.0 {
        format!("{value:.1} {}", UNITS[unit])
    } else {
        format!("{value:.0} {}", UNITS[unit])
    }
}

/// A number with a thin gap between groups of three digits.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// A number with the word for what it counts.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// A share in percent; 0 of nothing.
pub(crate) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { cast::figure(part) * 100.0 / cast::figure(whole) }
}

/// A line on the terminal that tells how far a command is, gone when it ends. None where nobody looks.
#[derive(Debug)]
pub(super) struct ProgressLine {
    doing: &'static str,
    is_shown: bool,
    next_nanos: u64,
}

impl ProgressLine {
    pub(super) fn new(doing: &'static str) -> Self {
        Self { doing, is_shown: stderr().is_terminal(), next_nanos: 0 }
    }

    pub(super) fn show(&mut self, progress: &Progress<'_>) {
        let now = SystemClock.now_unix_nanos();
        if !self.is_shown || now < self.next_nanos {
            return;
        }
        self.next_nanos = now.saturating_add(PROGRESS_NANOS);
        let (done, total) = (progress.done_bytes, progress.total_bytes);
        eprint!(
            "\r\x1b[2K{} {:>3.0} %  {} of {}  {}",
            self.doing,
            percent(done, total),
            bytes(done),
            bytes(total),
            progress.object
        );
        // A line that does not come out is no reason to stop.
        stderr().flush().ok();
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        if self.is_shown && self.next_nanos > 0 {
            eprint!("\r\x1b[2K");
            stderr().flush().ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        let check = |input: u64, expect: &str| assert_eq!(bytes(input), expect);
        check(0, "0 B");
        check(1023, "1023 B");
        check(1024, "1.00 KiB");
        check(98 << 20, "98.0 MiB");
        check(5 << 40, "5.00 TiB");
        check(u64::MAX, "16384 PiB");
        assert_eq!(count(1_234_567), "1 234 567");
        assert_eq!(count(123), "123");
        assert_eq!(counted(1, "block", "blocks"), "1 block");
        assert!((percent(1, 4) - 25.0).abs() < 1e-9 && percent(1, 0) < 1e-9);
    }
}

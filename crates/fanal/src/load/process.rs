//! CPU time and memory of another process, from Linux's `/proc`.

use anyhow::Context;
use std::time::Duration;

/// Clock ticks of a second in `/proc/PID/stat`; fixed by Linux's interface to programs.
const TICKS_PER_SECOND: u64 = 100;

/// What a process has used.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ProcessUse {
    /// CPU time of all threads.
    pub(super) cpu: Duration,
    /// Resident memory now, in bytes.
    pub(super) resident_bytes: u64,
    /// Most resident memory so far, in bytes.
    pub(super) resident_bytes_peak: u64,
}

impl ProcessUse {
    /// Reads it now.
    pub(super) fn read(pid: u32) -> anyhow::Result<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .with_context(|| format!("--pid {pid}: no such process"))?;
        // The command may hold blanks, and ends at the last parenthesis.
        let fields: Vec<&str> =
            stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<u64>().ok());
        let cpu_ticks = ticks(11).zip(ticks(12)).map(|(user, system)| user + system);
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let kibibytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        Ok(Self {
            cpu: Duration::from_millis(
                cpu_ticks.context("unreadable /proc stat")? * 1000 / TICKS_PER_SECOND,
            ),
            resident_bytes: kibibytes("VmRSS:").unwrap_or(0) * 1024,
            resident_bytes_peak: kibibytes("VmHWM:").unwrap_or(0) * 1024,
        })
    }

    /// CPU time since an earlier reading; memory as it is now.
    pub(super) fn since(self, before: &Self) -> Self {
        Self { cpu: self.cpu.saturating_sub(before.cpu), ..self }
    }
}

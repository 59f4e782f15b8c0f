//! What the system says about this process. Only Linux tells; elsewhere there is nothing.

use std::fs;

/// Ticks of a second in `/proc`, fixed by the kernel's interface.
const TICKS_PER_SECOND: f64 = 100.0;

/// Memory in RAM, in bytes.
pub fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    read_resident_bytes(&status)
}

fn read_resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// CPU time since start, user and system, in seconds.
pub(crate) fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    read_cpu_seconds(&stat)
}

fn read_cpu_seconds(stat: &str) -> Option<f64> {
    // The second field is the program's name, which may hold anything but ends at the last parenthesis.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let user: u64 = fields.get(11)?.parse().ok()?;
    let system: u64 = fields.get(12)?.parse().ok()?;
    Some(fanal_base::cast::figure(user.checked_add(system)?) / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found() {
        assert_eq!(read_resident_bytes("VmPeak:\t 9 kB\nVmRSS:\t    2 kB\n"), Some(2048));
        assert_eq!(read_resident_bytes("VmRSS:\t 2 MB\n"), None);
        let stat = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0";
        assert_eq!(read_cpu_seconds(stat), Some(3.0));
        assert_eq!(read_cpu_seconds("7 (a) S 1"), None);
        assert_eq!(read_cpu_seconds(""), None);
    }
}

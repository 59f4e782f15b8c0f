//! What may be in git at all: no big file, and no lock file that is bound to one mirror.
//!
//! A large file stays in every clone for ever. A lock that names download addresses installs only
//! where those addresses can be reached; the checksums it keeps are what makes it safe.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Result;

use super::{Problem, SourceFile, scan};

/// Largest file that git may track.
const FILE_BYTES_MAX: u64 = 1 << 20;

pub(super) fn check(root: &Path, paths: &BTreeSet<String>) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for path in paths {
        match fs::metadata(root.join(path)) {
            Ok(metadata) => problems.extend(check_size(path, metadata.len())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(problems)
}

/// Refuses download addresses in npm's lock files.
pub(super) fn check_lock(file: &SourceFile) -> Option<Problem> {
    if !file.path.ends_with("package-lock.json") {
        return None;
    }
    let at = file.text.find("\"resolved\": \"http")?;
    let message = "the lock names a download address: set `omit-lockfile-registry-resolved=true` \
                   in the .npmrc beside it and write the lock again";
    Some(Problem::new(&file.path, scan::line_of(&file.text, at), message))
}

fn check_size(path: &str, bytes: u64) -> Option<Problem> {
    (bytes > FILE_BYTES_MAX).then(|| {
        let message = format!(
            "{bytes} bytes, {FILE_BYTES_MAX} are allowed: generate it, shrink it, or leave it out of git"
        );
        Problem::new(path, 1, message)
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;

    fn check_size(bytes: u64, expect: &[&str]) {
        let problems: Vec<Problem> = super::check_size("a.bin", bytes).into_iter().collect();
        testing::check(&problems, expect);
    }

    #[test]
    fn large_files_are_refused() {
        check_size(FILE_BYTES_MAX, &[]);
        check_size(FILE_BYTES_MAX + 1, &["a.bin:1: 1048577 bytes, 1048576 are allowed"]);
    }

    #[test]
    fn locks_name_no_mirror() {
        let check = |path: &str, text: &str, expect: &[&str]| {
            let problems: Vec<Problem> =
                check_lock(&testing::file(path, text)).into_iter().collect();
            testing::check(&problems, expect);
        };
        let bound = "{\n  \"resolved\": \"https://mirror.example/a.tgz\"\n}";
        check("ui/package-lock.json", bound, &["ui/package-lock.json:2: download address"]);
        check("ui/package-lock.json", "{\n  \"integrity\": \"sha512-a\"\n}", &[]);
        check("ui/other.json", bound, &[]);
    }
}

//! The limit of open files: every block of the store keeps one open, so the process takes what the system grants.
//!
//! Called once when the server starts. What the administrator set as the hard limit is respected.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Blocks beyond this number of files would be refused by many systems' soft limits; fewer than so many are told.
const FILES_EXPECTED: u64 = 4096;

/// Raises the soft limit of open files to the hard limit.
pub(crate) fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let now = getrlimit(Resource::Nofile).current;
    if let Err(error) = raised {
        tracing::debug!(%error, "limit of open files was not raised");
    }
    if let Some(files) = now.filter(|&files| files < FILES_EXPECTED) {
        tracing::warn!(
            files,
            "few open files are allowed; each block takes one, raise the limit (ulimit -n)"
        );
    }
}

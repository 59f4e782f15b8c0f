//! Priority of background threads, so that questions and appends come first where the machine is busy.

/// How nice the thread of upkeep is, in the system's steps of 1 to 19.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Lowers the priority of the calling thread. Elsewhere than on Linux it would be that of the process, and is left.
pub(crate) fn lower() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(%error, "priority was not lowered");
    }
}

//! The allocator of the process: mimalloc, told to keep freed memory for a while, in pages of the usual size. Where the
//! process has become large, what is freed goes back to the system at once.
//!
//! Ingest frees and takes tens of megabytes a second. Given back to the system at once, pages are cleared again by the
//! kernel soon after; kept long, they are memory of a busy server that nothing bounds. Measured in turn, µs a span of
//! the whole server: kept for 100 ms 4.5 and 4.0, for 500 ms 4.5 and 3.7, for 2 s 4.1 and 3.5, with 60 to 110 MB more. Huge
//! pages are cleared as a whole where a part of them is taken: a twelfth of the CPU time, and 60 MB.

use std::ffi::c_long;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of mimalloc 3 (`mi_option_e` in mimalloc.h).
const PURGE_DELAY_OPTION: i32 = 15;
/// How long freed memory is kept, in milliseconds.
const PURGE_DELAY_MILLIS: c_long = 500;

/// Resident bytes from which on freed memory is not kept: the default budgets are used by then, and an overload of ten
/// minutes was seen to add a hundred megabytes of freed memory to them.
const LARGE_BYTES: u64 = 320 << 20;
/// Time between two looks at that.
const LOOK: Duration = Duration::from_millis(200);

/// Sets the allocator up; called first of all.
pub(crate) fn start() {
    keep_freed_memory(PURGE_DELAY_MILLIS);
    // A system that has no huge pages, or no such switch, is as good.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

/// Gives freed memory back while the process is large. Runs beside the server, which is what grows.
pub(crate) async fn watch() {
    let mut was_large = false;
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(bytes) = fanal_server::resident_bytes() else { return };
        let is_large = bytes > LARGE_BYTES;
        if is_large != was_large {
            keep_freed_memory(if is_large { 0 } else { PURGE_DELAY_MILLIS });
        }
        if is_large {
            give_back();
        }
        was_large = is_large;
    }
}

#[expect(unsafe_code, reason = "the option has no safe setter; the call only stores a number")]
fn keep_freed_memory(millis: c_long) {
    // SAFETY: takes two numbers by value; unknown options are ignored.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY_OPTION, millis) }
}

#[expect(unsafe_code, reason = "the allocator has no safe way to be asked for it")]
fn give_back() {
    // SAFETY: takes a flag by value, and frees nothing that is in use.
    unsafe { libmimalloc_sys::mi_collect(true) }
}

//! fanal
fn main() {}

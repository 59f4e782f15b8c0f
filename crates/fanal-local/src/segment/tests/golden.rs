//! Segments of released versions stay readable: files that are never written again, and the spans in them.

use super::{open, show_all};
use fanal_storage::Projection;

fn check(name: &str, bytes: &[u8], expected: &str) {
    let segment = open(bytes);
    let read = segment.read_batch(0..segment.granules().len(), Projection::Full).expect("reads");
    let shown = show_all(&read, Projection::Full);
    assert!(shown.iter().map(String::as_str).eq(expected.lines()), "{name}: {shown:#?}");
}

#[test]
fn version_1_reads_for_ever() {
    let expected = include_str!("../../../tests/golden/segment-v1.txt");
    assert_eq!(expected.lines().count(), 150);
    check("log", include_bytes!("../../../tests/golden/segment-v1-log.bin"), expected);
    check("block", include_bytes!("../../../tests/golden/segment-v1-block.bin"), expected);
}

//! Where the bytes of a segment are: sums over its chunks, for people who ask what costs space.

use super::AttributeOwner;
use super::directory::Directory;
use super::layout::{Column, TEXT_COLUMNS};
use std::collections::BTreeMap;

/// Bytes by part. Attribute columns are summed over granules; dictionaries are told apart.
pub(super) fn bytes_by_part(directory: &Directory, byte_length: u64) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    for (column, extent) in TEXT_COLUMNS.into_iter().zip(&directory.texts) {
        parts.push((format!("dictionary {}", column.column().name()), u64::from(extent.length)));
    }
    let mut columns = vec![0_u64; Column::ALL.len()];
    let mut attributes: BTreeMap<(AttributeOwner, u32), u64> = BTreeMap::new();
    for granule in &directory.granules {
        let mut last = 0;
        for (bytes, &end) in columns.iter_mut().zip(&granule.column_ends) {
            *bytes += u64::from(end - last);
            last = end;
        }
        for stats in granule.attributes() {
            let bytes = attributes.entry((stats.owner, stats.column)).or_default();
            *bytes += u64::from(stats.end - last);
            last = stats.end;
        }
    }
    for (column, bytes) in Column::ALL.into_iter().zip(columns) {
        parts.push((column.name().to_owned(), bytes));
    }
    for (owner, table) in AttributeOwner::ALL.into_iter().zip(&directory.tables) {
        parts.push((format!("{owner:?} shapes table"), u64::from(table.shapes.length)));
        for (column, (meta, dictionary)) in (0..).zip(table.columns.iter().zip(&table.dictionaries))
        {
            let name = format!("{owner:?} {} {:?}", meta.key, meta.kind);
            let bytes = attributes.get(&(owner, column)).copied().unwrap_or(0);
            parts.push((format!("{name} dictionary"), u64::from(dictionary.length)));
            parts.push((name, bytes));
        }
    }
    let chunks: u64 = parts.iter().map(|(_, bytes)| bytes).sum();
    parts.push(("directory".to_owned(), byte_length.saturating_sub(chunks)));
    parts.retain(|&(_, bytes)| bytes > 0);
    parts
}

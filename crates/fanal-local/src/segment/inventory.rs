//! Where the bytes of a segment are: sums over its chunks, for people who ask what costs space.

use super::directory::Directory;
use super::layout::{Column, TEXT_COLUMNS};
use super::{AttributeOwner, TextColumn};
use fanal_model::AttributeType;
use std::collections::BTreeMap;
use std::fmt;

/// A part of a segment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The dictionary of a fixed text column.
    TextDictionary(TextColumn),
    /// The table of classes.
    Classes,
    /// A fixed column over all granules, by its name.
    Column(&'static str),
    /// The shapes of the attributes of an owner.
    Shapes(AttributeOwner),
    /// The dictionary of an attribute column, and the values of it that classes fix.
    AttributeDictionary(AttributeOwner, Box<str>, Option<AttributeType>),
    /// The values of an attribute column over all granules.
    Attribute(AttributeOwner, Box<str>, Option<AttributeType>),
    /// Directory and trailer.
    Directory,
}

impl Part {
    /// The fixed column that it belongs to, dictionary or values.
    pub fn column(&self) -> Option<&'static str> {
        match self {
            Self::TextDictionary(column) => Some(column.column().name()),
            Self::Column(name) => Some(name),
            Self::Classes => Some(Column::Classes.name()),
            _ => None,
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::TextDictionary(column) => format!("dictionary {}", column.column().name()),
            Self::Classes => "classes table".to_owned(),
            Self::Column(name) => (*name).to_owned(),
            Self::Shapes(owner) => format!("{owner:?} shapes table"),
            Self::AttributeDictionary(owner, key, kind) => {
                format!("{owner:?} {key} {kind:?} dictionary")
            }
            Self::Attribute(owner, key, kind) => format!("{owner:?} {key} {kind:?}"),
            Self::Directory => "directory".to_owned(),
        };
        formatter.pad(&text)
    }
}

/// Bytes by part. Attribute columns are summed over granules; dictionaries are told apart.
pub(super) fn bytes_by_part(directory: &Directory, byte_length: u64) -> Vec<(Part, u64)> {
    let mut parts = Vec::new();
    for (column, extent) in TEXT_COLUMNS.into_iter().zip(&directory.texts) {
        parts.push((Part::TextDictionary(column), u64::from(extent.length)));
    }
    parts.push((Part::Classes, u64::from(directory.classes.length)));
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
        parts.push((Part::Column(column.name()), bytes));
    }
    for (owner, table) in AttributeOwner::ALL.into_iter().zip(&directory.tables) {
        parts.push((Part::Shapes(owner), u64::from(table.shapes.length)));
        let extents = table.dictionaries.iter().zip(&table.fixed);
        for (column, (meta, (dictionary, fixed))) in (0..).zip(table.columns.iter().zip(extents)) {
            let bytes = attributes.get(&(owner, column)).copied().unwrap_or(0);
            let (key, kind) = (meta.key.clone(), meta.kind);
            let once = u64::from(dictionary.length) + u64::from(fixed.length);
            parts.push((Part::AttributeDictionary(owner, key.clone(), kind), once));
            parts.push((Part::Attribute(owner, key, kind), bytes));
        }
    }
    let chunks: u64 = parts.iter().map(|(_, bytes)| bytes).sum();
    parts.push((Part::Directory, byte_length.saturating_sub(chunks)));
    parts.retain(|&(_, bytes)| bytes > 0);
    parts
}

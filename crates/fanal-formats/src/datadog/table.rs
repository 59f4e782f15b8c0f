//! The texts of a body of version 0.5, which its spans name by number.
//!
//! Invariant: four bytes are held a text, however short it is; the texts stay in the body.

use super::layout::{Fault, array};
use crate::msgpack::{MsgpackError, Reader};

/// Where each text of the table begins.
#[derive(Debug)]
pub(super) struct Texts<'a> {
    body: &'a [u8],
    /// The body is shorter than 4 GiB, as its limit says.
    offsets: Vec<u32>,
}

impl<'a> Texts<'a> {
    /// Reads the table that lies next in the body.
    pub(super) fn read_table(
        body: &'a [u8],
        reader: &mut Reader<'a>,
    ) -> Result<Self, MsgpackError> {
        let count = array(reader)?;
        let mut offsets = Vec::new();
        for _ in 0..count {
            offsets.push(fanal_base::cast::narrow(reader.offset()));
            reader.text()?;
        }
        Ok(Self { body, offsets })
    }

    /// Reads a number and gives its text.
    pub(super) fn read(&self, reader: &mut Reader<'a>) -> Result<&'a [u8], Fault> {
        let number = reader.integer()?;
        let offset = usize::try_from(number).ok().and_then(|number| self.offsets.get(number));
        let Some(&offset) = offset else {
            let count = self.offsets.len();
            let words = format!("text {number} is not in the table, which has {count}");
            return Err(Fault::Malformed(words));
        };
        let from = self.body.get(fanal_base::cast::index(offset)..).unwrap_or_default();
        Ok(Reader::new(from).text()?)
    }
}

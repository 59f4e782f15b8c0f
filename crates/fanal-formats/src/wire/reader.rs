//! Reads tags and values from a slice; a message inside a message is a reader of its own.
//!
//! Used by every protobuf walk. Invariant: offsets in errors count from the start of the outermost bytes.
//! Does not check text: callers decide what bad UTF-8 costs.

use std::fmt;

/// Deepest nesting of (long deprecated) groups that is skipped.
pub const GROUP_DEPTH_MAX: usize = 100;

/// What is wrong with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireFault {
    /// A value goes on behind the end of its message.
    Truncated,
    /// An integer has more than 64 bits.
    VarintOverflow,
    /// A field number is 0 or has more than 29 bits.
    FieldNumber,
    /// A wire type is 6 or 7.
    WireType,
    /// A group ends that did not begin, or does not end.
    GroupEnd,
    /// Groups lie deeper than [`GROUP_DEPTH_MAX`].
    GroupDepth,
}

impl fmt::Display for WireFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => formatter.write_str("a value ends behind its message"),
            Self::VarintOverflow => formatter.write_str("an integer has more than 64 bits"),
            Self::FieldNumber => formatter.write_str("a field number is not in 1 to 536870911"),
            Self::WireType => formatter.write_str("a wire type is 6 or 7"),
            Self::GroupEnd => formatter.write_str("a group is not closed where it should be"),
            Self::GroupDepth => {
                write!(formatter, "groups are nested deeper than {GROUP_DEPTH_MAX}")
            }
        }
    }
}

/// Why bytes are not protobuf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("protobuf is broken at byte {offset}: {fault}")]
pub struct WireError {
    /// Where, from the start of the outermost bytes.
    pub offset: usize,
    /// What.
    pub fault: WireFault,
}

/// Reads one message.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// Offset of the end of `rest` in the outermost bytes.
    end: usize,
}

#[expect(
    clippy::inline_always,
    reason = "measured: results through memory cost a third of the walk"
)]
impl<'a> Reader<'a> {
    /// Starts at the front of the outermost bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, end: bytes.len() }
    }

    /// Whether everything was read.
    #[inline]
    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Bytes from the start of the outermost bytes to what is read next.
    #[inline]
    pub fn offset(&self) -> usize {
        self.end - self.rest.len()
    }

    /// What was not read yet.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[cold]
    fn fail(&self, fault: WireFault) -> WireError {
        WireError { offset: self.offset(), fault }
    }

    /// The tag of the next field (number times 8 plus wire type), to be matched with [`super::bytes_tag`] and its
    /// kin. Its number and type are checked by [`Reader::skip`], which every unmatched tag goes to.
    #[inline(always)]
    pub fn tag(&mut self) -> Result<u32, WireError> {
        if let [byte, rest @ ..] = self.rest
            && *byte < 0x80
        {
            self.rest = rest;
            return Ok(u32::from(*byte));
        }
        let before = *self;
        let tag = self.varint()?;
        u32::try_from(tag).map_err(|_| before.fail(WireFault::FieldNumber))
    }

    /// An unsigned integer of at most 64 bits.
    #[inline(always)]
    pub fn varint(&mut self) -> Result<u64, WireError> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, WireError> {
        let mut number = 0_u64;
        for (index, shift) in (0..64).step_by(7).enumerate() {
            let Some(&byte) = self.rest.get(index) else {
                return Err(self.fail(WireFault::Truncated));
            };
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                if shift == 63 && byte > 1 {
                    break;
                }
                self.rest = &self.rest[index + 1..];
                return Ok(number);
            }
        }
        Err(self.fail(WireFault::VarintOverflow))
    }

    /// An integer of a 32-bit field: what lies above 32 bits is cut, as the format demands.
    #[inline]
    pub fn varint32(&mut self) -> Result<u32, WireError> {
        let [a, b, c, d, ..] = self.varint()?.to_le_bytes();
        Ok(u32::from_le_bytes([a, b, c, d]))
    }

    /// Four bytes, little endian.
    #[inline]
    pub fn fixed32(&mut self) -> Result<u32, WireError> {
        self.chunk().map(u32::from_le_bytes)
    }

    /// Eight bytes, little endian.
    #[inline]
    pub fn fixed64(&mut self) -> Result<u64, WireError> {
        self.chunk().map(u64::from_le_bytes)
    }

    #[inline(always)]
    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let Some((chunk, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.fail(WireFault::Truncated));
        };
        self.rest = rest;
        Ok(*chunk)
    }

    /// Text or bytes with their length before them.
    #[inline(always)]
    pub fn bytes(&mut self) -> Result<&'a [u8], WireError> {
        self.message().map(|message| message.rest)
    }

    /// A message with its length before it.
    #[inline(always)]
    pub fn message(&mut self) -> Result<Self, WireError> {
        let before = *self;
        let length = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        let Some((front, rest)) = self.rest.split_at_checked(length) else {
            return Err(before.fail(WireFault::Truncated));
        };
        self.rest = rest;
        Ok(Self { rest: front, end: self.end - rest.len() })
    }

    /// Steps over the value of `tag`, which was just read.
    #[inline]
    pub fn skip(&mut self, tag: u32) -> Result<(), WireError> {
        match tag & 7 {
            _ if tag < 8 => Err(self.fail(WireFault::FieldNumber)),
            0 => self.varint().map(drop),
            1 => self.fixed64().map(drop),
            2 => self.bytes().map(drop),
            5 => self.fixed32().map(drop),
            3 => self.skip_group(tag),
            4 => Err(self.fail(WireFault::GroupEnd)),
            _ => Err(self.fail(WireFault::WireType)),
        }
    }

    #[cold]
    fn skip_group(&mut self, start: u32) -> Result<(), WireError> {
        let mut open = vec![start];
        while let Some(&innermost) = open.last() {
            let before = *self;
            let tag = self.tag()?;
            match tag & 7 {
                3 if tag > 7 => open.push(tag),
                4 if tag == innermost + 1 => drop(open.pop()),
                _ => self.skip(tag)?,
            }
            if open.len() > GROUP_DEPTH_MAX {
                return Err(before.fail(WireFault::GroupDepth));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Skips every field and tells the outcome.
    fn check(bytes: &[u8], expect: Result<usize, (usize, WireFault)>) {
        let mut reader = Reader::new(bytes);
        let mut walk = || {
            let mut fields = 0;
            while !reader.is_at_end() {
                let tag = reader.tag()?;
                reader.skip(tag)?;
                fields += 1;
            }
            Ok(fields)
        };
        let expect = expect.map_err(|(offset, fault)| WireError { offset, fault });
        assert_eq!(walk(), expect, "{bytes:x?}");
    }

    #[test]
    fn skips_by_wire_type_and_tells_where_it_breaks() {
        check(&[], Ok(0));
        check(
            &[0x08, 0x96, 0x01, 0x12, 1, 7, 0x19, 1, 2, 3, 4, 5, 6, 7, 8, 0x25, 1, 2, 3, 4],
            Ok(4),
        );
        check(&[0x08], Err((1, WireFault::Truncated)));
        check(&[0x08, 0x80], Err((1, WireFault::Truncated)));
        check(&[0x12, 2, 0], Err((1, WireFault::Truncated)));
        check(&[0x25, 1, 2, 3], Err((1, WireFault::Truncated)));
        check(&[0x08, 1, 0x02, 0], Err((3, WireFault::FieldNumber)));
        check(&[0x0e], Err((1, WireFault::WireType)));
        check(&[0xff, 0xff, 0xff, 0xff, 0x7f, 0], Err((0, WireFault::FieldNumber)));
        let full = [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        check(&full, Ok(1));
        let over = [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        check(&over, Err((1, WireFault::VarintOverflow)));
    }

    #[test]
    fn skips_groups_to_a_limit() {
        check(&[0x0b, 0x10, 1, 0x0c, 0x10, 1], Ok(2));
        check(&[0x0b, 0x13, 0x14, 0x0c], Ok(1));
        check(&[0x0c], Err((1, WireFault::GroupEnd)));
        check(&[0x0b, 0x14], Err((2, WireFault::GroupEnd)));
        check(&[0x0b], Err((1, WireFault::Truncated)));
        let nest = |depth: usize| [[0x0b].repeat(depth), [0x0c].repeat(depth)].concat();
        check(&nest(GROUP_DEPTH_MAX), Ok(1));
        check(&nest(10_000), Err((GROUP_DEPTH_MAX, WireFault::GroupDepth)));
    }

    #[test]
    fn offsets_count_from_the_outermost_bytes() {
        let mut outer = Reader::new(&[0x0a, 3, 0x12, 1, 9, 0x08, 1]);
        assert_eq!(outer.tag(), Ok(0x0a));
        let mut inner = outer.message().expect("fits");
        assert_eq!(inner.tag(), Ok(0x12));
        assert_eq!((inner.offset(), inner.bytes()), (3, Ok(&[9][..])));
        assert_eq!(inner.tag().map_err(|error| error.offset), Err(5));
        assert_eq!(outer.offset(), 5);
    }

    #[test]
    fn narrow_integers_are_cut() {
        let mut reader = Reader::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
        assert_eq!(reader.varint32(), Ok(u32::MAX));
    }
}

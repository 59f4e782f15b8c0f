//! Sequences of unsigned integers: a tag that says how, then the bytes. How many there are is known to the reader.
//!
//! Every column of codes, counts, times, ids and numbers ends here. The encoder tries the forms that can win for
//! its profile and keeps the smallest; the decoder takes any.

use super::Profile;
use super::bits;
use super::compress::{Packer, read_block};
use super::error::{Flaw, SegmentError};
use fanal_base::cast;
use fanal_model::nested::{self, Reader};

const EQUAL: u8 = 0;
const RISING: u8 = 1;
const PACKED: u8 = 2;
const FRAMES: u8 = 3;
const PCO: u8 = 4;
const PLANES: u8 = 5;
const CHOICES: u8 = 6;

/// Values of a frame.
const FRAME_VALUES: usize = 128;

/// Below this many values pco's own tables cost more than they save.
const PCO_VALUES_MIN: usize = 48;

/// pco level of the small profile.
pub(super) const PCO_LEVEL: usize = 4;

/// Most different values of the form that lists them.
const CHOICES_MAX: usize = 256;

/// Up to this width nothing can be won by listing values.
const CHOICES_WIDTH_MIN: u32 = 4;

/// The same in the fast profile, where listing must save more to pay for itself.
const CHOICES_WIDTH_MIN_FAST: u32 = 12;

/// What the values are, which decides the forms that the small profile tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nature {
    /// Codes and counts: few different values, patterns repeat.
    Codes,
    /// Times and magnitudes: neighbours are near each other or follow a distribution.
    Numbers,
    /// Random bits: only the width can be saved.
    Random,
}

/// An unsigned integer of 32 or 64 bits.
pub(super) trait Word: Copy + Ord + Default {
    fn wide(self) -> u64;
    /// The low bits; callers have checked that nothing is lost.
    fn low(wide: u64) -> Self;
    const MAX: u64;
}

impl Word for u64 {
    fn wide(self) -> u64 {
        self
    }
    fn low(wide: u64) -> Self {
        wide
    }
    const MAX: u64 = u64::MAX;
}

impl Word for u32 {
    fn wide(self) -> u64 {
        u64::from(self)
    }
    #[expect(clippy::cast_possible_truncation, reason = "decode checks the range once")]
    fn low(wide: u64) -> Self {
        wide as u32
    }
    const MAX: u64 = u32::MAX as u64;
}

impl Word for u8 {
    fn wide(self) -> u64 {
        u64::from(self)
    }
    #[expect(clippy::cast_possible_truncation, reason = "decode checks the range once")]
    fn low(wide: u64) -> Self {
        wide as u8
    }
    const MAX: u64 = u8::MAX as u64;
}

/// Appends values.
pub(super) fn write<T: Word>(
    values: &[T],
    nature: Nature,
    packer: &mut Packer,
    out: &mut Vec<u8>,
) -> Result<(), SegmentError> {
    if values.is_empty() {
        out.extend_from_slice(&[EQUAL, 0]);
        return Ok(());
    }
    let (min, max) = bounds(values);
    let span = max - min;
    if span == 0 {
        out.push(EQUAL);
        nested::write_varint(min, out);
        return Ok(());
    }
    if span == cast::wide(values.len() - 1) && is_rising(values, min) {
        out.push(RISING);
        nested::write_varint(min, out);
        return Ok(());
    }
    let width = 64 - span.leading_zeros();
    let begin = out.len();
    write_plain(values, min, width, nature, out);
    // Planes do as well for codes of one byte.
    let is_for_planes = packer.profile() == Profile::Small && nature == Nature::Codes && width <= 8;
    let width_min = match packer.profile() {
        Profile::Fast => CHOICES_WIDTH_MIN_FAST,
        Profile::Small => CHOICES_WIDTH_MIN,
    };
    if nature != Nature::Random && width > width_min && !is_for_planes {
        write_choices(values, begin, packer, out)?;
    }
    if packer.profile() == Profile::Fast {
        return Ok(());
    }
    match nature {
        Nature::Codes if width <= 32 => {
            let plain_bytes = out.len() - begin;
            let mut trial = vec![PLANES];
            write_planes(values, min, width, packer, &mut trial)?;
            // Bit packing is read several times as fast, so that the other must pay for itself.
            if trial.len() + trial.len() / 8 < plain_bytes {
                out.truncate(begin);
                out.extend_from_slice(&trial);
            }
        }
        Nature::Numbers if values.len() >= PCO_VALUES_MIN => {
            let wide: Vec<u64> = values.iter().map(|value| value.wide()).collect();
            let config = pco::ChunkConfig::default().with_compression_level(PCO_LEVEL);
            let trial = pco::standalone::simple_compress(&wide, &config)
                .map_err(|_| SegmentError::Compress { part: "integers" })?;
            if trial.len() + 1 < out.len() - begin {
                out.truncate(begin);
                out.push(PCO);
                out.extend_from_slice(&trial);
            }
        }
        _ => {}
    }
    Ok(())
}

/// Least and greatest, in one pass.
fn bounds<T: Word>(values: &[T]) -> (u64, u64) {
    let (mut min, mut max) = (u64::MAX, 0);
    for value in values {
        min = min.min(value.wide());
        max = max.max(value.wide());
    }
    (min, max)
}

fn is_rising<T: Word>(values: &[T], min: u64) -> bool {
    values.iter().zip(min..).all(|(value, expected)| value.wide() == expected)
}

/// One width for all, or frames with their own base and width where that is clearly smaller.
fn write_plain<T: Word>(values: &[T], min: u64, width: u32, nature: Nature, out: &mut Vec<u8>) {
    let packed = bits::packed_bytes(values.len(), width);
    if nature == Nature::Numbers {
        let framed: usize = values.chunks(FRAME_VALUES).map(frame_bytes).sum();
        if framed + framed / 16 < packed {
            out.push(FRAMES);
            values.chunks(FRAME_VALUES).for_each(|frame| write_frame(frame, out));
            return;
        }
    }
    out.push(PACKED);
    out.extend_from_slice(&width.to_le_bytes()[..1]);
    nested::write_varint(min, out);
    bits::pack(values, min, width, out);
}

fn frame_of<T: Word>(frame: &[T]) -> (u64, u32) {
    let (min, max) = bounds(frame);
    (min, 64 - (max - min).leading_zeros())
}

fn frame_bytes<T: Word>(frame: &[T]) -> usize {
    let (min, width) = frame_of(frame);
    let base_bytes = cast::index((64 - min.leading_zeros()).div_ceil(7).max(1));
    1 + base_bytes + bits::packed_bytes(frame.len(), width)
}

fn write_frame<T: Word>(frame: &[T], out: &mut Vec<u8>) {
    let (min, width) = frame_of(frame);
    out.extend_from_slice(&width.to_le_bytes()[..1]);
    nested::write_varint(min, out);
    if width > 0 {
        bits::pack(frame, min, width, out);
    }
}

/// Few different values far apart: a list of them and an index for each, where that is smaller than what was written
/// from `begin` on.
fn write_choices<T: Word>(
    values: &[T],
    begin: usize,
    packer: &mut Packer,
    out: &mut Vec<u8>,
) -> Result<(), SegmentError> {
    let Some((distinct, places)) = choices(values) else { return Ok(()) };
    let plain_bytes = out.len() - begin;
    let width = usize::BITS - (distinct.len() - 1).leading_zeros();
    if bits::packed_bytes(values.len(), width) + distinct.len() * 2 > plain_bytes {
        return Ok(());
    }
    let mut trial = vec![CHOICES, cast::narrow(distinct.len() - 1).to_le_bytes()[0]];
    write(&distinct, Nature::Random, packer, &mut trial)?;
    write(&places, Nature::Codes, packer, &mut trial)?;
    if trial.len() < plain_bytes {
        out.truncate(begin);
        out.extend_from_slice(&trial);
    }
    Ok(())
}

/// The different values, and which of them each value is; `None` where they are too many.
fn choices<T: Word>(values: &[T]) -> Option<(Vec<u64>, Vec<u8>)> {
    const SLOTS: usize = 1024;
    let mut slots = [0_u16; SLOTS];
    let mut distinct: Vec<u64> = Vec::new();
    let mut places = Vec::with_capacity(values.len());
    for value in values {
        let value = value.wide();
        let mut slot = cast::size(value.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54);
        let place = loop {
            match slots[slot] {
                0 if distinct.len() == CHOICES_MAX => return None,
                0 => {
                    distinct.push(value);
                    slots[slot] = u16::try_from(distinct.len()).ok()?;
                    break distinct.len() - 1;
                }
                known if distinct[usize::from(known) - 1] == value => {
                    break usize::from(known) - 1;
                }
                _ => slot = (slot + 1) % SLOTS,
            }
        };
        places.push(u8::try_from(place).ok()?);
    }
    Some((distinct, places))
}

fn write_planes<T: Word>(
    values: &[T],
    min: u64,
    width: u32,
    packer: &mut Packer,
    out: &mut Vec<u8>,
) -> Result<(), SegmentError> {
    let planes = width.div_ceil(8);
    out.extend_from_slice(&planes.to_le_bytes()[..1]);
    nested::write_varint(min, out);
    let mut bytes = Vec::with_capacity(values.len() * cast::index(planes));
    for plane in 0..cast::index(planes) {
        bytes.extend(values.iter().map(|value| (value.wide() - min).to_le_bytes()[plane]));
    }
    packer.block(&bytes, out)
}

/// Reads `count` values, to the end of what was written. The caller has bounded `count`.
pub(super) fn read<T: Word>(reader: &mut Reader<'_>, count: usize) -> Result<Vec<T>, Flaw> {
    match reader.take(1)?[0] {
        EQUAL => Ok(vec![T::low(checked::<T>(reader.varint()?, 0)?); count]),
        RISING => {
            let first = checked::<T>(reader.varint()?, cast::wide(count.saturating_sub(1)))?;
            Ok((first..).take(count).map(T::low).collect())
        }
        PACKED => {
            let mut values = Vec::with_capacity(count);
            read_frame(reader, count, &mut values)?;
            Ok(values)
        }
        FRAMES => {
            let mut values = Vec::with_capacity(count);
            while values.len() < count {
                let length = FRAME_VALUES.min(count - values.len());
                read_frame(reader, length, &mut values)?;
            }
            Ok(values)
        }
        PCO => read_pco(reader, count),
        PLANES => read_planes(reader, count),
        CHOICES => read_choices(reader, count),
        _ => Err(Flaw("unknown form of integers")),
    }
}

/// Numbers as values of a type that must hold them.
pub(super) fn narrowed<T: Word>(numbers: Vec<u64>) -> Result<Vec<T>, Flaw> {
    if numbers.iter().any(|&number| number > T::MAX) {
        return Err(Flaw("integer out of range"));
    }
    Ok(numbers.into_iter().map(T::low).collect())
}

/// `base`, where it and everything up to `span` above it fits the type.
fn checked<T: Word>(base: u64, span: u64) -> Result<u64, Flaw> {
    let fits = base.checked_add(span).is_some_and(|greatest| greatest <= T::MAX);
    if fits { Ok(base) } else { Err(Flaw("integer out of range")) }
}

fn read_frame<T: Word>(
    reader: &mut Reader<'_>,
    count: usize,
    values: &mut Vec<T>,
) -> Result<(), Flaw> {
    let width = u32::from(reader.take(1)?[0]);
    let base = reader.varint()?;
    if width == 0 {
        values.resize(values.len() + count, T::low(checked::<T>(base, 0)?));
        return Ok(());
    }
    if width > 64 {
        return Err(Flaw("width of integers"));
    }
    let bytes = reader.take(bits::packed_bytes(count, width))?;
    let span = if width == 64 { u64::MAX } else { (1 << width) - 1 };
    values.reserve(count);
    if checked::<T>(base, span).is_ok() {
        bits::unpack(bytes, count, width, |group| {
            values.extend(group.iter().map(|value| T::low(base + value)));
        });
        return Ok(());
    }
    // The width could hold more than the values do: look at each.
    let mut is_inside = true;
    bits::unpack(bytes, count, width, |group| {
        values.extend(group.iter().map(|&value| {
            let sum = base.checked_add(value).filter(|&sum| sum <= T::MAX);
            is_inside &= sum.is_some();
            T::low(sum.unwrap_or(0))
        }));
    });
    if is_inside { Ok(()) } else { Err(Flaw("integer out of range")) }
}

fn read_pco<T: Word>(reader: &mut Reader<'_>, count: usize) -> Result<Vec<T>, Flaw> {
    let bytes = reader.take(reader.rest().len())?;
    let mut wide = vec![0_u64; count];
    let progress =
        pco::standalone::simple_decompress_into(bytes, &mut wide).map_err(|_| Flaw("pco data"))?;
    if progress.n_processed != count || !progress.finished {
        return Err(Flaw("number of integers"));
    }
    narrowed(wide)
}

fn read_choices<T: Word>(reader: &mut Reader<'_>, count: usize) -> Result<Vec<T>, Flaw> {
    let distinct_count = usize::from(reader.take(1)?[0]) + 1;
    let distinct: Vec<T> = read_simple(reader, distinct_count)?;
    let places: Vec<u8> = read_simple(reader, count)?;
    let value = |place: u8| distinct.get(usize::from(place)).copied();
    places.into_iter().map(value).collect::<Option<_>>().ok_or(Flaw("unknown choice"))
}

/// A form within a form: choices do not nest, so that reading cannot recurse without end.
fn read_simple<T: Word>(reader: &mut Reader<'_>, count: usize) -> Result<Vec<T>, Flaw> {
    if reader.rest().first() == Some(&CHOICES) {
        return Err(Flaw("choices within choices"));
    }
    read(reader, count)
}

fn read_planes<T: Word>(reader: &mut Reader<'_>, count: usize) -> Result<Vec<T>, Flaw> {
    let planes = usize::from(reader.take(1)?[0]);
    let base = reader.varint()?;
    if !(1..=4).contains(&planes) {
        return Err(Flaw("number of byte planes"));
    }
    let bytes = read_block(reader, count * planes)?;
    if bytes.len() != count * planes {
        return Err(Flaw("number of integers"));
    }
    checked::<T>(base, 0)?;
    let span = if planes == 1 { u64::from(u8::MAX) } else { u64::from(u16::MAX) };
    if checked::<T>(base, span).is_ok() {
        let value = |low: u8, high: u8| T::low(base + u64::from(u16::from_le_bytes([low, high])));
        match planes {
            1 => return Ok(bytes.iter().map(|&byte| value(byte, 0)).collect()),
            2 => {
                let (low, high) = bytes.split_at(count);
                return Ok(low.iter().zip(high).map(|(&low, &high)| value(low, high)).collect());
            }
            _ => {}
        }
    }
    let mut wide = vec![base; count];
    for (plane, shift) in bytes.chunks(count.max(1)).zip([0, 8, 16, 24]) {
        for (value, &byte) in wide.iter_mut().zip(plane) {
            *value = value.saturating_add(u64::from(byte) << shift);
        }
    }
    narrowed(wide)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, values: &[u64], tags: [u8; 2]) {
        for (profile, tag) in [Profile::Fast, Profile::Small].into_iter().zip(tags) {
            for nature in [Nature::Numbers, Nature::Codes, Nature::Random] {
                let mut packer = Packer::new(profile).expect("packer");
                let mut bytes = Vec::new();
                write(values, nature, &mut packer, &mut bytes).expect("writes");
                if nature == Nature::Numbers {
                    assert_eq!(bytes[0], tag, "{name} {profile:?}");
                }
                let mut reader = Reader::new(&bytes);
                assert_eq!(read(&mut reader, values.len()), Ok(values.to_vec()), "{name}");
                assert!(reader.is_at_end(), "{name}");
                for end in 0..bytes.len() {
                    let cut = read::<u64>(&mut Reader::new(&bytes[..end]), values.len());
                    assert!(cut.is_err(), "{name} {profile:?} {nature:?} cut at {end}");
                }
                let narrow = read::<u32>(&mut Reader::new(&bytes), values.len());
                let fits = values.iter().all(|&value| u32::try_from(value).is_ok());
                assert_eq!(narrow.is_ok(), fits, "{name} {nature:?}");
            }
        }
    }

    #[test]
    fn every_form_round_trips() {
        check("none", &[], [EQUAL, EQUAL]);
        check("one", &[u64::MAX], [EQUAL, EQUAL]);
        check("equal", &[5; 300], [EQUAL, EQUAL]);
        let rising: Vec<u64> = (9..500).collect();
        check("rising", &rising, [RISING, RISING]);
        check("extremes", &[0, u64::MAX, 1, u64::MAX - 1], [PACKED, PACKED]);
        let mut state = 1_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state >> 40
        };
        let random: Vec<u64> = (0..1000).map(|_| next()).collect();
        check("random", &random, [PACKED, PACKED]);
        let steps: Vec<u64> = (0..1000_u64).map(|i| (i / 128) << 40 | (i * 7919 % 100)).collect();
        check("steps", &steps, [FRAMES, PCO]);
        let squares: Vec<u64> =
            (0..1000_u64).map(|i| 1_700_000_000_000_000_000 + i * i * 1000).collect();
        check("squares", &squares, [FRAMES, PCO]);
    }

    #[test]
    fn forms_of_version_1_read_for_ever() {
        let check = |bytes: &[u8], expected: &[u32]| {
            assert_eq!(read(&mut Reader::new(bytes), expected.len()).as_deref(), Ok(expected));
        };
        check(&[EQUAL, 0xac, 2], &[300; 4]);
        check(&[RISING, 7], &[7, 8, 9]);
        check(&[PACKED, 3, 10, 0b1101_1010, 0b0010_1001], &[12, 13, 17, 14, 12]);
        check(&[FRAMES, 0, 9], &[9, 9]);
        check(&[PLANES, 2, 1, 0, 4, 0, 5, 0, 1], &[1, 262]);
        check(&[CHOICES, 1, PACKED, 8, 5, 0, 200, PACKED, 1, 0, 0b101], &[205, 5, 205]);
        let mut pco = vec![PCO];
        let config = pco::ChunkConfig::default();
        pco.extend(pco::standalone::simple_compress(&[4_u64, 9], &config).expect("compresses"));
        check(&pco, &[4, 9]);
        for unknown in [&[7, 0][..], &[CHOICES, 0, CHOICES, 0, EQUAL, 1, EQUAL, 0, EQUAL, 0]] {
            assert!(read::<u32>(&mut Reader::new(unknown), 1).is_err());
        }
    }

    #[test]
    fn few_values_far_apart_are_listed() {
        let flags: Vec<u64> =
            (0..1000_u64).map(|i| [1, 1 << 60, 7_000_000][cast::size(i * i % 11 % 3)]).collect();
        check("flags", &flags, [CHOICES, CHOICES]);
        let too_many: Vec<u64> = (0..1000_u64).map(|i| (i * 7919 % 300) << 20).collect();
        assert_eq!(choices(&too_many), None);
    }

    #[test]
    fn repeating_codes_are_compressed() {
        let codes: Vec<u32> =
            (0..4096_u32).map(|i| [3, 4, 3, 17, 250][cast::index(i % 5)]).collect();
        let mut packer = Packer::new(Profile::Small).expect("packer");
        let mut bytes = Vec::new();
        write(&codes, Nature::Codes, &mut packer, &mut bytes).expect("writes");
        assert_eq!(bytes[0], PLANES);
        assert!(bytes.len() < 200, "{}", bytes.len());
        assert_eq!(read(&mut Reader::new(&bytes), codes.len()), Ok(codes));
    }
}

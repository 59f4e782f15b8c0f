//! Tables of texts that differ in numbers, such as paths, queries and ids: the runs of digits leave the text, so that
//! what stays is few templates, and each run is a number of as many bits as its digits are worth.
//!
//! `text` asks for it and keeps what is smaller. Invariant: templates and numbers give back the very bytes.

use super::compress::{BLOCK_BYTES_MAX, Packer};
use super::error::{Flaw, SegmentError};
use super::integers::{self, Nature};
use super::text::{read_plain, write_plain};
use fanal_base::cast;

use fanal_model::BytesTable;
use fanal_model::nested::{self, Reader};
use foldhash::fast::RandomState;
use hashbrown::HashMap;

/// Stands in a template before the kind of a run. Texts that have this byte are left alone.
const MARK: u8 = 0;

/// Added to the length of a run of hexadecimal digits.
const HEX: u8 = 0x20;

/// Digits that a number holds.
const DECIMAL_MAX: usize = 19;
const HEX_MAX: usize = 16;

/// Shortest runs that leave the text: decimal, and hexadecimal with a digit and a letter.
const DECIMAL_MIN: usize = 3;
const HEX_MIN: usize = 4;

/// Kinds of runs: decimal of 1 to 19 digits, hexadecimal of 1 to 16.
const KINDS: usize = 64;

/// Entries from which on a table is looked at.
const ENTRIES_MIN: usize = 32;

/// Entries that are looked at first.
const SAMPLE: usize = 64;

/// A table as templates and numbers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tokens {
    templates: BytesTable,
    /// Template of each entry.
    codes: Vec<u32>,
    /// By kind, the runs in the order of entries.
    numbers: Vec<Vec<u64>>,
    bytes: usize,
}

impl Tokens {
    /// Takes a table apart; `None` where its entries have too little in common.
    pub(super) fn of(ends: &[u32], bytes: &[u8]) -> Option<Self> {
        if ends.len() < ENTRIES_MIN || bytes.contains(&MARK) {
            return None;
        }
        let mut known: HashMap<Vec<u8>, u32, RandomState> = HashMap::default();
        let mut templates = BytesTable::default();
        let mut numbers = vec![Vec::new(); KINDS];
        let mut codes = Vec::with_capacity(ends.len());
        let mut template = Vec::new();
        let mut start = 0;
        let mut runs = 0_usize;
        for &end in ends {
            template.clear();
            let entry = bytes.get(start..cast::index(end))?;
            start = cast::index(end);
            runs += split(entry, &mut template, &mut numbers);
            let code = known.get(&template).copied().unwrap_or_else(|| {
                known.insert(template.clone(), cast::narrow(templates.len()));
                templates.push(&template)
            });
            codes.push(code);
            if codes.len() >= SAMPLE && (is_diverse(templates.len(), codes.len()) || runs == 0) {
                return None;
            }
        }
        if runs == 0 || is_diverse(templates.len(), codes.len()) {
            return None;
        }
        Some(Self { templates, codes, numbers, bytes: bytes.len() })
    }

    /// Appends the stored form, without the number of entries.
    pub(super) fn write(&self, packer: &mut Packer, out: &mut Vec<u8>) -> Result<(), SegmentError> {
        nested::write_length(self.bytes, out);
        nested::write_length(self.templates.len(), out);
        write_plain(&self.templates.ends, &self.templates.bytes, packer, out)?;
        integers::write(&self.codes, Nature::Codes, packer, out)?;
        for numbers in self.numbers.iter().filter(|numbers| !numbers.is_empty()) {
            integers::write(numbers, Nature::Random, packer, out)?;
        }
        Ok(())
    }

    /// Reads what [`Tokens::write`] wrote of `count` entries.
    pub(super) fn read(reader: &mut Reader<'_>, count: usize) -> Result<Self, Flaw> {
        let bytes = cast::size(reader.varint()?);
        let template_count = cast::size(reader.varint()?);
        if bytes > BLOCK_BYTES_MAX || template_count > count {
            return Err(Flaw("number of templates or bytes beyond the limit"));
        }
        let templates = read_plain(reader, template_count)?;
        let codes: Vec<u32> = integers::read(reader, count)?;
        let mut uses = vec![0_usize; template_count];
        for &code in &codes {
            *uses.get_mut(cast::index(code)).ok_or(Flaw("unknown template"))? += 1;
        }
        let mut counts = vec![0_usize; KINDS];
        for (template, uses) in templates.iter().zip(uses) {
            let mut rest = template;
            while let Some((_, kind, behind)) = next_mark(rest)? {
                counts[kind] = counts[kind].saturating_add(uses);
                rest = behind;
            }
        }
        // A run has a digit at least.
        if counts.iter().fold(0, |sum: usize, &count| sum.saturating_add(count)) > bytes {
            return Err(Flaw("number of runs"));
        }
        let read = |count: usize| match count {
            0 => Ok(Vec::new()),
            _ => integers::read(reader, count),
        };
        let numbers = counts.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { templates, codes, numbers, bytes })
    }

    /// The table.
    pub(super) fn table(&self) -> Result<BytesTable, Flaw> {
        let mut table = BytesTable::default();
        let mut next = vec![0_usize; KINDS];
        for &code in &self.codes {
            let mut rest = self.templates.get(code);
            while let Some((text, kind, behind)) = next_mark(rest)? {
                table.bytes.extend_from_slice(text);
                let number = self.numbers[kind].get(next[kind]).ok_or(Flaw("too few runs"))?;
                next[kind] += 1;
                write_run(*number, kind, &mut table.bytes)?;
                rest = behind;
            }
            table.bytes.extend_from_slice(rest);
            if table.bytes.len() > self.bytes {
                return Err(Flaw("lengths of entries"));
            }
            table.ends.push(cast::narrow(table.bytes.len()));
        }
        if table.bytes.len() == self.bytes { Ok(table) } else { Err(Flaw("lengths of entries")) }
    }
}

/// Whether templates are too many for so many entries.
fn is_diverse(templates: usize, entries: usize) -> bool {
    templates > entries / 8 * 7
}

/// Appends the template of an entry and its numbers; answers how many runs it has.
fn split(entry: &[u8], template: &mut Vec<u8>, numbers: &mut [Vec<u64>]) -> usize {
    let mut runs = 0;
    let mut at = 0;
    while at < entry.len() {
        let run = entry[at..].iter().take_while(|&&byte| is_hex(byte)).count();
        if run == 0 {
            template.push(entry[at]);
            at += 1;
            continue;
        }
        let text = &entry[at..at + run];
        at += run;
        let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
        let (size, flag, radix) =
            if digits == run { (DECIMAL_MAX, 0, 10) } else { (HEX_MAX, HEX, 16) };
        let is_run = if digits == run { run >= DECIMAL_MIN } else { run >= HEX_MIN && digits > 0 };
        if !is_run {
            template.extend_from_slice(text);
            continue;
        }
        for part in text.chunks(size) {
            let number =
                std::str::from_utf8(part).ok().and_then(|it| u64::from_str_radix(it, radix).ok());
            let kind = cast::narrow(part.len()).to_le_bytes()[0] | flag;
            match number {
                Some(number) => {
                    template.extend_from_slice(&[MARK, kind]);
                    numbers[usize::from(kind)].push(number);
                    runs += 1;
                }
                None => template.extend_from_slice(part),
            }
        }
    }
    runs
}

fn is_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

/// The text before a mark, the kind of its run, and what is behind it.
type Marked<'a> = (&'a [u8], usize, &'a [u8]);

/// Finds the next mark.
fn next_mark(template: &[u8]) -> Result<Option<Marked<'_>>, Flaw> {
    let Some(at) = template.iter().position(|&byte| byte == MARK) else { return Ok(None) };
    let kind = template.get(at + 1).copied().ok_or(Flaw("mark without a kind"))?;
    let length = usize::from(kind & !HEX);
    let length_max = if kind & HEX == 0 { DECIMAL_MAX } else { HEX_MAX };
    if length == 0 || length > length_max || usize::from(kind) >= KINDS {
        return Err(Flaw("unknown kind of run"));
    }
    Ok(Some((&template[..at], usize::from(kind), &template[at + 2..])))
}

/// Appends the digits of a run.
fn write_run(number: u64, kind: usize, out: &mut Vec<u8>) -> Result<(), Flaw> {
    let is_hex = kind & usize::from(HEX) != 0;
    let length = kind & !usize::from(HEX);
    let radix = if is_hex { 16 } else { 10 };
    let mut digits = [0_u8; DECIMAL_MAX];
    let mut rest = number;
    for digit in digits.iter_mut().take(length).rev() {
        *digit = b"0123456789abcdef"[cast::size(rest % radix)];
        rest /= radix;
    }
    if rest != 0 {
        return Err(Flaw("run longer than its kind"));
    }
    out.extend_from_slice(&digits[..length]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Profile;
    use super::*;

    fn table(entries: impl Iterator<Item = String>) -> BytesTable {
        let mut table = BytesTable::default();
        for entry in entries {
            table.push(entry.as_bytes());
        }
        table
    }

    fn check(name: &str, table: &BytesTable, templates: Option<usize>) {
        let tokens = Tokens::of(&table.ends, &table.bytes);
        assert_eq!(tokens.as_ref().map(|tokens| tokens.templates.len()), templates, "{name}");
        let Some(tokens) = tokens else { return };
        assert_eq!(tokens.table().as_ref(), Ok(table), "{name}");
        let mut packer = Packer::new(Profile::Small).expect("packer");
        let mut bytes = Vec::new();
        tokens.write(&mut packer, &mut bytes).expect("writes");
        let mut reader = Reader::new(&bytes);
        assert_eq!(Tokens::read(&mut reader, table.len()).as_ref(), Ok(&tokens), "{name}");
        assert!(reader.is_at_end(), "{name}");
        for end in 0..bytes.len() {
            let cut = Tokens::read(&mut Reader::new(&bytes[..end]), table.len());
            assert!(cut.is_err(), "{name} cut at {end}");
        }
    }

    #[test]
    fn numbers_leave_the_text() {
        let each = |form: fn(u64) -> String| {
            table((0..100_u64).map(move |n| form(n.wrapping_mul(0x9e37_79b9_7f4a_7c15))))
        };
        check("paths", &each(|n| format!("/items/{:08}/view", n % 100_000_000)), Some(1));
        check("leading zeros", &each(|n| format!("user-{:019}", n >> 1)), Some(1));
        check(
            "two of a kind",
            &each(|n| format!("{:03}.{:03}", n % 1000, n / 1000 % 1000)),
            Some(1),
        );
        check("longer than a number", &table((0..40).map(|n| format!("{n:040}"))), Some(1));
        check("words", &each(|n| format!("word {}", "x".repeat(cast::size(n % 90)))), None);
        check("a mark", &each(|n| format!("\0{n:020}")), None);
        check("few", &table((0..5).map(|n| format!("/items/{n:08}"))), None);
        let hex = each(|n| format!("GET cart:{n:016x}"));
        let tokens = Tokens::of(&hex.ends, &hex.bytes).expect("runs");
        assert!(tokens.templates.len() <= 2, "{:?}", tokens.templates);
        check("hexadecimal", &hex, Some(tokens.templates.len()));
    }

    #[test]
    fn false_kinds_and_numbers_are_errors() {
        let templates = |bytes: &[u8]| BytesTable { ends: vec![1], bytes: bytes.to_vec() };
        for kind in [0, 20, HEX, HEX + 17, 64, 255] {
            let templates = templates(&[MARK, kind]);
            assert!(next_mark(&templates.bytes).is_err(), "{kind}");
        }
        assert!(next_mark(&[b'a', MARK]).is_err());
        assert!(write_run(1000, 3, &mut Vec::new()).is_err());
        assert!(write_run(0x100, usize::from(HEX | 2), &mut Vec::new()).is_err());
    }
}

//! Events in `MessagePack`, as libhoney for Go and Refinery send them: the same keys as in JSON.
//!
//! Used by the walk of requests. Invariant: the items of a batch are known to be whole before one is read.

use super::event::{Event, FIELDS_MAX, Fault, Fields, Item, read_sample_rate, read_time};
use super::request::check_count;
use crate::decoded::{DecodeError, REQUEST_BYTES_MAX, Refusal, RejectReason};
use crate::msgpack::{MsgpackError, Reader, Token, ValueFault, any_value};

/// An item of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct MsgpackItem<'a>(&'a [u8]);

/// The one event of a body, its time and sample rate lying elsewhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct MsgpackEvent<'a>(&'a [u8]);

impl From<MsgpackError> for Fault {
    fn from(error: MsgpackError) -> Self {
        Self::Malformed(error.to_string())
    }
}

impl From<ValueFault> for Fault {
    fn from(fault: ValueFault) -> Self {
        match fault {
            ValueFault::Msgpack(error) => error.into(),
            ValueFault::Refused(refusal) => refusal.into(),
        }
    }
}

/// The items of a batch; what lies behind it is not read.
pub(super) fn items(bytes: &[u8]) -> Result<Vec<MsgpackItem<'_>>, DecodeError> {
    let mut reader = begin(bytes)?;
    let count = reader.array()?;
    check_count(count)?;
    let mut items = Vec::with_capacity(count);
    for _ in 0..count {
        items.push(MsgpackItem(whole(&mut reader, bytes)?));
    }
    Ok(items)
}

/// The event that a body is.
pub(super) fn event(bytes: &[u8]) -> Result<MsgpackEvent<'_>, DecodeError> {
    let mut reader = begin(bytes)?;
    Ok(MsgpackEvent(whole(&mut reader, bytes)?))
}

fn begin(bytes: &[u8]) -> Result<Reader<'_>, DecodeError> {
    if bytes.len() > REQUEST_BYTES_MAX {
        return Err(DecodeError::TooLarge { bytes: bytes.len() });
    }
    Ok(Reader::new(bytes))
}

/// The bytes of the next value.
fn whole<'a>(reader: &mut Reader<'a>, bytes: &'a [u8]) -> Result<&'a [u8], MsgpackError> {
    let begin = reader.offset();
    reader.skip()?;
    Ok(&bytes[begin..reader.offset()])
}

impl<'a> Item<'a> for MsgpackItem<'a> {
    fn bytes(self) -> &'a [u8] {
        self.0
    }

    fn may_be_annotation(self) -> bool {
        const WORD: &[u8] = b"annotation_type";
        self.0.windows(WORD.len()).any(|window| window == WORD)
    }

    fn read(self) -> Result<Event<'a>, Fault> {
        let mut event = Event::default();
        let mut reader = Reader::new(self.0);
        for _ in 0..reader.map()? {
            match reader.text()? {
                b"time" => event.time_unix_nanos = time(reader.token()?)?,
                b"samplerate" => {
                    event.sample_rate = read_sample_rate(any_value(&mut reader)?.as_ref())?;
                }
                b"data" if !reader.take_nil() => event.fields = fields(&mut reader)?,
                b"data" => {}
                _ => reader.skip()?,
            }
        }
        Ok(event)
    }
}

impl<'a> Item<'a> for MsgpackEvent<'a> {
    fn bytes(self) -> &'a [u8] {
        self.0
    }

    fn may_be_annotation(self) -> bool {
        false
    }

    fn read(self) -> Result<Event<'a>, Fault> {
        Ok(Event { fields: fields(&mut Reader::new(self.0))?, ..Event::default() })
    }
}

fn fields<'a>(reader: &mut Reader<'a>) -> Result<Fields<'a>, Fault> {
    let count = reader.map()?;
    if count > FIELDS_MAX {
        return Err(Refusal::new(RejectReason::AttributeCount, count).into());
    }
    let mut fields = Fields::default();
    for _ in 0..count {
        let key = reader.text()?;
        if let Some(value) = any_value(reader)? {
            fields.push(key.into(), value);
        }
    }
    Ok(fields)
}

/// Texts and numbers as in JSON, and timestamps: type -1, which old libraries call 5.
fn time(token: Token<'_>) -> Result<Option<u64>, Fault> {
    match token {
        Token::Nil => Ok(None),
        Token::Text(text) | Token::Bytes(text) => read_time(&String::from_utf8_lossy(text)),
        Token::Integer(number) => read_time(&number.to_string()),
        Token::Float(number) => read_time(&number.to_string()),
        Token::Extension(-1 | 5, bytes) => {
            let time = timestamp(bytes);
            let broken = || Fault::Malformed("time is no timestamp since 1970".to_owned());
            time.map(Some).ok_or_else(broken)
        }
        other => Err(Fault::Malformed(format!("time is {}; send a timestamp", other.kind()))),
    }
}

/// Seconds in 4 bytes; nanoseconds and seconds in 30 and 34 bits of 8, or in 4 and 8 bytes.
fn timestamp(bytes: &[u8]) -> Option<u64> {
    let (seconds, nanos) = match bytes.len() {
        4 => (u64::from(u32::from_be_bytes(bytes.try_into().ok()?)), 0),
        8 => {
            let both = u64::from_be_bytes(bytes.try_into().ok()?);
            (both & ((1 << 34) - 1), both >> 34)
        }
        12 => {
            let (nanos, seconds) = bytes.split_at(4);
            let seconds = i64::from_be_bytes(seconds.try_into().ok()?);
            let nanos = u32::from_be_bytes(nanos.try_into().ok()?);
            (u64::try_from(seconds).ok()?, u64::from(nanos))
        }
        _ => return None,
    };
    let nanos = Some(nanos).filter(|nanos| *nanos < 1_000_000_000)?;
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::DraftValue;

    /// An item of a map with one key besides its data.
    fn item(key_and_value: &[u8]) -> Vec<u8> {
        [&b"\x82"[..], key_and_value, b"\xa4data\x82\xa1a\x01\xa1b\xc0"].concat()
    }

    #[test]
    fn times_have_many_forms() {
        let check = |value: &[u8], expect: Result<Option<u64>, &str>| {
            let bytes = item(&[b"\xa4time", value].concat());
            let found = MsgpackItem(&bytes).read();
            match (found, expect) {
                (Ok(event), Ok(expect)) => {
                    assert_eq!(event.time_unix_nanos, expect, "{value:x?}");
                    assert_eq!(event.fields.len(), 1);
                }
                (Err(Fault::Malformed(words)), Err(expect)) => {
                    assert!(words.contains(expect), "{words}");
                }
                (found, _) => panic!("{value:x?}: {found:?}"),
            }
        };
        let second = 1_000_000_000;
        check(b"\xc0", Ok(None));
        check(b"\xa0", Ok(None));
        check(b"\xb41970-01-01T00:00:05Z", Ok(Some(5 * second)));
        check(b"\x05", Ok(Some(5 * second)));
        check(&[&[0xcb][..], &5.25_f64.to_be_bytes()].concat(), Ok(Some(5_250_000_000)));
        check(b"\xd6\xff\0\0\0\x05", Ok(Some(5 * second)));
        check(b"\xd6\x05\0\0\0\x05", Ok(Some(5 * second)));
        check(b"\xd7\xff\0\0\0\x1c\0\0\0\x05", Ok(Some(5 * second + 7)));
        check(b"\xc7\x0c\xff\0\0\0\x07\0\0\0\0\0\0\0\x05", Ok(Some(5 * second + 7)));
        check(b"\xc7\x0c\xff\0\0\0\x07\xff\xff\xff\xff\xff\xff\xff\xff", Err("no timestamp"));
        check(b"\xd7\xff\xff\xff\xff\xff\0\0\0\x05", Err("no timestamp"));
        check(b"\xd4\xff\x05", Err("no timestamp"));
        check(b"\xd6\x07\0\0\0\x05", Err("time is an extension"));
        check(b"\xc3", Err("time is a bool"));
        check(b"\xa4soon", Err("time `soon`"));
        check(b"\xff", Err("time `-1`"));
    }

    #[test]
    fn rates_and_other_keys() {
        let bytes = item(b"\xaasamplerate\x14");
        let event = MsgpackItem(&bytes).read().expect("an event");
        assert_eq!(event.sample_rate, Some(DraftValue::Int(20)));
        let bytes = item(b"\xa5other\x91\x80");
        assert_eq!(MsgpackItem(&bytes).read().expect("an event").fields.len(), 1);
        let event = MsgpackItem(b"\x81\xa4data\xc0").read().expect("an event");
        assert_eq!(event.fields.len(), 0);
    }

    #[test]
    fn broken_items_say_what_is_wrong() {
        let check = |bytes: &[u8], expect: &str| {
            let Err(Fault::Malformed(words)) = MsgpackItem(bytes).read() else {
                panic!("{bytes:x?}")
            };
            assert!(words.contains(expect), "{words}");
        };
        check(b"\x07", "a map was expected, an integer was sent");
        check(b"\x81\xa4data\x90", "a map was expected, an array was sent");
        check(b"\x81\x07\x07", "text was expected");
        let many = [&b"\x81\xa4data\xde\x27\x31"[..], &b"\xa1k\xc0".repeat(0x2731)].concat();
        let refusal = Refusal::new(RejectReason::AttributeCount, 0x2731);
        assert_eq!(MsgpackItem(&many).read().expect_err("too many"), Fault::Refused(refusal));
    }

    #[test]
    fn batches_are_split_into_whole_items() {
        let found = items(b"\x92\x80\x81\x01\x02").expect("a list");
        assert_eq!(
            found.iter().map(|item| item.0).collect::<Vec<_>>(),
            [&b"\x80"[..], b"\x81\x01\x02"]
        );
        for broken in [&b"\x80"[..], b"\x92\x80", b"", b"\xdd\xff\xff\xff\xff"] {
            assert!(items(broken).is_err(), "{broken:x?}");
        }
    }
}

//! An event as its encoding gave it, before anyone knows whether it is a span.
//!
//! Filled by the readers of the encodings, emptied by the mapping of spans; what is left are attributes.

use super::time;
use crate::decoded::ATTRIBUTES_MAX;
use crate::draft::{DraftAttribute, DraftValue, RawText};
pub(super) use crate::json_document::Fault;
use std::borrow::Cow;

/// Most fields of an event: those of the span itself and its attributes.
pub(super) const FIELDS_MAX: usize = ATTRIBUTES_MAX + 32;

/// An event.
#[derive(Debug, Default)]
pub(super) struct Event<'a> {
    /// `None` where the sender left it to whoever receives.
    pub(super) time_unix_nanos: Option<u64>,
    /// How many events this one stands for, where that is not one.
    pub(super) sample_rate: Option<DraftValue<'static>>,
    pub(super) fields: Fields<'a>,
}

/// An event of a list, in an encoding.
pub(super) trait Item<'a>: Copy {
    /// As it was sent.
    fn bytes(self) -> &'a [u8];

    /// Whether it may be a span event or a link; wrong answers cost time or leave one apart from its span.
    fn may_be_annotation(self) -> bool;

    /// Reads it.
    fn read(self) -> Result<Event<'a>, Fault>;
}

/// The fields of an event that are not null. Where a key comes twice, the last counts.
#[derive(Debug, Default)]
pub(super) struct Fields<'a>(Vec<DraftAttribute<'a>>);

impl<'a> Fields<'a> {
    pub(super) fn new(fields: Vec<DraftAttribute<'a>>) -> Self {
        Self(fields)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds a field behind the others.
    pub(super) fn push(&mut self, key: RawText<'a>, value: DraftValue<'a>) {
        self.0.push((key, value));
    }

    /// Where a field is, for the calls below.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.0.iter().rposition(|(key, _)| **key == *name.as_bytes())
    }

    pub(super) fn value(&self, at: usize) -> &DraftValue<'a> {
        &self.0[at].1
    }

    pub(super) fn remove(&mut self, at: usize) {
        self.0.remove(at);
    }

    /// Takes a field out where `read` finds in its value what it looks for.
    pub(super) fn take<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&DraftValue<'a>) -> Option<T>,
    ) -> Option<T> {
        let at = self.find(name)?;
        let found = read(self.value(at))?;
        self.remove(at);
        Some(found)
    }

    /// Takes a text out.
    pub(super) fn take_text(&mut self, name: &str) -> Option<RawText<'a>> {
        self.take(name, |value| match value {
            DraftValue::Text(text) => Some(text.clone()),
            _ => None,
        })
    }

    /// What is left.
    pub(super) fn into_attributes(self) -> Vec<DraftAttribute<'a>> {
        self.0
    }
}

/// The text that a value is or that its integer has.
pub(super) fn as_text<'v>(value: &'v DraftValue<'_>) -> Option<Cow<'v, [u8]>> {
    match value {
        DraftValue::Text(text) => Some(Cow::Borrowed(text)),
        DraftValue::Int(number) => Some(Cow::Owned(number.to_string().into_bytes())),
        _ => None,
    }
}

/// Reads a time; empty is none.
pub(super) fn read_time(text: &str) -> Result<Option<u64>, Fault> {
    if text.is_empty() {
        return Ok(None);
    }
    let time = time::parse(text);
    time.map(Some).ok_or_else(|| malformed("time", text, "write RFC 3339 or seconds since 1970"))
}

/// Reads a sample rate; one, zero and null are none.
pub(super) fn read_sample_rate(
    value: Option<&DraftValue<'_>>,
) -> Result<Option<DraftValue<'static>>, Fault> {
    let broken = |text: &str| malformed("samplerate", text, "write a number from 1 up");
    match value {
        None | Some(DraftValue::Int(0 | 1)) => Ok(None),
        Some(DraftValue::Int(rate)) if *rate > 0 => Ok(Some(DraftValue::Int(*rate))),
        Some(DraftValue::Int(rate)) => Err(broken(&rate.to_string())),
        Some(DraftValue::Float(rate)) if *rate == 0.0 || (rate - 1.0).abs() < f64::EPSILON => {
            Ok(None)
        }
        Some(DraftValue::Float(rate)) if *rate > 0.0 => Ok(Some(DraftValue::Float(*rate))),
        Some(DraftValue::Float(rate)) => Err(broken(&rate.to_string())),
        Some(DraftValue::Text(text)) => {
            let text = String::from_utf8_lossy(text);
            let rate: i64 = text.trim().parse().map_err(|_| broken(&text))?;
            read_sample_rate(Some(&DraftValue::Int(rate)))
        }
        Some(_) => Err(broken("of another type")),
    }
}

/// Most characters of a malformed text that are shown.
const SHOWN_MAX: usize = 64;

fn malformed(field: &str, text: &str, advice: &str) -> Fault {
    let shown: String = text.chars().take(SHOWN_MAX).collect();
    Fault::Malformed(format!("{field} `{shown}` is not understood; {advice}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sample_rates_are_numbers_from_one_up() {
        let check = |value: DraftValue<'_>, expect: Result<Option<DraftValue<'static>>, ()>| {
            let found = read_sample_rate(Some(&value)).map_err(drop);
            assert_eq!(found, expect, "{value:?}");
        };
        assert_eq!(read_sample_rate(None), Ok(None));
        check(DraftValue::Int(0), Ok(None));
        check(DraftValue::Int(1), Ok(None));
        check(DraftValue::Int(20), Ok(Some(DraftValue::Int(20))));
        check(DraftValue::Float(1.0), Ok(None));
        check(DraftValue::Float(2.5), Ok(Some(DraftValue::Float(2.5))));
        check(DraftValue::Text(b" 20 "[..].into()), Ok(Some(DraftValue::Int(20))));
        check(DraftValue::Int(-1), Err(()));
        check(DraftValue::Float(-0.5), Err(()));
        check(DraftValue::Float(f64::NAN), Err(()));
        check(DraftValue::Text(b"all"[..].into()), Err(()));
        check(DraftValue::Bool(true), Err(()));
    }

    #[test]
    fn the_last_of_a_key_is_taken_where_it_fits() {
        let mut fields = Fields::default();
        fields.push(b"name"[..].into(), DraftValue::Text(b"first"[..].into()));
        fields.push(b"name"[..].into(), DraftValue::Text(b"last"[..].into()));
        fields.push(b"kind"[..].into(), DraftValue::Int(7));
        assert_eq!(fields.take_text("name").as_deref(), Some(&b"last"[..]));
        assert_eq!(fields.take_text("kind"), None);
        assert_eq!(fields.into_attributes().len(), 2);
    }
}

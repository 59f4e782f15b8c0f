//! A JSON body as MessagePack, so that one walk reads both.
//!
//! JSON is sent by hand and by a few tracers of languages without MessagePack: what a copy costs matters little.
//! Invariant: the copy is at most five times as long as the text.

use crate::decoded::DecodeError;
use crate::json_value::decode_error;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Writes a JSON text anew.
pub(super) fn to_msgpack(json: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let mut out = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    Copy { out: &mut out }
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|error| decode_error(&error))?;
    Ok(out)
}

struct Copy<'o> {
    out: &'o mut Vec<u8>,
}

impl Copy<'_> {
    fn put<const N: usize>(self, head: u8, bytes: [u8; N]) {
        self.out.push(head);
        self.out.extend_from_slice(&bytes);
    }

    /// The head of an array or map, whose count is not known yet; gives its place.
    fn begin(&mut self, head: u8) -> usize {
        self.out.extend_from_slice(&[head, 0, 0, 0, 0]);
        self.out.len()
    }

    fn end(self, begin: usize, count: usize) {
        let count = fanal_base::cast::narrow(count).to_be_bytes();
        if let Some(place) = self.out.get_mut(begin - count.len()..begin) {
            place.copy_from_slice(&count);
        }
    }
}

impl<'de> DeserializeSeed<'de> for Copy<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Copy<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.put(0xc0, []);
        Ok(())
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<(), E> {
        self.put(if flag { 0xc3 } else { 0xc2 }, []);
        Ok(())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.put(0xd3, number.to_be_bytes());
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        match u8::try_from(number) {
            Ok(small @ 0..0x80) => self.put(small, []),
            _ => self.put(0xcf, number.to_be_bytes()),
        }
        Ok(())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.put(0xcb, number.to_be_bytes());
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.out.push(0xdb);
        self.out.extend_from_slice(&fanal_base::cast::narrow(text.len()).to_be_bytes());
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut access: A) -> Result<(), A::Error> {
        let begin = self.begin(0xdd);
        let mut count = 0;
        while access.next_element_seed(Copy { out: self.out })?.is_some() {
            count += 1;
        }
        self.end(begin, count);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut access: A) -> Result<(), A::Error> {
        let begin = self.begin(0xdf);
        let mut count = 0;
        while access.next_key_seed(Copy { out: self.out })?.is_some() {
            access.next_value_seed(Copy { out: self.out })?;
            count += 1;
        }
        self.end(begin, count);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::msgpack::{Reader, any_value};

    #[test]
    fn a_copy_reads_like_the_text() {
        let check = |json: &str| {
            let msgpack = to_msgpack(json.as_bytes()).expect("parses");
            assert!(msgpack.len() <= 5 * json.len(), "{json} {}", msgpack.len());
            let mut reader = Reader::new(&msgpack);
            let copied = any_value(&mut reader).expect("reads");
            assert!(reader.is_at_end(), "{json}");
            let direct: crate::json_value::AnyValue<'_> =
                serde_json::from_str(json).expect("parses");
            assert_eq!(copied, direct.0, "{json}");
        };
        check("null");
        check("0");
        check("18446744073709551615");
        check("-1");
        check("1.5");
        check("\"\"");
        check("[[],[],[]]");
        check(r#"[{"name":"a","error":0,"metrics":{"m":-1.25},"ok":[true,false,null]},{}]"#);
        assert!(to_msgpack(b"[1] 2").is_err());
        assert!(to_msgpack(b"[1").is_err());
        assert!(to_msgpack(b"\"\xff\"").is_err());
    }
}

//! The four forms of a list of spans: reading one that is announced, and telling an unannounced one by its bytes.
//!
//! Called by receivers with a decompressed body. Knows no path and no content type.

use super::json;
use super::map::Mapper;
use super::protobuf;
use super::thrift;
use crate::decoded::{DecodeError, Decoded, REQUEST_BYTES_MAX};

/// A form of a list of spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Version 1 in JSON.
    V1Json,
    /// Version 1 in thrift's binary protocol, without a message around it.
    V1Thrift,
    /// Version 2 in JSON.
    V2Json,
    /// Version 2 in protobuf (`ListOfSpans`).
    V2Protobuf,
}

impl Format {
    /// The words for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1Json => "a Zipkin v1 JSON list",
            Self::V1Thrift => "a Zipkin v1 thrift list",
            Self::V2Json => "a Zipkin v2 JSON list",
            Self::V2Protobuf => "a Zipkin v2 protobuf list",
        }
    }

    fn is_json(self) -> bool {
        matches!(self, Self::V1Json | Self::V2Json)
    }
}

/// Decodes a list of spans. `arrived_unix_nanos` is the start of spans that tell no time at all.
///
/// Fails only where the bytes are not of the format, or are of another one; a span that breaks a rule of Zipkin or a
/// limit is refused alone. A span of version 1 that two services share becomes one for each.
pub fn decode(
    format: Format,
    bytes: &[u8],
    arrived_unix_nanos: u64,
) -> Result<Decoded, DecodeError> {
    if bytes.len() > REQUEST_BYTES_MAX {
        return Err(DecodeError::TooLarge { bytes: bytes.len() });
    }
    let mut mapper = Mapper::new(arrived_unix_nanos);
    if bytes.is_empty() {
        return Ok(mapper.finish());
    }
    let outcome = match format {
        Format::V1Json => json::read_v1_list(bytes, &mut mapper),
        Format::V1Thrift => thrift::read_list(bytes, &mut mapper).map_err(DecodeError::from),
        Format::V2Json => json::read_v2_list(bytes, &mut mapper),
        Format::V2Protobuf => protobuf::read_list(bytes, &mut mapper).map_err(DecodeError::from),
    };
    match outcome {
        Ok(()) => Ok(mapper.finish()),
        Err(error) => Err(mismatch(format, bytes).unwrap_or(error)),
    }
}

/// Tells the form of a list by its bytes, as Zipkin does where no header does. `None` where they are no list of spans.
pub fn sniff(bytes: &[u8]) -> Option<Format> {
    match bytes {
        [0x0b | 0x0c, ..] => Some(Format::V1Thrift),
        [0x0a, second, ..] if *second != 0 && !is_json_list(bytes) => Some(Format::V2Protobuf),
        _ if is_json_list(bytes) => {
            let has = |word: &[u8]| bytes.windows(word.len()).any(|window| window == word);
            let is_v2 = has(b"Endpoint\"") || has(b"\"tags\"");
            Some(if is_v2 { Format::V2Json } else { Format::V1Json })
        }
        _ => None,
    }
}

/// Whether the first byte that is no white space opens a list, and the next one an object or nothing. (The first alone
/// may as well be the length in protobuf.)
fn is_json_list(bytes: &[u8]) -> bool {
    let Some(inside) = bytes.trim_ascii_start().strip_prefix(b"[") else { return false };
    matches!(inside.trim_ascii_start().first(), None | Some(b'{' | b']'))
}

/// The error of a body that is in another form than announced. Both versions of JSON look alike until they are read, so
/// that the walks tell them apart.
fn mismatch(announced: Format, bytes: &[u8]) -> Option<DecodeError> {
    let found = sniff(bytes)
        .filter(|found| *found != announced && !(found.is_json() && announced.is_json()))?;
    Some(DecodeError::OtherFormat { announced: announced.as_str(), found: found.as_str() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_told_by_their_bytes() {
        let check = |bytes: &[u8], expect: Option<Format>| {
            assert_eq!(sniff(bytes), expect, "{}", bytes.escape_ascii());
        };
        check(b"[]", Some(Format::V1Json));
        check(b" \n[ {\"id\":\"1\"}]", Some(Format::V1Json));
        check(b"\n[{\"tags\":{}}]", Some(Format::V2Json));
        check(b"[{\"localEndpoint\":{}}]", Some(Format::V2Json));
        check(b"[{\"binaryAnnotations\":[{\"endpoint\":{}}]}]", Some(Format::V1Json));
        check(b"\x0a\x02\x0a\x00", Some(Format::V2Protobuf));
        check(b"\x0a\x5b\x0a\x10", Some(Format::V2Protobuf));
        check(b"\x0a\x00", None);
        check(b"\x0c\0\0\0\x01", Some(Format::V1Thrift));
        check(b"\x0b\0\0\0\x01", Some(Format::V1Thrift));
        check(b"{}", None);
        check(b"", None);
    }

    #[test]
    fn a_body_in_another_form_is_told_so() {
        let check = |announced: Format, bytes: &[u8], found: Format| {
            let error = decode(announced, bytes, 0).map(|decoded| decoded.batch.len());
            let expect =
                DecodeError::OtherFormat { announced: announced.as_str(), found: found.as_str() };
            assert_eq!(error, Err(expect), "{}", bytes.escape_ascii());
        };
        let v1 = br#"[{"traceId":"1","id":"2","binaryAnnotations":[]}]"#;
        let v2 = br#"[{"traceId":"1","id":"2","tags":{}}]"#;
        let thrift = b"\x0c\0\0\0\x01\0";
        let protobuf = b"\x0a\x02\x28\x00";
        check(Format::V2Json, v1, Format::V1Json);
        check(Format::V1Json, v2, Format::V2Json);
        check(Format::V2Json, thrift, Format::V1Thrift);
        check(Format::V2Json, protobuf, Format::V2Protobuf);
        check(Format::V1Json, thrift, Format::V1Thrift);
        check(Format::V2Protobuf, v1, Format::V1Json);
        check(Format::V2Protobuf, v2, Format::V2Json);
        check(Format::V2Protobuf, thrift, Format::V1Thrift);
        check(Format::V1Thrift, v2, Format::V2Json);
        check(Format::V1Thrift, protobuf, Format::V2Protobuf);
    }

    #[test]
    fn an_empty_body_is_an_empty_list() {
        for format in [Format::V1Json, Format::V1Thrift, Format::V2Json, Format::V2Protobuf] {
            assert_eq!(
                decode(format, b"", 0).map(|decoded| decoded.batch.len()),
                Ok(0),
                "{format:?}"
            );
        }
        assert_eq!(decode(Format::V2Json, b" [ ] ", 0).map(|decoded| decoded.batch.len()), Ok(0));
        assert_eq!(decode(Format::V1Json, b"[]", 0).map(|decoded| decoded.batch.len()), Ok(0));
        let empty = decode(Format::V1Thrift, b"\x0c\0\0\0\0", 0);
        assert_eq!(empty.map(|decoded| decoded.batch.len()), Ok(0));
    }
}

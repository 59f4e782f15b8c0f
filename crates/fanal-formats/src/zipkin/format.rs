//! The four forms of a list of spans: reading one that is announced, and telling an unannounced one by its bytes.
//!
//! Called by receivers with a decompressed body, and with messages of queues, which say nothing of their form. Knows no
//! path and no content type.

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

/// Decodes a message of a queue: a list of spans in any form, which its bytes tell, or one span of version 1 in thrift, as
/// old reporters write. `arrived_unix_nanos` is as in [`decode`], and so is what fails.
pub fn decode_message(bytes: &[u8], arrived_unix_nanos: u64) -> Result<Decoded, DecodeError> {
    let Some(format) = sniff(bytes) else { return decode_single(bytes, arrived_unix_nanos) };
    let decoded = decode(format, bytes, arrived_unix_nanos);
    let other = match format {
        Format::V1Json => Format::V2Json,
        Format::V2Json => Format::V1Json,
        _ => return decoded,
    };
    // Words inside of texts may mislead where the bytes tell no more.
    match decoded {
        Err(DecodeError::OtherFormat { .. }) => decode(other, bytes, arrived_unix_nanos),
        decoded => decoded,
    }
}

fn decode_single(bytes: &[u8], arrived_unix_nanos: u64) -> Result<Decoded, DecodeError> {
    let mut mapper = Mapper::new(arrived_unix_nanos);
    match bytes.first() {
        None => {}
        // Types of fields in thrift.
        Some(0..=0x10) if bytes.len() <= REQUEST_BYTES_MAX => {
            thrift::read_single(bytes, &mut mapper)?;
        }
        _ => {
            let expected =
                "a list of Zipkin spans in JSON, protobuf or thrift, nor a span in thrift";
            return Err(DecodeError::Unrecognised { expected });
        }
    }
    Ok(mapper.finish())
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
    fn a_message_is_told_by_its_bytes() {
        let check = |bytes: &[u8], expect: Option<usize>| {
            let decoded = decode_message(bytes, 0);
            let spans = decoded.map(|decoded| (decoded.batch.len(), decoded.rejected_spans));
            assert_eq!(spans.ok(), expect.map(|spans| (spans, 0)), "{}", bytes.escape_ascii());
        };
        // Fields 1 and 4, the ids of one span in thrift.
        let span = b"\x0a\0\x01\0\0\0\0\0\0\0\x07\x0a\0\x04\0\0\0\0\0\0\0\x08\0";
        check(span, Some(1));
        check(&[b"\x0c\0\0\0\x02", &span[..], span].concat(), Some(2));
        check(b"\x0a\x14\x0a\x08\0\0\0\0\0\0\0\x07\x1a\x08\0\0\0\0\0\0\0\x08", Some(1));
        check(br#"[{"traceId":"7","id":"8","localEndpoint":{}}]"#, Some(1));
        check(br#"[{"traceId":"7","id":"8"}]"#, Some(1));
        check(br#"[{"traceId":"7","id":"8","name":"\"tags\"","binaryAnnotations":[]}]"#, Some(1));
        check(br#"[{"traceId":"7","id":"8","\u0074ags":{}}]"#, Some(1));
        check(b"", Some(0));
        check(br#"{"traceId":"7","id":"8"}"#, None);
        check(&span[..9], None);
        check(b"\xff", None);
        check(b"hello", None);
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

//! Answers to exporters: `ExportTraceServiceResponse` and `google.rpc.Status`, in the encoding of the request.
//!
//! Used by the HTTP and gRPC receivers. Invariant: an answer stays far below the 4 MiB that clients take.
//! Does not know HTTP statuses: receivers choose code and header from an error's kind.
//! Follows <https://opentelemetry.io/docs/specs/otlp/#otlphttp-response>.

use crate::wire::{Writer, bytes_tag, varint_tag};
use serde_json::json;
use std::time::Duration;

/// Longest message in bytes; what is longer is cut and ends in "…".
pub const MESSAGE_BYTES_MAX: usize = 16 << 10;

const RETRY_INFO_TYPE: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// Encoding of an answer: that of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-protobuf`, and gRPC messages.
    Protobuf,
    /// `application/json`.
    Json,
}

/// A `google.rpc.Status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RpcStatus<'a> {
    /// gRPC status code.
    pub code: i32,
    /// What went wrong.
    pub message: &'a str,
    /// When to come back, sent as `google.rpc.RetryInfo`.
    pub retry_delay: Option<Duration>,
}

/// `ExportTraceServiceResponse` for a request whose spans were all accepted.
pub fn success(encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Protobuf => Vec::new(),
        Encoding::Json => b"{}".to_vec(),
    }
}

/// `ExportTraceServiceResponse` with `partial_success`. No rejected spans and a message are a warning.
pub fn partial_success(encoding: Encoding, rejected_spans: u64, message: &str) -> Vec<u8> {
    let message = &*shorten(message);
    match encoding {
        Encoding::Protobuf => {
            let mut writer = Writer::default();
            writer.message(bytes_tag(1), |writer| {
                writer.varint_unless_zero(varint_tag(1), rejected_spans);
                writer.bytes_unless_empty(bytes_tag(2), message.as_bytes());
            });
            writer.finish()
        }
        Encoding::Json => {
            let partial =
                json!({ "rejectedSpans": rejected_spans.to_string(), "errorMessage": message });
            json!({ "partialSuccess": partial }).to_string().into_bytes()
        }
    }
}

/// `google.rpc.Status`, the body of HTTP errors and, in protobuf, of the trailer `grpc-status-details-bin`.
pub fn status(encoding: Encoding, status: RpcStatus<'_>) -> Vec<u8> {
    let message = &*shorten(status.message);
    match encoding {
        Encoding::Protobuf => {
            let mut writer = Writer::default();
            let code = i64::from(status.code).cast_unsigned();
            writer.varint_unless_zero(varint_tag(1), code);
            writer.bytes_unless_empty(bytes_tag(2), message.as_bytes());
            if let Some(delay) = status.retry_delay {
                writer.message(bytes_tag(3), |writer| {
                    writer.bytes(bytes_tag(1), RETRY_INFO_TYPE.as_bytes());
                    writer.message(bytes_tag(2), |writer| write_retry_info(writer, delay));
                });
            }
            writer.finish()
        }
        Encoding::Json => {
            let mut body = json!({ "code": status.code, "message": message });
            if let Some(delay) = status.retry_delay {
                let delay = duration_text(delay);
                body["details"] = json!([{ "@type": RETRY_INFO_TYPE, "retryDelay": delay }]);
            }
            body.to_string().into_bytes()
        }
    }
}

fn write_retry_info(writer: &mut Writer, delay: Duration) {
    writer.message(bytes_tag(1), |writer| {
        writer.varint_unless_zero(varint_tag(1), delay.as_secs());
        writer.varint_unless_zero(varint_tag(2), u64::from(delay.subsec_nanos()));
    });
}

/// Seconds with 0, 3, 6 or 9 digits behind the point, as protobuf's JSON spells a duration.
fn duration_text(duration: Duration) -> String {
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    match nanos {
        0 => format!("{seconds}s"),
        _ if nanos % 1_000_000 == 0 => format!("{seconds}.{:03}s", nanos / 1_000_000),
        _ if nanos % 1_000 == 0 => format!("{seconds}.{:06}s", nanos / 1_000),
        _ => format!("{seconds}.{nanos:09}s"),
    }
}

fn shorten(message: &str) -> std::borrow::Cow<'_, str> {
    if message.len() <= MESSAGE_BYTES_MAX {
        return message.into();
    }
    let mut end = MESSAGE_BYTES_MAX - "…".len();
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &message[..end]).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceResponse,
    };
    use prost::Message;

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).expect("UTF-8")
    }

    #[test]
    fn responses_read_back() {
        let check = |bytes: &[u8], expect: Option<ExportTracePartialSuccess>| {
            let response = ExportTraceServiceResponse::decode(bytes).expect("decodes");
            assert_eq!(response, ExportTraceServiceResponse { partial_success: expect });
        };
        check(&success(Encoding::Protobuf), None);
        let partial = |rejected_spans, message: &str| {
            Some(ExportTracePartialSuccess { rejected_spans, error_message: message.to_owned() })
        };
        check(&partial_success(Encoding::Protobuf, 300, "no"), partial(300, "no"));
        check(&partial_success(Encoding::Protobuf, 0, "careful"), partial(0, "careful"));
        assert_eq!(text(success(Encoding::Json)), "{}");
        assert_eq!(
            text(partial_success(Encoding::Json, 3, "a \"b\"")),
            r#"{"partialSuccess":{"errorMessage":"a \"b\"","rejectedSpans":"3"}}"#
        );
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let long = "é".repeat(MESSAGE_BYTES_MAX);
        let short = shorten(&long);
        assert!(short.len() <= MESSAGE_BYTES_MAX && short.ends_with("é…"), "{}", short.len());
        assert_eq!(shorten("as it is"), "as it is");
    }

    #[test]
    fn statuses_carry_retry_info() {
        let wait =
            RpcStatus { code: 8, message: "full", retry_delay: Some(Duration::from_millis(1_500)) };
        assert_eq!(
            text(status(Encoding::Json, wait)),
            r#"{"code":8,"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1.500s"}],"message":"full"}"#
        );
        // Field 1 code 8, field 2 "full", field 3 Any of the type and {1: {1: 1, 2: 500000000}}.
        let duration = [0x08, 1, 0x10, 0x80, 0xca, 0xb5, 0xee, 0x01];
        let mut any = vec![0x0a, 40];
        any.extend_from_slice(RETRY_INFO_TYPE.as_bytes());
        any.extend_from_slice(&[0x12, 10, 0x0a, 8]);
        any.extend_from_slice(&duration);
        let mut expect = vec![0x08, 8, 0x12, 4];
        expect.extend_from_slice(b"full");
        expect.extend_from_slice(&[0x1a, u8::try_from(any.len()).expect("short")]);
        expect.extend_from_slice(&any);
        assert_eq!(status(Encoding::Protobuf, wait), expect);
        let plain = RpcStatus { code: 3, message: "", retry_delay: None };
        assert_eq!(status(Encoding::Protobuf, plain), [0x08, 3]);
    }

    #[test]
    fn durations_have_three_digits_at_a_time() {
        let check = |nanos, expect| assert_eq!(duration_text(Duration::from_nanos(nanos)), expect);
        check(2_000_000_000, "2s");
        check(10_000_000, "0.010s");
        check(1_000, "0.000001s");
        check(1, "0.000000001s");
    }
}

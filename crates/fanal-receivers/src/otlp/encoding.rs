//! The two encodings of OTLP, protobuf and JSON: the seam between the doors and the formats crate.
//!
//! Maps content types to decoders, and what became of a request to the body of its answer.

use crate::otlp::decoders::DecoderPool;
use crate::refusal::Refusal;
pub(crate) use fanal_formats::otlp::response::Encoding;
use fanal_formats::otlp::{json, response};
use fanal_formats::{DecodeError, Decoded};
use fanal_pipeline::Accepted;
use http::{HeaderMap, HeaderValue, header};
use std::sync::Arc;

/// The content types as a list for headers and messages.
pub(crate) const ACCEPTED_TYPES: &str = "application/x-protobuf, application/json";

/// The encoding of a request's media type, whatever its case and parameters; otherwise what to tell the sender.
pub(crate) fn of_request(headers: &HeaderMap) -> Result<Encoding, String> {
    let value = headers.get(header::CONTENT_TYPE).map_or(Ok(""), HeaderValue::to_str);
    let value = value.unwrap_or("(not text)");
    let media_type = value.split(';').next().unwrap_or_default().trim();
    let is = |name: &str| media_type.eq_ignore_ascii_case(name);
    if is("application/x-protobuf") || is("application/protobuf") {
        Ok(Encoding::Protobuf)
    } else if is("application/json") {
        Ok(Encoding::Json)
    } else if media_type.is_empty() {
        Err(format!("request has no content-type; send one of {ACCEPTED_TYPES}"))
    } else {
        Err(format!("content-type `{media_type}` is not supported; send one of {ACCEPTED_TYPES}"))
    }
}

/// The content type of answers.
pub(crate) fn content_type(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Protobuf => "application/x-protobuf",
        Encoding::Json => "application/json",
    }
}

/// A decoder of `ExportTraceServiceRequest`.
pub(crate) fn decoder(
    encoding: Encoding,
    decoders: &Arc<DecoderPool>,
) -> impl FnOnce(&[u8]) -> Result<Decoded, DecodeError> + Send + 'static {
    let decoders = Arc::clone(decoders);
    move |bytes| match encoding {
        Encoding::Protobuf => decoders.decode(bytes),
        Encoding::Json => json::decode_request(bytes),
    }
}

/// Encodes an `ExportTraceServiceResponse`.
pub(crate) fn export_response(encoding: Encoding, accepted: &Accepted) -> Vec<u8> {
    match accepted.rejected_spans {
        0 => response::success(encoding),
        rejected => response::partial_success(encoding, rejected, &accepted.message),
    }
}

/// Encodes a `google.rpc.Status`.
pub(crate) fn status(encoding: Encoding, refusal: &Refusal) -> Vec<u8> {
    let status = response::RpcStatus {
        code: refusal.grpc_code.number(),
        message: &refusal.message,
        retry_delay: refusal.retry_after,
    };
    response::status(encoding, status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(content_type: &str, expect: Option<Encoding>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, content_type.parse().expect("header"));
        assert_eq!(of_request(&headers).ok(), expect, "{content_type}");
    }

    #[test]
    fn media_types_are_read_without_case_and_parameters() {
        check("application/x-protobuf", Some(Encoding::Protobuf));
        check("application/protobuf", Some(Encoding::Protobuf));
        check("APPLICATION/JSON ; charset=utf-8", Some(Encoding::Json));
        check("application/json5", None);
        check("text/plain; application/json", None);
        check("", None);
    }
}

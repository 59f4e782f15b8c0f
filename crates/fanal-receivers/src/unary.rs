//! Unary gRPC on the server's side: the frame around a message, the trailers behind it, statuses.
//!
//! Written out instead of taken from a framework, because frameworks gather and decompress a message before
//! anyone may count its bytes. Follows <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>.
//! Knows no service.

use crate::body::{self, BodyReader};
use crate::compression::Compression;
use crate::ingest::{Ingest, Payload};
use crate::refusal::{GrpcCode, Refusal};
use axum::body::Body;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::{BufMut, BytesMut};
use fanal_formats::otlp::response::{self, Encoding, RpcStatus};
use fanal_pipeline::RequestRejection;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use http_body_util::{BodyExt, Full};
use std::fmt::Write;

/// Compression flag and length in front of a message.
pub(crate) const PREFIX_BYTES: usize = 5;

/// Codings of messages as a header value.
const ACCEPTED: HeaderValue = HeaderValue::from_static("gzip,zstd,deflate,identity");

const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/grpc");
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
pub(crate) const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const STATUS_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

/// Longest status text, in bytes before escaping; headers have limits at every hop.
const STATUS_MESSAGE_BYTES_MAX: usize = 1024;

/// Whether a request is a gRPC call.
pub(crate) fn is_call(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    content_type.is_some_and(|value| {
        value.len() >= 16 && value[..16].eq_ignore_ascii_case(b"application/grpc")
    })
}

/// The coding that a call's headers announce.
pub(crate) fn announced_compression(headers: &HeaderMap) -> Result<Compression, Refusal> {
    let value = headers.get(ENCODING).map_or(Ok(""), HeaderValue::to_str);
    value.ok().and_then(Compression::parse).ok_or_else(|| {
        let message = "grpc-encoding is not supported; use gzip, zstd, deflate or identity";
        Refusal::lasting(RequestRejection::Unsupported, message)
    })
}

/// What stands in front of a message.
pub(crate) struct Prefix {
    pub(crate) compression: Compression,
    /// Bytes of the message as sent.
    pub(crate) length: usize,
}

impl Prefix {
    /// Reads it off the front of `arrived`.
    pub(crate) fn read(arrived: &[u8], announced: Compression) -> Result<Self, Refusal> {
        let &[flag, a, b, c, d, ..] = arrived else {
            let text = "call has no whole message; send one";
            return Err(Refusal::grpc_protocol(GrpcCode::Unimplemented, text));
        };
        let length = fanal_base::cast::index(u32::from_be_bytes([a, b, c, d]));
        let compression = match (flag, announced) {
            (0, _) => Compression::Identity,
            (1, Compression::Identity) => {
                let text = "message is flagged as compressed but grpc-encoding is identity";
                return Err(Refusal::grpc_protocol(GrpcCode::Internal, text));
            }
            (1, announced) => announced,
            (other, _) => {
                let text = format!("compression flag is {other}; 0 and 1 are defined");
                return Err(Refusal::grpc_protocol(GrpcCode::Internal, text));
            }
        };
        Ok(Self { compression, length })
    }
}

/// Reads the one message of a call.
pub(crate) async fn read_call(
    ingest: &Ingest,
    headers: &HeaderMap,
    body: Body,
) -> Result<Payload, Refusal> {
    let announced = announced_compression(headers)?;
    let reader = BodyReader::new(&ingest.pipeline, body).map_err(|(refusal, _)| refusal)?;
    let reading = read_message(reader, announced, ingest.limits.request_bytes_max);
    body::within(ingest.limits.body_timeout, &ingest.pipeline, reading).await
}

/// Reads a message of at most `bytes_max` bytes as sent.
async fn read_message(
    mut reader: BodyReader<'_>,
    announced: Compression,
    bytes_max: usize,
) -> Result<Payload, Refusal> {
    reader.read_at_least(PREFIX_BYTES).await?;
    let Prefix { compression, length } = Prefix::read(reader.arrived(), announced)?;
    if length > bytes_max {
        return Err(body::too_large(bytes_max));
    }
    let framed = length + PREFIX_BYTES;
    match reader.read_to_end(framed, framed).await {
        Err(refusal) if refusal.kind == RequestRejection::TooLarge => {
            let text = "call has bytes behind its message; a unary call has one message";
            return Err(Refusal::grpc_protocol(GrpcCode::Unimplemented, text));
        }
        other => other?,
    }
    let (mut bytes, permit) = reader.finish();
    if bytes.len() < framed {
        let text = format!("message ends after {} of {framed} bytes", bytes.len());
        return Err(Refusal::grpc_protocol(GrpcCode::Internal, text));
    }
    let bytes = bytes.split_off(PREFIX_BYTES);
    Ok(Payload { bytes, compression, permit })
}

/// The answer to a call that succeeded.
pub(crate) fn success(message: &[u8]) -> Response {
    let mut framed = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    framed.put_u8(0);
    framed.put_u32(fanal_base::cast::narrow(message.len()));
    framed.put_slice(message);
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(STATUS, HeaderValue::from_static("0"));
    let body = Full::new(framed.freeze()).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(Body::new(body));
    set_headers(response.headers_mut());
    response
}

/// The answer to a call that is refused; where a later try may succeed, it says when, as OTLP's senders and others read it.
pub(crate) fn refused(refusal: &Refusal) -> Response {
    let details = refusal.retry_after.map(|_| {
        let status = RpcStatus {
            code: refusal.grpc_code.number(),
            message: &refusal.message,
            retry_delay: refusal.retry_after,
        };
        response::status(Encoding::Protobuf, status)
    });
    failure(refusal.grpc_code, &refusal.message, &details.unwrap_or_default())
}

/// The answer to a call that failed; `details` is an encoded `google.rpc.Status`, left out where empty.
pub(crate) fn failure(code: GrpcCode, message: &str, details: &[u8]) -> Response {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    set_headers(headers);
    set_failure(headers, code, message);
    if !details.is_empty()
        && let Ok(value) = HeaderValue::try_from(STANDARD_NO_PAD.encode(details))
    {
        headers.insert(STATUS_DETAILS, value);
    }
    response
}

/// The status of a call that failed, as headers or trailers.
pub(crate) fn set_failure(headers: &mut HeaderMap, code: GrpcCode, message: &str) {
    headers.insert(STATUS, HeaderValue::from(code.number()));
    if let Ok(value) = HeaderValue::try_from(escape(message)) {
        headers.insert(MESSAGE, value);
    }
}

/// The headers of every answer.
pub(crate) fn set_headers(headers: &mut HeaderMap) {
    headers.insert(header::CONTENT_TYPE, CONTENT_TYPE);
    headers.insert(ACCEPT_ENCODING, ACCEPTED);
}

/// Percent-encodes what may not stand in `grpc-message`.
fn escape(message: &str) -> String {
    let mut escaped = String::with_capacity(message.len());
    for character in message.chars() {
        if escaped.len() >= STATUS_MESSAGE_BYTES_MAX {
            break;
        }
        if matches!(character, ' '..='~') && character != '%' {
            escaped.push(character);
            continue;
        }
        let mut buffer = [0; 4];
        for byte in character.encode_utf8(&mut buffer).bytes() {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use fanal_pipeline::PipelineConfig;

    /// Reads a message of at most 5 bytes.
    async fn check(
        announced: Compression,
        chunks: &[&[u8]],
        expect: Result<(&[u8], Compression), GrpcCode>,
    ) {
        let pipeline = testing::pipeline(PipelineConfig::default());
        let reader = BodyReader::new(&pipeline, testing::body(chunks, true)).expect("admitted");
        let read = read_message(reader, announced, 5).await;
        let read = read.map(|message| (message.bytes.to_vec(), message.compression));
        let expect = expect.map(|(bytes, compression)| (bytes.to_vec(), compression));
        assert_eq!(read.map_err(|refusal| refusal.grpc_code), expect, "{chunks:?}");
    }

    #[tokio::test]
    async fn one_whole_message_is_read() {
        use Compression::{Gzip, Identity};
        let plain = Ok((&b"hello"[..], Identity));
        check(Identity, &[b"\0\0\0\0\x05hello"], plain).await;
        check(Identity, &[b"\0\0", b"\0\0\x05", b"he", b"llo"], plain).await;
        check(Gzip, &[b"\0\0\0\0\x05hello"], plain).await;
        check(Gzip, &[b"\x01\0\0\0\x05hello"], Ok((b"hello", Gzip))).await;
        check(Identity, &[b"\0\0\0\0\0"], Ok((b"", Identity))).await;
    }

    #[tokio::test]
    async fn broken_frames_are_refused() {
        use Compression::{Gzip, Identity};
        check(Identity, &[b"\x01\0\0\0\x05hello"], Err(GrpcCode::Internal)).await;
        check(Gzip, &[b"\x02\0\0\0\x05hello"], Err(GrpcCode::Internal)).await;
        check(Identity, &[b"\0\0\0\0\x05hell"], Err(GrpcCode::Internal)).await;
        check(Identity, &[b"\0\0\0\0\x05hello", b"\0"], Err(GrpcCode::Unimplemented)).await;
        check(Identity, &[], Err(GrpcCode::Unimplemented)).await;
        check(Identity, &[b"\0\0\0\0"], Err(GrpcCode::Unimplemented)).await;
        check(Identity, &[b"\0\0\0\0\x06"], Err(GrpcCode::ResourceExhausted)).await;
        check(Identity, &[b"\0\xff\xff\xff\xff"], Err(GrpcCode::ResourceExhausted)).await;
    }

    #[test]
    fn status_texts_are_escaped_and_cut() {
        assert_eq!(escape("plain text: 1 of 2"), "plain text: 1 of 2");
        assert_eq!(escape("100 %\n"), "100 %25%0A");
        assert_eq!(escape("é~\u{7f}"), "%C3%A9~%7F");
        assert_eq!(escape(&"x".repeat(5000)).len(), STATUS_MESSAGE_BYTES_MAX);
    }
}

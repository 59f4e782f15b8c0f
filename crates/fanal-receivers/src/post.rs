//! The body of an HTTP request, gathered under every limit, and what an HTTP/1 sender needs so that it hears a refusal.
//!
//! Used by the HTTP doors. Knows no format and no path.

use crate::body::{self, BodyReader};
use crate::compression::{self, Compression};
use crate::ingest::{Ingest, Payload};
use crate::refusal::Refusal;
use axum::body::Body;
use axum::response::Response;
use fanal_pipeline::RequestRejection;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, Version, header};

/// Reads the body of a request.
pub(crate) async fn read(ingest: &Ingest, parts: &Parts, body: Body) -> Result<Payload, Refusal> {
    let bytes_max = ingest.limits.request_bytes_max;
    let declared = http_body::Body::size_hint(&body).lower();
    let declared = fanal_base::cast::size(declared);
    let early = request_compression(&parts.headers).and_then(|compression| {
        if declared > bytes_max { Err(body::too_large(bytes_max)) } else { Ok(compression) }
    });
    let compression = match early {
        Ok(compression) => compression,
        Err(refusal) => {
            discard_early(parts, body).await;
            return Err(refusal);
        }
    };
    let mut reader = match BodyReader::new(&ingest.pipeline, body) {
        Ok(reader) => reader,
        Err((refusal, body)) => {
            discard_early(parts, body).await;
            return Err(refusal);
        }
    };
    let reading = reader.read_to_end(declared, bytes_max);
    if let Err(refusal) = body::within(ingest.limits.body_timeout, &ingest.pipeline, reading).await
    {
        if parts.version < Version::HTTP_2 && refusal.kind != RequestRejection::Incomplete {
            reader.discard().await;
        }
        return Err(refusal);
    }
    let (bytes, permit) = reader.finish();
    Ok(Payload { bytes, compression, permit })
}

/// Reads what an HTTP/1 sender is writing, so that it hears the answer. One that waits for a "continue" hears it
/// anyway.
pub(crate) async fn discard_early(parts: &Parts, body: Body) {
    if parts.version < Version::HTTP_2 && !parts.headers.contains_key(header::EXPECT) {
        body::discard(body).await;
    }
}

/// The one coding of the body. Several at once are legal in HTTP and sent by nobody.
fn request_compression(headers: &HeaderMap) -> Result<Compression, Refusal> {
    let mut compression = Compression::Identity;
    for value in headers.get_all(header::CONTENT_ENCODING) {
        for name in value.to_str().unwrap_or("?").split(',') {
            let parsed = Compression::parse(name).filter(|_| compression == Compression::Identity);
            compression = parsed.ok_or_else(|| {
                let message = format!(
                    "content-encoding `{}` is not supported; use one of {}, or none",
                    value.to_str().unwrap_or("(not text)"),
                    compression::ACCEPTED,
                );
                Refusal::lasting(RequestRejection::Unsupported, message)
            })?;
        }
    }
    Ok(compression)
}

/// An answer in words.
pub(crate) fn text(status: StatusCode, mut message: String) -> Response {
    message.push('\n');
    let mut response = Response::new(Body::from(message));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

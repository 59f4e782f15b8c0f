//! Request bodies, written by hand so that no code under test makes its own input, and compressors.

use std::io::Write;

/// A span: its name and its trace id, of which 16 bytes make a good one.
pub(crate) type Span<'a> = (&'a str, &'a [u8]);

/// A good trace id.
pub(crate) const TRACE_ID: &[u8] = &[7; 16];

/// A field of bytes.
pub(crate) fn field(number: u8, content: &[u8], out: &mut Vec<u8>) {
    out.push(number << 3 | 2);
    let mut length = content.len();
    while length >= 0x80 {
        out.push(u8::try_from(length & 0x7f).expect("7 bits") | 0x80);
        length >>= 7;
    }
    out.push(u8::try_from(length).expect("7 bits"));
    out.extend_from_slice(content);
}

/// An `ExportTraceServiceRequest` in protobuf.
pub(crate) fn protobuf(spans: &[Span<'_>]) -> Vec<u8> {
    let mut scope_spans = Vec::new();
    for (name, trace_id) in spans {
        let mut span = Vec::new();
        field(1, trace_id, &mut span);
        field(2, &[3; 8], &mut span);
        field(5, name.as_bytes(), &mut span);
        field(2, &span, &mut scope_spans);
    }
    let mut resource_spans = Vec::new();
    field(2, &scope_spans, &mut resource_spans);
    let mut request = Vec::new();
    field(1, &resource_spans, &mut request);
    request
}

/// One good span.
pub(crate) fn one(name: &str) -> Vec<u8> {
    protobuf(&[(name, TRACE_ID)])
}

/// An `ExportTraceServiceRequest` in JSON.
pub(crate) fn json(spans: &[Span<'_>]) -> Vec<u8> {
    let spans: Vec<String> = spans
        .iter()
        .map(|(name, trace_id)| {
            let trace_id: String = trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
            format!(r#"{{"traceId":"{trace_id}","spanId":"0303030303030303","name":"{name}"}}"#)
        })
        .collect();
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","))
        .into_bytes()
}

/// The count of rejected spans, below 128, in an `ExportTraceServiceResponse` with a partial success.
pub(crate) fn rejected_spans(response: &[u8]) -> u8 {
    assert_eq!(response[0], 0x0a, "partial success");
    let length_bytes = response[1..].iter().take_while(|byte| **byte >= 0x80).count() + 1;
    let partial = &response[1 + length_bytes..];
    assert_eq!(partial[0], 0x08, "rejected spans");
    partial[1]
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

pub(crate) fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

pub(crate) fn raw_deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder =
        flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).expect("in memory")
}

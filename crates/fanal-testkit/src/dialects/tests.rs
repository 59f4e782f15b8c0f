//! What is written is what the formats crate reads.

use super::{DATAGRAM_BYTES_MAX, Dialect};
use crate::{Generator, GeneratorConfig, push_into};
use fanal_formats::datadog::{Layout, Tracer};
use fanal_formats::{Decoded, datadog, jaeger, zipkin};
use fanal_model::{IndexedBatch, SpanBatch, SpanBatchBuilder};

const START: u64 = 1_750_000_000_000_000_000;

/// What every dialect keeps of a span.
fn kept(batch: SpanBatch, into: &mut Vec<String>) {
    let spans = IndexedBatch::new(batch.into()).expect("decodes");
    for row in 0..spans.len() {
        let span = spans.span(row);
        into.push(format!(
            "{} {} {} {} {} {} {} {:?}",
            span.trace_id(),
            span.span_id(),
            span.parent_span_id(),
            span.name(),
            span.service_name(),
            span.start_unix_nanos() / 1_000,
            span.status_code().as_str(),
            span.attributes()
                .find(|(key, _)| *key == "url.path")
                .map(|(_, value)| value.to_text().into_owned()),
        ));
    }
}

fn read(dialect: Dialect, bytes: &[u8]) -> Decoded {
    let decoded = match dialect {
        Dialect::JaegerCompact => {
            let mut decoder = jaeger::Decoder::default();
            decoder.read_message(bytes).expect("a message");
            Ok(decoder.take())
        }
        Dialect::JaegerProtobuf => jaeger::decode_post_spans(bytes),
        Dialect::ZipkinJson => zipkin::decode(zipkin::Format::V2Json, bytes, START),
        Dialect::ZipkinProtobuf => zipkin::decode(zipkin::Format::V2Protobuf, bytes, START),
        Dialect::DatadogV05 => datadog::decode_request(Layout::Table, bytes, &Tracer::default()),
    };
    decoded.expect("decodes")
}

#[test]
fn every_dialect_carries_the_spans() {
    for dialect in [
        Dialect::JaegerCompact,
        Dialect::JaegerProtobuf,
        Dialect::ZipkinJson,
        Dialect::ZipkinProtobuf,
        Dialect::DatadogV05,
    ] {
        let mut generator = Generator::new(GeneratorConfig::clean(), 5);
        let traces: Vec<_> = (0..200).map(|at| generator.next_trace(START + at * 1_000)).collect();
        let spans: Vec<_> = traces.iter().flat_map(|trace| &trace.spans).collect();
        let (mut found, mut expected) = (Vec::new(), Vec::new());
        for message in dialect.encode(&spans) {
            assert!(dialect != Dialect::JaegerCompact || message.bytes.len() <= DATAGRAM_BYTES_MAX);
            let decoded = read(dialect, &message.bytes);
            assert_eq!(fanal_base::cast::wide(decoded.batch.len()), message.span_count);
            assert!(decoded.rejects_by_reason.is_empty(), "{:?}", decoded.message());
            kept(decoded.batch, &mut found);
        }
        let mut builder = SpanBatchBuilder::default();
        push_into(spans.iter().copied(), &mut builder);
        kept(builder.finish(), &mut expected);
        found.sort();
        expected.sort();
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "{dialect:?}");
        }
        assert_eq!(found.len(), expected.len(), "{dialect:?}");
    }
}

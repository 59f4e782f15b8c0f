//! Files as other tools write them: told apart, read whole, read in pieces, and never past their end.
#![expect(clippy::expect_used, reason = "a failing test says why")]

mod shown;

use fanal_formats::file::{
    FileError, FileFormat, FileLimits, FileReader, PIECE_BYTES, Part, Tally,
};
use fanal_formats::otlp::file::{FileFormat as Framing, encode};
use fanal_formats::{jaeger, otlp};
use fanal_model::IndexedBatch;
use proptest::prelude::*;
use std::io::Write;
use std::sync::Arc;

const LIMITS: FileLimits = FileLimits { item_bytes_max: 1 << 20, zstd_window_log_max: 25 };
const ARRIVED: u64 = 1_800_000_000_000_000_000;

const JAEGER: &[u8] = include_bytes!("files/jaeger-ui.json");
const ZIPKIN_V2: &[u8] = include_bytes!("files/zipkin-v2-traces.json");
const ZIPKIN_V1: &[u8] = include_bytes!("files/zipkin-v1.json");
const COLLECTOR: &[u8] = include_bytes!("files/collector.jsonl");
const JAEGER_V3: &[u8] = include_bytes!("files/jaeger-v3.json");

/// What a file came to.
#[derive(Debug, Default)]
struct Read {
    format: Option<FileFormat>,
    spans: Vec<String>,
    tally: Tally,
    problem: Option<String>,
}

/// Reads through an input that gives a few bytes at a time.
fn read_in_steps(bytes: &[u8], step: usize) -> Read {
    struct Steps<'a>(&'a [u8], usize);
    impl std::io::Read for Steps<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let step = self.1.min(out.len());
            std::io::Read::read(&mut self.0, out.get_mut(..step).unwrap_or_default())
        }
    }
    let mut found = Read::default();
    let outcome = FileReader::open(Steps(bytes, step), LIMITS).and_then(|mut reader| {
        found.format = reader.format();
        while let Some(piece) = reader.next_piece()? {
            match piece.decode(ARRIVED) {
                Ok(decoded) => {
                    found.tally.add(Part::new(&decoded, piece.offset));
                    found.spans.extend(shown::spans(decoded));
                }
                Err(error) => {
                    found.problem = Some(format!("behind byte {}: {error}", piece.offset));
                }
            }
        }
        Ok(())
    });
    found.problem = outcome.err().map(|error| error.to_string()).or(found.problem);
    found
}

fn read(bytes: &[u8]) -> Read {
    read_in_steps(bytes, usize::MAX)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

/// A file's spans in both of OTLP's file forms.
fn as_otlp(bytes: &[u8], framing: Framing) -> Vec<u8> {
    let mut reader = FileReader::open(bytes, LIMITS).expect("opens");
    let mut out = Vec::new();
    while let Some(piece) = reader.next_piece().expect("reads") {
        let batch = piece.decode(ARRIVED).expect("decodes").batch;
        out.extend(encode(&IndexedBatch::new(Arc::new(batch)).expect("valid"), framing));
    }
    out
}

#[test]
fn each_file_is_told_by_its_content_however_it_comes() {
    let check = |bytes: &[u8], format: FileFormat, spans: usize, traces: u64, rejected: u64| {
        let zstd = zstd::encode_all(bytes, 1).expect("in memory");
        for bytes in [bytes.to_vec(), gzip(bytes), zstd] {
            for step in [1, 7, usize::MAX] {
                let found = read_in_steps(&bytes, step);
                assert_eq!(found.problem, None, "{format:?}");
                assert_eq!(found.format, Some(format));
                assert_eq!(found.spans.len(), spans, "{format:?}");
                assert_eq!(found.tally.trace_count(), traces, "{format:?}");
                assert_eq!(found.tally.rejected_spans(), rejected, "{format:?}");
            }
        }
    };
    check(JAEGER, FileFormat::JaegerJson, 2, 1, 0);
    check(ZIPKIN_V2, FileFormat::ZipkinV2Json, 3, 2, 0);
    check(ZIPKIN_V1, FileFormat::ZipkinV1Json, 2, 1, 0);
    check(COLLECTOR, FileFormat::OtlpJson, 2, 1, 1);
    check(JAEGER_V3, FileFormat::OtlpJson, 1, 1, 0);
    let protobuf = as_otlp(JAEGER, Framing::Protobuf);
    check(&protobuf, FileFormat::OtlpProtobuf, 2, 1, 0);
    check(&protobuf.repeat(3), FileFormat::OtlpProtobuf, 6, 1, 0);
    // One request without its length.
    check(&protobuf[otlp::file::LENGTH_BYTES..], FileFormat::OtlpProtobuf, 2, 1, 0);
    check(&as_otlp(JAEGER, Framing::JsonLines), FileFormat::OtlpJson, 2, 1, 0);
    let text = std::str::from_utf8(JAEGER).expect("text");
    let start = text.find("{\n            \"traceID\"").expect("a trace");
    let trace = &text[start..text.find("\n    ],\n    \"total\"").expect("its end")];
    check(trace.as_bytes(), FileFormat::JaegerJson, 2, 1, 0);
    check(format!("[{trace}]").as_bytes(), FileFormat::JaegerJson, 2, 1, 0);
    check(format!("\u{feff}{trace}\n{trace}").as_bytes(), FileFormat::JaegerJson, 4, 1, 0);
    let lines = br#"{"traceId":"1","id":"2","name":"a","kind":"SERVER"} {"traceId":"1","id":"3"}"#;
    check(lines, FileFormat::ZipkinV2Json, 2, 1, 0);
    // Several requests in a list.
    let list = format!("[{}]", String::from_utf8_lossy(COLLECTOR).trim().replace('\n', ","));
    check(list.as_bytes(), FileFormat::OtlpJson, 2, 1, 1);
}

#[test]
fn a_file_of_jaeger_keeps_all_that_it_says() {
    let spans = read(JAEGER).spans.join("\n");
    let expect = r#"0af7651916cd43dd8448eb211c80319c/00f067aa0ba902b7 under 0000000000000000
name: GET /checkout (server)
status: unset 
times: 1700000000000001000 to 1700000000250001000
resource: host.name=web-1, service.name=web
attributes: http.status_code=200, note="a \"quoted\" word\n", order.is_gift=true, order.number=9007199254740993, order.token=0001ff, order.total=12.0
event: cart.read at 1700000000000101000 items=3
0af7651916cd43dd8448eb211c80319c/b7ad6b7169203331 under 00f067aa0ba902b7
name: charge (client)
status: error card declined
times: 1700000000050000000 to 1700000000170000000
resource: service.name=pay
state: vendor=1
attributes: @jaeger@warnings=["clock skew"]
link: 00000000000000000000000000000003/0000000000000004 [] 0 opentracing.ref_type="follows_from""#;
    assert_eq!(spans, expect);
}

#[test]
fn odd_spans_of_jaeger_are_refused_alone_or_read_leniently() {
    let good = r#"{"traceID":"1","spanID":"2","operationName":"good"}"#;
    let check = |span: &str, expect: &str| {
        let text = format!(r#"{{"traceID":"1","spans":[{span},{good}],"processes":{{}}}}"#);
        let decoded = jaeger::decode_query_json(text.as_bytes()).expect("reads");
        let found = decoded.rejects.first().map_or("", |reject| &*reject.detail).to_owned();
        assert!(found.contains(expect), "{span}: {found}");
        let spans = shown::spans(decoded);
        assert!(spans.iter().any(|span| span.contains("name: good")), "{span}");
        assert_eq!(spans.len() + usize::from(!expect.is_empty()), 2, "{span}");
    };
    check(r#"{"traceID":"x","spanID":"2"}"#, "traceID: id has 1 characters");
    check(r#"{"traceID":"1"}"#, "span id is all zeros");
    check(r#"{"spanID":"1"}"#, "trace id is all zeros");
    check(r#"{"traceID":"1","spanID":"3","startTime":"soon"}"#, "expected an integer");
    check(r#"{"traceID":"1","spanID":"3","duration":1e30}"#, "duration");
    check(r#"{"traceID":"1","spanID":"3","tags":{}}"#, "a list of at most");
    check("7", "expected an object");
    check(
        r#"{"traceID":"1","spanID":"3","references":[{"traceID":"1","spanID":"q"}]}"#,
        "spanID of a reference",
    );
    check(
        r#"{"traceID":"1","spanID":"3","process":{"tags":7},"tags":null,"logs":null}"#,
        "field is malformed, in the process",
    );
    check(r#"{"traceID":"1","spanID":"3","processID":"nobody","startTime":1.0,"duration":-5}"#, "");
    check(r#"{"traceID":"1","spanID":"3","process":{"serviceName":"own"},"flags":null}"#, "");
    let broken =
        |text: &str| jaeger::decode_query_json(text.as_bytes()).expect_err(text).to_string();
    assert!(broken(r#"{"data":[{"spans":7}]}"#).contains("line 1 column"));
    assert!(
        broken(r#"{"data":[{"spans":[],"processes":[]}]}"#).contains("processes is not an object")
    );
    assert!(broken("[7]").contains("expected an object"));
    assert!(broken("{").contains("EOF"));
}

#[test]
fn values_of_tags_have_the_type_that_the_tag_names() {
    let check = |kind: &str, value: &str, expect: &str| {
        let text = format!(
            r#"{{"spans":[{{"traceID":"1","spanID":"2","tags":[{{"key":"k","type":"{kind}","value":{value}}}]}}]}}"#
        );
        let spans = shown::spans(jaeger::decode_query_json(text.as_bytes()).expect("reads"));
        let line = spans[0].lines().find(|line| line.starts_with("attributes")).expect("a line");
        assert_eq!(line, format!("attributes: k={expect}"), "{kind} {value}");
    };
    check("string", "\"a\"", "\"a\"");
    check("string", "7", "\"7\"");
    check("string", "null", "\"\"");
    check("bool", "true", "true");
    check("bool", "\"false\"", "false");
    check("bool", "\"maybe\"", "\"maybe\"");
    check("int64", "-7", "-7");
    check("int64", "\"9223372036854775807\"", "9223372036854775807");
    check("int64", "7.0", "7");
    check("int64", "7.5", "7.5");
    check("float64", "1", "1.0");
    check("float64", "\"NaN\"", "NaN");
    check("float64", "\"-Infinity\"", "-inf");
    check("binary", "\"AAH_\"", "0001ff");
    check("binary", "\"?\"", "\"?\"");
    check("", "[1,\"a\"]", "[1,\"a\"]");
    check("", "1.5", "1.5");
}

#[test]
fn what_cannot_be_read_is_told_with_its_place_and_after_what_came_before() {
    let check = |bytes: &[u8], spans: usize, expect: &str| {
        let found = read(bytes);
        let problem = found.problem.unwrap_or_default();
        assert!(problem.contains(expect), "{problem}");
        assert_eq!(found.spans.len(), spans, "{problem}");
    };
    check(b"", 0, "the file is empty");
    check(b"{\"a\":1}", 0, "no file of traces but a JSON object with `a`");
    check(b"[7]", 0, "at byte 1: `7` stands where");
    check(b"[[[{}]]]", 0, "at byte 2: `[` stands where");
    check(b"{\"data\":", 0, "at byte 8");
    check(b"{\"data\" 7}", 0, "a key has no value");
    check(b"{\"resourceMetrics\":[]}", 0, "OTLP metrics or logs in JSON");
    check(br#"{"batches":[]}"#, 0, "ask for it with `Accept: application/protobuf`");
    let alone = br#"{"traceId":"AQ==","spanId":"Ag==","operationName":"x","tags":[]}"#;
    check(alone, 0, "a single span of Jaeger's outside of a trace");
    check(br#"{"a":"#, 0, "a key has no value");
    check(&ZIPKIN_V2[..ZIPKIN_V2.len() - 3], 3, "ends inside an object or a list");
    check(&COLLECTOR[..COLLECTOR.len() - 40], 2, "ends inside an object or a list");
    let twice = [COLLECTOR, b"{\"resourceLogs\":[]}"].concat();
    check(&twice, 2, "OTLP metrics or logs in JSON is no item of this file");
    check(&[COLLECTOR, b"PK"].concat(), 2, "`P` stands where");
    check(&gzip(&gzip(COLLECTOR)), 0, "compressed twice");
    let cut = gzip(COLLECTOR);
    check(&cut[..cut.len() / 2], 0, "cannot be read beyond byte");
    let long = format!(r#"[{{"traceId":"1","id":"2","name":"{}"}}]"#, "x".repeat(1 << 20));
    check(long.as_bytes(), 0, "the trace or span at byte 1 has more than 1048576 bytes");
    let long = format!(r#"{{"resourceSpans":[{{"x":"{}"}}]}}"#, "x".repeat(1 << 20));
    check(long.as_bytes(), 0, "the resource with its spans at byte 18 has more");
    let protobuf = as_otlp(JAEGER, Framing::Protobuf);
    check(&[&*protobuf, b"\0\0"].concat(), 2, "ends inside the length");
    check(&[&*protobuf, b"\0\0\0\x09\x0a"].concat(), 2, "ends inside a request");
    check(&[&*protobuf, b"\0\xff\0\0\x0a"].concat(), 2, "the request at byte");
    check(b"\x0a\x02\x0a\x05", 0, "behind byte 0: ");
}

#[test]
fn files_without_spans_are_read() {
    for text in [
        "[]",
        "[[],[]]",
        "{\"data\":[],\"total\":0}",
        "{\"resourceSpans\":[]}\n",
        "{\"result\":{\"resourceSpans\":[]}}",
    ] {
        let found = read(text.as_bytes());
        assert_eq!((found.problem, found.format, found.spans.len()), (None, None, 0), "{text}");
    }
}

/// A long file is many pieces, each within its length, and none holds more than is needed.
#[test]
fn long_files_come_in_pieces() {
    let span = |number: usize| {
        format!(r#"{{"traceId":"{:x}","id":"1","tags":{{"t":"{}"}}}}"#, number + 1, "x".repeat(900))
    };
    let spans: Vec<String> = (0..10_000).map(span).collect();
    let text = format!("[{}]", spans.join(",\n"));
    let mut reader = FileReader::open(text.as_bytes(), LIMITS).expect("opens");
    let (mut pieces, mut tally, mut offset) = (0, Tally::default(), None);
    while let Some(piece) = reader.next_piece().expect("reads") {
        assert!(piece.bytes.len() <= PIECE_BYTES + 2, "{}", piece.bytes.len());
        assert!(offset < Some(piece.offset));
        offset = Some(piece.offset);
        tally.add(Part::new(&piece.decode(ARRIVED).expect("decodes"), piece.offset));
        pieces += 1;
    }
    assert_eq!((pieces, tally.accepted_spans, tally.trace_count()), (3, 10_000, 10_000));
}

/// Files that begin well and end anywhere, or have a byte that should not be there.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let files: Vec<Vec<u8>> = [JAEGER, ZIPKIN_V2, ZIPKIN_V1, COLLECTOR, JAEGER_V3]
        .iter()
        .map(|file| file.to_vec())
        .chain([as_otlp(JAEGER, Framing::Protobuf), gzip(COLLECTOR)])
        .collect();
    let file = (0..files.len()).prop_map(move |index| files[index].clone());
    (file, any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>(), any::<bool>())
        .prop_map(|(mut file, end, place, byte, is_cut)| {
            let place = place.index(file.len());
            file[place] = byte;
            if is_cut {
                file.truncate(end.index(file.len()));
            }
            file
        })
}

proptest! {
    #[test]
    fn damaged_files_end_in_words(bytes in damaged(), step in 1..200_usize) {
        let found = read_in_steps(&bytes, step);
        let whole = read(&bytes);
        prop_assert_eq!((found.problem, found.spans), (whole.problem, whole.spans));
    }

    #[test]
    fn any_bytes_end_in_words(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes);
    }

    #[test]
    fn any_json_ends_in_words(text in "[\\[\\]{}:,\"a1 ]{0,60}") {
        let _ = read(text.as_bytes());
    }
}

#[test]
fn errors_of_reading_keep_their_cause() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the disk is gone"))
        }
    }
    let error = FileReader::open(Broken, LIMITS).map(drop).expect_err("fails");
    assert!(matches!(error, FileError::Read { offset: 0, .. }), "{error}");
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    assert_eq!(cause.as_deref(), Some("the disk is gone"));
}

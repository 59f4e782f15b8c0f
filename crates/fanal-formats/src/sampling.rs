//! Remote sampling as Jaeger's clients speak it: the question in protobuf, the answer in protobuf and JSON.
//!
//! The doors feed it and send what it writes. Follows
//! <https://github.com/jaegertracing/jaeger-idl/blob/main/proto/api_v2/sampling.proto>. Invariant: in JSON every number
//! of a message that is present is written out, also 0, and a list is never null: clients take neither as missing.
//! Knows no strategy's source.

use crate::decoded::DecodeError;
use crate::wire::{Reader, Writer, bytes_tag, fixed64_tag, varint_tag};
use std::fmt::Write;

/// `strategyType` of a strategy that limits the rate; that of a probability is 0, which protobuf leaves out.
const RATE_LIMITING: u64 = 1;

/// An answer, `SamplingStrategyResponse`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SamplingResponse<'a> {
    /// What holds for spans of operations that are not listed, for clients that know no operations.
    pub kind: StrategyKind,
    /// What holds by operation; wins where it is present.
    pub operations: Option<OperationStrategies<'a>>,
}

/// How traces are chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StrategyKind {
    /// Each with this probability, 0 to 1.
    Probabilistic(f64),
    /// So many a second in each process. Thrift clients read 16 bits with a sign.
    RateLimiting(u16),
}

/// Probabilities by operation, `PerOperationSamplingStrategies`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OperationStrategies<'a> {
    /// Probability of operations that are not listed.
    pub default_probability: f64,
    /// Traces a second of each operation that every process takes at least.
    pub lower_bound_traces_per_second: f64,
    /// Names and probabilities.
    pub list: &'a [(String, f64)],
}

/// The service that a question in protobuf, `SamplingStrategyParameters`, asks for.
pub fn read_question(bytes: &[u8]) -> Result<String, DecodeError> {
    const SERVICE_NAME: u32 = bytes_tag(1);
    let mut reader = Reader::new(bytes);
    let mut service = &b""[..];
    while !reader.is_at_end() {
        match reader.tag()? {
            SERVICE_NAME => service = reader.bytes()?,
            tag => reader.skip(tag)?,
        }
    }
    Ok(String::from_utf8_lossy(service).into_owned())
}

impl SamplingResponse<'_> {
    /// In protobuf.
    pub fn to_protobuf(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        match self.kind {
            StrategyKind::Probabilistic(probability) => {
                writer.message(bytes_tag(2), |writer| double(writer, 1, probability));
            }
            StrategyKind::RateLimiting(traces_per_second) => {
                writer.varint(varint_tag(1), RATE_LIMITING);
                writer.message(bytes_tag(3), |writer| {
                    writer.varint_unless_zero(varint_tag(1), traces_per_second.into());
                });
            }
        }
        if let Some(operations) = &self.operations {
            writer.message(bytes_tag(4), |writer| operations.write_protobuf(writer));
        }
        writer.finish()
    }

    /// In JSON.
    pub fn to_json(&self) -> String {
        let mut out = String::from(r#"{"strategyType":"#);
        // What is written to a text never fails.
        let _ = match self.kind {
            StrategyKind::Probabilistic(probability) => write!(
                out,
                r#""PROBABILISTIC","probabilisticSampling":{{"samplingRate":{probability}}}"#
            ),
            StrategyKind::RateLimiting(traces_per_second) => write!(
                out,
                r#""RATE_LIMITING","rateLimitingSampling":{{"maxTracesPerSecond":{traces_per_second}}}"#
            ),
        };
        if let Some(operations) = &self.operations {
            operations.write_json(&mut out);
        }
        out.push('}');
        out
    }
}

impl OperationStrategies<'_> {
    fn write_protobuf(&self, writer: &mut Writer) {
        double(writer, 1, self.default_probability);
        double(writer, 2, self.lower_bound_traces_per_second);
        for (operation, probability) in self.list {
            writer.message(bytes_tag(3), |writer| {
                writer.bytes_unless_empty(bytes_tag(1), operation.as_bytes());
                writer.message(bytes_tag(2), |writer| double(writer, 1, *probability));
            });
        }
    }

    fn write_json(&self, out: &mut String) {
        let Self { default_probability, lower_bound_traces_per_second, list } = self;
        let _ = write!(
            out,
            r#","operationSampling":{{"defaultSamplingProbability":{default_probability},"defaultLowerBoundTracesPerSecond":{lower_bound_traces_per_second},"perOperationStrategies":["#,
        );
        for (index, (operation, probability)) in list.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let operation = serde_json::Value::from(&**operation);
            let _ = write!(
                out,
                r#"{comma}{{"operation":{operation},"probabilisticSampling":{{"samplingRate":{probability}}}}}"#,
            );
        }
        out.push_str(r#"],"defaultUpperBoundTracesPerSecond":0}"#);
    }
}

/// A float, left out when it is 0.
fn double(writer: &mut Writer, number: u32, value: f64) {
    if value != 0.0 {
        writer.fixed64(fixed64_tag(number), value.to_bits());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(response: SamplingResponse<'_>, json: &str, protobuf: &[u8]) {
        assert_eq!(response.to_json(), json);
        assert_eq!(response.to_protobuf(), protobuf, "{json}");
        assert!(serde_json::from_str::<serde_json::Value>(json).is_ok(), "{json}");
    }

    fn plain(kind: StrategyKind) -> SamplingResponse<'static> {
        SamplingResponse { kind, operations: None }
    }

    fn by_operation(kind: StrategyKind, list: &[(String, f64)]) -> SamplingResponse<'_> {
        let (default_probability, lower_bound_traces_per_second) = (0.5, 0.0);
        let operations =
            OperationStrategies { default_probability, lower_bound_traces_per_second, list };
        SamplingResponse { kind, operations: Some(operations) }
    }

    #[test]
    fn probabilities_and_rates_are_written() {
        check(
            plain(StrategyKind::Probabilistic(0.5)),
            r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.5}}"#,
            b"\x12\x09\x09\0\0\0\0\0\0\xe0\x3f",
        );
        // A message is there even where all in it is 0.
        check(
            plain(StrategyKind::Probabilistic(0.0)),
            r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0}}"#,
            b"\x12\0",
        );
        // No exponent, which some old parsers do not read.
        check(
            plain(StrategyKind::Probabilistic(0.000_001)),
            r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.000001}}"#,
            b"\x12\x09\x09\x8d\xed\xb5\xa0\xf7\xc6\xb0\x3e",
        );
        check(
            plain(StrategyKind::RateLimiting(5)),
            r#"{"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":5}}"#,
            b"\x08\x01\x1a\x02\x08\x05",
        );
        check(
            plain(StrategyKind::RateLimiting(0)),
            r#"{"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":0}}"#,
            b"\x08\x01\x1a\0",
        );
    }

    #[test]
    fn operations_are_a_list_with_every_number() {
        check(
            by_operation(StrategyKind::Probabilistic(0.5), &[("op\"1".to_owned(), 0.25)]),
            r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.5},"operationSampling":{"defaultSamplingProbability":0.5,"defaultLowerBoundTracesPerSecond":0,"perOperationStrategies":[{"operation":"op\"1","probabilisticSampling":{"samplingRate":0.25}}],"defaultUpperBoundTracesPerSecond":0}}"#,
            b"\x12\x09\x09\0\0\0\0\0\0\xe0\x3f\x22\x1c\x09\0\0\0\0\0\0\xe0\x3f\x1a\x11\x0a\x04op\"1\x12\x09\x09\0\0\0\0\0\0\xd0\x3f",
        );
        check(
            by_operation(StrategyKind::RateLimiting(5), &[]),
            r#"{"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":5},"operationSampling":{"defaultSamplingProbability":0.5,"defaultLowerBoundTracesPerSecond":0,"perOperationStrategies":[],"defaultUpperBoundTracesPerSecond":0}}"#,
            b"\x08\x01\x1a\x02\x08\x05\x22\x09\x09\0\0\0\0\0\0\xe0\x3f",
        );
    }

    #[test]
    fn questions_are_read() {
        let check = |bytes: &[u8], expect: Option<&str>| {
            assert_eq!(read_question(bytes).ok().as_deref(), expect, "{bytes:?}");
        };
        check(b"", Some(""));
        check(b"\x0a\x04shop", Some("shop"));
        check(b"\x12\x01x\x0a\x04shop", Some("shop"));
        check(b"\x0a\x02\xff\xfe", Some("\u{fffd}\u{fffd}"));
        check(b"\x0a\x05shop", None);
    }
}

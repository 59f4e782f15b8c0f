//! The smallest part of a file that can be decoded without the rest, and what it is.
//!
//! Found by the walks, joined into pieces by the reader. JSON tells what it is by the keys of an object.

use super::FileFormat;
use crate::json::{Text, problem};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ItemKind {
    /// An element of the list `resourceSpans`.
    OtlpResourceSpans,
    /// A whole request in JSON.
    OtlpRequest,
    /// Fields of a request in protobuf.
    OtlpFields,
    /// A trace of Jaeger's.
    JaegerTrace,
    ZipkinV1Span,
    ZipkinV2Span,
}

impl ItemKind {
    pub(super) fn format(self) -> FileFormat {
        match self {
            Self::OtlpResourceSpans | Self::OtlpRequest => FileFormat::OtlpJson,
            Self::OtlpFields => FileFormat::OtlpProtobuf,
            Self::JaegerTrace => FileFormat::JaegerJson,
            Self::ZipkinV1Span => FileFormat::ZipkinV1Json,
            Self::ZipkinV2Span => FileFormat::ZipkinV2Json,
        }
    }

    /// What stands before, between and behind items of this kind in a text that decodes.
    pub(super) fn frame(self) -> (&'static [u8], &'static [u8], &'static [u8]) {
        match self {
            Self::OtlpResourceSpans => (br#"{"resourceSpans":["#, b",", b"]}"),
            Self::JaegerTrace => (br#"{"data":["#, b",", b"]}"),
            Self::ZipkinV1Span | Self::ZipkinV2Span => (b"[", b",", b"]"),
            Self::OtlpRequest | Self::OtlpFields => (b"", b"", b""),
        }
    }

    /// Whether several make one text.
    pub(super) fn is_joined(self) -> bool {
        self != Self::OtlpRequest
    }
}

/// Most keys of an unknown object that a message names, and most characters of each.
const KEYS_NAMED_MAX: usize = 6;
const KEY_CHARACTERS_MAX: usize = 40;

/// A key that tells what an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    ResourceSpans,
    JaegerId,
    JaegerOperation,
    Spans,
    ZipkinId,
    ZipkinV1,
    ZipkinV2,
}

impl Mark {
    fn of(key: &str) -> Option<Self> {
        Some(match key {
            "resourceSpans" => Self::ResourceSpans,
            "traceID" => Self::JaegerId,
            "operationName" => Self::JaegerOperation,
            "spans" => Self::Spans,
            "traceId" => Self::ZipkinId,
            "binaryAnnotations" => Self::ZipkinV1,
            "kind" | "localEndpoint" | "remoteEndpoint" | "tags" | "shared" => Self::ZipkinV2,
            _ => return None,
        })
    }
}

/// Telling by keys.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// Each once.
    marks: Vec<Mark>,
    /// The first keys.
    named: Vec<String>,
}

impl Keys {
    /// The keys of an object. Fails where it is not JSON.
    pub(super) fn read(object: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(object).map_err(|error| problem(&error))
    }

    /// What the object is; `known` is what the ones before were, for spans that have no more than their ids.
    pub(super) fn kind(&self, known: Option<ItemKind>) -> Option<ItemKind> {
        let has = |mark: Mark| self.marks.contains(&mark);
        if has(Mark::ResourceSpans) {
            Some(ItemKind::OtlpRequest)
        } else if has(Mark::Spans) && (has(Mark::JaegerId) || !has(Mark::ZipkinId)) {
            Some(ItemKind::JaegerTrace)
        } else if has(Mark::JaegerOperation) {
            None
        } else if has(Mark::ZipkinV1) {
            Some(ItemKind::ZipkinV1Span)
        } else if has(Mark::ZipkinV2) {
            Some(ItemKind::ZipkinV2Span)
        } else {
            let of_zipkin = has(Mark::ZipkinId).then_some(ItemKind::ZipkinV2Span);
            let spans = [ItemKind::ZipkinV1Span, ItemKind::ZipkinV2Span];
            known.filter(|known| spans.contains(known)).or(of_zipkin)
        }
    }

    /// What an object of no known kind looks like.
    pub(super) fn words(&self) -> String {
        let has = |key: &str| self.named.iter().any(|named| named == key);
        if has("resourceMetrics") || has("resourceLogs") {
            return "OTLP metrics or logs in JSON".to_owned();
        }
        if self.marks.contains(&Mark::JaegerOperation) {
            return "a single span of Jaeger's outside of a trace".to_owned();
        }
        if has("batches") {
            return "a trace of Tempo's in JSON: ask for it with `Accept: application/protobuf`"
                .to_owned();
        }
        if has("traceEvents") {
            return "a recording of a browser's profiler".to_owned();
        }
        if self.named.is_empty() {
            return "an empty JSON object".to_owned();
        }
        let keys: Vec<String> = self.named.iter().map(|key| format!("`{key}`")).collect();
        format!("a JSON object with {}", keys.join(", "))
    }
}

struct KeysVisitor;

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = Keys;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
        let mut keys = Keys::default();
        while let Some(Text(key)) = map.next_key::<Text<'de>>()? {
            let mut mark = Mark::of(&key);
            if &*key == "annotations" {
                // Only those of the first version say where they were made.
                let annotations: &RawValue = map.next_value()?;
                mark = annotations.get().contains("\"endpoint\"").then_some(Mark::ZipkinV1);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
            let mark = mark.filter(|mark| !keys.marks.contains(mark));
            keys.marks.extend(mark);
            if keys.named.len() < KEYS_NAMED_MAX {
                keys.named.push(key.chars().take(KEY_CHARACTERS_MAX).collect());
            }
        }
        Ok(keys)
    }
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(KeysVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_told_by_their_keys() {
        let check = |json: &str, expect: Option<ItemKind>| {
            let keys = Keys::read(json.as_bytes()).expect("json");
            assert_eq!(keys.kind(None), expect, "{json}");
        };
        check(r#"{"resourceSpans":[]}"#, Some(ItemKind::OtlpRequest));
        check(r#"{"traceID":"1","spans":[],"processes":{}}"#, Some(ItemKind::JaegerTrace));
        check(r#"{"spans":[]}"#, Some(ItemKind::JaegerTrace));
        check(r#"{"traceId":"1","id":"2","binaryAnnotations":[]}"#, Some(ItemKind::ZipkinV1Span));
        let annotated = r#"{"traceId":"1","annotations":[{"value":"sr","endpoint":{}}]}"#;
        check(annotated, Some(ItemKind::ZipkinV1Span));
        check(r#"{"traceId":"1","annotations":[{"value":"a"}]}"#, Some(ItemKind::ZipkinV2Span));
        check(r#"{"traceId":"1","id":"2","kind":"SERVER"}"#, Some(ItemKind::ZipkinV2Span));
        check(r#"{"traceId":"1","id":"2"}"#, Some(ItemKind::ZipkinV2Span));
        check(r#"{"name":"a"}"#, None);
        check("{}", None);
        let bare = Keys::read(br#"{"traceId":"1","id":"2"}"#).expect("json");
        assert_eq!(bare.kind(Some(ItemKind::ZipkinV1Span)), Some(ItemKind::ZipkinV1Span));
        assert!(Keys::read(b"{\"a\":}").is_err());
    }

    #[test]
    fn an_unknown_object_is_described() {
        let check = |json: &str, expect: &str| {
            assert_eq!(Keys::read(json.as_bytes()).expect("json").words(), expect, "{json}");
        };
        check("{}", "an empty JSON object");
        check(r#"{"a":1,"b":2}"#, "a JSON object with `a`, `b`");
        check(r#"{"resourceLogs":[]}"#, "OTLP metrics or logs in JSON");
        check(r#"{"traceEvents":[]}"#, "a recording of a browser's profiler");
    }
}

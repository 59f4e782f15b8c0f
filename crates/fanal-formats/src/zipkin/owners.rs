//! Resource and scope of a span, out of its local service and of the tags that name them.
//!
//! Used by the mapping. The spans of a request mostly have one process: the resource and scope met last are remembered,
//! and only another one is encoded.

use super::fault::Fault;
use super::tags::{take, take_text};
use crate::decoded::remove_duplicates;
use crate::draft::{DraftAttribute, DraftValue, RawText};
use fanal_model::{Resource, Scope, SpanBatchBuilder, Value, raw};

const SERVICE_NAME: &str = "service.name";

/// Beginnings of the keys that the semantic conventions of OpenTelemetry keep for resources.
const RESOURCE_PREFIXES: &[&str] = &[
    "cloud.",
    "container.",
    "deployment.",
    "device.",
    "host.",
    "k8s.",
    "os.",
    "process.",
    "service.",
    "telemetry.",
    "webengine.",
];

/// Further keys of resources, whose beginnings spans use as well.
const RESOURCE_KEYS: &[&str] = &[
    "faas.name",
    "faas.version",
    "faas.instance",
    "faas.max_memory",
    "opencensus.exporterversion",
    "opencensus.resourcetype",
    "opencensus.starttime",
];

/// Begins as if it were a resource's, and names the other side of a call.
const PEER_PREFIX: &str = "service.peer.";

/// Tag by which the Collector tells which attribute of the resource the service name was taken from.
const NAME_SOURCE: &str = "otlp.service.name.source";

/// Service name that the Collector writes for a resource without one.
const NO_SERVICE: &[u8] = b"OTLPResourceNoServiceName";

/// Gives codes of resources and scopes.
#[derive(Debug, Default)]
pub(super) struct Owners {
    resource: Option<(Vec<(String, Value)>, u32)>,
    scope: Option<(Scope, u32)>,
    /// Keys that came twice on resources.
    pub(super) duplicate_keys: u64,
}

impl Owners {
    /// The code of a span's resource; takes what belongs to it out of the tags.
    pub(super) fn take_resource<'a>(
        &mut self,
        service_name: RawText<'a>,
        tags: &mut Vec<DraftAttribute<'a>>,
        builder: &mut SpanBatchBuilder,
    ) -> Result<u32, Fault> {
        let mut sent: Vec<DraftAttribute<'a>> = Vec::new();
        if !service_name.is_empty() && *service_name != *NO_SERVICE {
            let source = take_text(tags, NAME_SOURCE);
            let key = source.unwrap_or_else(|| SERVICE_NAME.as_bytes().into());
            // SDKs of OpenTelemetry send it in both places; a tag says more than Zipkin's field.
            if !tags.iter().any(|(tag, _)| *tag == key) {
                sent.push((key, DraftValue::Text(service_name)));
            }
        }
        sent.extend(tags.extract_if(.., |(key, _)| is_of_resource(key)));
        if let Some((known, code)) = &self.resource
            && is_same(known, &sent)
        {
            return Ok(*code);
        }
        let mut resource = Resource::default();
        for (key, value) in &sent {
            let value = value.raw().check()?.to_value();
            resource.attributes.push((raw::text(key)?.to_owned(), value));
        }
        self.duplicate_keys += remove_duplicates(&mut resource.attributes);
        let code = builder.intern_resource(&resource);
        self.resource = Some((resource.attributes, code));
        Ok(code)
    }

    /// The code of a span's scope; takes what belongs to it out of the tags.
    pub(super) fn take_scope(
        &mut self,
        tags: &mut Vec<DraftAttribute<'_>>,
        builder: &mut SpanBatchBuilder,
    ) -> Result<u32, Fault> {
        let mut text = |key: &str, old_key: &str| -> Result<String, Fault> {
            let old = take(tags, old_key);
            let value = take(tags, key).or(old);
            let value =
                value.map(|value| value.raw().check().map(|value| value.to_text().into_owned()));
            Ok(value.transpose()?.unwrap_or_default())
        };
        let name = text("otel.scope.name", "otel.library.name")?;
        let version = text("otel.scope.version", "otel.library.version")?;
        if let Some((known, code)) = &self.scope
            && (&known.name, &known.version) == (&name, &version)
        {
            return Ok(*code);
        }
        let scope = Scope { name, version, ..Scope::default() };
        let code = builder.intern_scope(&scope);
        self.scope = Some((scope, code));
        Ok(code)
    }
}

/// Whether a tag describes what made the span, and not the span.
fn is_of_resource(key: &[u8]) -> bool {
    let has_prefix = |prefix: &&str| key.starts_with(prefix.as_bytes());
    let is = |name: &&str| *key == *name.as_bytes();
    !has_prefix(&PEER_PREFIX)
        && (RESOURCE_PREFIXES.iter().any(has_prefix) || RESOURCE_KEYS.iter().any(is))
}

/// Whether these are the attributes that became `known`. Others than text are never the same, for they are rare.
fn is_same(known: &[(String, Value)], sent: &[DraftAttribute<'_>]) -> bool {
    let pair = |((key, value), (sent_key, sent_value)): (&(String, Value), &DraftAttribute<'_>)| {
        let is_same_value = match (value, sent_value) {
            (Value::String(text), DraftValue::Text(sent)) => *text.as_bytes() == **sent,
            _ => false,
        };
        is_same_value && *key.as_bytes() == **sent_key
    };
    known.len() == sent.len() && known.iter().zip(sent).all(pair)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &'static str, value: &'static str) -> DraftAttribute<'static> {
        (key.as_bytes().into(), DraftValue::Text(value.as_bytes().into()))
    }

    /// Resource and scope of a span after those of another, and the tags that are left.
    fn shown(service: &'static str, tags: &[DraftAttribute<'static>]) -> String {
        let (mut owners, mut builder) = (Owners::default(), SpanBatchBuilder::default());
        let mut other = vec![tag("host.name", "other")];
        owners.take_resource(b"other"[..].into(), &mut other, &mut builder).expect("text");
        let mut attributes = String::new();
        for _ in 0..2 {
            let mut tags = tags.to_vec();
            let service = service.as_bytes().into();
            assert_eq!(
                owners.take_resource(service, &mut tags, &mut builder).map_err(|_| ()),
                Ok(1)
            );
            assert_eq!(owners.take_scope(&mut tags, &mut builder).map_err(|_| ()), Ok(0));
            let (known, _) = owners.resource.as_ref().expect("remembered");
            let text = |(key, value): &(String, Value)| format!("{key}={}", value.to_text());
            let scope = &owners.scope.as_ref().expect("remembered").0;
            let rest: Vec<_> = tags.iter().map(|(key, _)| String::from_utf8_lossy(key)).collect();
            attributes = format!(
                "{} | {} {} | {}",
                known.iter().map(text).collect::<Vec<_>>().join(" "),
                scope.name,
                scope.version,
                rest.join(" ")
            );
        }
        attributes
    }

    #[test]
    fn tags_of_resources_and_scopes_are_told_apart() {
        let check = |service: &'static str, tags: &[(&'static str, &'static str)], expect: &str| {
            let tags: Vec<_> = tags.iter().map(|&(key, value)| tag(key, value)).collect();
            assert_eq!(shown(service, &tags), expect, "{service} {tags:?}");
        };
        check("shop", &[], "service.name=shop |   | ");
        check("", &[("a", "b")], " |   | a");
        check("OTLPResourceNoServiceName", &[], " |   | ");
        check("shop", &[("service.name", "Shop")], "service.name=Shop |   | ");
        check(
            "web-7",
            &[("otlp.service.name.source", "host.name"), ("a", "b")],
            "host.name=web-7 |   | a",
        );
        check(
            "shop",
            &[("host.name", "web-7"), ("host.name", "web-8"), ("http.host", "x")],
            "service.name=shop host.name=web-8 |   | http.host",
        );
        check(
            "shop",
            &[("service.peer.name", "ledger"), ("faas.name", "f"), ("faas.trigger", "http")],
            "service.name=shop faas.name=f |   | service.peer.name faas.trigger",
        );
        check(
            "shop",
            &[
                ("otel.library.name", "old"),
                ("otel.scope.name", "new"),
                ("otel.library.version", "1"),
            ],
            "service.name=shop | new 1 | ",
        );
    }

    #[test]
    fn a_resource_is_remembered_and_its_text_checked() {
        let (mut owners, mut builder) = (Owners::default(), SpanBatchBuilder::default());
        let mut code = |owners: &mut Owners, service: &'static [u8]| {
            owners.take_resource(service.into(), &mut Vec::new(), &mut builder).ok()
        };
        assert_eq!(code(&mut owners, b"a"), Some(0));
        assert_eq!(code(&mut owners, b"b"), Some(1));
        assert_eq!(code(&mut owners, b"a"), Some(0));
        assert_eq!(code(&mut owners, b"\xff"), None);
        assert_eq!(code(&mut owners, b"a"), Some(0));
    }
}

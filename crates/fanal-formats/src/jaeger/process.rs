//! Turns a Jaeger process into a resource.
//!
//! Used once for each process of a batch. Invariant: the same process gives the same bytes, whichever way it came.

use super::span::JaegerProcess;
use crate::decoded::{Refusal, RejectReason, remove_duplicates};
use crate::draft::DraftValue;
use fanal_model::{NotText, Resource, Value, raw};

/// Tags of old clients, and the names that stand for them in OpenTelemetry.
const HOST_NAME: (&str, &str) = ("hostname", "host.name");
const CLIENT_VERSION: (&str, &str) = ("jaeger.version", "opencensus.exporterversion");
const SERVICE_NAME: &str = "service.name";

/// What the Collector's exporter to Jaeger writes where there was no service: no name either.
const NO_SERVICE: &[u8] = b"OTLPResourceNoServiceName";

/// The resource of a process, and how many of its keys came twice.
pub(super) fn resource(process: &JaegerProcess<'_>) -> Result<(Resource, u64), Refusal> {
    if let Some(refusal) = process.intake.refusal() {
        return Err(refusal);
    }
    read(process).map_err(|error| Refusal::new(RejectReason::Utf8, error.valid_up_to))
}

fn read(process: &JaegerProcess<'_>) -> Result<(Resource, u64), NotText> {
    let mut attributes = Vec::with_capacity(process.tags.len() + 1);
    for (key, value) in &process.tags {
        attributes.push((raw::text(key)?.to_owned(), owned(value)?));
    }
    let mut duplicate_keys = remove_duplicates(&mut attributes);
    rename(&mut attributes, HOST_NAME, |name| name);
    rename(&mut attributes, CLIENT_VERSION, |version| {
        Value::String(format!("Jaeger-{}", version.to_text()))
    });
    if !matches!(&*process.service_name, b"" | NO_SERVICE) {
        let name = Value::String(raw::text(&process.service_name)?.to_owned());
        // A tag of that name is not what Jaeger calls the service.
        let tags = attributes.len();
        attributes.retain(|(key, _)| key != SERVICE_NAME);
        duplicate_keys += fanal_base::cast::wide(tags - attributes.len());
        attributes.insert(0, (SERVICE_NAME.to_owned(), name));
    }
    Ok((Resource { attributes, ..Resource::default() }, duplicate_keys))
}

/// Gives an attribute its other name, unless that is taken.
fn rename(
    attributes: &mut [(String, Value)],
    (from, to): (&str, &str),
    change: impl FnOnce(Value) -> Value,
) {
    if attributes.iter().any(|(key, _)| key == to) {
        return;
    }
    if let Some((key, value)) = attributes.iter_mut().find(|(key, _)| key == from) {
        to.clone_into(key);
        *value = change(std::mem::replace(value, Value::Empty));
    }
}

/// Tags have no arrays and maps.
fn owned(value: &DraftValue<'_>) -> Result<Value, NotText> {
    Ok(value.raw().check()?.to_value())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoded::ATTRIBUTES_MAX;
    use crate::jaeger::span::{JaegerTag, TagKind};

    fn text<'a>(key: &'a str, text: &'a str) -> JaegerTag<'a> {
        JaegerTag { key: key.as_bytes(), text: text.as_bytes(), ..JaegerTag::default() }
    }

    /// A service and tags, and what becomes of them.
    fn check(service: &str, tags: &[(&str, &str)], expect: &str, expect_duplicates: u64) {
        let mut process =
            JaegerProcess { service_name: service.as_bytes().into(), ..Default::default() };
        tags.iter().for_each(|(key, value)| process.push_tag(text(key, value)));
        let (resource, duplicates) = resource(&process).expect("taken");
        let shown: Vec<String> = resource
            .attributes
            .iter()
            .map(|(key, value)| format!("{key}={}", value.to_text()))
            .collect();
        assert_eq!((&*shown.join(" "), duplicates), (expect, expect_duplicates));
    }

    #[test]
    fn a_process_is_a_resource() {
        check("", &[], "", 0);
        check("shop", &[], "service.name=shop", 0);
        check("OTLPResourceNoServiceName", &[("a", "1")], "a=1", 0);
        check("shop", &[("hostname", "h1"), ("ip", "x")], "service.name=shop host.name=h1 ip=x", 0);
        let both = [("hostname", "h1"), ("host.name", "h2")];
        check("shop", &both, "service.name=shop hostname=h1 host.name=h2", 0);
        check(
            "",
            &[("jaeger.version", "Go-2.30.0")],
            "opencensus.exporterversion=Jaeger-Go-2.30.0",
            0,
        );
        check("", &[("a", "1"), ("b", "2"), ("a", "3")], "a=3 b=2", 1);
        check("shop", &[("service.name", "other")], "service.name=shop", 1);
        check("", &[("service.name", "other")], "service.name=other", 0);
    }

    #[test]
    fn a_version_that_is_no_text_becomes_one() {
        let mut process = JaegerProcess::default();
        process.push_tag(JaegerTag {
            key: b"jaeger.version",
            kind: TagKind::Int,
            int: 3,
            ..JaegerTag::default()
        });
        let (resource, _) = resource(&process).expect("taken");
        let version = resource.attribute("opencensus.exporterversion");
        assert_eq!(version, Some(&Value::String("Jaeger-3".to_owned())));
    }

    #[test]
    fn a_process_that_breaks_a_rule_is_refused() {
        let refused =
            |process: &JaegerProcess<'_>| resource(process).map_err(|refused| refused.reason);
        let process = JaegerProcess { service_name: b"\xff".into(), ..Default::default() };
        assert_eq!(refused(&process), Err(RejectReason::Utf8));
        let mut process = JaegerProcess::default();
        process.push_tag(JaegerTag { key: b"k", text: b"\xff", ..JaegerTag::default() });
        assert_eq!(refused(&process), Err(RejectReason::Utf8));
        let mut process = JaegerProcess::default();
        (0..=ATTRIBUTES_MAX).for_each(|_| process.push_tag(text("k", "v")));
        assert_eq!(refused(&process), Err(RejectReason::AttributeCount));
    }
}

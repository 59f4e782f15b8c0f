//! Links, which the OpenTelemetry Collector writes into tags: `otlp.link.0` = `trace|span|state|{…}|dropped`.
//!
//! Used by the mapping. Invariant: a tag that is no such link stays a tag.

use super::object::read_attributes;
use crate::draft::{DraftAttribute, DraftLink, DraftValue};
use fanal_model::{SpanId, TraceId};

const PREFIX: &[u8] = b"otlp.link.";

/// Takes the links out of a span's tags, in the order of their numbers.
pub(super) fn take_links<'a>(tags: &mut Vec<DraftAttribute<'a>>, links: &mut Vec<DraftLink<'a>>) {
    let is_candidate = |(key, _): &DraftAttribute<'_>| key.starts_with(PREFIX);
    if !tags.iter().any(is_candidate) {
        return;
    }
    let mut numbered = Vec::new();
    tags.retain(|tag| match numbered_link(tag) {
        Some(link) => {
            numbered.push(link);
            false
        }
        None => true,
    });
    numbered.sort_by_key(|(number, _)| *number);
    links.extend(numbered.into_iter().map(|(_, link)| link));
}

fn numbered_link((key, value): &DraftAttribute<'_>) -> Option<(u32, DraftLink<'static>)> {
    let number = std::str::from_utf8(key.strip_prefix(PREFIX)?).ok()?.parse().ok()?;
    let DraftValue::Text(text) = value else { return None };
    Some((number, link(std::str::from_utf8(text).ok()?)?))
}

fn link(text: &str) -> Option<DraftLink<'static>> {
    let mut parts = text.splitn(4, '|');
    let (trace_id, span_id, state) = (parts.next()?, parts.next()?, parts.next()?);
    let (attributes, dropped) = parts.next()?.rsplit_once('|')?;
    Some(DraftLink {
        trace_id: TraceId::parse_hex(trace_id).ok()?,
        span_id: SpanId::parse_hex(span_id).ok()?,
        trace_state: state.as_bytes().to_vec().into(),
        attributes: read_attributes(attributes)?,
        dropped_attributes_count: dropped.parse().ok()?,
        ..DraftLink::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_taken_in_the_order_of_their_numbers() {
        let tag = |key: &'static str, value: &'static str| {
            (key.as_bytes().into(), DraftValue::Text(value.as_bytes().into()))
        };
        let mut tags: Vec<DraftAttribute<'static>> = vec![
            tag("otlp.link.1", "0102|0304||{}|0"),
            tag("a", "b"),
            tag("otlp.link.0", r#"0a|0b|k=v|{"key":true}|5"#),
            tag("otlp.link.2", "no link"),
            tag("otlp.link.x", "0102|0304||{}|0"),
            tag("otlp.link.3", "zz|0304||{}|0"),
        ];
        let mut links = Vec::new();
        take_links(&mut tags, &mut links);
        let rest: Vec<_> = tags.iter().map(|(key, _)| String::from_utf8_lossy(key)).collect();
        assert_eq!(rest, ["a", "otlp.link.2", "otlp.link.x", "otlp.link.3"]);
        let shown: Vec<String> = links
            .iter()
            .map(|link| {
                let (trace, span) = (link.trace_id.0[15], link.span_id.0[7]);
                let state = String::from_utf8_lossy(&link.trace_state);
                let (attributes, dropped) = (link.attributes.len(), link.dropped_attributes_count);
                format!("{trace} {span} {state} {attributes} {dropped}")
            })
            .collect();
        assert_eq!(shown, ["10 11 k=v 1 5", "2 4  0 0"]);
    }
}

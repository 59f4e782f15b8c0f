//! Reads a whole JSON request, refusing single spans and keeping their neighbours.
//!
//! Called by receivers with a decompressed body. Invariant: the result is that of the same request in protobuf.

use super::message::{
    OtlpEntityRef, OtlpRequest, OtlpResource, OtlpResourceSpans, OtlpScope, OtlpScopeSpans,
};
use super::span::read_span;
use super::value::{Fault, number, object, read_attributes, text};
use crate::decoded::{
    DecodeError, Decoded, IdUnit, REQUEST_BYTES_MAX, RejectReason, Rejects, remove_duplicates,
};
use crate::json::{Text, body_text, decode_error, error_after, offset_in, problem, read_object};
use fanal_model::{EntityRef, Resource, Scope, SpanBatchBuilder};
use serde::Deserialize;
use serde_json::value::RawValue;

const IN_DIGITS: IdUnit = IdUnit { name: "hex digits", per_byte: 2 };

/// Decodes an `ExportTraceServiceRequest` (or `TracesData`) in OTLP JSON.
///
/// Fails only where the text is not JSON or its lists of spans are none; a span that breaks a rule of OTLP or a limit
/// is refused alone.
pub fn decode_request(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    if bytes.len() > REQUEST_BYTES_MAX {
        return Err(DecodeError::TooLarge { bytes: bytes.len() });
    }
    let body = body_text(bytes)?;
    let whole: &RawValue = serde_json::from_str(body).map_err(|error| decode_error(&error))?;
    let mut walk = Walk { body, ..Walk::default() };
    let request: OtlpRequest<'_> = walk.part(whole)?;
    for resource_spans in request.resource_spans.unwrap_or_default() {
        walk.resource_spans(resource_spans)?;
    }
    let duplicate_keys = walk.duplicate_keys + walk.builder.duplicate_keys();
    Ok(walk.rejects.into_decoded(walk.builder.finish(), duplicate_keys))
}

#[derive(Default)]
struct Walk<'a> {
    body: &'a str,
    builder: SpanBatchBuilder,
    scratch: Vec<u8>,
    rejects: Rejects,
    duplicate_keys: u64,
}

impl<'a> Walk<'a> {
    fn offset(&self, raw: &RawValue) -> usize {
        offset_in(self.body, raw)
    }

    /// An object of the frame around the spans, whose faults fail the request.
    fn part<T: Deserialize<'a>>(&self, raw: &'a RawValue) -> Result<T, DecodeError> {
        read_object(raw).map_err(|error| {
            let before = self.body.as_bytes().get(..self.offset(raw)).unwrap_or_default();
            error_after(before, error.line(), error.column().max(1), problem(&error))
        })
    }

    fn resource_spans(&mut self, raw: &'a RawValue) -> Result<(), DecodeError> {
        let group: OtlpResourceSpans<'_> = self.part(raw)?;
        let scopes = group.scope_spans.as_deref().unwrap_or_default();
        let scopes: Vec<OtlpScopeSpans<'_>> =
            scopes.iter().map(|scope| self.part(scope)).collect::<Result<_, _>>()?;
        let count = |scope: &OtlpScopeSpans<'_>| {
            fanal_base::cast::wide(scope.spans.as_ref().map_or(0, Vec::len))
        };
        let spans = scopes.iter().map(count).sum();
        if spans == 0 {
            return Ok(());
        }
        let resource = match read_resource(&group) {
            Ok((resource, duplicates)) => {
                self.duplicate_keys += duplicates;
                self.builder.intern_resource(&resource)
            }
            Err(fault) => {
                self.refuse(&fault, spans, "resource", raw);
                return Ok(());
            }
        };
        for scope in &scopes {
            match read_scope(scope) {
                _ if count(scope) == 0 => {}
                Ok((owner, duplicates)) => {
                    self.duplicate_keys += duplicates;
                    let owner = self.builder.intern_scope(&owner);
                    self.spans(scope, resource, owner);
                }
                Err(fault) => {
                    self.refuse(&fault, count(scope), "scope", scope.scope.unwrap_or(raw));
                }
            }
        }
        Ok(())
    }

    fn spans(&mut self, group: &OtlpScopeSpans<'_>, resource: u32, scope: u32) {
        for raw in group.spans.as_deref().unwrap_or_default() {
            let outcome = read_span(raw, &mut self.builder, &mut self.scratch, (resource, scope));
            if let Err(fault) = outcome {
                self.builder.abandon_span();
                self.refuse(&fault, 1, "span", raw);
            }
        }
    }

    fn refuse(&mut self, fault: &Fault, spans: u64, owner: &str, raw: &RawValue) {
        let offset = self.offset(raw);
        let (reason, detail) = match fault {
            Fault::Refused(refusal) => (refusal.reason, refusal.detail(IN_DIGITS)),
            Fault::Malformed(detail) => (RejectReason::Malformed, detail.clone()),
        };
        self.rejects.add(reason, spans, || format!("{detail}, in the {owner} at byte {offset}"));
    }
}

fn read_resource(group: &OtlpResourceSpans<'_>) -> Result<(Resource, u64), Fault> {
    let source = group.resource.map_or_else(|| Ok(OtlpResource::default()), object)?;
    let mut resource = Resource {
        attributes: Vec::new(),
        dropped_attributes_count: number(
            "droppedAttributesCount",
            source.dropped_attributes_count,
        )?,
        schema_url: read_text(group.schema_url)?,
        entity_refs: Vec::new(),
    };
    for raw in source.entity_refs.unwrap_or_default() {
        let entity: OtlpEntityRef<'_> = object(raw)?;
        resource.entity_refs.push(EntityRef {
            schema_url: text(entity.schema_url.as_ref()).to_owned(),
            entity_type: text(entity.entity_type.as_ref()).to_owned(),
            id_keys: owned(entity.id_keys),
            description_keys: owned(entity.description_keys),
        });
    }
    read_attributes(&source.attributes, &mut Vec::new(), |key, value| {
        resource.attributes.push((key.to_owned(), value.to_value()));
    })?;
    let duplicates = remove_duplicates(&mut resource.attributes);
    Ok((resource, duplicates))
}

fn read_scope(group: &OtlpScopeSpans<'_>) -> Result<(Scope, u64), Fault> {
    let source = group.scope.map_or_else(|| Ok(OtlpScope::default()), object)?;
    let mut scope = Scope {
        name: text(source.name.as_ref()).to_owned(),
        version: text(source.version.as_ref()).to_owned(),
        attributes: Vec::new(),
        dropped_attributes_count: number(
            "droppedAttributesCount",
            source.dropped_attributes_count,
        )?,
        schema_url: read_text(group.schema_url)?,
    };
    read_attributes(&source.attributes, &mut Vec::new(), |key, value| {
        scope.attributes.push((key.to_owned(), value.to_value()));
    })?;
    let duplicates = remove_duplicates(&mut scope.attributes);
    Ok((scope, duplicates))
}

fn read_text(raw: Option<&RawValue>) -> Result<String, Fault> {
    let Some(raw) = raw else { return Ok(String::new()) };
    let text = serde_json::from_str::<Text<'_>>(raw.get());
    text.map(|text| text.0.into_owned()).map_err(|error| Fault::Malformed(problem(&error)))
}

fn owned(texts: Option<Vec<Text<'_>>>) -> Vec<String> {
    texts.unwrap_or_default().into_iter().map(|text| text.0.into_owned()).collect()
}

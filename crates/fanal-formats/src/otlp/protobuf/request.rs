//! Walks a whole request: resources, scopes and spans, refusing single spans and keeping their neighbours.
//!
//! Called by receivers with a decompressed body. Invariant: each distinct resource and scope is decoded once, and
//! only where spans need it. Memory held is at most some tens of bytes a wire byte, reached by spans of empty links.

use super::fields::{request, resource_spans, scope_spans};
use super::resource::{owned, read_resource, read_scope};
use super::span::read_span;
use super::value::Fault;
use crate::otlp::decoded::{DecodeError, Decoded, IdUnit, REQUEST_BYTES_MAX, Refusal, Rejects};
use crate::wire::{Reader, WireError};
use fanal_model::{Resource, Scope, SpanBatchBuilder};
use foldhash::fast::RandomState;
use hashbrown::HashMap;

const IN_BYTES: IdUnit = IdUnit { name: "bytes", per_byte: 1 };

/// Decodes an `ExportTraceServiceRequest` (or `TracesData`, which has the same bytes).
///
/// Fails only where the bytes are not protobuf; a span that breaks a rule of OTLP or a limit is refused alone.
pub fn decode_request(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    if bytes.len() > REQUEST_BYTES_MAX {
        return Err(DecodeError::TooLarge { bytes: bytes.len() });
    }
    let mut walk = Walk {
        builder: SpanBatchBuilder::for_requests(),
        scratch: Vec::new(),
        rejects: Rejects::default(),
        resources: Known::default(),
        scopes: Known::default(),
        duplicate_keys: 0,
    };
    let mut reader = Reader::new(bytes);
    while !reader.is_at_end() {
        match reader.tag()? {
            request::RESOURCE_SPANS => walk.resource_spans(reader.message()?)?,
            other => reader.skip(other)?,
        }
    }
    let duplicate_keys = walk.duplicate_keys + walk.builder.duplicate_keys();
    Ok(walk.rejects.into_decoded(walk.builder.finish(), duplicate_keys))
}

/// Wire bytes of a resource or scope with its schema URL, to the code in the builder.
type Known<'a> = HashMap<(&'a [u8], &'a [u8]), u32, RandomState>;

struct Walk<'a> {
    builder: SpanBatchBuilder,
    scratch: Vec<u8>,
    rejects: Rejects,
    resources: Known<'a>,
    scopes: Known<'a>,
    duplicate_keys: u64,
}

/// What a first look at `ResourceSpans` or `ScopeSpans` finds: both are alike, with the owner (resource or scope)
/// as field 1, the items as field 2 and the schema URL as field 3, in any order.
struct Survey<'a> {
    owner: &'a [u8],
    schema_url: &'a [u8],
    owners: usize,
    items: u64,
}

const OWNER: u32 = resource_spans::RESOURCE;
const ITEMS: u32 = resource_spans::SCOPE_SPANS;
const SCHEMA_URL: u32 = resource_spans::SCHEMA_URL;
const _: () = assert!(
    OWNER == scope_spans::SCOPE
        && ITEMS == scope_spans::SPANS
        && SCHEMA_URL == scope_spans::SCHEMA_URL
);

fn survey(mut reader: Reader<'_>) -> Result<Survey<'_>, WireError> {
    let mut found = Survey { owner: &[], schema_url: &[], owners: 0, items: 0 };
    while !reader.is_at_end() {
        match reader.tag()? {
            OWNER => {
                found.owner = reader.bytes()?;
                found.owners += 1;
            }
            SCHEMA_URL => found.schema_url = reader.bytes()?,
            tag => {
                reader.skip(tag)?;
                found.items += u64::from(tag == ITEMS);
            }
        }
    }
    Ok(found)
}

/// Runs `read` on each field of `tag`.
fn each_message<'a, E: From<WireError>>(
    mut reader: Reader<'a>,
    tag: u32,
    mut read: impl FnMut(Reader<'a>) -> Result<(), E>,
) -> Result<(), E> {
    while !reader.is_at_end() {
        let next = reader.tag()?;
        if next == tag {
            read(reader.message()?)?;
        } else {
            reader.skip(next)?;
        }
    }
    Ok(())
}

impl<'a> Walk<'a> {
    fn resource_spans(&mut self, reader: Reader<'a>) -> Result<(), WireError> {
        let found = survey(reader)?;
        let mut spans = 0;
        each_message(reader, ITEMS, |scope_spans| {
            spans += survey(scope_spans)?.items;
            Ok::<_, WireError>(())
        })?;
        if spans == 0 {
            return Ok(());
        }
        match self.resource(reader, &found) {
            Ok(resource) => {
                each_message(reader, ITEMS, |scope_spans| self.scope_spans(scope_spans, resource))
            }
            Err(Fault::Wire(error)) => Err(error),
            Err(Fault::Refused(refusal)) => {
                self.refuse(refusal, spans, "resource", reader.offset());
                Ok(())
            }
        }
    }

    fn resource(&mut self, reader: Reader<'a>, found: &Survey<'a>) -> Result<u32, Fault> {
        let key = (found.owner, found.schema_url);
        if found.owners < 2
            && let Some(&code) = self.resources.get(&key)
        {
            return Ok(code);
        }
        let mut resource = Resource { schema_url: owned(found.schema_url)?, ..Resource::default() };
        each_message(reader, OWNER, |reader| {
            self.duplicate_keys += read_resource(reader, &mut resource)?;
            Ok::<_, Fault>(())
        })?;
        let code = self.builder.intern_resource(&resource);
        if found.owners < 2 {
            self.resources.insert(key, code);
        }
        Ok(code)
    }

    fn scope_spans(&mut self, reader: Reader<'a>, resource: u32) -> Result<(), WireError> {
        let found = survey(reader)?;
        if found.items == 0 {
            return Ok(());
        }
        match self.scope(reader, &found) {
            Ok(scope) => each_message(reader, ITEMS, |span| self.span(span, resource, scope)),
            Err(Fault::Wire(error)) => Err(error),
            Err(Fault::Refused(refusal)) => {
                self.refuse(refusal, found.items, "scope", reader.offset());
                Ok(())
            }
        }
    }

    fn scope(&mut self, reader: Reader<'a>, found: &Survey<'a>) -> Result<u32, Fault> {
        let key = (found.owner, found.schema_url);
        if found.owners < 2
            && let Some(&code) = self.scopes.get(&key)
        {
            return Ok(code);
        }
        let mut scope = Scope { schema_url: owned(found.schema_url)?, ..Scope::default() };
        each_message(reader, OWNER, |reader| {
            self.duplicate_keys += read_scope(reader, &mut scope)?;
            Ok::<_, Fault>(())
        })?;
        let code = self.builder.intern_scope(&scope);
        if found.owners < 2 {
            self.scopes.insert(key, code);
        }
        Ok(code)
    }

    fn span(&mut self, reader: Reader<'a>, resource: u32, scope: u32) -> Result<(), WireError> {
        match read_span(reader, &mut self.builder, &mut self.scratch, (resource, scope)) {
            Ok(()) => Ok(()),
            Err(Fault::Wire(error)) => Err(error),
            Err(Fault::Refused(refusal)) => {
                self.builder.abandon_span();
                self.refuse(refusal, 1, "span", reader.offset());
                Ok(())
            }
        }
    }

    #[cold]
    fn refuse(&mut self, refusal: Refusal, spans: u64, owner: &str, offset: usize) {
        let detail = || format!("{}, in the {owner} at byte {offset}", refusal.detail(IN_BYTES));
        self.rejects.add(refusal.reason, spans, detail);
    }
}

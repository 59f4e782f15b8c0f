//! Walks a whole request: resources, scopes and spans, refusing single spans and keeping their neighbours.
//!
//! Called by receivers with a decompressed body. Invariant: each distinct resource and scope is decoded once, and
//! only where spans need it. Memory held is at most some tens of bytes a wire byte, reached by spans of empty links.

use super::fields::{request, resource_spans, scope_spans};
use super::owners::{Encoded, Owners};
use super::resource::{owned, read_resource, read_scope};
use super::span::read_span;
use super::value::Fault;
use crate::decoded::{DecodeError, Decoded, IdUnit, REQUEST_BYTES_MAX, Refusal, Rejects};
use crate::wire::{Reader, WireError};
use fanal_model::{Resource, Scope, SpanBatchBuilder};

const IN_BYTES: IdUnit = IdUnit { name: "bytes", per_byte: 1 };

/// Decodes an `ExportTraceServiceRequest` (or `TracesData`, which has the same bytes).
///
/// Fails only where the bytes are not protobuf; a span that breaks a rule of OTLP or a limit is refused alone.
pub fn decode_request(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    RequestDecoder::default().decode(bytes)
}

/// Decodes one request after the other. What they have in common (resources, scopes, keys, shapes) is remembered within
/// limits, and buffers are kept; so keep a decoder where requests come often.
#[derive(Debug)]
pub struct RequestDecoder {
    builder: SpanBatchBuilder,
    scratch: Vec<u8>,
    resources: Owners,
    scopes: Owners,
}

impl Default for RequestDecoder {
    fn default() -> Self {
        Self {
            builder: SpanBatchBuilder::for_requests(),
            scratch: Vec::new(),
            resources: Owners::default(),
            scopes: Owners::default(),
        }
    }
}

impl RequestDecoder {
    /// Decodes a request like [`decode_request`].
    pub fn decode(&mut self, bytes: &[u8]) -> Result<Decoded, DecodeError> {
        if bytes.len() > REQUEST_BYTES_MAX {
            return Err(DecodeError::TooLarge { bytes: bytes.len() });
        }
        self.resources.begin_request();
        self.scopes.begin_request();
        let mut walk = Walk {
            decoder: self,
            rejects: Rejects::default(),
            duplicate_keys: 0,
            scopes_found: Vec::new(),
        };
        let outcome = walk.request(Reader::new(bytes));
        let Walk { rejects, duplicate_keys, .. } = walk;
        let duplicate_keys = duplicate_keys + self.builder.duplicate_keys();
        // Also where the request failed: what it left behind goes.
        let batch = self.builder.take();
        outcome?;
        Ok(rejects.into_decoded(batch, duplicate_keys))
    }
}

struct Walk<'d, 'a> {
    decoder: &'d mut RequestDecoder,
    rejects: Rejects,
    duplicate_keys: u64,
    /// Of the resource at hand, those with spans.
    scopes_found: Vec<Survey<'a>>,
}

/// What a first look at `ResourceSpans` or `ScopeSpans` finds: both are alike, with the owner (resource or scope)
/// as field 1, the items as field 2 and the schema URL as field 3, in any order.
struct Survey<'a> {
    message: Reader<'a>,
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

/// Looks at a message; `see_item` is told each item.
fn survey<'a>(
    message: Reader<'a>,
    mut see_item: impl FnMut(Reader<'a>) -> Result<(), WireError>,
) -> Result<Survey<'a>, WireError> {
    let mut found = Survey { message, owner: &[], schema_url: &[], owners: 0, items: 0 };
    let mut reader = message;
    while !reader.is_at_end() {
        match reader.tag()? {
            ITEMS => {
                see_item(reader.message()?)?;
                found.items += 1;
            }
            OWNER => {
                found.owner = reader.bytes()?;
                found.owners += 1;
            }
            SCHEMA_URL => found.schema_url = reader.bytes()?,
            other => reader.skip(other)?,
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

impl<'a> Walk<'_, 'a> {
    fn request(&mut self, mut reader: Reader<'a>) -> Result<(), WireError> {
        while !reader.is_at_end() {
            match reader.tag()? {
                request::RESOURCE_SPANS => self.resource_spans(reader.message()?)?,
                other => reader.skip(other)?,
            }
        }
        Ok(())
    }

    fn resource_spans(&mut self, message: Reader<'a>) -> Result<(), WireError> {
        let mut scopes = std::mem::take(&mut self.scopes_found);
        scopes.clear();
        let found = survey(message, |scope_spans| {
            let found = survey(scope_spans, |_| Ok(()))?;
            // An empty message of two bytes must not cost forty times as many.
            scopes.extend((found.items > 0).then_some(found));
            Ok(())
        })?;
        let spans = scopes.iter().map(|scope| scope.items).sum();
        if spans > 0 {
            match self.resource(&found) {
                Ok(resource) => {
                    scopes.iter().try_for_each(|scope| self.scope_spans(scope, resource))?;
                }
                Err(Fault::Wire(error)) => return Err(error),
                Err(Fault::Refused(refusal)) => self.refuse(refusal, spans, "resource", message),
            }
        }
        self.scopes_found = scopes;
        Ok(())
    }

    fn resource(&mut self, found: &Survey<'a>) -> Result<u32, Fault> {
        let read = || {
            let mut resource =
                Resource { schema_url: owned(found.schema_url)?, ..Resource::default() };
            let mut duplicate_keys = 0;
            each_message(found.message, OWNER, |reader| {
                duplicate_keys += read_resource(reader, &mut resource)?;
                Ok::<_, Fault>(())
            })?;
            Ok(Encoded { bytes: resource.encode(), duplicate_keys })
        };
        let builder = &mut self.decoder.builder;
        let intern = |encoded: &[u8]| builder.intern_resource_bytes(encoded);
        let (code, duplicate_keys) = found.code(&mut self.decoder.resources, intern, read)?;
        self.duplicate_keys += duplicate_keys;
        Ok(code)
    }

    fn scope_spans(&mut self, found: &Survey<'a>, resource: u32) -> Result<(), WireError> {
        match self.scope(found) {
            Ok(scope) => {
                each_message(found.message, ITEMS, |span| self.span(span, resource, scope))
            }
            Err(Fault::Wire(error)) => Err(error),
            Err(Fault::Refused(refusal)) => {
                self.refuse(refusal, found.items, "scope", found.message);
                Ok(())
            }
        }
    }

    fn scope(&mut self, found: &Survey<'a>) -> Result<u32, Fault> {
        let read = || {
            let mut scope = Scope { schema_url: owned(found.schema_url)?, ..Scope::default() };
            let mut duplicate_keys = 0;
            each_message(found.message, OWNER, |reader| {
                duplicate_keys += read_scope(reader, &mut scope)?;
                Ok::<_, Fault>(())
            })?;
            Ok(Encoded { bytes: scope.encode(), duplicate_keys })
        };
        let builder = &mut self.decoder.builder;
        let intern = |encoded: &[u8]| builder.intern_scope_bytes(encoded);
        let (code, duplicate_keys) = found.code(&mut self.decoder.scopes, intern, read)?;
        self.duplicate_keys += duplicate_keys;
        Ok(code)
    }

    #[inline]
    fn span(&mut self, reader: Reader<'a>, resource: u32, scope: u32) -> Result<(), WireError> {
        let RequestDecoder { builder, scratch, .. } = &mut *self.decoder;
        match read_span(reader, builder, scratch, (resource, scope)) {
            Ok(()) => Ok(()),
            Err(Fault::Wire(error)) => Err(error),
            Err(Fault::Refused(refusal)) => {
                builder.abandon_span();
                self.refuse(refusal, 1, "span", reader);
                Ok(())
            }
        }
    }

    #[cold]
    fn refuse(&mut self, refusal: Refusal, spans: u64, owner: &str, message: Reader<'a>) {
        let offset = message.offset();
        let detail = || format!("{}, in the {owner} at byte {offset}", refusal.detail(IN_BYTES));
        self.rejects.add(refusal.reason, spans, detail);
    }
}

impl Survey<'_> {
    /// The owner's code. One in several pieces, which are read over each other, is read anew each time.
    fn code(
        &self,
        owners: &mut Owners,
        intern: impl FnOnce(&[u8]) -> u32,
        read: impl FnOnce() -> Result<Encoded, Fault>,
    ) -> Result<(u32, u64), Fault> {
        if self.owners < 2 {
            return owners.code((self.owner, self.schema_url), intern, read);
        }
        let Encoded { bytes, duplicate_keys } = read()?;
        Ok((intern(&bytes), duplicate_keys))
    }
}

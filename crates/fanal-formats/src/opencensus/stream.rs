//! Decodes the messages of one export stream, remembering what holds for the rest of it.
//!
//! Kept by the receiver for as long as a stream is open. Invariant: a bad span is refused alone; only bytes that are not
//! protobuf, and owners beyond their limit, fail a message.

use super::owner::read_owner;
use super::span::read_span;
use super::value::Fault;
use crate::decoded::{
    DecodeError, Decoded, IdUnit, REQUEST_BYTES_MAX, Refusal, RejectReason, Rejects,
};
use crate::draft::Draft;
use crate::wire::{Reader, WireError, bytes_tag};
use fanal_model::{Scope, SpanBatchBuilder};

/// Most bytes of a node, and of a resource: they are kept for the rest of the stream.
pub const OWNER_BYTES_MAX: usize = 64 << 10;

const IN_BYTES: IdUnit = IdUnit { name: "bytes", per_byte: 1 };

const NODE: u32 = bytes_tag(1);
const SPANS: u32 = bytes_tag(2);
const RESOURCE: u32 = bytes_tag(3);

/// What a stream remembers.
#[derive(Debug, Default)]
pub struct StreamDecoder {
    node: Vec<u8>,
    resource: Vec<u8>,
}

impl StreamDecoder {
    /// Decodes an `ExportTraceServiceRequest`.
    pub fn decode(&mut self, bytes: &[u8]) -> Result<Decoded, DecodeError> {
        if bytes.len() > REQUEST_BYTES_MAX {
            return Err(DecodeError::TooLarge { bytes: bytes.len() });
        }
        self.remember_owners(Reader::new(bytes))?;
        let mut walk = Walk::new(self);
        walk.message(Reader::new(bytes))?;
        Ok(walk.finish())
    }

    /// Bytes that are kept between messages.
    pub fn kept_bytes(&self) -> usize {
        self.node.capacity() + self.resource.capacity()
    }

    /// Owners that are not empty replace those of before, wherever they stand in the message.
    fn remember_owners(&mut self, mut reader: Reader<'_>) -> Result<(), DecodeError> {
        while !reader.is_at_end() {
            match reader.tag()? {
                NODE => remember("bytes of a node", reader.bytes()?, &mut self.node)?,
                RESOURCE => remember("bytes of a resource", reader.bytes()?, &mut self.resource)?,
                other => reader.skip(other)?,
            }
        }
        Ok(())
    }
}

fn remember(what: &'static str, bytes: &[u8], kept: &mut Vec<u8>) -> Result<(), DecodeError> {
    if bytes.len() > OWNER_BYTES_MAX {
        let limit = OWNER_BYTES_MAX;
        return Err(DecodeError::TooMany { what, count: bytes.len(), limit });
    }
    if !bytes.is_empty() {
        kept.clear();
        kept.extend_from_slice(bytes);
    }
    Ok(())
}

struct Walk<'d, 'a> {
    decoder: &'d StreamDecoder,
    builder: SpanBatchBuilder,
    draft: Draft<'a>,
    rejects: Rejects,
    duplicate_keys: u64,
    scope: u32,
    /// The owner met last.
    owner: Option<Owner<'a>>,
}

/// The resource of spans, with its code in the batch.
#[derive(Clone, Copy)]
struct Owner<'a> {
    /// Bytes of the resource that the spans bring along; `None` where they have that of the stream.
    own: Option<&'a [u8]>,
    code: Result<u32, Refusal>,
}

impl<'d, 'a> Walk<'d, 'a> {
    fn new(decoder: &'d StreamDecoder) -> Self {
        let mut builder = SpanBatchBuilder::default();
        let scope = builder.intern_scope(&Scope::default());
        Self {
            decoder,
            builder,
            draft: Draft::default(),
            rejects: Rejects::default(),
            duplicate_keys: 0,
            scope,
            owner: None,
        }
    }

    fn message(&mut self, mut reader: Reader<'a>) -> Result<(), WireError> {
        while !reader.is_at_end() {
            match reader.tag()? {
                SPANS => {
                    let offset = reader.offset();
                    match self.span(reader.message()?) {
                        Ok(()) => {}
                        Err(Fault::Wire(error)) => return Err(error),
                        Err(Fault::Refused(refusal)) => self.refuse(refusal, offset),
                    }
                }
                other => reader.skip(other)?,
            }
        }
        Ok(())
    }

    fn span(&mut self, reader: Reader<'a>) -> Result<(), Fault> {
        self.draft.clear();
        let resource = read_span(reader, &mut self.draft)?;
        self.draft.fields.resource = self.owner(resource)?;
        self.draft.fields.scope = self.scope;
        Ok(self.draft.finish(&mut self.builder)?)
    }

    /// The code of the stream's owner, with the resource that a span brings along in place of the stream's.
    fn owner(&mut self, resource: Option<Reader<'a>>) -> Result<u32, Fault> {
        let own = resource.map(|reader| reader.rest());
        if let Some(known) = self.owner
            && known.own == own
        {
            return Ok(known.code?);
        }
        let node = Reader::new(&self.decoder.node);
        let kept = Reader::new(&self.decoder.resource);
        let code = match read_owner(node, resource.unwrap_or(kept)) {
            Ok((resource, duplicates)) => {
                self.duplicate_keys += duplicates;
                Ok(self.builder.intern_resource(&resource))
            }
            // One that a span brings along lies in the message; any other may be of an earlier one.
            Err(Fault::Wire(_)) if own.is_none() => Err(Refusal::new(RejectReason::Malformed, 0)),
            Err(Fault::Wire(error)) => return Err(Fault::Wire(error)),
            Err(Fault::Refused(refusal)) => Err(refusal),
        };
        self.owner = Some(Owner { own, code });
        Ok(code?)
    }

    fn refuse(&mut self, refusal: Refusal, offset: usize) {
        let detail = || format!("{}, in the span at byte {offset}", refusal.detail(IN_BYTES));
        self.rejects.add(refusal.reason, 1, detail);
    }

    fn finish(self) -> Decoded {
        let duplicate_keys = self.duplicate_keys + self.builder.duplicate_keys();
        self.rejects.into_decoded(self.builder.finish(), duplicate_keys)
    }
}

//! Walks a body: traces or chunks, and the spans of each, refusing single spans and keeping their neighbours.
//!
//! Called by the receiver with a decompressed body. Invariant: a span that cannot be read is stepped over by its bytes, so
//! that the next one is found whatever its fault.

use super::chunk::Chunk;
use super::json;
use super::layout::{Fault, SpanLayout, array};
use super::owner::{Owners, Tracer};
use super::payload::Payload;
use super::span::DatadogSpan;
use super::table::Texts;
use crate::decoded::{DecodeError, Decoded, IdUnit, REQUEST_BYTES_MAX, Rejects};
use crate::msgpack::{MsgpackError, Reader};
use fanal_model::{Scope, SpanBatchBuilder};

pub(super) const IN_BYTES: IdUnit = IdUnit { name: "bytes", per_byte: 1 };

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Versions 0.3 and 0.4: a list of traces, each a list of spans.
    Traces,
    /// The same as JSON.
    TracesJson,
    /// Version 0.5: texts, and traces whose spans name them by number.
    Table,
    /// Version 0.7: a process with its chunks.
    Payload,
}

/// Decodes a body; `tracer` is what the headers tell.
///
/// Fails only where the bytes are not of the layout; a span that breaks a rule or a limit is refused alone.
pub fn decode_request(
    layout: Layout,
    bytes: &[u8],
    tracer: &Tracer,
) -> Result<Decoded, DecodeError> {
    if bytes.len() > REQUEST_BYTES_MAX {
        return Err(DecodeError::TooLarge { bytes: bytes.len() });
    }
    match layout {
        Layout::Traces => Ok(Walk::new(tracer).traces(Reader::new(bytes))?),
        Layout::TracesJson => {
            let msgpack = json::to_msgpack(bytes)?;
            Ok(Walk::new(tracer).traces(Reader::new(&msgpack))?)
        }
        Layout::Table => Ok(Walk::new(tracer).table(bytes)?),
        Layout::Payload => Ok(Walk::new(tracer).payload(Reader::new(bytes))?),
    }
}

struct Walk<'a> {
    builder: SpanBatchBuilder,
    owners: Owners<'a>,
    scope: u32,
    /// Of spans that do not tell theirs.
    env: &'a [u8],
    /// Of spans that do not tell theirs.
    version: &'a [u8],
    span: DatadogSpan<'a>,
    rejects: Rejects,
    /// Traces or chunks begun.
    chunks: usize,
}

impl<'a> Walk<'a> {
    fn new(tracer: &Tracer) -> Self {
        let mut builder = SpanBatchBuilder::default();
        let scope = builder.intern_scope(&Scope::default());
        Self {
            builder,
            owners: Owners::new(tracer),
            scope,
            env: b"",
            version: b"",
            span: DatadogSpan::default(),
            rejects: Rejects::default(),
            chunks: 0,
        }
    }

    fn traces(mut self, mut reader: Reader<'a>) -> Result<Decoded, MsgpackError> {
        self.owners.seal();
        for _ in 0..array(&mut reader)? {
            self.spans(&mut reader, Chunk::default(), SpanLayout::Named)?;
        }
        Ok(self.finish())
    }

    fn table(mut self, body: &'a [u8]) -> Result<Decoded, MsgpackError> {
        self.owners.seal();
        let mut reader = Reader::new(body);
        // Two parts; one is a body without traces.
        let parts = array(&mut reader)?;
        if parts == 0 {
            return Ok(self.finish());
        }
        let texts = Texts::read_table(body, &mut reader)?;
        let traces = if parts == 1 { 0 } else { array(&mut reader)? };
        for _ in 0..traces {
            self.spans(&mut reader, Chunk::default(), SpanLayout::Placed(&texts))?;
        }
        Ok(self.finish())
    }

    fn payload(mut self, mut reader: Reader<'a>) -> Result<Decoded, MsgpackError> {
        let payload = Payload::survey(&mut reader, &mut self.owners)?;
        self.owners.seal();
        (self.env, self.version) = (payload.env, payload.version);
        if let Some(mut chunks) = payload.chunks {
            for _ in 0..array(&mut chunks)? {
                let mut chunk = Chunk::of_map(&mut chunks)?;
                if let Some(mut spans) = chunk.spans.take() {
                    self.spans(&mut spans, chunk, SpanLayout::Named)?;
                }
            }
        }
        Ok(self.finish())
    }

    fn finish(self) -> Decoded {
        let duplicate_keys = self.builder.duplicate_keys();
        self.rejects.into_decoded(self.builder.finish(), duplicate_keys)
    }

    /// Reads a list of spans of one trace.
    fn spans(
        &mut self,
        reader: &mut Reader<'a>,
        mut chunk: Chunk<'a>,
        layout: SpanLayout<'_, 'a>,
    ) -> Result<(), MsgpackError> {
        self.chunks += 1;
        let count = array(reader)?;
        for number in 1..=count {
            let begin = reader.clone();
            if let Err(fault) = self.span(reader, &mut chunk, layout, count - number) {
                *reader = begin;
                reader.skip()?;
                let (reason, detail) = fault.told();
                let trace = self.chunks;
                self.rejects
                    .add(reason, 1, || format!("{detail}, in span {number} of trace {trace}"));
            }
        }
        Ok(())
    }

    fn span(
        &mut self,
        reader: &mut Reader<'a>,
        chunk: &mut Chunk<'a>,
        layout: SpanLayout<'_, 'a>,
        left: usize,
    ) -> Result<(), Fault> {
        let span = &mut self.span;
        span.clear();
        layout.read(reader, span)?;
        let trace_id_high = chunk.complete(span, layout, reader, left)?;
        span.fill_draft(trace_id_high);
        let or = |own: &'a [u8], shared: &'a [u8]| if own.is_empty() { shared } else { own };
        let key = [span.service, or(span.env, self.env), or(span.version, self.version)];
        span.draft.fields.resource = self.owners.code(&mut self.builder, key)?;
        span.draft.fields.scope = self.scope;
        Ok(span.draft.finish(&mut self.builder)?)
    }
}

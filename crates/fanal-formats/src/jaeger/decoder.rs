//! Gathers the spans of one request, or of several small ones, into one batch.
//!
//! Both walks hand their processes and spans to [`Walk`]. Invariant: a process is refused with all its spans, a span
//! alone; what was read before the bytes of a request break is kept, and only a decoder of that one request drops it.

use super::mapping::ScopeTexts;
use super::process;
use super::span::{JaegerProcess, JaegerSpan};
use super::{json, protobuf, query_json, thrift};
use crate::decoded::{
    DecodeError, Decoded, IdUnit, REQUEST_BYTES_MAX, Refusal, RejectReason, Rejects,
};
use crate::thrift::Protocol;
use fanal_model::{Resource, Scope, SpanBatchBuilder, raw};

/// The method that clients call to hand over a batch.
pub const EMIT_BATCH: &str = "emitBatch";

const IN_BYTES: IdUnit = IdUnit { name: "bytes", per_byte: 1 };

/// What a client says of itself beside its spans: the only sign of losses where nothing is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClientReport<'a> {
    /// The process tag `client-uuid`, which tells one client from another.
    pub client: Option<&'a [u8]>,
    /// Number of the batch, each one more than the one before.
    pub sequence_number: Option<i64>,
    /// Spans dropped since the client began because its queue was full.
    pub full_queue_dropped_spans: i64,
    /// The same, because they were too large for a batch.
    pub too_large_dropped_spans: i64,
    /// The same, because a batch could not be sent.
    pub failed_to_emit_spans: i64,
}

/// Decodes requests into one batch until [`Decoder::take`].
#[derive(Debug)]
pub struct Decoder {
    builder: SpanBatchBuilder,
    rejects: Rejects,
    duplicate_keys: u64,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            builder: SpanBatchBuilder::for_requests(),
            rejects: Rejects::default(),
            duplicate_keys: 0,
        }
    }
}

impl Decoder {
    /// Reads a call of [`EMIT_BATCH`] as it comes in a datagram, in either protocol. What lies behind it is not looked at.
    ///
    /// Fails where the bytes are not thrift or call something else; spans before the break are kept.
    pub fn read_message<'a>(&mut self, bytes: &'a [u8]) -> Result<ClientReport<'a>, DecodeError> {
        check_size(bytes)?;
        thrift::read_message(bytes, &mut Walk::new(self))
    }

    /// Reads a bare `Batch`, the body of an HTTP request. Fails like [`Decoder::read_message`].
    pub fn read_batch<'a>(
        &mut self,
        bytes: &'a [u8],
        protocol: Protocol,
    ) -> Result<ClientReport<'a>, DecodeError> {
        check_size(bytes)?;
        Ok(thrift::read_batch(bytes, protocol, &mut Walk::new(self))?)
    }

    /// Reads a `PostSpansRequest`, the message of a gRPC call.
    ///
    /// Fails where the bytes are not protobuf; spans before the break are kept.
    pub fn read_post_spans(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        check_size(bytes)?;
        Ok(protobuf::read_post_spans(bytes, &mut Walk::new(self))?)
    }

    /// Reads one bare `Span` of protobuf with its process inside, as it lies in a queue.
    ///
    /// Fails where the bytes are not protobuf.
    pub fn read_span(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        check_size(bytes)?;
        Ok(protobuf::read_single(bytes, &mut Walk::new(self))?)
    }

    /// Reads the same in the JSON form of protobuf.
    ///
    /// Fails where the bytes are not a JSON object.
    pub fn read_span_json(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        check_size(bytes)?;
        json::read_single(bytes, &mut Walk::new(self))
    }

    /// Reads traces in the JSON of Jaeger's query API and UI: an answer with `data`, a trace, or a list of traces.
    ///
    /// Fails where the text is no such JSON; traces before the break are kept.
    pub fn read_query_json(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        check_size(bytes)?;
        query_json::read_traces(bytes, &mut Walk::new(self))
    }

    /// The spans read so far; the decoder begins anew.
    pub fn take(&mut self) -> Decoded {
        let duplicate_keys =
            std::mem::take(&mut self.duplicate_keys) + self.builder.duplicate_keys();
        std::mem::take(&mut self.rejects).into_decoded(self.builder.take(), duplicate_keys)
    }
}

/// Decodes a bare `Batch` in the binary protocol, the body of an HTTP request.
///
/// Fails where the bytes are not thrift; a span that breaks a rule is refused alone.
pub fn decode_batch(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    let mut decoder = Decoder::default();
    decoder.read_batch(bytes, Protocol::Binary)?;
    Ok(decoder.take())
}

/// Decodes a `PostSpansRequest`. Fails where the bytes are not protobuf; a span that breaks a rule is refused alone.
pub fn decode_post_spans(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    let mut decoder = Decoder::default();
    decoder.read_post_spans(bytes)?;
    Ok(decoder.take())
}

/// Decodes traces in the JSON of Jaeger's query API and UI. Fails where the text is no such JSON; a span that breaks a
/// rule is refused alone.
pub fn decode_query_json(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    let mut decoder = Decoder::default();
    decoder.read_query_json(bytes)?;
    Ok(decoder.take())
}

fn check_size(bytes: &[u8]) -> Result<(), DecodeError> {
    match bytes.len() {
        bytes if bytes > REQUEST_BYTES_MAX => Err(DecodeError::TooLarge { bytes }),
        _ => Ok(()),
    }
}

/// The way of one request into the decoder.
pub(super) struct Walk<'d, 'a> {
    /// The span being read; [`Walk::end_span`] makes it ready for the next.
    pub(super) span: JaegerSpan<'a>,
    decoder: &'d mut Decoder,
    /// Code of the resource of the process at hand; none where the request names no process.
    resource: Option<Result<u32, Refusal>>,
    /// The scope met last, and its code.
    scope: Option<(ScopeTexts<'a>, u32)>,
}

impl<'d> Walk<'d, '_> {
    fn new(decoder: &'d mut Decoder) -> Self {
        Self { span: JaegerSpan::default(), decoder, resource: None, scope: None }
    }

    /// The spans that follow are of this process.
    pub(super) fn begin_process(&mut self, process: &JaegerProcess<'_>) {
        let resource = self.resource_of(process);
        self.follow(resource);
    }

    /// Code of the resource of a process.
    pub(super) fn resource_of(&mut self, process: &JaegerProcess<'_>) -> Result<u32, Refusal> {
        let (resource, duplicate_keys) = process::resource(process)?;
        self.decoder.duplicate_keys += duplicate_keys;
        Ok(self.decoder.builder.intern_resource(&resource))
    }

    /// The spans that follow have what [`Walk::resource_of`] gave.
    pub(super) fn follow(&mut self, resource: Result<u32, Refusal>) {
        self.resource = Some(resource);
    }

    /// Gives the span up for a reason that `detail` words.
    pub(super) fn refuse(&mut self, reason: RejectReason, detail: impl Fn() -> String) {
        self.decoder.rejects.add(reason, 1, detail);
        self.span.clear();
    }

    /// Ends the span, which began at byte `offset` of its request.
    pub(super) fn end_span(&mut self, offset: usize) {
        if let Err(refusal) = self.write_span() {
            let is_of_process = matches!(self.resource, Some(Err(_)));
            let owner = if is_of_process { "process of the span" } else { "span" };
            let detail =
                || format!("{}, in the {owner} at byte {offset}", refusal.detail(IN_BYTES));
            self.decoder.rejects.add(refusal.reason, 1, detail);
        }
        self.span.clear();
    }

    fn write_span(&mut self) -> Result<(), Refusal> {
        let builder = &mut self.decoder.builder;
        let none = || Ok(builder.intern_resource(&Resource::default()));
        let resource = (*self.resource.get_or_insert_with(none))?;
        let scope = self.span.settle()?;
        let fields = &mut self.span.draft.fields;
        fields.resource = resource;
        fields.scope = match &self.scope {
            Some((known, code)) if *known == scope => *code,
            _ => {
                let code = intern_scope(builder, &scope)?;
                self.scope = Some((scope, code));
                code
            }
        };
        self.span.draft.finish(builder)
    }
}

fn intern_scope(builder: &mut SpanBatchBuilder, texts: &ScopeTexts<'_>) -> Result<u32, Refusal> {
    let text = |bytes: &[u8]| {
        let text = raw::text(bytes).map(str::to_owned);
        text.map_err(|error| Refusal::new(RejectReason::Utf8, error.valid_up_to))
    };
    let (name, version) = (text(&texts.name)?, text(&texts.version)?);
    Ok(builder.intern_scope(&Scope { name, version, ..Scope::default() }))
}

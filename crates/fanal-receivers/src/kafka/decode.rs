//! What the messages of a piece come to: spans, or why a message has none.
//!
//! Called by `consume` with bytes that a permit covers. Invariant: a message that does not decode fails alone.

use super::batch::Piece;
use super::config::KafkaEncoding;
use super::source::{Message, Place};
use crate::body;
use crate::compression::Compression;
use crate::ingest::{self, Ingest, Payload};
use crate::otlp::decoders::DecoderPool;
use crate::refusal::Refusal;
use fanal_formats::jaeger::Decoder;
use fanal_formats::otlp::json;
use fanal_formats::{DecodeError, Decoded, zipkin};
use fanal_pipeline::RequestRejection;
use std::sync::Arc;

/// A message that is left for good, and why.
pub(super) type Skipped = (Place, Refusal);

/// Stores the spans of a piece; gives the messages that never can be stored, which are counted. Fails where another try,
/// or one message by one, may do better; nothing of the piece is counted as refused then.
pub(super) async fn store(
    piece: Arc<Piece>,
    ingest: Ingest,
    decoders: Arc<DecoderPool>,
) -> Result<Vec<Skipped>, Refusal> {
    piece.messages.iter().for_each(|_| ingest.began());
    let outcome = match (piece.encoding, &*piece.messages) {
        (KafkaEncoding::JaegerProto | KafkaEncoding::JaegerJson, _) => {
            store_singles(&piece, &ingest).await
        }
        (_, [message]) => {
            let stored = store_one(message, piece.encoding, &ingest, decoders).await;
            stored.map(|()| Vec::new())
        }
        _ => Err(Refusal::lasting(RequestRejection::Internal, "piece has more than a message")),
    };
    let skipped = match (outcome, &*piece.messages) {
        (Ok(skipped), _) => skipped,
        (Err(refusal), [message]) if is_of_message(&refusal) => vec![(message.place, refusal)],
        (Err(refusal), _) => return Err(refusal),
    };
    skipped.iter().for_each(|(_, refusal)| ingest.refused(refusal));
    Ok(skipped)
}

/// Whether the message itself is to blame, so that it is refused however often it comes.
pub(super) fn is_of_message(refusal: &Refusal) -> bool {
    use RequestRejection::{Invalid, TooLarge, Unsupported};
    refusal.retry_after.is_none() && matches!(refusal.kind, Invalid | TooLarge | Unsupported)
}

/// Stores a message of many spans.
async fn store_one(
    message: &Message,
    encoding: KafkaEncoding,
    ingest: &Ingest,
    decoders: Arc<DecoderPool>,
) -> Result<(), Refusal> {
    let bytes = message.value.clone();
    check_size(&bytes, ingest)?;
    let permit = ingest.admit(bytes.len() + super::batch::MESSAGE_OVERHEAD_BYTES)?;
    let arrived_unix_nanos = ingest.pipeline.now_unix_nanos();
    let decode = move |bytes: &[u8]| -> Result<Decoded, DecodeError> {
        match encoding {
            KafkaEncoding::OtlpJson => json::decode_request(bytes),
            KafkaEncoding::Zipkin => zipkin::decode_message(bytes, arrived_unix_nanos),
            _ => decoders.decode(bytes),
        }
    };
    let payload = Payload { bytes, compression: Compression::Identity, permit };
    ingest.ingest(payload, decode).await.map(drop)
}

/// Stores messages of one span each as one batch.
async fn store_singles(piece: &Piece, ingest: &Ingest) -> Result<Vec<Skipped>, Refusal> {
    let mut permit = ingest.admit(piece.bytes())?;
    let mut decoder = Decoder::default();
    let mut skipped = Vec::new();
    for message in &piece.messages {
        if let Err(refusal) = read_single(message, piece.encoding, &mut decoder, ingest) {
            skipped.push((message.place, refusal));
        }
    }
    let decoded = decoder.take();
    ingest.cover(&mut permit, &decoded)?;
    ingest.store(decoded).await?;
    Ok(skipped)
}

fn read_single(
    message: &Message,
    encoding: KafkaEncoding,
    decoder: &mut Decoder,
    ingest: &Ingest,
) -> Result<(), Refusal> {
    check_size(&message.value, ingest)?;
    ingest.read(message.value.len());
    let read = match encoding {
        KafkaEncoding::JaegerJson => decoder.read_span_json(&message.value),
        _ => decoder.read_span(&message.value),
    };
    read.map_err(|error| ingest::undecodable(&error))
}

fn check_size(bytes: &[u8], ingest: &Ingest) -> Result<(), Refusal> {
    let bytes_max = ingest.limits.request_bytes_max;
    if bytes.len() > bytes_max { Err(body::too_large(bytes_max)) } else { Ok(()) }
}

//! The annotations with a meaning: eight pairs of letters that tell who sent and received when.
//!
//! Collected by the conversion.

use super::super::endpoint::Endpoint;
use super::V1Annotation;
use fanal_model::SpanKind;

/// When one of the eight happened, and where.
#[derive(Debug, Clone)]
pub(super) struct Core<'a> {
    pub(super) timestamp_micros: u64,
    /// Which of the output spans it belongs to.
    pub(super) output: usize,
    pub(super) endpoint: Endpoint<'a>,
}

impl Core<'_> {
    /// Microseconds from this to `end`; 0, which is none, where it is earlier.
    pub(super) fn micros_until(&self, end: &Self) -> u64 {
        end.timestamp_micros.saturating_sub(self.timestamp_micros)
    }
}

/// The first of each.
#[derive(Debug, Default)]
pub(super) struct Cores<'a> {
    pub(super) client_sent: Option<Core<'a>>,
    pub(super) client_received: Option<Core<'a>>,
    pub(super) server_received: Option<Core<'a>>,
    pub(super) server_sent: Option<Core<'a>>,
    pub(super) message_sent: Option<Core<'a>>,
    pub(super) message_received: Option<Core<'a>>,
    pub(super) wire_sent: Option<Core<'a>>,
    pub(super) wire_received: Option<Core<'a>>,
}

impl<'a> Cores<'a> {
    /// Takes an annotation of an output span and gives the kind that it tells; gives it back where it has no meaning, or
    /// one that another had before.
    pub(super) fn take(
        &mut self,
        annotation: V1Annotation<'a>,
        output: usize,
    ) -> Result<SpanKind, V1Annotation<'a>> {
        let (place, kind) = match &*annotation.value {
            b"cs" => (&mut self.client_sent, SpanKind::Client),
            b"cr" => (&mut self.client_received, SpanKind::Client),
            b"sr" => (&mut self.server_received, SpanKind::Server),
            b"ss" => (&mut self.server_sent, SpanKind::Server),
            b"ms" => (&mut self.message_sent, SpanKind::Producer),
            b"mr" => (&mut self.message_received, SpanKind::Consumer),
            b"ws" => (&mut self.wire_sent, SpanKind::Unspecified),
            b"wr" => (&mut self.wire_received, SpanKind::Unspecified),
            _ => return Err(annotation),
        };
        if place.is_some() || annotation.endpoint.is_empty() {
            return Err(annotation);
        }
        let V1Annotation { timestamp_micros, endpoint, .. } = annotation;
        *place = Some(Core { timestamp_micros, output, endpoint });
        Ok(kind)
    }
}

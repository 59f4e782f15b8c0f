//! A message that is encoded already.

use bytes::{Buf, BufMut, Bytes};
use prost::DecodeError;
use prost::encoding::{DecodeContext, WireType, skip_field};

/// `opentelemetry.proto.trace.v1.TracesData` as `fanal-formats` wrote it. It is only ever sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EncodedTraces(pub Bytes);

impl prost::Message for EncodedTraces {
    fn encode_raw(&self, buffer: &mut impl BufMut) {
        buffer.put_slice(&self.0);
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buffer: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        skip_field(wire_type, tag, buffer, context)
    }

    fn encoded_len(&self) -> usize {
        self.0.len()
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message as _;

    #[test]
    fn bytes_are_written_as_they_are() {
        let message = EncodedTraces(Bytes::from_static(&[0x0a, 1, b'x']));
        assert_eq!(message.encode_to_vec(), message.0);
        assert_eq!(message.encoded_len(), 3);
    }
}

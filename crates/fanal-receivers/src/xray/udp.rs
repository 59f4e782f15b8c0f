//! X-Ray over UDP: each datagram a header line and a segment with its subsegments.
//!
//! SDKs feed it on port 2000. Nothing is answered: what is lost is only counted.

use crate::datagram::{self, DatagramDecoder};
use crate::registry::{Receiver, Serve};
use fanal_formats::xray::SegmentDecoder;
use fanal_formats::{DecodeError, Decoded};

/// The receiver.
pub(crate) const SEGMENTS: Receiver = Receiver {
    name: NAME,
    description: "AWS X-Ray over UDP, segments as to its daemon",
    setting: "xray.address",
    default_address: "127.0.0.1:2000",
    is_essential: false,
    serve: Serve::Udp(|socket, door| {
        Box::pin(datagram::serve(socket, NAME, Segments(SegmentDecoder::default()), door))
    }),
};

const NAME: &str = "xray";

struct Segments(SegmentDecoder);

impl DatagramDecoder for Segments {
    fn read(&mut self, datagram: &[u8]) -> Result<(), DecodeError> {
        self.0.read(datagram)
    }

    fn take(&mut self) -> Decoded {
        self.0.take()
    }
}

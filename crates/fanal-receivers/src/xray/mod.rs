//! The daemon of AWS X-Ray, as its SDKs see it: segments over UDP, questions about sampling over TCP on the same port.

mod sampling;
mod udp;

pub(crate) use sampling::SAMPLING;
pub(crate) use udp::SEGMENTS;

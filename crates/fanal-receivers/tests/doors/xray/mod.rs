//! The daemon of AWS X-Ray through real sockets.

mod sampling;
mod udp;

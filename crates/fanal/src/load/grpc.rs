//! OTLP over gRPC with raw bodies: no generated types, one HTTP/2 connection a sender.

use super::{Answer, RETRY_AFTER};
use anyhow::Context;
use bytes::{Buf, BufMut, Bytes};
use std::time::Duration;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// HTTP/2 flow control windows, in bytes.
const WINDOW_BYTES: u32 = 8 << 20;

/// Sends over one connection.
#[derive(Debug, Clone)]
pub(super) struct GrpcSender {
    client: tonic::client::Grpc<Channel>,
}

impl GrpcSender {
    pub(super) async fn connect(target: &str) -> anyhow::Result<Self> {
        let channel = Endpoint::from_shared(format!("http://{target}"))
            .with_context(|| format!("--target {target}: write HOST:PORT"))?
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES)
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .connect()
            .await
            .with_context(|| format!("cannot reach an OTLP/gRPC receiver at {target}"))?;
        Ok(Self { client: tonic::client::Grpc::new(channel) })
    }

    pub(super) async fn send(&mut self, body: Bytes) -> Answer {
        if let Err(error) = self.client.ready().await {
            return Answer::Retry { after: RETRY_AFTER, why: format!("not connected: {error}") };
        }
        let path = http::uri::PathAndQuery::from_static(EXPORT);
        match self.client.unary(tonic::Request::new(body), path, RawCodec).await {
            Ok(response) => Answer::Accepted { rejected_spans: rejected_spans(response.get_ref()) },
            Err(status) => answer_of(&status),
        }
    }
}

fn answer_of(status: &Status) -> Answer {
    let why = format!("{:?}: {}", status.code(), status.message());
    match status.code() {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss
        | Code::Unknown => Answer::Retry { after: RETRY_AFTER, why },
        Code::ResourceExhausted if !status.details().is_empty() => {
            Answer::Retry { after: RETRY_AFTER, why }
        }
        _ => Answer::Refused { why },
    }
}

/// `ExportTraceServiceResponse.partial_success.rejected_spans`: fields 1 and 1.
pub(super) fn rejected_spans(response: &[u8]) -> u64 {
    let inner = match response {
        [0x0a, length, rest @ ..] if *length < 0x80 => {
            &rest[..rest.len().min(usize::from(*length))]
        }
        [0x0a, _, _, rest @ ..] => rest,
        _ => return 0,
    };
    let [0x08, number @ ..] = inner else { return 0 };
    let mut value = 0;
    for (index, byte) in number.iter().take(9).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}

#[derive(Debug, Clone, Copy, Default)]
struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, target: &mut EncodeBuf<'_>) -> Result<(), Status> {
        target.put(item);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let length = source.remaining();
        Ok(Some(source.copy_to_bytes(length)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_success_is_read() {
        let check =
            |bytes: &[u8], expect: u64| assert_eq!(rejected_spans(bytes), expect, "{bytes:?}");
        check(&[], 0);
        check(&[0x0a, 0x02, 0x08, 0x03], 3);
        check(&[0x0a, 0x03, 0x08, 0xac, 0x02], 300);
        check(&[0x0a, 0x03, 0x12, 0x01, b'x'], 0);
    }
}

//! A plain HTTP/1 client, written by hand so that a test can break every rule, and a raw gRPC client.

use bytes::{Buf, BufMut};
use std::fmt::Write;
use std::net::SocketAddr;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status, Streaming};

/// What came back over HTTP/1.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| &**value)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }
}

/// An HTTP/1 connection that is kept alive.
pub(crate) struct Connection(BufReader<TcpStream>);

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self(BufReader::new(TcpStream::connect(address).await.expect("connects")))
    }

    /// Writes bytes as they are. An answered sender may find the connection closed.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes).await;
    }

    /// Writes a request with a body of a declared length.
    pub(crate) async fn send(&mut self, head: &str, headers: &[(&str, &str)], body: &[u8]) {
        let mut bytes = head_bytes(head, headers);
        let _ = write!(bytes, "content-length: {}\r\n\r\n", body.len());
        self.write(bytes.as_bytes()).await;
        self.write(body).await;
    }

    /// Waits for the end of the connection without an answer.
    pub(crate) async fn ended(&mut self) {
        let mut rest = Vec::new();
        let _ = self.0.read_to_end(&mut rest).await;
        assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
    }

    /// Reads one answer, which must declare its length.
    pub(crate) async fn answer(&mut self) -> Answer {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).await.expect("answers");
            assert!(!line.is_empty(), "connection ended after {lines:?}");
            if line == "\r\n" {
                break;
            }
            lines.push(line.trim_end().to_owned());
        }
        let status = lines[0].split(' ').nth(1).expect("status").parse().expect("number");
        let headers: Vec<(String, String)> = lines[1..]
            .iter()
            .map(|line| line.split_once(": ").expect("header"))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length = length.map_or(0, |(_, value)| value.parse().expect("number"));
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.expect("whole body");
        Answer { status, headers, body }
    }
}

fn head_bytes(head: &str, headers: &[(&str, &str)]) -> String {
    let mut text = format!("{head} HTTP/1.1\r\nhost: test\r\n");
    for (name, value) in headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    text
}

/// One request on its own connection.
pub(crate) async fn http(
    address: SocketAddr,
    head: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut connection = Connection::open(address).await;
    connection.send(head, headers, body).await;
    connection.answer().await
}

/// `POST /v1/traces` of a content type and a coding, which may be empty.
pub(crate) async fn post(
    address: SocketAddr,
    content_type: &str,
    coding: &str,
    body: &[u8],
) -> Answer {
    let mut headers = vec![("content-type", content_type)];
    if !coding.is_empty() {
        headers.push(("content-encoding", coding));
    }
    http(address, "POST /v1/traces", &headers, body).await
}

/// `POST /v1/traces` in chunks.
pub(crate) async fn post_chunked(address: SocketAddr, chunks: &[&[u8]]) -> Answer {
    let mut connection = Connection::open(address).await;
    let head = "POST /v1/traces";
    let headers = [("content-type", "application/x-protobuf"), ("transfer-encoding", "chunked")];
    connection.write((head_bytes(head, &headers) + "\r\n").as_bytes()).await;
    for chunk in chunks {
        connection.write(format!("{:x}\r\n", chunk.len()).as_bytes()).await;
        connection.write(chunk).await;
        connection.write(b"\r\n").await;
    }
    connection.write(b"0\r\n\r\n").await;
    connection.answer().await
}

/// Path of the OTLP call.
pub(crate) const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

pub(crate) async fn channel(address: SocketAddr) -> Channel {
    let endpoint = Endpoint::try_from(format!("http://{address}")).expect("address");
    endpoint.connect().await.expect("connects")
}

/// One unary call of a raw message.
pub(crate) async fn call(
    channel: &Channel,
    path: &'static str,
    compression: Option<CompressionEncoding>,
    message: Vec<u8>,
) -> Result<Response<Vec<u8>>, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    if let Some(compression) = compression {
        client = client.send_compressed(compression);
    }
    client.ready().await.expect("connected");
    client.unary(Request::new(message), path.parse().expect("path"), RawCodec).await
}

/// A call that is kept open, with messages of both sides as they are.
pub(crate) struct OpenCall {
    outgoing: Option<mpsc::Sender<Vec<u8>>>,
    incoming: Streaming<Vec<u8>>,
}

impl OpenCall {
    /// Opens a call; resolves once the server has answered its head.
    pub(crate) async fn open(
        channel: &Channel,
        path: &'static str,
        compression: Option<CompressionEncoding>,
    ) -> Result<Self, Status> {
        let mut client = tonic::client::Grpc::new(channel.clone());
        if let Some(compression) = compression {
            client = client.send_compressed(compression);
        }
        client.ready().await.expect("connected");
        let (outgoing, receiver) = mpsc::channel(1);
        let messages = futures_util::stream::unfold(receiver, |mut receiver| async {
            receiver.recv().await.map(|message: Vec<u8>| (message, receiver))
        });
        let path = path.parse().expect("path");
        let answer = client.streaming(Request::new(messages), path, RawCodec).await?;
        Ok(Self { outgoing: Some(outgoing), incoming: answer.into_inner() })
    }

    /// Sends a message. One whose call has ended goes nowhere.
    pub(crate) async fn send(&self, message: Vec<u8>) {
        let _ = self.outgoing.as_ref().expect("open").send(message).await;
    }

    /// Says that no more messages will come, and waits for the status of the call.
    pub(crate) async fn end(mut self) -> Result<(), Status> {
        self.outgoing = None;
        self.status().await
    }

    /// Waits for the status of the call, whose server has no messages.
    pub(crate) async fn status(&mut self) -> Result<(), Status> {
        let message = self.incoming.message().await?;
        assert_eq!(message, None);
        Ok(())
    }
}

/// Messages as they are.
struct RawCodec;

impl Codec for RawCodec {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
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
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put_slice(&item);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining()).to_vec()))
    }
}

//! OpenCensus' agent protocol through a real gRPC client: open calls, owners that hold, mistakes of senders, load, stop.

use crate::harness::Door;
use crate::harness::client::{OpenCall, call, channel, http};
use crate::harness::payload::{self, field};
use crate::harness::store::Script;
use fanal_pipeline::PipelineConfig;
use fanal_receivers::{ReceiversConfig, RequestLimits};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::codec::CompressionEncoding;
use tonic::{Code, Status};

const DOOR: &str = "opencensus";
const EXPORT: &str = "/opencensus.proto.agent.trace.v1.TraceService/Export";
const CONFIG: &str = "/opencensus.proto.agent.trace.v1.TraceService/Config";

/// A message of a service, which may be nameless, and spans.
fn message(service: &str, names: &[&str]) -> Vec<u8> {
    let mut request = Vec::new();
    if !service.is_empty() {
        let (mut info, mut node) = (Vec::new(), Vec::new());
        field(1, service.as_bytes(), &mut info);
        field(3, &info, &mut node);
        field(1, &node, &mut request);
    }
    for name in names {
        let (mut text, mut span) = (Vec::new(), Vec::new());
        field(1, name.as_bytes(), &mut text);
        field(1, &[7; 16], &mut span);
        field(2, &[3; 8], &mut span);
        field(4, &text, &mut span);
        field(2, &span, &mut request);
    }
    request
}

async fn open(door: &Door) -> OpenCall {
    let client = channel(door.address).await;
    OpenCall::open(&client, EXPORT, None).await.expect("opens")
}

#[tokio::test]
async fn messages_of_an_open_call_are_stored_as_they_come() {
    for compression in [None, Some(CompressionEncoding::Gzip)] {
        let door = Door::open(DOOR).await;
        let client = channel(door.address).await;
        let call = OpenCall::open(&client, EXPORT, compression).await.expect("opens");
        call.send(message("shop", &["first", "second"])).await;
        door.store.wait_for_appends(1).await;
        call.send(message("", &["third"])).await;
        door.store.wait_for_appends(1).await;
        call.end().await.expect("ends well");
        assert_eq!(door.store.names(), ["first", "second", "third"]);
        for batch in door.store.batches() {
            assert_eq!(batch.span(0).resource().service_name(), "shop", "holds for the stream");
        }
        assert_eq!((door.counters().requests, door.counters().accepted_spans), (2, 3));
        assert_eq!(door.pipeline.snapshot().in_flight_bytes, 0);
        assert_eq!(door.stop().await.connections_cut, 0);
    }
}

/// The frames of a call: HTTP/2's preface, settings and headers, then a message.
fn frames(message: &[u8]) -> (Vec<u8>, Vec<u8>) {
    const SETTINGS: u8 = 4;
    const HEADERS: u8 = 1;
    const DATA: u8 = 0;
    const END_HEADERS: u8 = 4;
    let frame = |kind, flags, stream, payload: &[u8]| {
        let length = u32::try_from(payload.len()).expect("fits").to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
    };
    let text = |text: &str| [&[u8::try_from(text.len()).expect("fits")], text.as_bytes()].concat();
    // POST and http of HPACK's static table, then literals that name its entries or themselves.
    let headers = [
        vec![0x83, 0x86, 0x04],
        text(EXPORT),
        vec![0x01],
        text("fanal"),
        vec![0x0f, 0x10],
        text("application/grpc"),
        vec![0x00],
        text("te"),
        text("trailers"),
    ];
    let head = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(SETTINGS, 0, 0, &[]),
        frame(HEADERS, END_HEADERS, 1, &headers.concat()),
    ];
    let length = u32::try_from(message.len()).expect("fits").to_be_bytes();
    let framed = [&[0], &length[..], message].concat();
    (head.concat(), frame(DATA, 0, 1, &framed))
}

/// As OpenCensus for Go does at the end of a program.
#[tokio::test]
async fn a_message_that_came_whole_is_stored_though_its_sender_goes() {
    let door = Door::open(DOOR).await;
    for number in 0..50 {
        let (head, message) = frames(&message("shop", &[&number.to_string()]));
        let mut connection = TcpStream::connect(door.address).await.expect("connects");
        connection.write_all(&head).await.expect("writes");
        // The server is up; whether it has seen the call does not matter.
        connection.read_u8().await.expect("settings");
        connection.write_all(&message).await.expect("writes");
        connection.shutdown().await.expect("closes");
        door.store.wait_for_appends(1).await;
        assert_eq!(door.store.names().last(), Some(&number.to_string()));
    }
    assert_eq!(door.counters().accepted_spans, 50);
}

#[tokio::test]
async fn calls_do_not_share_what_they_remember() {
    let door = Door::open(DOOR).await;
    let (first, second) = (open(&door).await, open(&door).await);
    first.send(message("shop", &["a"])).await;
    door.store.wait_for_appends(1).await;
    second.send(message("", &["b"])).await;
    second.end().await.expect("ends well");
    first.end().await.expect("ends well");
    let services: Vec<String> = door
        .store
        .batches()
        .iter()
        .map(|batch| batch.span(0).resource().service_name().to_owned())
        .collect();
    assert_eq!(services, ["shop", "unknown_service"]);
}

#[tokio::test]
async fn large_messages_follow_each_other() {
    let names: Vec<String> = (0..20_000).map(|number| format!("span {number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let large = message("shop", &names);
    assert!(large.len() > 512 << 10, "{}", large.len());
    let door = Door::open(DOOR).await;
    let call = open(&door).await;
    for _ in 0..3 {
        call.send(large.clone()).await;
    }
    call.end().await.expect("ends well");
    assert_eq!(door.store.names().len(), 60_000);
    assert_eq!(door.pipeline.snapshot().in_flight_bytes, 0);
}

#[tokio::test]
async fn bad_spans_are_counted_and_the_call_goes_on() {
    let door = Door::open(DOOR).await;
    let call = open(&door).await;
    // A span without ids, and a good one.
    let mut bad = Vec::new();
    field(2, b"", &mut bad);
    bad.extend(message("", &["good"]));
    call.send(bad).await;
    door.store.wait_for_appends(1).await;
    call.send(message("", &["next"])).await;
    call.end().await.expect("ends well");
    assert_eq!(door.store.names(), ["good", "next"]);
    assert_eq!(door.counters().rejected_spans, [("trace_id_length", 1)]);
}

#[tokio::test]
async fn configuration_calls_are_kept_open_and_told_nothing() {
    let door = Door::open(DOOR).await;
    let client = channel(door.address).await;
    let call = OpenCall::open(&client, CONFIG, None).await.expect("opens");
    call.send(message("shop", &[])).await;
    call.send(vec![0; 100_000]).await;
    call.end().await.expect("ends well");
    assert_eq!(door.counters().requests, 0);
    assert_eq!(door.pipeline.snapshot().in_flight_bytes, 0);
}

fn check_status(status: &Status, code: Code, words: &str) {
    assert_eq!(status.code(), code, "{status}");
    assert!(status.message().contains(words), "{status}");
}

#[tokio::test]
async fn failures_end_the_call_with_their_status() {
    let door = Door::open(DOOR).await;
    for (script, message, code, words) in [
        (Script::Keep, b"\x0a\x7fshort".to_vec(), Code::InvalidArgument, "protobuf is broken"),
        (Script::Overloaded, message("", &["a"]), Code::Unavailable, "head_bytes_max is reached"),
        (Script::Unavailable, message("", &["a"]), Code::Unavailable, "disk takes no writes"),
        (Script::Broken, message("", &["a"]), Code::Internal, "append failed: bad sector"),
    ] {
        door.store.follow(script);
        let mut call = open(&door).await;
        call.send(message).await;
        let status = call.status().await.expect_err("fails");
        check_status(&status, code, words);
    }
    for kind in ["invalid", "overloaded", "unavailable", "internal"] {
        assert_eq!(door.refused(kind), 1, "{kind}");
    }
    assert_eq!(door.counters().accepted_spans, 0);
    assert_eq!(door.pipeline.snapshot().in_flight_bytes, 0);
}

#[tokio::test]
async fn large_messages_are_refused_for_good() {
    let requests = RequestLimits { request_bytes_max: 100_000, ..RequestLimits::default() };
    let config = ReceiversConfig { requests, ..ReceiversConfig::default() };
    let door = Door::configured(DOOR, PipelineConfig::default(), config).await;
    let client = channel(door.address).await;
    for compression in [None, Some(CompressionEncoding::Gzip)] {
        let mut call = OpenCall::open(&client, EXPORT, compression).await.expect("opens");
        call.send(vec![0; 5_000_000]).await;
        let status = call.status().await.expect_err("too large");
        check_status(&status, Code::ResourceExhausted, "request_bytes_max of 100000 bytes");
    }
    assert_eq!(door.refused("too_large"), 2);
    let call = OpenCall::open(&client, EXPORT, None).await.expect("connection is well");
    call.send(message("", &["a"])).await;
    call.end().await.expect("ends well");
    assert_eq!(door.pipeline.snapshot().in_flight_bytes, 0);
}

#[tokio::test]
async fn bytes_beyond_the_budget_end_the_call() {
    let config = PipelineConfig { in_flight_bytes_max: 60 << 10, ..PipelineConfig::default() };
    let door = Door::configured(DOOR, config, ReceiversConfig::default()).await;
    door.store.close_gate();
    let first = open(&door).await;
    let large = message("", &[&*"x".repeat(30 << 10)]);
    first.send(large.clone()).await;
    door.store.wait_for_appends(1).await;
    let mut second = open(&door).await;
    second.send(large).await;
    let status = second.status().await.expect_err("overloaded");
    check_status(&status, Code::Unavailable, "in_flight_bytes_max is reached");
    assert_eq!(door.refused("overloaded"), 1);
    door.store.release(1);
    first.end().await.expect("was in time");
    assert_eq!(door.pipeline.snapshot().in_flight_bytes, 0);
}

#[tokio::test]
async fn a_stop_stores_what_has_come_and_ends_open_calls() {
    let door = Door::open(DOOR).await;
    door.store.close_gate();
    let (mut busy, mut idle) = (open(&door).await, open(&door).await);
    let client = channel(door.address).await;
    let mut config = OpenCall::open(&client, CONFIG, None).await.expect("opens");
    busy.send(message("shop", &["late"])).await;
    door.store.wait_for_appends(1).await;
    door.begin_stop();
    check_status(&idle.status().await.expect_err("ends"), Code::Unavailable, "connect again");
    check_status(&config.status().await.expect_err("ends"), Code::Unavailable, "connect again");
    door.store.release(1);
    check_status(&busy.status().await.expect_err("ends"), Code::Unavailable, "connect again");
    assert_eq!(door.store.names(), ["late"]);
    assert_eq!(door.stop().await.connections_cut, 0);
}

#[tokio::test]
async fn other_calls_and_protocols_are_told_where_to_go() {
    let door = Door::open(DOOR).await;
    let client = channel(door.address).await;
    let metrics = "/opencensus.proto.agent.metrics.v1.MetricsService/Export";
    let status = call(&client, metrics, None, Vec::new()).await.expect_err("not served");
    check_status(&status, Code::Unimplemented, "Fanal stores traces");
    let answer = http(door.address, "POST /v1/trace", &[], &payload::one("a")).await;
    assert_eq!(answer.status, 415);
    assert!(answer.text().contains("OTLP to port 4317 or 4318"), "{}", answer.text());
    assert_eq!(door.refused("unsupported"), 2);
}

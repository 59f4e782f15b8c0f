//! Jaeger over UDP through real sockets: both protocols, batches, drops, stops.

use super::{binary, compact, one, recorded};
use crate::harness::Door;
use crate::harness::store::Script;
use fanal_pipeline::PipelineConfig;
use fanal_receivers::{ListenLimits, ReceiversConfig, RequestLimits};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;

const COMPACT: &str = "jaeger_compact";
const BINARY: &str = "jaeger_binary";

/// Datagrams that may be sent before any is read, so that the system loses none.
const SAFE_DATAGRAMS: usize = 64;

/// A client of a door, which serves by then.
async fn sender(door: &Door) -> UdpSocket {
    while door.pipeline.snapshot().receivers.is_empty() {
        tokio::task::yield_now().await;
    }
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("binds");
    socket.connect(door.address).await.expect("connects");
    socket
}

async fn send(socket: &UdpSocket, datagram: &[u8]) {
    assert_eq!(socket.send(datagram).await.expect("sends"), datagram.len());
}

/// Waits until so many datagrams were read.
async fn wait_for_datagrams(door: &Door, datagrams: u64) {
    while door.counters().requests < datagrams {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn both_ports_take_both_protocols() {
    for name in [COMPACT, BINARY] {
        let door = Door::open(name).await;
        let socket = sender(&door).await;
        send(&socket, &compact(&one("compact"))).await;
        door.store.wait_for_appends(1).await;
        send(&socket, &binary(&one("binary"))).await;
        door.store.wait_for_appends(1).await;
        let (store, pipeline) = (Arc::clone(&door.store), Arc::clone(&door.pipeline));
        let counters = door.counters();
        assert_eq!((counters.requests, counters.rejected_spans.len()), (2, 0), "{name}");
        assert_eq!(door.stop().await.connections_cut, 0);
        assert_eq!(store.names(), ["compact", "binary"], "{name}");
        assert_eq!(store.batches()[0].span(0).service_name(), "shop");
        assert_eq!(pipeline.snapshot().in_flight_bytes, 0);
    }
}

#[tokio::test]
async fn datagrams_of_real_clients_are_stored() {
    for (name, datagram, spans) in [
        (COMPACT, recorded::COMPACT, &["SELECT", "audit", "GET /cart"][..]),
        (BINARY, recorded::BINARY, &["charge", "POST /pay"][..]),
    ] {
        let door = Door::open(name).await;
        let socket = sender(&door).await;
        send(&socket, datagram).await;
        door.store.wait_for_appends(1).await;
        let store = Arc::clone(&door.store);
        door.stop().await;
        assert_eq!(store.names(), spans);
    }
}

#[tokio::test]
async fn datagrams_that_come_while_the_store_works_are_stored_together() {
    let door = Door::open(COMPACT).await;
    door.store.close_gate();
    let socket = sender(&door).await;
    let mut expect = Vec::new();
    for number in 0..SAFE_DATAGRAMS {
        let name = format!("span {number}");
        send(&socket, &compact(&one(&name))).await;
        expect.push(name);
        wait_for_datagrams(&door, u64::try_from(number).expect("small") + 1).await;
    }
    door.begin_stop();
    door.store.release(SAFE_DATAGRAMS);
    let store = Arc::clone(&door.store);
    assert_eq!(door.stop().await.connections_cut, 0);
    let batches = store.batches();
    assert!(batches.len() < 10, "{}", batches.len());
    let mut names = store.names();
    names.sort_by_key(|name| expect.iter().position(|known| known == name));
    assert_eq!(names, expect);
}

#[tokio::test]
async fn bad_datagrams_and_spans_do_not_fail_good_ones() {
    let door = Door::open(COMPACT).await;
    let socket = sender(&door).await;
    let good = compact(&one("good"));
    send(&socket, b"").await;
    send(&socket, b"hello").await;
    send(&socket, &good[..good.len() - 1]).await;
    send(&socket, b"\x82\x81\x01\x0femitZipkinBatch\0").await;
    wait_for_datagrams(&door, 4).await;
    assert_eq!(door.refused("invalid"), 4);
    let refusal = door.last_refusal();
    assert!(refusal.contains("method `emitZipkinBatch` is not served"), "{refusal}");
    send(&socket, &compact(&[("bad", 0), ("better", 3)])).await;
    wait_for_datagrams(&door, 5).await;
    let store = Arc::clone(&door.store);
    let pipeline = Arc::clone(&door.pipeline);
    door.stop().await;
    // The first is of the datagram that breaks behind its span.
    assert_eq!(store.names(), ["good", "better"]);
    let counters = &pipeline.snapshot().receivers[0];
    assert_eq!(counters.rejected_spans, [("zero_span_id", 1)]);
}

#[tokio::test]
async fn what_does_not_fit_is_dropped_and_counted() {
    let config = PipelineConfig { in_flight_bytes_max: 60 << 10, ..PipelineConfig::default() };
    let door = Door::configured(COMPACT, config, ReceiversConfig::default()).await;
    door.store.close_gate();
    let socket = sender(&door).await;
    let large = compact(&one(&"x".repeat(30 << 10)));
    send(&socket, &large).await;
    door.store.wait_for_appends(1).await;
    send(&socket, &large).await;
    wait_for_datagrams(&door, 2).await;
    assert_eq!(door.refused("overloaded"), 1);
    assert!(door.last_refusal().contains("in_flight_bytes_max is reached"));
    door.store.release(2);
    send(&socket, &compact(&one("small"))).await;
    door.store.wait_for_appends(1).await;
    let store = Arc::clone(&door.store);
    door.stop().await;
    assert_eq!(store.names().len(), 2);
}

#[tokio::test]
async fn a_flood_is_bounded_while_the_store_stands_still() {
    let door = Door::open(COMPACT).await;
    door.store.close_gate();
    let socket = sender(&door).await;
    let large = compact(&one(&"x".repeat(60 << 10)));
    let mut sent = 0;
    while door.refused("overloaded") == 0 {
        send(&socket, &large).await;
        sent += 1;
        wait_for_datagrams(&door, sent).await;
    }
    assert!(door.last_refusal().contains("8 batches are being stored"), "{}", door.last_refusal());
    assert_eq!(door.store.inside_max(), 8);
    let (store, pipeline) = (Arc::clone(&door.store), Arc::clone(&door.pipeline));
    door.store.release(100);
    door.stop().await;
    let counters = &pipeline.snapshot().receivers[0];
    assert_eq!(counters.accepted_spans, sent - 1);
    assert_eq!(u64::try_from(store.names().len()).expect("fits"), sent - 1);
    assert_eq!(pipeline.snapshot().in_flight_bytes, 0);
}

#[tokio::test]
async fn datagrams_that_the_store_refuses_are_counted() {
    let door = Door::open(COMPACT).await;
    door.store.follow(Script::Unavailable);
    let socket = sender(&door).await;
    send(&socket, &compact(&one("lost"))).await;
    while door.refused("unavailable") == 0 {
        tokio::task::yield_now().await;
    }
    assert!(door.last_refusal().contains("disk takes no writes"), "{}", door.last_refusal());
    assert_eq!(door.counters().accepted_spans, 0);
    assert_eq!(door.pipeline.snapshot().in_flight_bytes, 0);
}

#[tokio::test]
async fn a_datagram_above_the_limit_of_requests_is_counted() {
    let requests = RequestLimits { request_bytes_max: 1_000, ..RequestLimits::default() };
    let config = ReceiversConfig { requests, ..ReceiversConfig::default() };
    let door = Door::configured(COMPACT, PipelineConfig::default(), config).await;
    let socket = sender(&door).await;
    send(&socket, &compact(&one(&"x".repeat(1_000)))).await;
    wait_for_datagrams(&door, 1).await;
    assert_eq!(door.refused("too_large"), 1);
}

#[tokio::test]
async fn what_had_arrived_before_the_stop_is_stored() {
    let door = Door::open(COMPACT).await;
    let socket = sender(&door).await;
    // The loop has begun to wait once it has read one.
    send(&socket, &compact(&one("first"))).await;
    door.store.wait_for_appends(1).await;
    for _ in 0..SAFE_DATAGRAMS {
        send(&socket, &compact(&one("late"))).await;
    }
    let store = Arc::clone(&door.store);
    assert_eq!(door.stop().await.connections_cut, 0);
    assert_eq!(store.names().len(), SAFE_DATAGRAMS + 1);
}

#[tokio::test]
async fn what_is_never_stored_is_cut_at_the_limit() {
    let listen = ListenLimits { drain_timeout: Duration::ZERO, ..ListenLimits::default() };
    let config = ReceiversConfig { listen, ..ReceiversConfig::default() };
    let door = Door::configured(COMPACT, PipelineConfig::default(), config).await;
    door.store.close_gate();
    let socket = sender(&door).await;
    send(&socket, &compact(&one("stuck"))).await;
    door.store.wait_for_appends(1).await;
    let pipeline = Arc::clone(&door.pipeline);
    assert_eq!(door.stop().await.connections_cut, 1);
    assert_eq!(pipeline.snapshot().in_flight_bytes, 0);
}

/// A message without spans of the client `c1`: its number, and the spans that it dropped because its queue was full.
fn report(number: u8, dropped: u8) -> Vec<u8> {
    let mut out = b"\x82\x81\x01\x09emitBatch\x1c".to_vec();
    out.extend(b"\x1c\x18\x04shop\x19\x1c\x18\x0bclient-uuid\x15\0\x18\x02c1\0\0\x19\x0c");
    out.extend([0x16, number * 2, 0x1c, 0x16, dropped * 2, 0, 0, 0]);
    out
}

#[tokio::test]
async fn what_clients_lost_is_counted() {
    let door = Door::open(COMPACT).await;
    let socket = sender(&door).await;
    for (number, dropped) in [(5, 1), (6, 1), (9, 4)] {
        send(&socket, &report(number, dropped)).await;
    }
    wait_for_datagrams(&door, 3).await;
    let counters = door.counters();
    assert_eq!(counters.rejected_requests.iter().map(|(_, count)| count).sum::<u64>(), 0);
    assert_eq!(counters.missing_requests, 2);
    let dropped = [("queue_full", 3), ("send_failed", 0), ("too_large", 0)];
    assert_eq!(counters.sender_dropped_spans, dropped);
}

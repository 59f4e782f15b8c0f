//! Segments over UDP.

use crate::harness::Door;
use crate::harness::store::Script;
use std::sync::Arc;
use tokio::net::UdpSocket;

fn datagram(name: &str, id: &str) -> Vec<u8> {
    format!(
        "{{\"format\":\"json\",\"version\":1}}\n{{\"name\":\"{name}\",\"id\":\"{id}\",\
         \"trace_id\":\"1-5759e988-bd862e3fe1be46a994272793\",\"start_time\":1.5,\"end_time\":2}}"
    )
    .into_bytes()
}

async fn sender(door: &Door) -> UdpSocket {
    while door.pipeline.snapshot().receivers.is_empty() {
        tokio::task::yield_now().await;
    }
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("binds");
    socket.connect(door.address).await.expect("connects");
    socket
}

/// Sends one datagram and waits until it was read.
async fn send(door: &Door, socket: &UdpSocket, datagram: &[u8]) {
    let before = door.counters().requests;
    socket.send(datagram).await.expect("sends");
    while door.counters().requests == before {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn segments_are_stored_and_bad_ones_counted() {
    let door = Door::open("xray").await;
    let socket = sender(&door).await;
    send(&door, &socket, &datagram("first", "0000000000000001")).await;
    send(&door, &socket, b"hello").await;
    send(&door, &socket, b"{\"format\":\"json\",\"version\":1}\n{").await;
    send(&door, &socket, &datagram("bad", "1")).await;
    send(&door, &socket, &datagram("second", "0000000000000002")).await;
    assert_eq!(door.refused("invalid"), 2);
    let (store, pipeline) = (Arc::clone(&door.store), Arc::clone(&door.pipeline));
    assert_eq!(door.stop().await.connections_cut, 0);
    assert_eq!(store.names(), ["first", "second"]);
    assert_eq!(store.batches()[0].span(0).service_name(), "first");
    let counters = &pipeline.snapshot().receivers[0];
    assert_eq!(counters.rejected_spans, [("span_id_length", 1)]);
    assert_eq!(pipeline.snapshot().in_flight_bytes, 0);
}

#[tokio::test]
async fn segments_that_the_store_refuses_are_counted() {
    let door = Door::open("xray").await;
    door.store.follow(Script::Overloaded);
    let socket = sender(&door).await;
    send(&door, &socket, &datagram("lost", "0000000000000001")).await;
    let pipeline = Arc::clone(&door.pipeline);
    door.stop().await;
    let counters = &pipeline.snapshot().receivers[0];
    assert_eq!(counters.accepted_spans, 0);
    assert!(counters.rejected_requests.contains(&("overloaded", 1)), "{counters:?}");
}

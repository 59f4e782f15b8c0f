//! Stops of receivers: what is in flight is answered, what never ends is cut and told.

use crate::harness::Door;
use crate::harness::client::{Connection, EXPORT, call, channel};
use crate::harness::payload;
use fanal_pipeline::PipelineConfig;
use fanal_receivers::{ListenLimits, ReceiversConfig};
use std::time::Duration;
use tokio::net::TcpStream;

const HEADERS: &[(&str, &str)] = &[("content-type", "application/x-protobuf")];

#[tokio::test]
async fn an_http_request_in_flight_is_answered_and_idle_connections_end() {
    let door = Door::open("otlp_http").await;
    door.store.close_gate();
    let silent = TcpStream::connect(door.address).await.expect("connects");
    let mut connection = Connection::open(door.address).await;
    connection.send("POST /v1/traces", HEADERS, &payload::one("late")).await;
    door.store.wait_for_appends(1).await;
    door.begin_stop();
    door.store.release(1);
    let answer = connection.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert_eq!(door.store.names(), ["late"]);
    assert_eq!(door.stop().await.connections_cut, 0);
    drop(silent);
}

#[tokio::test]
async fn a_grpc_call_in_flight_is_answered() {
    let door = Door::open("otlp_grpc").await;
    door.store.close_gate();
    let client = channel(door.address).await;
    let pending =
        tokio::spawn(async move { call(&client, EXPORT, None, payload::one("late")).await });
    door.store.wait_for_appends(1).await;
    door.begin_stop();
    door.store.release(1);
    pending.await.expect("no panic").expect("answered");
    assert_eq!(door.store.names(), ["late"]);
    assert_eq!(door.stop().await.connections_cut, 0);
}

#[tokio::test]
async fn what_does_not_end_is_cut_at_the_limit() {
    for name in ["otlp_http", "otlp_grpc"] {
        let listen = ListenLimits { drain_timeout: Duration::ZERO, ..ListenLimits::default() };
        let config = ReceiversConfig { listen, ..ReceiversConfig::default() };
        let door = Door::configured(name, PipelineConfig::default(), config).await;
        door.store.close_gate();
        let address = door.address;
        let sender = tokio::spawn(async move {
            if name == "otlp_grpc" {
                let client = channel(address).await;
                let answer = call(&client, EXPORT, None, payload::one("stuck")).await;
                answer.expect_err("cut");
            } else {
                let mut connection = Connection::open(address).await;
                connection.send("POST /v1/traces", HEADERS, &payload::one("stuck")).await;
                connection.ended().await;
            }
        });
        door.store.wait_for_appends(1).await;
        assert_eq!(door.stop().await.connections_cut, 1, "{name}");
        sender.await.expect("heard that it was cut");
    }
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_place() {
    let listen = ListenLimits { connections_max: 1, ..ListenLimits::default() };
    let config = ReceiversConfig { listen, ..ReceiversConfig::default() };
    let door = Door::configured("otlp_http", PipelineConfig::default(), config).await;
    let mut first = Connection::open(door.address).await;
    first.send("POST /v1/traces", HEADERS, &payload::one("first")).await;
    assert_eq!(first.answer().await.status, 200);
    let mut second = Connection::open(door.address).await;
    second.send("POST /v1/traces", HEADERS, &payload::one("second")).await;
    first.send("POST /v1/traces", HEADERS, &payload::one("third")).await;
    assert_eq!(first.answer().await.status, 200);
    assert_eq!(door.store.names(), ["first", "third"]);
    drop(first);
    assert_eq!(second.answer().await.status, 200);
    assert_eq!(door.store.names(), ["first", "third", "second"]);
}

//! The loop on a scripted source: what is committed, when, and what becomes of messages that cannot be stored.

use super::*;
use crate::kafka::config::KafkaEncoding;
use crate::kafka::source::Place;
use crate::testing;
use bytes::Bytes;
use fanal_base::BytePermit;
use fanal_pipeline::PipelineConfig;
use std::sync::Mutex;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// What a source was told, in order.
type Calls = Arc<Mutex<Vec<String>>>;

struct Scripted {
    events: mpsc::Receiver<Event>,
    calls: Calls,
    is_paused: bool,
}

impl Source for Scripted {
    async fn next(&mut self) -> Event {
        match self.events.recv().await {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }

    fn try_next(&mut self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    fn pause(&mut self) {
        self.is_paused = true;
        self.calls.lock().expect("whole").push("pause".to_owned());
    }

    fn resume(&mut self) {
        self.is_paused = false;
        self.calls.lock().expect("whole").push("resume".to_owned());
    }

    fn commit(&mut self, last: &[Place]) {
        let last = last.iter().map(|at| format!("{}/{}@{}", at.topic, at.partition, at.offset));
        let text = format!("commit {}", last.collect::<Vec<_>>().join(" "));
        self.calls.lock().expect("whole").push(text);
    }
}

struct Bench {
    pipeline: Arc<Pipeline>,
    events: mpsc::Sender<Event>,
    calls: Calls,
    stop: watch::Sender<bool>,
    running: JoinHandle<usize>,
}

const OTLP: usize = 0;
const JAEGER: usize = 1;

/// A consumption of two topics. The events are there before it begins, and so one batch.
fn bench(pipeline: Pipeline, events: Vec<Event>) -> Bench {
    let mut config = ReceiversConfig::default();
    let topic = |name: &str, encoding| KafkaTopic { name: name.to_owned(), encoding };
    config.kafka.topics =
        vec![topic("otlp", KafkaEncoding::OtlpJson), topic("jaeger", KafkaEncoding::JaegerJson)];
    config.requests.request_bytes_max = 4 << 10;
    let (pipeline, calls) = (Arc::new(pipeline), Calls::default());
    let (sender, receiver) = mpsc::channel(64);
    for event in events {
        sender.try_send(event).expect("room");
    }
    let source = Scripted { events: receiver, calls: Arc::clone(&calls), is_paused: false };
    let (stop, mut stopping) = watch::channel(false);
    let mut consumption = Consumption::new(source, Arc::clone(&pipeline), &config);
    let running =
        tokio::spawn(async move { consumption.run(&mut stopping, Duration::from_secs(1)).await });
    Bench { pipeline, events: sender, calls, stop, running }
}

impl Bench {
    async fn wait_for(&self, call: &str) {
        while !self.calls().iter().any(|known| known == call) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn calls(&self) -> Vec<String> {
        self.calls.lock().expect("whole").clone()
    }

    /// Spans accepted, spans refused, messages refused.
    fn counts(&self) -> (u64, u64, u64) {
        let snapshot = self.pipeline.snapshot();
        (snapshot.accepted_spans(), snapshot.rejected_spans(), snapshot.rejected_requests())
    }

    async fn stop(self) -> usize {
        self.stop.send_replace(true);
        self.running.await.expect("ends")
    }
}

fn message(topic: usize, partition: i32, offset: i64, value: &str) -> Event {
    let place = Place { topic, partition, offset };
    Event::Message(Message { place, value: Bytes::copy_from_slice(value.as_bytes()) })
}

const SPAN: &str = r#"{"traceId":"AAAAAAAAAAEAAAAAAAAAAg==","spanId":"AAAAAAAAAAM="}"#;
const REQUEST: &str = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[
    {"traceId":"00000000000000010000000000000002","spanId":"0000000000000003"},
    {"traceId":"00000000000000010000000000000002","spanId":"0000000000000004"}]}]}]}"#;

fn pipeline() -> Pipeline {
    testing::pipeline(PipelineConfig::default())
}

/// Takes all of a pipeline's room, so that messages are told to come again.
fn fill(pipeline: &Pipeline) -> BytePermit {
    let bytes_max = pipeline.snapshot().in_flight_bytes_max;
    pipeline.admit(usize::try_from(bytes_max).expect("small")).expect("empty")
}

#[tokio::test]
async fn a_batch_is_committed_once_its_spans_are_stored() {
    let events = vec![
        message(OTLP, 0, 10, REQUEST),
        message(JAEGER, 3, 7, SPAN),
        message(OTLP, 0, 11, REQUEST),
        message(JAEGER, 3, 8, SPAN),
        message(JAEGER, 4, 1, SPAN),
        message(OTLP, 0, 12, ""),
    ];
    let bench = bench(pipeline(), events);
    bench.wait_for("commit 0/0@12 1/3@8 1/4@1").await;
    // The empty message is no JSON.
    assert_eq!(bench.counts(), (7, 0, 1));
    assert_eq!(bench.calls().len(), 1);
    let receiver = bench.pipeline.snapshot().receivers.remove(0);
    let bytes = 2 * REQUEST.len() + 3 * SPAN.len();
    assert_eq!((receiver.requests, receiver.request_bytes), (6, fanal_base::cast::wide(bytes)));
    bench.events.send(message(OTLP, 0, 13, "{}")).await.expect("open");
    bench.wait_for("commit 0/0@13").await;
    assert_eq!(bench.pipeline.snapshot().in_flight_bytes, 0);
    assert_eq!(bench.stop().await, 0);
}

#[tokio::test]
async fn a_message_that_never_can_be_stored_is_counted_and_left() {
    let long = format!("{{\"x\":\"{}\"}}", "y".repeat(5 << 10));
    let events = vec![
        message(OTLP, 0, 1, "not JSON"),
        message(JAEGER, 0, 1, SPAN),
        message(JAEGER, 0, 2, "[]"),
        message(JAEGER, 0, 3, "{}"),
        message(JAEGER, 0, 4, &long),
        message(OTLP, 0, 2, &long),
        message(OTLP, 0, 3, REQUEST),
    ];
    let bench = bench(pipeline(), events);
    bench.wait_for("commit 0/0@3 1/0@4").await;
    assert_eq!(bench.counts(), (3, 1, 4));
    let receiver = bench.pipeline.snapshot().receivers.remove(0);
    let kinds: Vec<_> =
        receiver.rejected_requests.into_iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!(kinds, [("invalid", 2), ("too_large", 2)]);
    assert_eq!(bench.stop().await, 0);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_stored_now_stops_the_source_and_is_tried_until_it_can() {
    let pipeline = pipeline();
    let full = fill(&pipeline);
    let events = vec![message(OTLP, 0, 1, REQUEST), message(JAEGER, 0, 1, SPAN)];
    let bench = bench(pipeline, events);
    bench.wait_for("pause").await;
    // Of a partition that was assigned meanwhile.
    bench.events.send(message(OTLP, 9, 5, REQUEST)).await.expect("open");
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(bench.calls(), ["pause", "pause"]);
    assert_eq!(bench.counts().0, 0);
    assert!(bench.counts().2 > 1_000, "tried every second: {:?}", bench.counts());
    drop(full);
    bench.wait_for("commit 0/9@5").await;
    let expect = ["pause", "pause", "resume", "commit 0/0@1 1/0@1", "commit 0/9@5"];
    assert_eq!(bench.calls(), expect);
    assert_eq!(bench.counts().0, 5);
    assert_eq!(bench.stop().await, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_while_the_source_is_stopped_has_a_limit() {
    let pipeline = pipeline();
    let full = fill(&pipeline);
    let bench = bench(pipeline, vec![message(OTLP, 0, 0, "{}")]);
    bench.wait_for("pause").await;
    for offset in 0..1_000 {
        let sending = bench.events.send(message(OTLP, 1, offset, "{}"));
        if tokio::time::timeout(Duration::from_secs(10), sending).await.is_err() {
            // Those kept and those in the channel.
            assert_eq!(offset, i64::try_from(CARRIED_MAX + 64).expect("small"));
            break;
        }
    }
    drop(full);
    bench.wait_for("resume").await;
    assert_eq!(bench.stop().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_stop_commits_nothing_that_is_not_stored() {
    let pipeline = pipeline();
    let _full = fill(&pipeline);
    let bench = bench(pipeline, vec![message(OTLP, 0, 1, REQUEST)]);
    bench.wait_for("pause").await;
    let calls = Arc::clone(&bench.calls);
    assert_eq!(bench.stop().await, 0);
    assert_eq!(*calls.lock().expect("whole"), ["pause"]);
}

#[tokio::test]
async fn trouble_is_told_and_consuming_goes_on() {
    let events = vec![
        Event::Trouble("no brokers".to_owned()),
        message(OTLP, 0, 1, "{}"),
        Event::Trouble("no brokers".to_owned()),
        message(usize::MAX, 0, 1, "{}"),
        message(OTLP, 0, 2, "{}"),
    ];
    let bench = bench(pipeline(), events);
    bench.wait_for("commit 0/0@2").await;
    assert_eq!(bench.stop().await, 0);
}

#[tokio::test]
async fn a_piece_that_is_too_large_is_stored_message_by_message() {
    let config = PipelineConfig { in_flight_bytes_max: 6 << 10, ..PipelineConfig::default() };
    let many = format!(
        r#"{{"traceId":"AAAAAAAAAAEAAAAAAAAAAg==","spanId":"AAAAAAAAAAM=","warnings":[{}]}}"#,
        vec!["\"\""; 500].join(",")
    );
    let mut events: Vec<Event> = (0..3).map(|offset| message(JAEGER, 0, offset, SPAN)).collect();
    events.push(message(JAEGER, 0, 3, &many));
    let bench = bench(testing::pipeline(config), events);
    bench.wait_for("commit 1/0@3").await;
    assert!(bench.counts().0 >= 3, "{:?}", bench.counts());
    assert_eq!(bench.stop().await, 0);
}

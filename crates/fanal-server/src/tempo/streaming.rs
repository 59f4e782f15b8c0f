//! `tempopb.StreamingQuerier`: the same questions over gRPC, each answered by a stream.
//!
//! The last messages of a stream are the whole answer, in packets that every client takes. What a message cannot say stands
//! in the trailers.

use super::answers::Notes;
use super::form::Range;
use super::metrics::{self, MetricsQuestion};
use super::search::{self, SearchQuestion};
use super::tags::{self, TagsQuestion};
use super::values::{self, ValuesQuestion};
use crate::grpc::call::{Ended, Sender, stream};
use crate::refusal::Refusal;
use crate::state::App;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use fanal_base::{ErrorKind, cast};
use fanal_wire::tempo as wire;
use fanal_wire::tempo::MetadataMetrics;
use prost::Message;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tonic::metadata::MetadataMap;

/// Bytes of a message beyond which the next item goes into another one.
const PACKET_BYTES: usize = 1 << 20;

/// How long what was found waits for more before it is sent.
const DIFF_INTERVAL: Duration = Duration::from_millis(500);

/// The first stretch of a range is this part of it: it shows how long the others take.
const STRETCHES_FIRST: usize = 16;

/// The service's name.
pub(crate) const SERVICE: &str = "tempopb.StreamingQuerier";

pub(super) fn routes() -> Router<Arc<App>> {
    let path = |call: &str| format!("/{SERVICE}/{call}");
    Router::new()
        .route(&path("Search"), post(find))
        .route(&path("MetricsQueryRange"), post(metrics_query_range))
        .route(&path("MetricsQueryInstant"), post(metrics_query_instant))
        .route(&path("SearchTags"), post(search_tags))
        .route(&path("SearchTagsV2"), post(search_tags_v2))
        .route(&path("SearchTagValues"), post(search_tag_values))
        .route(&path("SearchTagValuesV2"), post(search_tag_values_v2))
}

/// Tempo has fewer codes: damage is the server's fault as any other.
fn told(refusal: Refusal) -> Ended {
    let kind = match refusal.kind {
        ErrorKind::Corrupt => ErrorKind::Internal,
        kind => kind,
    };
    Ended::Refused(Refusal { kind, ..refusal })
}

/// Sends items in packets, at least one, and ends with the notes.
async fn send<T: Send, A: Message + Default + 'static>(
    items: Vec<T>,
    bytes: impl Fn(&T) -> usize + Send,
    write: impl Fn(Vec<T>) -> A + Send,
    notes: Notes,
    sender: &Sender<A>,
) -> Result<(), Ended> {
    for packet in packets(items, bytes) {
        sender.send(write(packet)).await?;
    }
    ended(&notes)
}

/// The end of a stream, with its notes.
fn ended(notes: &Notes) -> Result<(), Ended> {
    let mut metadata = MetadataMap::new().into_headers();
    notes.write(&mut metadata);
    if metadata.is_empty() {
        return Ok(());
    }
    Err(Ended::Noted(MetadataMap::from_headers(metadata)))
}

/// Items in runs of about [`PACKET_BYTES`]; one empty run where there is none.
fn packets<T>(items: Vec<T>, bytes: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let (mut packets, mut packet, mut sum) = (Vec::new(), Vec::new(), 0);
    for item in items {
        let length = bytes(&item);
        if sum + length > PACKET_BYTES && !packet.is_empty() {
            packets.push(std::mem::take(&mut packet));
            sum = 0;
        }
        sum += length;
        packet.push(item);
    }
    packets.push(packet);
    packets
}

#[expect(clippy::unnecessary_wraps, reason = "the form that every message has")]
fn looked_at() -> Option<MetadataMetrics> {
    Some(MetadataMetrics::default())
}

fn tags_question(asked: &wire::SearchTagsRequest) -> Result<TagsQuestion, Refusal> {
    let range = Range::of_seconds(asked.start.into(), asked.end.into())?;
    TagsQuestion::new(&asked.scope, &asked.query, range, asked.max_tags_per_scope.into())
}

async fn search_tags(State(app): State<Arc<App>>, request: Request) -> Response {
    let work = async move |asked: wire::SearchTagsRequest, sender| {
        let question = tags_question(&asked).map_err(told)?;
        let (tags, notes) = tags::flat(&app, &question).await.map_err(told)?;
        let write = |tag_names| wire::SearchTagsResponse { tag_names, metrics: looked_at() };
        send(tags, String::len, write, notes, &sender).await
    };
    stream(request, work).await
}

async fn search_tags_v2(State(app): State<Arc<App>>, request: Request) -> Response {
    let work = async move |asked: wire::SearchTagsRequest, sender| {
        let question = tags_question(&asked).map_err(told)?;
        let (scopes, notes) = tags::by_scope(&app, &question).await.map_err(told)?;
        let mut pieces = Vec::new();
        for scope in scopes {
            for tags in packets(scope.tags, String::len) {
                pieces.push(wire::SearchTagsV2Scope { name: scope.name.to_owned(), tags });
            }
        }
        let write = |scopes| wire::SearchTagsV2Response { scopes, metrics: looked_at() };
        send(pieces, Message::encoded_len, write, notes, &sender).await
    };
    stream(request, work).await
}

fn values_range(asked: &wire::SearchTagValuesRequest) -> Result<Range, Refusal> {
    Range::of_seconds(asked.start.into(), asked.end.into())
}

async fn search_tag_values(State(app): State<Arc<App>>, request: Request) -> Response {
    let work = async move |asked: wire::SearchTagValuesRequest, sender| {
        let range = values_range(&asked).map_err(told)?;
        let limit = asked.max_tag_values.into();
        let question = ValuesQuestion::of_name(&asked.tag_name, &asked.query, range, limit);
        let question = question.map_err(told)?;
        let (values, notes) = values::find(&app, &question).await.map_err(told)?;
        let write = |tag_values| wire::SearchTagValuesResponse { tag_values, metrics: looked_at() };
        send(values::texts(values), String::len, write, notes, &sender).await
    };
    stream(request, work).await
}

async fn search_tag_values_v2(State(app): State<Arc<App>>, request: Request) -> Response {
    let work = async move |asked: wire::SearchTagValuesRequest, sender| {
        let range = values_range(&asked).map_err(told)?;
        let limit = asked.max_tag_values.into();
        let question = ValuesQuestion::of_field(&asked.tag_name, &asked.query, range, limit);
        let question = question.map_err(told)?;
        let (values, notes) = values::find(&app, &question).await.map_err(told)?;
        let write =
            |tag_values| wire::SearchTagValuesV2Response { tag_values, metrics: looked_at() };
        send(values, Message::encoded_len, write, notes, &sender).await
    };
    stream(request, work).await
}

async fn find(State(app): State<Arc<App>>, request: Request) -> Response {
    let work = async move |asked: wire::SearchRequest, sender: Sender<wire::SearchResponse>| {
        let question = search_question(asked).map_err(told)?;
        let (mut searching, notes, is_by_tags) = question.begin(&app).map_err(told)?;
        let (mut sent, mut last) = (0, Instant::now());
        while app.ask(searching.step()).await.map_err(told)? {
            let found = searching.found();
            if last.elapsed() >= DIFF_INTERVAL && found.traces.len() > sent {
                // What was found is final: clients keep the first that they hear of a trace.
                let new = search::traces(&found.traces[sent..], is_by_tags);
                (sent, last) = (found.traces.len(), Instant::now());
                let metrics = search::metrics(found, false);
                for traces in packets(new, Message::encoded_len) {
                    let metrics = Some(metrics.clone());
                    sender.send(wire::SearchResponse { traces, metrics }).await?;
                }
            }
        }
        let found = searching.into_found();
        let notes = search::with_found(notes, &found);
        let metrics = search::metrics(&found, true);
        let traces = search::traces(&found.traces, is_by_tags);
        let write = |traces| wire::SearchResponse { traces, metrics: Some(metrics.clone()) };
        send(traces, Message::encoded_len, write, notes, &sender).await
    };
    stream(request, work).await
}

fn search_question(asked: wire::SearchRequest) -> Result<SearchQuestion, Refusal> {
    let nanos = |millis: u32| (millis > 0).then(|| u64::from(millis) * 1_000_000);
    SearchQuestion::new(search::Asked {
        query: asked.query,
        tags: asked.tags.into_iter().collect(),
        durations: (nanos(asked.min_duration_ms), nanos(asked.max_duration_ms)),
        range: Some(Range::of_seconds(asked.start.into(), asked.end.into())?),
        limit: asked.limit.into(),
        spans_per_set: asked.spans_per_span_set.into(),
        cursor: None,
    })
}

async fn metrics_query_range(State(app): State<Arc<App>>, request: Request) -> Response {
    let work = async move |asked: wire::QueryRangeRequest,
                           sender: Sender<wire::QueryRangeResponse>| {
        let series_max = cast::index(asked.max_series);
        let asked = metrics::Asked {
            query: asked.query,
            start: asked.start,
            end: asked.end,
            step: (asked.instant != Some(true)).then_some(asked.step),
            exemplars: asked.exemplars.into(),
        };
        let question = MetricsQuestion::new(&asked, app.given.clock.now_unix_nanos());
        let (mut measuring, buckets, notes) = question.map_err(told)?.begin(&app);
        let count = buckets.count();
        let mut width = count.div_ceil(STRETCHES_FIRST);
        let (mut sent, mut last, mut began) = (count, Instant::now(), Instant::now());
        while app.ask(measuring.step(width)).await.map_err(told)? {
            width = next_width(width, began.elapsed());
            began = Instant::now();
            let first = measuring.first_answered();
            if last.elapsed() >= DIFF_INTERVAL {
                // Buckets that are answered are final: clients put samples together by their times.
                let mut series = metrics::news(measuring.answer(), &buckets, first..sent);
                metrics::cut(&mut series, series_max, &mut Notes::default());
                let metrics = metrics::progress(measuring.answer(), &buckets, count - first);
                (sent, last) = (first, Instant::now());
                for series in packets(series, Message::encoded_len) {
                    let metrics = Some(metrics.clone());
                    let news = wire::QueryRangeResponse { series, metrics, ..Default::default() };
                    sender.send(news).await?;
                }
            }
        }
        let answer = measuring.into_answer();
        let mut notes = metrics::with_answer(notes, &answer);
        let mut series: Vec<_> =
            answer.series.iter().map(|it| metrics::time_series(it, &buckets)).collect();
        metrics::cut(&mut series, series_max, &mut notes);
        let write = |series, (status, message)| wire::QueryRangeResponse {
            series,
            metrics: Some(metrics::progress(&answer, &buckets, count)),
            status,
            message,
        };
        send_last(series, Message::encoded_len, write, notes, &sender).await
    };
    stream(request, work).await
}

/// So many buckets that they take about half the time between two messages, as the stretch before has shown.
fn next_width(width: usize, took: Duration) -> usize {
    let (took, wanted) = (took.as_millis().max(1), (DIFF_INTERVAL / 2).as_millis());
    let factor = usize::try_from(wanted / took).unwrap_or(1);
    if factor > 0 { width.saturating_mul(factor) } else { (width / 2).max(1) }
}

async fn metrics_query_instant(State(app): State<Arc<App>>, request: Request) -> Response {
    let work = async move |asked: wire::QueryInstantRequest, sender| {
        let (query, start, end) = (asked.query, asked.start, asked.end);
        let asked = metrics::Asked { query, start, end, step: None, exemplars: 0 };
        let question = MetricsQuestion::new(&asked, app.given.clock.now_unix_nanos());
        let answered = question.map_err(told)?.ask(&app).await.map_err(told)?;
        let (answer, _, notes) = answered;
        let series: Vec<_> = answer.series.iter().filter_map(metrics::instant_series).collect();
        let write = |series, (status, message)| wire::QueryInstantResponse {
            series,
            metrics: Some(metrics::looked_at(&answer)),
            status,
            message,
        };
        send_last(series, Message::encoded_len, write, notes, &sender).await
    };
    stream(request, work).await
}

/// Sends items in packets of which the last tells whether the answer is whole.
async fn send_last<T: Send, A: Message + Default + 'static>(
    items: Vec<T>,
    bytes: impl Fn(&T) -> usize + Send,
    write: impl Fn(Vec<T>, (i32, String)) -> A + Send,
    notes: Notes,
    sender: &Sender<A>,
) -> Result<(), Ended> {
    let mut packets = packets(items, bytes);
    let last = packets.pop().unwrap_or_default();
    for packet in packets {
        sender.send(write(packet, (0, String::new()))).await?;
    }
    sender.send(write(last, metrics::partial(&notes))).await?;
    ended(&notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_hold_a_mebibyte_and_at_least_one_item() {
        let check = |sizes: &[usize], expect: &[usize]| {
            let packets = packets(sizes.to_vec(), |size| *size);
            let counts: Vec<usize> = packets.iter().map(Vec::len).collect();
            assert_eq!(counts, expect, "{sizes:?}");
        };
        check(&[], &[0]);
        check(&[5, 6], &[2]);
        check(&[PACKET_BYTES, 1], &[1, 1]);
        check(&[3 * PACKET_BYTES, 1, 1], &[1, 2]);
        check(&[PACKET_BYTES / 2; 5], &[2, 2, 1]);
    }

    #[test]
    fn stretches_take_about_as_long_as_messages_are_apart() {
        let check = |width, millis, expect| {
            assert_eq!(next_width(width, Duration::from_millis(millis)), expect);
        };
        check(10, 0, 2_500);
        check(10, 50, 50);
        check(10, 200, 10);
        check(10, 600, 5);
        check(1, 9_000, 1);
    }
}

//! Measures segments of generated spans: bytes a span by column, nanoseconds a span to write and read.
//!
//! Run: `cargo run --release -p fanal-local --example segment_size -- [spans] [rows of a block]`.
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "measures and prints")]

use fanal_base::cast;
use fanal_local::segment::{EncodeOptions, Segment, encode};
use fanal_model::{SpanBatch, SpanBatchBuilder, SpanId};
use fanal_storage::Projection;
use fanal_testkit::{GeneratedSpan, Generator, GeneratorConfig, encode_request, push_into};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1).filter_map(|word| word.parse::<usize>().ok());
    let span_count = arguments.next().unwrap_or(512 << 10);
    let block_rows = arguments.next().unwrap_or(512 << 10);
    let mut generator = Generator::new(GeneratorConfig::default(), 1);
    let mut spans = Vec::with_capacity(span_count);
    let mut start = 1_760_000_000_000_000_000;
    while spans.len() < span_count {
        spans.extend(depth_first(generator.next_trace(start).spans));
        start += 2_000_000;
    }
    let wire: usize = spans.chunks(1000).map(|spans| encode_request(spans).len()).sum();
    println!("{} spans, {} bytes of OTLP each", spans.len(), wire / spans.len());
    for (name, rows, options) in
        [("log", 32 << 10, EncodeOptions::LOG), ("block", block_rows, EncodeOptions::BLOCK)]
    {
        measure(name, &spans, rows, options)?;
    }
    Ok(())
}

/// Time on the processor where Linux tells it, else time of the clock: other programs should not count.
#[derive(Debug)]
struct Stopwatch {
    processor: Option<u64>,
    clock: Instant,
}

impl Stopwatch {
    fn start() -> Self {
        Self { processor: processor_nanos(), clock: Instant::now() }
    }

    fn elapsed(&self) -> Duration {
        match (self.processor, processor_nanos()) {
            (Some(start), Some(now)) => Duration::from_nanos(now - start),
            _ => self.clock.elapsed(),
        }
    }
}

fn processor_nanos() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok()
}

/// Spans of a trace in the order in which the merge puts them.
fn depth_first(spans: Vec<GeneratedSpan>) -> Vec<GeneratedSpan> {
    let mut children: HashMap<SpanId, Vec<usize>> = HashMap::new();
    for (row, span) in spans.iter().enumerate().rev() {
        children.entry(span.parent_span_id).or_default().push(row);
    }
    let mut order = Vec::new();
    let mut stack = children.remove(&SpanId::default()).unwrap_or_default();
    while let Some(row) = stack.pop() {
        order.push(row);
        stack.extend(children.remove(&spans[row].span_id).unwrap_or_default());
    }
    let mut spans: Vec<Option<GeneratedSpan>> = spans.into_iter().map(Some).collect();
    let mut ordered: Vec<GeneratedSpan> =
        order.into_iter().filter_map(|row| spans[row].take()).collect();
    ordered.extend(spans.into_iter().flatten());
    ordered
}

fn measure(
    name: &str,
    spans: &[GeneratedSpan],
    rows: usize,
    options: EncodeOptions,
) -> Result<(), Failure> {
    let batches: Vec<SpanBatch> = spans
        .chunks(rows)
        .map(|spans| {
            let mut builder = SpanBatchBuilder::default();
            push_into(spans, &mut builder);
            builder.finish()
        })
        .collect();
    let clock = Stopwatch::start();
    let mut segments = Vec::new();
    for batch in &batches {
        segments.push(encode(batch, options)?);
    }
    let encode_nanos = clock.elapsed().as_nanos() / spans.len() as u128;
    let clock = Stopwatch::start();
    batches.iter().try_for_each(SpanBatch::validate)?;
    let validate_nanos = clock.elapsed().as_nanos() / spans.len() as u128;
    let mut parts = Vec::new();
    let mut opened = Vec::new();
    for bytes in segments {
        let segment = Segment::open(Arc::new(bytes))?;
        for (part, bytes) in segment.bytes_by_part() {
            match parts.iter_mut().find(|(known, _)| *known == part) {
                Some((_, sum)) => *sum += bytes,
                None => parts.push((part, bytes)),
            }
        }
        opened.push(segment);
    }
    let mut nanos = Vec::new();
    for projection in [Projection::Full, Projection::Summary] {
        let clock = Stopwatch::start();
        for segment in &opened {
            segment.read_batch(0..segment.granules().len(), projection)?;
        }
        nanos.push(clock.elapsed().as_nanos() / spans.len() as u128);
    }
    let total: u64 = parts.iter().map(|(_, bytes)| bytes).sum();
    let count = cast::figure(cast::wide(spans.len()));
    println!(
        "\n{name}: {:.2} bytes a span; encode {encode_nanos} (checks alone {validate_nanos}), read all {}, read \
         summary {} ns a span",
        cast::figure(total) / count,
        nanos[0],
        nanos[1],
    );
    parts.sort_by_key(|&(_, bytes)| std::cmp::Reverse(bytes));
    for (part, bytes) in parts.iter().take(45) {
        println!("{:8.3}  {part}", cast::figure(*bytes) / count);
    }
    columns(&opened)?;
    fetches(&opened)
}

/// Time to read single columns of all granules.
fn columns(segments: &[Segment]) -> Result<(), Failure> {
    type Read = fn(&Segment, usize) -> Result<usize, Failure>;
    let reads: [(&str, Read); 5] = [
        ("name codes", |segment, granule| Ok(segment.name_codes(granule)?.len())),
        ("resource codes", |segment, granule| Ok(segment.resource_codes(granule)?.len())),
        ("starts", |segment, granule| Ok(segment.starts(granule)?.len())),
        ("durations", |segment, granule| Ok(segment.durations(granule)?.len())),
        ("trace ids", |segment, granule| Ok(segment.trace_ids(granule)?.len())),
    ];
    for (name, read) in reads {
        let clock = Stopwatch::start();
        let mut values = 0;
        for segment in segments.iter().cycle().take(segments.len() * 20) {
            for granule in 0..segment.granules().len() {
                values += read(segment, granule)?;
            }
        }
        let seconds = clock.elapsed().as_secs_f64();
        println!("{name}: {:.0} M values/s", cast::figure(cast::wide(values)) / seconds / 1e6);
    }
    Ok(())
}

/// Time to fetch a few neighbouring rows, as for a trace.
fn fetches(segments: &[Segment]) -> Result<(), Failure> {
    for projection in [Projection::Full, Projection::Summary] {
        let clock = Stopwatch::start();
        let mut count = 0;
        for segment in segments {
            for first in (0..segment.row_count().saturating_sub(20)).step_by(2503) {
                count += segment.read_rows(first..first + 20, projection)?.len() / 20;
            }
        }
        let micros = clock.elapsed().as_micros() / count as u128;
        println!("fetch of 20 rows, {projection:?}: {micros} microseconds");
    }
    Ok(())
}

//! Measures what adaptive sampling adds to ingest: counting the traces that begin in a batch, in nanoseconds a span.
//!
//! Run with `cargo run --release --example count_roots`.
#![expect(clippy::print_stdout, reason = "a program for people")]

use fanal_base::{SystemClock, cast};
use fanal_model::{SpanBatch, SpanBatchBuilder};
use fanal_pipeline::{AdaptiveConfig, Sampling, SamplingConfig};
use fanal_testkit::{GeneratedTrace, Generator, GeneratorConfig, push_into};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

/// Spans of a batch: what OpenTelemetry's batch processor sends at most, and what a Collector does.
const BATCH_SPANS: [usize; 2] = [512, 8192];

/// Batches of each size.
const BATCHES: usize = 64;

/// Passes over all batches; the fastest counts, as the one least disturbed.
const PASSES: usize = 200;

fn main() {
    for batch_spans in BATCH_SPANS {
        let mut generator = Generator::new(GeneratorConfig::default(), 7);
        let batches: Vec<SpanBatch> =
            (0..BATCHES).map(|_| batch(&mut generator, batch_spans)).collect();
        let spans: usize = batches.iter().map(SpanBatch::len).sum();
        let roots = batches.iter().flat_map(|batch| &batch.parent_span_ids);
        let roots = roots.filter(|parent| parent.is_zero()).count();
        let adaptive = AdaptiveConfig::with_target(1.0);
        let config = SamplingConfig { adaptive, ..SamplingConfig::default() };
        let sampling = Sampling::new(config, Arc::new(SystemClock));
        let mut fastest_nanos = u128::MAX;
        for _ in 0..PASSES {
            let begin = now();
            batches.iter().for_each(|batch| sampling.count(black_box(batch)));
            fastest_nanos = fastest_nanos.min(begin.elapsed().as_nanos());
        }
        let fastest_nanos = u64::try_from(fastest_nanos).unwrap_or(u64::MAX);
        let per_span = cast::figure(fastest_nanos) / cast::figure(cast::wide(spans));
        println!("batches of {batch_spans}: {spans} spans, {roots} roots: {per_span:.2} ns a span");
    }
}

/// The first spans of each trace among those of the last ones.
fn batch(generator: &mut Generator, spans: usize) -> SpanBatch {
    let mut builder = SpanBatchBuilder::default();
    let mut left = spans;
    while left > 0 {
        let GeneratedTrace { spans, .. } = generator.next_trace(1_700_000_000_000_000_000);
        let taken = spans.len().min(left);
        push_into(&spans[..taken], &mut builder);
        left -= taken;
    }
    builder.finish()
}

#[expect(clippy::disallowed_methods, reason = "a measurement needs the machine's clock")]
fn now() -> Instant {
    Instant::now()
}

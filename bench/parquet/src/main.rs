//! The general stack on Fanal's data: Parquet files through Arrow, questions through DataFusion.
//!
//! Makes the spans that `fanal load` sends, writes them, asks the questions of `cargo xtask bench`, and prints size and
//! times. Run: `cargo run --release -- [SPANS] [FOLDER]`. A program for comparison only; nothing imports it.

mod questions;
mod table;

use anyhow::{Context, Result};
use fanal_formats::otlp::protobuf::decode_request;
use fanal_model::IndexedBatch;
use fanal_testkit::{BodyTemplate, GeneratorConfig};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// As in `fanal load`: templates, spans of a request, seed and spread of the times.
const TEMPLATES: u64 = 32;
const SPANS_PER_REQUEST: usize = 512;
const SEED: u64 = 1;
const SPREAD_NANOS: u64 = 24 * 3600 * 1_000_000_000;
/// Spans of a file, as many as a block of Fanal's has.
const FILE_SPANS: usize = 524_288;

/// An endless supply of decoded requests.
struct Bodies {
    templates: Vec<BodyTemplate>,
    sequence: u64,
    spans: u64,
    spans_max: u64,
    now_unix_nanos: u64,
}

impl Bodies {
    fn next(&mut self) -> Result<Option<IndexedBatch>> {
        if self.spans >= self.spans_max {
            return Ok(None);
        }
        let template = &self.templates[usize::try_from(self.sequence % TEMPLATES)?];
        let left = u128::from(self.spans_max - self.spans) * u128::from(SPREAD_NANOS);
        let age = u64::try_from(left / u128::from(self.spans_max))?;
        let mut bytes = Vec::with_capacity(template.byte_count());
        template.instantiate(&mut bytes, self.sequence, self.now_unix_nanos - age);
        self.sequence += 1;
        self.spans += template.span_count();
        let batch = decode_request(&bytes)?.batch;
        Ok(Some(IndexedBatch::new(Arc::new(batch))?))
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let spans = arguments.next().map_or(Ok(10_000_000), |word| word.parse())?;
    let folder = arguments.next().map_or_else(|| std::env::temp_dir().join("fanal-parquet"), PathBuf::from);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let templates = (0..TEMPLATES)
        .map(|number| {
            let seed = SEED.wrapping_mul(TEMPLATES).wrapping_add(number);
            BodyTemplate::generate(GeneratorConfig::default(), seed, SPANS_PER_REQUEST)
        })
        .collect();
    let mut bodies = Bodies {
        templates,
        sequence: 0,
        spans: 0,
        spans_max: spans,
        now_unix_nanos: u64::try_from(now.as_nanos())?,
    };
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder)?;
    let written = write(&mut bodies, &folder)?;
    println!("| stored size | {:.1} B a span |", written.bytes as f64 / written.spans as f64);
    let nanos = written.encoding.as_nanos() as f64 / written.spans as f64;
    println!("| columns to file, one core | {:.2} µs a span |", nanos / 1e3);
    questions::ask(&folder, written.spans).await
}

/// What was written.
struct Written {
    spans: usize,
    bytes: u64,
    encoding: Duration,
}

/// Files of whole batches, each sorted by trace as Fanal's blocks are.
fn write(bodies: &mut Bodies, folder: &std::path::Path) -> Result<Written> {
    let mut written = Written { spans: 0, bytes: 0, encoding: Duration::ZERO };
    let mut waiting = Vec::new();
    let mut count = 0;
    let mut columns = table::Columns::default();
    for file in 0.. {
        while count < FILE_SPANS && let Some(batch) = bodies.next()? {
            count += batch.len();
            waiting.push(batch);
        }
        if waiting.is_empty() {
            return Ok(written);
        }
        let begun = Instant::now();
        let path = folder.join(format!("{file:04}.parquet"));
        table::write_file(&path, &waiting, &mut columns)?;
        written.encoding += begun.elapsed();
        written.bytes += std::fs::metadata(&path)?.len();
        written.spans += count;
        waiting.clear();
        count = 0;
    }
    Ok(written)
}

//! The questions of `cargo xtask bench` in SQL.

use anyhow::Result;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use std::path::Path;
use std::time::Instant;

/// Times that each question is asked; the median counts.
const ROUNDS: usize = 7;

/// Asks everything and prints the times.
pub(crate) async fn ask(folder: &Path, spans: usize) -> Result<()> {
    let config = SessionConfig::new()
        .with_target_partitions(2)
        .set_bool("datafusion.execution.parquet.pushdown_filters", true)
        .set_bool("datafusion.execution.parquet.reorder_filters", true);
    let context = SessionContext::new_with_config(config);
    let path = folder.to_string_lossy();
    context.register_parquet("spans", &*path, ParquetReadOptions::default()).await?;
    let id = "SELECT trace_id FROM spans WHERE \"resource.service.name\" = 'nowhere' OR start % 1000003 = 7 LIMIT 1";
    let found = context.sql(id).await?.collect().await?;
    let id = found.iter().find(|batch| batch.num_rows() > 0).map(|batch| {
        let ids = batch.column(0).to_data();
        ids.buffers()[0].as_slice()[..16].iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    });
    let trace = format!("SELECT * FROM spans WHERE trace_id = X'{}'", id.unwrap_or_default());
    let group = "date_bin(INTERVAL '1 minute', to_timestamp_nanos(CAST(start AS BIGINT)))";
    let by_three = "SELECT \"resource.service.name\", name, status, count(*) FROM spans GROUP BY 1, 2, 3".to_owned();
    let by_minute = format!("SELECT \"resource.service.name\", {group}, count(*) FROM spans GROUP BY 1, 2");
    let selective = "SELECT trace_id, start FROM spans WHERE \"resource.service.name\" = 'frontend' AND duration >= 500000000 \
                     AND \"http.response.status_code:int\" >= 500 ORDER BY start DESC LIMIT 20";
    let questions = [
        ("count by service", "SELECT \"resource.service.name\", count(*) FROM spans GROUP BY 1".to_owned()),
        ("count by service and minute", by_minute),
        ("count by service, name, status", by_three),
        ("service, duration and one attribute", selective.to_owned()),
        ("one attribute", "SELECT trace_id, start FROM spans WHERE \"http.response.status_code:int\" = 503 ORDER BY start DESC LIMIT 20".to_owned()),
        ("a value that is nowhere", "SELECT trace_id FROM spans WHERE \"user.id\" = 'nobody' LIMIT 20".to_owned()),
        ("trace by id", trace),
    ];
    for (name, question) in questions {
        let mut times = Vec::new();
        let mut rows = 0;
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            let answer = context.sql(&question).await?.collect().await?;
            times.push(begun.elapsed());
            rows = answer.iter().map(|batch| batch.num_rows()).sum();
        }
        times.sort_unstable();
        let median = times[ROUNDS / 2];
        let rate = spans as f64 / median.as_secs_f64() / 1e6;
        println!("| {name} ({rows} rows) | {:.1} ms, {rate:.0} M spans/s |", median.as_secs_f64() * 1e3);
    }
    Ok(())
}

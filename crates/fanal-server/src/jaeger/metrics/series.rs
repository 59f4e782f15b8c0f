//! Points over time from counts in steps.
//!
//! Quantiles come from a histogram whose counters are the powers of two of nanoseconds, interpolated geometrically inside
//! the counter that the quantile falls into: it is off by less than a factor of two, and typically by a tenth.

use super::question::MetricsKind;
use fanal_base::cast;
use fanal_storage::aggregate::HISTOGRAM_COUNTERS;
use fanal_storage::{Measured, Tally};
use std::collections::BTreeMap;

const NANOS_PER_SECOND: f64 = 1e9;
const NANOS_PER_MILLI: f64 = 1e6;

/// Points at equal steps, each with a window of whole steps before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Windows {
    /// Where the window of the first point begins.
    pub(crate) first_unix_nanos: u64,
    pub(crate) step_nanos: u64,
    /// Points, at least 1.
    pub(crate) points: u64,
    /// Steps of a window, at least 1.
    pub(crate) width: u64,
}

impl Windows {
    /// Where the last window ends, exclusive: the time of the last point.
    pub(crate) fn end_unix_nanos(&self) -> u64 {
        self.time(self.points - 1)
    }

    fn time(&self, point: u64) -> u64 {
        let steps = point.saturating_add(self.width);
        self.first_unix_nanos.saturating_add(steps.saturating_mul(self.step_nanos))
    }

    fn seconds(&self) -> f64 {
        cast::figure(self.width) * cast::figure(self.step_nanos) / NANOS_PER_SECOND
    }
}

/// What was counted of a service, or of one operation of it, by step.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) service: String,
    pub(crate) operation: Option<String>,
    pub(crate) calls: BTreeMap<u32, Tally>,
    /// Those of the calls that failed, where they are asked for.
    pub(crate) errors: BTreeMap<u32, Tally>,
}

/// Jaeger's family of metrics.
#[derive(Debug, PartialEq)]
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) help: String,
    pub(crate) metrics: Vec<Metric>,
}

/// The points of one service or operation.
#[derive(Debug, PartialEq)]
pub(crate) struct Metric {
    pub(crate) service: String,
    pub(crate) operation: Option<String>,
    pub(crate) points: Vec<Point>,
}

/// A value at a time; no number where nothing was called.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub(crate) time_unix_nanos: u64,
    pub(crate) value: f64,
}

/// Makes the points; `missing` says what the counts lack.
pub(crate) fn family(
    kind: MetricsKind,
    is_by_operation: bool,
    windows: &Windows,
    lines: Vec<Line>,
    missing: &[String],
) -> Family {
    let (name, what) = match (kind, is_by_operation) {
        (MetricsKind::Latencies(_), false) => ("service_latencies", "quantile of latency, ms"),
        (MetricsKind::Latencies(_), true) => {
            ("service_operation_latencies", "quantile of latency, ms")
        }
        (MetricsKind::Calls, false) => ("service_call_rate", "calls a second"),
        (MetricsKind::Calls, true) => ("service_operation_call_rate", "calls a second"),
        (MetricsKind::Errors, false) => ("service_error_rate", "failed calls by calls"),
        (MetricsKind::Errors, true) => ("service_operation_error_rate", "failed calls by calls"),
    };
    let grouped = if is_by_operation { "service and operation" } else { "service" };
    let mut help = format!("{what}, by {grouped}");
    for warning in missing {
        help.push_str("; ");
        help.push_str(warning);
    }
    let metric = |line: Line| Metric {
        points: points(kind, windows, &line),
        service: line.service,
        operation: line.operation,
    };
    Family { name, help, metrics: lines.into_iter().map(metric).collect() }
}

/// Sums of a window that moves step by step.
struct Sums {
    calls: u64,
    errors: u64,
    durations: [u64; HISTOGRAM_COUNTERS],
}

impl Sums {
    fn change(&mut self, line: &Line, bucket: u64, change: fn(u64, u64) -> u64) {
        let Ok(bucket) = u32::try_from(bucket) else { return };
        if let Some(tally) = line.errors.get(&bucket) {
            self.errors = change(self.errors, tally.spans);
        }
        let Some(tally) = line.calls.get(&bucket) else { return };
        self.calls = change(self.calls, tally.spans);
        for measured in &tally.measured {
            if let Measured::DurationHistogram(counters) = measured {
                for (sum, count) in self.durations.iter_mut().zip(counters.iter()) {
                    *sum = change(*sum, *count);
                }
            }
        }
    }
}

fn points(kind: MetricsKind, windows: &Windows, line: &Line) -> Vec<Point> {
    let mut sums = Sums { calls: 0, errors: 0, durations: [0; HISTOGRAM_COUNTERS] };
    (0..windows.width - 1).for_each(|bucket| sums.change(line, bucket, u64::saturating_add));
    let point = |point: u64| {
        sums.change(line, point + windows.width - 1, u64::saturating_add);
        let calls = cast::figure(sums.calls);
        let value = match kind {
            MetricsKind::Calls => calls / windows.seconds(),
            MetricsKind::Errors if sums.calls == 0 => f64::NAN,
            MetricsKind::Errors => cast::figure(sums.errors) / calls,
            MetricsKind::Latencies(quantile) => quantile_nanos(&sums.durations, quantile)
                .map_or(f64::NAN, |nanos| nanos / NANOS_PER_MILLI),
        };
        sums.change(line, point, u64::saturating_sub);
        Point { time_unix_nanos: windows.time(point), value }
    };
    (0..windows.points).map(point).collect()
}

/// The quantile of a histogram of powers of two; `None` without a count.
fn quantile_nanos(counters: &[u64; HISTOGRAM_COUNTERS], quantile: f64) -> Option<f64> {
    let total: u64 = counters.iter().sum();
    if total == 0 {
        return None;
    }
    let rank = quantile * cast::figure(total);
    let mut below = 0.0;
    let mut upper = 1.0;
    let mut found = upper;
    for &count in counters {
        let within = cast::figure(count);
        if count > 0 {
            let share = ((rank - below) / within).clamp(0.0, 1.0);
            // From half of the upper bound to all of it, evenly in the logarithm.
            found = upper * (share - 1.0).exp2();
            if below + within >= rank {
                return Some(found);
            }
        }
        below += within;
        upper *= 2.0;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanal_storage::Measure;

    fn line(counts: &[(u32, &[u64], u64)]) -> Line {
        let tally = |bucket: u32, durations: &[u64]| {
            let mut tally = Tally::new(bucket, &[Measure::DurationHistogram]);
            durations.iter().for_each(|&nanos| tally.add(nanos));
            tally
        };
        let calls = counts.iter().map(|&(bucket, durations, _)| (bucket, tally(bucket, durations)));
        let failed = counts
            .iter()
            .filter(|count| count.2 > 0)
            .map(|&(bucket, _, failed)| (bucket, tally(bucket, &vec![1; cast::size(failed)])));
        Line {
            service: "a".into(),
            operation: None,
            calls: calls.collect(),
            errors: failed.collect(),
        }
    }

    #[test]
    fn windows_move_step_by_step() {
        let windows =
            Windows { first_unix_nanos: 0, step_nanos: 1_000_000_000, points: 4, width: 2 };
        let line = line(&[(0, &[8, 8], 1), (1, &[8, 8], 0), (4, &[1_000_000], 1)]);
        let check = |kind: MetricsKind, expect: [f64; 4]| {
            let found = points(kind, &windows, &line);
            let times: Vec<u64> =
                found.iter().map(|it| it.time_unix_nanos / 1_000_000_000).collect();
            assert_eq!(times, [2, 3, 4, 5]);
            for (point, expect) in found.iter().zip(expect) {
                let is_same = (point.value - expect).abs() < 1e-9
                    || (point.value.is_nan() && expect.is_nan());
                assert!(is_same, "{kind:?}: {found:?}");
            }
        };
        check(MetricsKind::Calls, [2.0, 1.0, 0.0, 0.5]);
        check(MetricsKind::Errors, [0.25, 0.0, f64::NAN, 1.0]);
        check(MetricsKind::Latencies(1.0), [8e-6, 8e-6, f64::NAN, 1.048_576]);
        assert_eq!(windows.end_unix_nanos(), 5_000_000_000);
    }

    #[test]
    fn quantiles_lie_within_a_factor_of_two() {
        let durations: Vec<u64> = (1..=10_000).map(|number| number * 37_123).collect();
        let mut tally = Tally::new(0, &[Measure::DurationHistogram]);
        durations.iter().for_each(|&nanos| tally.add(nanos));
        let Measured::DurationHistogram(counters) = &tally.measured[0] else { panic!("asked for") };
        for quantile in [0.0, 0.01, 0.5, 0.75, 0.95, 0.99, 1.0] {
            let found = quantile_nanos(counters, quantile).expect("counted");
            let rank = (quantile * 10_000.0_f64).max(1.0);
            let ratio = found / (rank * 37_123.0);
            assert!((0.5..=2.0).contains(&ratio), "{quantile}: {ratio}");
        }
        assert_eq!(quantile_nanos(&[0; HISTOGRAM_COUNTERS], 0.5), None);
    }
}

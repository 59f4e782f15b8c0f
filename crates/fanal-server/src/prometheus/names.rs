//! The metrics that are made from spans: their names, types and labels, as Grafana's pages of traces ask for them.

use super::promql::{Selector, Series};
use fanal_base::cast;
use fanal_model::{SpanKind, StatusCode};
use fanal_query::rates::{
    Bounds, CALL_BOUNDS, CallKey, Connection, Durations, RateTally, SPAN_BOUNDS, SpanKey,
};
use std::collections::BTreeMap;

/// The label of a metric's name.
pub(super) const NAME: &str = "__name__";
/// The label of a bucket's bound.
pub(super) const BOUND: &str = "le";
/// The only label of a series of what is beyond the most series.
const OVERFLOW: (&str, &str) = ("metric_overflow", "true");

/// What a metric is counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    Spans,
    Calls,
}

/// Which of the durations a histogram has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Called,
    Caller,
}

/// What of a tally a metric tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Count,
    Failed,
    Histogram(Side),
}

/// A metric.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) source: Source,
    pub(super) part: Part,
    pub(super) help: &'static str,
}

/// What a series of a metric tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Member {
    /// The counter, or the number of a histogram.
    Count,
    Sum,
    Bucket,
}

/// Every metric.
pub(super) const FAMILIES: [Family; 6] = [
    Family {
        name: "traces_spanmetrics_calls_total",
        source: Source::Spans,
        part: Part::Count,
        help: "Spans.",
    },
    Family {
        name: "traces_spanmetrics_latency",
        source: Source::Spans,
        part: Part::Histogram(Side::Called),
        help: "Durations of spans, in seconds.",
    },
    Family {
        name: "traces_service_graph_request_total",
        source: Source::Calls,
        part: Part::Count,
        help: "Calls between services.",
    },
    Family {
        name: "traces_service_graph_request_failed_total",
        source: Source::Calls,
        part: Part::Failed,
        help: "Calls between services of which one side failed.",
    },
    Family {
        name: "traces_service_graph_request_server_seconds",
        source: Source::Calls,
        part: Part::Histogram(Side::Called),
        help: "Durations of calls as the called side tells them, in seconds.",
    },
    Family {
        name: "traces_service_graph_request_client_seconds",
        source: Source::Calls,
        part: Part::Histogram(Side::Caller),
        help: "Durations of calls as the caller tells them, in seconds.",
    },
];

impl Family {
    /// Whether it is a histogram.
    pub(super) fn is_histogram(&self) -> bool {
        matches!(self.part, Part::Histogram(_))
    }

    /// What it consists of, with the names of the series.
    pub(super) fn members(&self) -> Vec<(Member, String)> {
        if !self.is_histogram() {
            return vec![(Member::Count, self.name.to_owned())];
        }
        let named = |(member, ending)| (member, format!("{}{ending}", self.name));
        [(Member::Bucket, "_bucket"), (Member::Sum, "_sum"), (Member::Count, "_count")]
            .map(named)
            .to_vec()
    }

    /// Bounds of its histogram.
    pub(super) fn bounds(&self) -> Bounds {
        match self.source {
            Source::Spans => SPAN_BOUNDS,
            Source::Calls => CALL_BOUNDS,
        }
    }

    /// Bounds as labels, the last infinite.
    pub(super) fn bound_labels(&self) -> Vec<String> {
        let seconds = self.bounds().nanos().map(|nanos| (cast::figure(nanos) / 1e9).to_string());
        seconds.chain(["+Inf".to_owned()]).collect()
    }

    /// Its labels beside the bound.
    pub(super) fn labels(&self) -> &'static [&'static str] {
        match self.source {
            Source::Spans => &["service", "span_name", "span_kind", "status_code"],
            Source::Calls => &["client", "server", "connection_type"],
        }
    }

    /// The number that it counts.
    pub(super) fn count(&self, tally: &RateTally) -> u64 {
        match self.part {
            Part::Count => tally.count,
            Part::Failed => tally.failed,
            Part::Histogram(_) => self.durations(tally).count(),
        }
    }

    /// The durations that its histogram has.
    pub(super) fn durations<'a>(&self, tally: &'a RateTally) -> &'a Durations {
        match self.part {
            Part::Histogram(Side::Caller) => &tally.client_durations,
            _ => &tally.durations,
        }
    }

    /// The sum of its durations, in seconds.
    pub(super) fn sum_seconds(&self, tally: &RateTally) -> f64 {
        seconds(self.durations(tally).sum_nanos)
    }
}

/// The members of metrics whose names a selector passes.
pub(super) fn selected(selector: &Selector) -> Vec<(&'static Family, Member, String)> {
    let members = |family: &'static Family| {
        family.members().into_iter().map(move |(member, name)| (family, member, name))
    };
    let all = FAMILIES.iter().flat_map(members);
    all.filter(|(_, _, name)| selector.passes(NAME, name)).collect()
}

/// Seconds of nanoseconds, to the nearest float or nearly.
pub(super) fn seconds(nanos: u128) -> f64 {
    const SECOND: u128 = 1_000_000_000;
    let whole = u64::try_from(nanos / SECOND).unwrap_or(u64::MAX);
    let rest = u64::try_from(nanos % SECOND).unwrap_or(0);
    cast::figure(whole) + cast::figure(rest) / 1e9
}

/// A key whose values are labels; empty values are left out, as Prometheus takes them for absent.
pub(super) trait Labelled {
    /// The labels.
    fn labels(&self) -> BTreeMap<String, String>;
}

fn labelled<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    let told = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    told.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

impl Labelled for SpanKey {
    fn labels(&self) -> BTreeMap<String, String> {
        labelled([
            ("service", &*self.service),
            ("span_name", &*self.name),
            ("span_kind", kind_word(self.kind)),
            ("status_code", status_word(self.status)),
        ])
    }
}

impl Labelled for CallKey {
    fn labels(&self) -> BTreeMap<String, String> {
        let connection = match self.connection {
            Connection::Direct => "",
            Connection::Messaging => "messaging_system",
            Connection::Database => "database",
            Connection::Virtual => "virtual_node",
        };
        labelled([
            ("client", &*self.client),
            ("server", &*self.server),
            ("connection_type", connection),
        ])
    }
}

/// The labels of what is beyond the most series.
pub(super) fn overflow_labels() -> BTreeMap<String, String> {
    labelled([OVERFLOW])
}

/// A kind in OpenTelemetry's words.
pub(super) fn kind_word(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Unspecified => "SPAN_KIND_UNSPECIFIED",
        SpanKind::Internal => "SPAN_KIND_INTERNAL",
        SpanKind::Server => "SPAN_KIND_SERVER",
        SpanKind::Client => "SPAN_KIND_CLIENT",
        SpanKind::Producer => "SPAN_KIND_PRODUCER",
        SpanKind::Consumer => "SPAN_KIND_CONSUMER",
    }
}

/// A status in OpenTelemetry's words.
pub(super) fn status_word(status: StatusCode) -> &'static str {
    match status {
        StatusCode::Unset => "STATUS_CODE_UNSET",
        StatusCode::Ok => "STATUS_CODE_OK",
        StatusCode::Error => "STATUS_CODE_ERROR",
    }
}

/// Whether a series passes every matcher but those of its name, which is known to.
pub(super) fn passes(selector: &Selector, series: &Series) -> bool {
    selector
        .matchers
        .iter()
        .filter(|matcher| matcher.label != NAME)
        .all(|matcher| matcher.passes(series.labels.get(&matcher.label).map_or("", String::as_str)))
}

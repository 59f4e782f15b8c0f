//! The counters as series: written as text for whoever fetches `/metrics`, or handed to remote write.
//!
//! Text is Prometheus' own, or OpenMetrics with examples where a client asks for that.
//! <https://prometheus.io/docs/specs/om/open_metrics_spec/>

use super::answers::number_text;
use super::names::{BOUND, FAMILIES, Family, Labelled, Member, Part, Source, overflow_labels};
use super::totals::{Counter, Counters, Totals};
use fanal_base::cast;
use fanal_query::rates::RateExemplar;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The label of an example.
pub(super) const TRACE_ID: &str = "traceID";

/// A number of a series.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    /// In the order of their names.
    pub(super) labels: &'a BTreeMap<String, String>,
    /// The bound of a bucket, which comes behind the labels.
    pub(super) bound: Option<&'a str>,
    pub(super) value: f64,
    pub(super) exemplar: Option<RateExemplar>,
}

/// Hands out every number of a family.
pub(super) fn lines(totals: &Totals, family: &Family, mut add: impl FnMut(Line<'_>)) {
    match family.source {
        Source::Spans => lines_of(&totals.spans, family, &mut add),
        Source::Calls => lines_of(&totals.calls, family, &mut add),
    }
}

fn lines_of<K: Labelled + Ord>(
    counters: &Counters<K>,
    family: &Family,
    add: &mut impl FnMut(Line<'_>),
) {
    let (members, bounds) = (family.members(), family.bound_labels());
    let told = counters.keys.iter().map(|(key, counter)| (key.labels(), counter));
    let beyond =
        (counters.overflow.tally.count > 0).then(|| (overflow_labels(), &counters.overflow));
    for (labels, Counter { tally, exemplar }) in told.chain(beyond) {
        for (member, name) in &members {
            let line =
                |bound, value, exemplar| Line { name, labels: &labels, bound, value, exemplar };
            match member {
                Member::Count => {
                    let is_plain = family.part == Part::Count;
                    let count = cast::figure(family.count(tally));
                    add(line(None, count, exemplar.filter(|_| is_plain && count > 0.0)));
                }
                Member::Sum => add(line(None, family.sum_seconds(tally), None)),
                Member::Bucket => {
                    let counters = &family.durations(tally).counters;
                    let home = exemplar.map(|it| family.bounds().counter(it.nanos));
                    let mut within = 0;
                    for (place, bound) in bounds.iter().enumerate() {
                        within += counters[place];
                        let exemplar =
                            exemplar.filter(|_| home == Some(place) && counters[place] > 0);
                        add(line(Some(bound), cast::figure(within), exemplar));
                    }
                }
            }
        }
    }
}

/// Appends all families to a page.
pub(crate) fn write(page: &mut String, totals: &Totals, is_open_metrics: bool) {
    for family in &FAMILIES {
        let kind = if family.is_histogram() { "histogram" } else { "counter" };
        let name =
            if is_open_metrics { family.name.trim_end_matches("_total") } else { family.name };
        let _ = writeln!(page, "# HELP {name} {}\n# TYPE {name} {kind}", family.help);
        lines(totals, family, |line| write_line(page, &line, is_open_metrics));
    }
}

fn write_line(page: &mut String, line: &Line<'_>, is_open_metrics: bool) {
    page.push_str(line.name);
    let labels = line.labels.iter().map(|(name, value)| (&**name, &**value));
    let mut open = '{';
    for (name, value) in labels.chain(line.bound.map(|bound| (BOUND, bound))) {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(page, "{open}{name}=\"{value}\"");
        open = ',';
    }
    page.push_str(if open == ',' { "} " } else { " " });
    page.push_str(&number_text(line.value));
    if let Some(it) = line.exemplar.filter(|_| is_open_metrics) {
        let (seconds, at) =
            (cast::figure(it.nanos) / 1e9, cast::figure(it.unix_nanos / 1_000_000) / 1e3);
        let _ = write!(page, " # {{{TRACE_ID}=\"{}\"}} {seconds} {at}", it.trace_id);
    }
    page.push('\n');
}

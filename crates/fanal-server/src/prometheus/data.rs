//! The series of a selector: which metrics it names, what is asked of the query crate for them, and what they say at each
//! point of time.

use super::names::{
    BOUND, Family, Labelled, Member, NAME, Source, kind_word, overflow_labels, passes, selected,
    status_word,
};
use super::promql::{Leaf, Selector, Series, Test};
use super::windows::{Points, Windows};
use crate::refusal::Refusal;
use crate::state::App;
use fanal_base::cast;
use fanal_model::{SpanKind, StatusCode};
use fanal_query::rates::{CallKey, RateTally, Rates, RatesQuestion, SpanKey};
use fanal_storage::{AttributeTest, SpanCondition, TextField};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most keys that are told apart: services with span names, kinds and statuses, or calls.
pub(super) const KEYS_MAX: usize = 10_000;

/// Most numbers of the series of one selector.
const SAMPLES_MAX: usize = 4_000_000;

/// How long a series is there after the last span that it counts, in nanoseconds. Its plain value is what it counted in this
/// time.
pub(super) const SERIES_AGE_NANOS: u64 = 900_000_000_000;

/// The series of a leaf.
pub(super) async fn bring(
    app: &App,
    leaf: &Leaf,
    points: &Points,
    warnings: &mut BTreeSet<String>,
) -> Result<Vec<Series>, Refusal> {
    let range_nanos = leaf.over.map_or(SERIES_AGE_NANOS, |over| over.range_nanos);
    let windows = points.windows(range_nanos, |warning| {
        warnings.insert(warning);
    })?;
    let mut wanted = Wanted {
        leaf,
        windows,
        members: selected(&leaf.selector),
        series: Vec::new(),
        points: points.count(),
    };
    for source in wanted.sources() {
        let question = question(&leaf.selector, source, &windows);
        match source {
            Source::Spans => wanted.take(&*span_rates(app, &question).await?, source, warnings)?,
            Source::Calls => wanted.take(&*call_rates(app, &question).await?, source, warnings)?,
        }
    }
    Ok(wanted.series)
}

/// Rates of spans, maybe those of a moment ago.
pub(super) async fn span_rates(
    app: &App,
    question: &RatesQuestion,
) -> Result<Arc<Rates<SpanKey>>, Refusal> {
    let now = app.given.clock.now_unix_nanos();
    let asking = app.ask(app.given.query.span_rates(&app.tenant, question));
    app.recent_rates.spans.ask(now, question, asking).await
}

/// Rates of calls likewise.
pub(super) async fn call_rates(
    app: &App,
    question: &RatesQuestion,
) -> Result<Arc<Rates<CallKey>>, Refusal> {
    let now = app.given.clock.now_unix_nanos();
    let asking = app.ask(app.given.query.call_rates(&app.tenant, question));
    app.recent_rates.calls.ask(now, question, asking).await
}

fn question(selector: &Selector, source: Source, windows: &Windows) -> RatesQuestion {
    RatesQuestion {
        start_unix_nanos: windows.start_unix_nanos,
        end_unix_nanos: windows.end_unix_nanos,
        step_nanos: windows.bucket_nanos,
        conditions: if source == Source::Spans { conditions(selector) } else { Vec::new() },
        keys_max: KEYS_MAX,
    }
}

/// What the store can test for a selector; its matchers are tested again on the labels.
pub(super) fn conditions(selector: &Selector) -> Vec<SpanCondition> {
    let condition = |label: &str, test: &Test| match (label, test) {
        // An empty label means another thing: that it is absent.
        (_, Test::Equals(text)) if text.is_empty() => None,
        ("service", Test::Equals(text)) => Some(SpanCondition::Service(text.clone())),
        ("span_name", Test::Equals(text)) => Some(SpanCondition::Name(text.clone())),
        ("span_name", Test::Matches(pattern)) => {
            let test = AttributeTest::Matches(pattern.clone());
            Some(SpanCondition::Text(TextField::Name, test))
        }
        ("span_kind", Test::Equals(text)) => {
            let kind = SpanKind::ALL.into_iter().find(|kind| kind_word(*kind) == text);
            kind.map(SpanCondition::Kind)
        }
        ("status_code", Test::Equals(text)) => {
            let status = StatusCode::ALL.into_iter().find(|status| status_word(*status) == text);
            status.map(SpanCondition::Status)
        }
        _ => None,
    };
    let matchers = selector.matchers.iter();
    matchers.filter_map(|matcher| condition(&matcher.label, &matcher.test)).collect()
}

/// What a selector is to become.
struct Wanted<'a> {
    leaf: &'a Leaf,
    windows: Windows,
    members: Vec<(&'static Family, Member, String)>,
    series: Vec<Series>,
    points: usize,
}

impl Wanted<'_> {
    fn sources(&self) -> BTreeSet<Source> {
        self.members.iter().map(|(family, _, _)| family.source).collect()
    }

    /// Adds the series of a source.
    fn take<K: Labelled + Ord>(
        &mut self,
        rates: &Rates<K>,
        source: Source,
        warnings: &mut BTreeSet<String>,
    ) -> Result<(), Refusal> {
        warnings.extend(rates.warnings.iter().cloned());
        let told = rates.keys.iter().map(|(key, tallies)| (key.labels(), tallies));
        if !rates.overflow.is_empty() {
            warnings.insert(format!(
                "there are more than {KEYS_MAX} series of a metric; the others are counted in one with the label metric_overflow"
            ));
        }
        let beyond = (!rates.overflow.is_empty()).then(|| (overflow_labels(), &rates.overflow));
        for (labels, tallies) in told.chain(beyond) {
            self.take_key(&labels, tallies, source)?;
        }
        Ok(())
    }

    fn take_key(
        &mut self,
        labels: &BTreeMap<String, String>,
        tallies: &BTreeMap<u32, RateTally>,
        source: Source,
    ) -> Result<(), Refusal> {
        let is_wanted = self.leaf.selector.matchers.iter().all(|it| {
            it.label == NAME || it.label == BOUND || {
                it.passes(labels.get(&it.label).map_or("", String::as_str))
            }
        });
        if !is_wanted {
            return Ok(());
        }
        let sums = self.windows.sums(tallies);
        for (family, member, name) in &self.members {
            if family.source != source {
                continue;
            }
            let mut labels = labels.clone();
            // Functions take the name away.
            if self.leaf.over.is_none() {
                labels.insert(NAME.to_owned(), name.clone());
            }
            for (bound, read) in readers(family, *member) {
                let mut labels = labels.clone();
                labels.extend(bound.map(|bound| (BOUND.to_owned(), bound)));
                let samples = Vec::new();
                let mut series = Series { labels, samples };
                if !passes(&self.leaf.selector, &series) {
                    continue;
                }
                series.samples = self.samples(&sums, &*read);
                self.series.push(series);
            }
        }
        if self.series.len().saturating_mul(self.points) > SAMPLES_MAX {
            return Err(Refusal::invalid(format!(
                "a selector selects more than {SAMPLES_MAX} numbers; name more labels, widen the step or narrow the range"
            )));
        }
        Ok(())
    }

    fn samples(
        &self,
        sums: &[Option<RateTally>],
        read: &dyn Fn(&RateTally) -> f64,
    ) -> Vec<Option<f64>> {
        let seconds = match self.leaf.over {
            Some(over) if over.is_rate => self.windows.seconds(),
            _ => 1.0,
        };
        sums.iter().map(|sum| sum.as_ref().map(|sum| read(sum) / seconds)).collect()
    }
}

/// Reads the number of a series from a tally.
type Reader = Box<dyn Fn(&RateTally) -> f64>;

/// What each series of a member reads, with its bound.
fn readers(family: &'static Family, member: Member) -> Vec<(Option<String>, Reader)> {
    match member {
        Member::Count => vec![(None, Box::new(|tally| cast::figure(family.count(tally))))],
        Member::Sum => vec![(None, Box::new(|tally| family.sum_seconds(tally)))],
        Member::Bucket => {
            let reader = |(place, bound): (usize, String)| {
                let within = move |tally: &RateTally| {
                    let counters = &family.durations(tally).counters[..=place];
                    cast::figure(counters.iter().sum())
                };
                (Some(bound), Box::new(within) as Reader)
            };
            family.bound_labels().into_iter().enumerate().map(reader).collect()
        }
    }
}

//! Examples of what a query counts: newest traces first.

use super::answers::{Answer, Sample, number_text, success};
use super::data::conditions;
use super::exposition::TRACE_ID;
use super::form::Form;
use super::names::{BOUND, Family, Labelled, Member, NAME, Source, selected};
use super::promql::{Selector, parse};
use crate::state::App;
use axum::extract::State;
use bytes::Bytes;
use fanal_query::rates::{RateExemplar, RatesQuestion};
use http::Uri;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Traces that are looked into for each selector.
const TRACES_MAX: usize = 100;

#[derive(Debug, Serialize)]
struct Of {
    #[serde(rename = "seriesLabels")]
    series: BTreeMap<String, String>,
    exemplars: Vec<Exemplar>,
}

#[derive(Debug, Serialize)]
struct Exemplar {
    labels: BTreeMap<&'static str, String>,
    value: String,
    timestamp: f64,
}

type Found = BTreeMap<BTreeMap<String, String>, Vec<RateExemplar>>;

/// `GET` or `POST /api/v1/query_exemplars`
pub(super) async fn exemplars(State(app): State<Arc<App>>, uri: Uri, body: Bytes) -> Answer {
    let form = Form::read(&uri, &body)?;
    let query = parse(form.query()?)?;
    let (start_unix_nanos, end_unix_nanos) = form.range(app.given.clock.now_unix_nanos())?;
    let (mut found, mut warnings) = (Found::new(), BTreeSet::new());
    for leaf in query.leaves.iter().take(4) {
        let selector = &leaf.selector;
        let members = selected(selector);
        let Some((family, _, _)) = members.first() else { continue };
        let is_of_spans = family.source == Source::Spans;
        let question = RatesQuestion {
            start_unix_nanos,
            end_unix_nanos,
            step_nanos: None,
            conditions: if is_of_spans { conditions(selector) } else { Vec::new() },
            keys_max: 1,
        };
        let asking = app.given.query.rate_exemplars(&app.tenant, &question, TRACES_MAX);
        let told = app.ask(asking).await?;
        warnings.extend(told.warnings);
        for (family, member, name) in members {
            match family.source {
                Source::Spans => add(&mut found, selector, (family, member, &name), &told.spans),
                Source::Calls => add(&mut found, selector, (family, member, &name), &told.calls),
            }
        }
    }
    let one = |(series, exemplars): (BTreeMap<String, String>, Vec<RateExemplar>)| Of {
        series,
        exemplars: exemplars.iter().map(exemplar).collect(),
    };
    let data: Vec<Of> = found.into_iter().map(one).collect();
    success(&app, &data, warnings)
}

fn add<K: Labelled>(
    found: &mut Found,
    selector: &Selector,
    (family, member, name): (&Family, Member, &str),
    told: &[(K, RateExemplar)],
) {
    let bounds = family.bound_labels();
    for (key, exemplar) in told {
        let mut labels = key.labels();
        labels.insert(NAME.to_owned(), name.to_owned());
        if member == Member::Bucket {
            let bound = bounds.get(family.bounds().counter(exemplar.nanos));
            labels.extend(bound.map(|bound| (BOUND.to_owned(), bound.clone())));
        }
        let value = |label: &str| labels.get(label).map_or("", String::as_str);
        if selector.matchers.iter().all(|matcher| matcher.passes(value(&matcher.label))) {
            found.entry(labels).or_default().push(*exemplar);
        }
    }
}

fn exemplar(it: &RateExemplar) -> Exemplar {
    Exemplar {
        labels: BTreeMap::from([(TRACE_ID, it.trace_id.to_string())]),
        value: number_text(fanal_base::cast::figure(it.nanos) / 1e9),
        timestamp: Sample::new(it.unix_nanos, 0.0).unix_seconds,
    }
}

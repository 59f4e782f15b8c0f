//! Lists for forms and completion: series, labels, values, metrics; and what Grafana asks to know which Prometheus this is.

use super::answers::{Answer, success};
use super::data::{KEYS_MAX, call_rates, conditions, span_rates};
use super::form::Form;
use super::names::{
    BOUND, FAMILIES, Family, Labelled, Member, NAME, Source, overflow_labels, selected,
};
use super::promql::Selector;
use crate::refusal::Refusal;
use crate::state::App;
use axum::extract::{Path, State};
use bytes::Bytes;
use fanal_query::rates::{Rates, RatesQuestion};
use http::Uri;
use serde_json::{Map, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The version of Prometheus whose API this is. Grafana decides by it what it may ask.
const VERSION: &str = "2.50.0";

/// Most series of a list.
const SERIES_MAX: usize = 100_000;

type Labels = BTreeMap<String, String>;

/// `GET` or `POST /api/v1/series`
pub(super) async fn series(State(app): State<Arc<App>>, uri: Uri, body: Bytes) -> Answer {
    let form = Form::read(&uri, &body)?;
    let selectors = form.selectors()?;
    if selectors.is_empty() {
        let message = "match[] is missing; give a selector such as traces_spanmetrics_calls_total";
        return Err(Refusal::parameter("match[]", message).into());
    }
    let (found, mut warnings) = found(&app, &form, &selectors).await?;
    let data = cut(found, form.limit()?, &mut warnings);
    success(&app, &data, warnings)
}

/// `GET` or `POST /api/v1/labels`
pub(super) async fn labels(State(app): State<Arc<App>>, uri: Uri, body: Bytes) -> Answer {
    let form = Form::read(&uri, &body)?;
    let mut names = BTreeSet::new();
    for (family, member) in wanted_members(&form.selectors()?) {
        names.insert(NAME);
        names.extend(family.labels());
        names.extend((member == Member::Bucket).then_some(BOUND));
    }
    let mut warnings = BTreeSet::new();
    let data = cut(names, form.limit()?, &mut warnings);
    success(&app, &data, warnings)
}

/// `GET /api/v1/label/{name}/values`
pub(super) async fn values(
    State(app): State<Arc<App>>,
    Path(label): Path<String>,
    uri: Uri,
) -> Answer {
    let form = Form::read(&uri, &[])?;
    let mut selectors = form.selectors()?;
    let mut warnings = BTreeSet::new();
    let found: BTreeSet<String> = if label == NAME && selectors.is_empty() {
        let members = FAMILIES.iter().flat_map(Family::members);
        members.map(|(_, name)| name).collect()
    } else {
        if selectors.is_empty() {
            selectors.push(super::promql::parse_selector("{__name__=~\"traces_.*\"}")?);
        }
        let (found, told) = found(&app, &form, &selectors).await?;
        warnings = told;
        found.into_iter().filter_map(|mut labels| labels.remove(&label)).collect()
    };
    let data = cut(found, form.limit()?, &mut warnings);
    success(&app, &data, warnings)
}

/// `GET /api/v1/metadata`
pub(super) async fn metadata(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    let form = Form::read(&uri, &[])?;
    let wanted = form.text("metric");
    let mut all = Map::new();
    for family in &FAMILIES {
        let is_wanted = wanted.is_none_or(|name| name == family.name);
        if is_wanted && all.len() < form.limit()? {
            let kind = if family.is_histogram() { "histogram" } else { "counter" };
            let told = json!([{"type": kind, "help": family.help, "unit": ""}]);
            all.insert(family.name.to_owned(), told);
        }
    }
    success(&app, &all, BTreeSet::new())
}

/// `GET /api/v1/rules`: there are none.
pub(super) async fn rules(State(app): State<Arc<App>>) -> Answer {
    success(&app, &json!({"groups": []}), BTreeSet::new())
}

/// `GET /api/v1/status/buildinfo`
pub(super) async fn build_info(State(app): State<Arc<App>>) -> Answer {
    let info = json!({
        "version": VERSION,
        "revision": format!("fanal-{}", app.given.version),
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    });
    success(&app, &info, BTreeSet::new())
}

/// As many as there may be, with a word where there are more.
fn cut<T>(
    all: impl IntoIterator<Item = T>,
    limit: usize,
    warnings: &mut BTreeSet<String>,
) -> Vec<T> {
    let mut all: Vec<T> = all.into_iter().collect();
    if all.len() > limit {
        warnings.insert(format!("results truncated due to limit {limit}"));
        all.truncate(limit);
    }
    all
}

/// What any of the selectors names; all where there is none.
fn wanted_members(selectors: &[Selector]) -> Vec<(&'static Family, Member)> {
    if selectors.is_empty() {
        let members = |family: &'static Family| {
            family.members().into_iter().map(move |(member, _)| (family, member))
        };
        return FAMILIES.iter().flat_map(members).collect();
    }
    let named = selectors.iter().flat_map(selected);
    named.map(|(family, member, _)| (family, member)).collect()
}

/// The labels of every series that one of the selectors selects.
async fn found(
    app: &App,
    form: &Form,
    selectors: &[Selector],
) -> Result<(BTreeSet<Labels>, BTreeSet<String>), Refusal> {
    let (start_unix_nanos, end_unix_nanos) = form.range(app.given.clock.now_unix_nanos())?;
    let (mut all, mut warnings) = (BTreeSet::new(), BTreeSet::new());
    for selector in selectors {
        let members = selected(selector);
        for source in [Source::Spans, Source::Calls] {
            if !members.iter().any(|(family, _, _)| family.source == source) {
                continue;
            }
            let is_of_spans = source == Source::Spans;
            let question = RatesQuestion {
                start_unix_nanos,
                end_unix_nanos,
                step_nanos: None,
                conditions: if is_of_spans { conditions(selector) } else { Vec::new() },
                keys_max: KEYS_MAX,
            };
            let keys = if is_of_spans {
                labels_of(&*span_rates(app, &question).await?, &mut warnings)
            } else {
                labels_of(&*call_rates(app, &question).await?, &mut warnings)
            };
            for (family, member, name) in members.iter().filter(|it| it.0.source == source) {
                let bounds = match member {
                    Member::Bucket => family.bound_labels(),
                    _ => Vec::new(),
                };
                for labels in &keys {
                    add_series(&mut all, selector, labels, name, &bounds)?;
                }
            }
        }
    }
    Ok((all, warnings))
}

fn labels_of<K: Labelled + Ord>(rates: &Rates<K>, warnings: &mut BTreeSet<String>) -> Vec<Labels> {
    warnings.extend(rates.warnings.iter().cloned());
    let beyond = (!rates.overflow.is_empty()).then(overflow_labels);
    rates.keys.keys().map(Labelled::labels).chain(beyond).collect()
}

/// Adds a series, or one for each bound.
fn add_series(
    all: &mut BTreeSet<Labels>,
    selector: &Selector,
    labels: &Labels,
    name: &str,
    bounds: &[String],
) -> Result<(), Refusal> {
    let mut labels = labels.clone();
    labels.insert(NAME.to_owned(), name.to_owned());
    let mut add = |labels: Labels| {
        let value = |name: &str| labels.get(name).map_or("", String::as_str);
        if selector.matchers.iter().all(|matcher| matcher.passes(value(&matcher.label))) {
            all.insert(labels);
        }
    };
    if bounds.is_empty() {
        add(labels);
    } else {
        for bound in bounds {
            let mut labels = labels.clone();
            labels.insert(BOUND.to_owned(), bound.clone());
            add(labels);
        }
    }
    if all.len() > SERIES_MAX {
        return Err(Refusal::invalid(format!(
            "there are more than {SERIES_MAX} series; name more labels or narrow the range"
        )));
    }
    Ok(())
}

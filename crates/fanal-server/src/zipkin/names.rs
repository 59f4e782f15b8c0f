//! The names that Zipkin's search form offers, all in lower case: services, their spans, the services they call, and
//! values of tags.
//!
//! The store keeps services and operations as they were sent. Called services and values of tags are looked up among
//! recent spans.

use crate::refusal::Refusal;
use crate::state::App;
use fanal_model::Value;
use fanal_model::resource::UNKNOWN_SERVICE;
use fanal_storage::{AggregateSpans, GroupKey};
use std::collections::BTreeSet;

/// Spans that called services and values of tags are looked for among begin at most so long before the newest, in
/// nanoseconds.
const RECENT_NANOS: u64 = 3_600_000_000_000;

/// Most values of a tag.
const VALUES_MAX: usize = 1_000;

/// Services that spans name.
pub(super) async fn services(app: &App) -> Result<BTreeSet<String>, Refusal> {
    let found = app.ask(app.given.query.services(&app.tenant)).await?;
    let named = found.into_iter().filter(|name| name != UNKNOWN_SERVICE);
    Ok(named.map(|name| name.to_lowercase()).collect())
}

/// The spellings in which a service was sent.
pub(super) async fn spellings(app: &App, service: &str) -> Result<Vec<String>, Refusal> {
    let wanted = service.to_lowercase();
    let found = app.ask(app.given.query.services(&app.tenant)).await?;
    Ok(found
        .into_iter()
        .filter(|name| name != UNKNOWN_SERVICE && name.to_lowercase() == wanted)
        .collect())
}

/// Names of a service's spans.
pub(super) async fn span_names(app: &App, service: &str) -> Result<BTreeSet<String>, Refusal> {
    let mut names = BTreeSet::new();
    for spelling in spellings(app, service).await? {
        let found = app.ask(app.given.query.operations(&app.tenant, &spelling)).await?;
        names.extend(found.into_iter().map(|it| it.name.to_lowercase()));
    }
    names.remove("");
    Ok(names)
}

/// Services that recent spans of a service have on their other side.
pub(super) async fn remote_services(app: &App, service: &str) -> Result<BTreeSet<String>, Refusal> {
    let Some((start, end)) = recent(app).await? else { return Ok(BTreeSet::new()) };
    let service = service.to_lowercase();
    app.ask(app.given.query.remote_services(&app.tenant, &service, start, end)).await
}

/// Values of a tag on recent spans.
pub(super) async fn tag_values(app: &App, key: &str) -> Result<BTreeSet<String>, Refusal> {
    let Some((start_min_unix_nanos, start_max_unix_nanos)) = recent(app).await? else {
        return Ok(BTreeSet::new());
    };
    let mut values = BTreeSet::new();
    for group in [GroupKey::SpanAttribute(key.into()), GroupKey::ResourceAttribute(key.into())] {
        let request = AggregateSpans {
            conditions: Vec::new(),
            start_min_unix_nanos,
            start_max_unix_nanos,
            step_nanos: None,
            group_by: vec![group],
            measures: Vec::new(),
            groups_max: VALUES_MAX,
        };
        let found = app.ask(app.given.query.aggregate(&app.tenant, request)).await?;
        let told = found.groups.into_iter().filter_map(|group| group.values.into_iter().next()?);
        values.extend(told.map(|value| Value::to_text(&value)));
    }
    Ok(values)
}

/// The range of recent starts; `None` where nothing is stored.
async fn recent(app: &App) -> Result<Option<(u64, u64)>, Refusal> {
    let stats = app.ask(app.given.query.stats(&app.tenant)).await?;
    let newest = stats.newest_trace.map(|newest| newest.start_unix_nanos);
    Ok(newest.map(|newest| (newest.saturating_sub(RECENT_NANOS), u64::MAX)))
}

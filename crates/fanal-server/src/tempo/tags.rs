//! The names of what can be asked for: attributes by scope, and intrinsics.

use super::answers::{self, Answer, Notes};
use super::filter::TagFilter;
use super::form::{Form, Range};
use crate::refusal::Refusal;
use crate::state::App;
use axum::extract::State;
use fanal_base::cast;
use fanal_query::QueryError;
use fanal_storage::{AttributeLevel, ListKeys, ListedKeys};
use fanal_traceql::ast::Intrinsic;
use fanal_wire::tempo::{
    MetadataMetrics, SearchTagsResponse, SearchTagsV2Response, SearchTagsV2Scope,
};
use http::{HeaderMap, Uri};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most tags of a scope.
const TAGS_MAX: usize = 10_000;

/// A scope of attributes by its word, in the order of answers.
const SCOPES: [(&str, AttributeLevel); 5] = [
    ("resource", AttributeLevel::Resource),
    ("span", AttributeLevel::Span),
    ("event", AttributeLevel::Event),
    ("link", AttributeLevel::Link),
    ("instrumentation", AttributeLevel::Scope),
];

/// The scope of intrinsics, what stands for no scope, and a scope that has no tags.
const INTRINSIC: &str = "intrinsic";
const NONE: &str = "none";
const TRACE: &str = "trace";

/// A question for tags.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TagsQuestion {
    scope: String,
    filter: TagFilter,
    range: Range,
    tags_max: usize,
}

/// The tags of a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ScopeTags {
    pub(super) name: &'static str,
    /// Sorted.
    pub(super) tags: Vec<String>,
}

impl TagsQuestion {
    /// `tags_max` of 0 is the default.
    pub(super) fn new(
        scope: &str,
        query: &str,
        range: Range,
        tags_max: u64,
    ) -> Result<Self, Refusal> {
        let is_known = ["", NONE, INTRINSIC, TRACE].contains(&scope)
            || SCOPES.iter().any(|(name, _)| *name == scope);
        if !is_known {
            let shown: String = scope.chars().take(64).collect();
            let message = format!(
                "scope is `{shown}`; give resource, span, event, link, instrumentation, intrinsic or none"
            );
            return Err(Refusal::parameter("scope", message));
        }
        let tags_max = if tags_max == 0 { TAGS_MAX } else { cast::size(tags_max).min(TAGS_MAX) };
        let filter = TagFilter::read(query)?;
        Ok(Self { scope: scope.to_owned(), filter, range, tags_max })
    }

    fn of_form(form: &Form) -> Result<Self, Refusal> {
        let text = |name: &str| form.text(name).unwrap_or_default();
        let limit = form.number("limit")?.unwrap_or(0);
        Self::new(text("scope"), text("q"), form.range()?, limit)
    }

    /// Whether the scope wanted is that of this word, or none.
    fn wants(&self, name: &str) -> bool {
        self.scope.is_empty() || self.scope == NONE || self.scope == name
    }
}

/// Tags by scope, those scopes that have any; intrinsics where no other scope is asked for.
pub(super) async fn by_scope(
    app: &App,
    question: &TagsQuestion,
) -> Result<(Vec<ScopeTags>, Notes), Refusal> {
    let mut scopes = Vec::new();
    let mut notes = Notes::default();
    let wanted: Vec<_> = SCOPES.iter().filter(|(name, _)| question.wants(name)).collect();
    if !wanted.is_empty() {
        let mut listed = app.ask(list(app, question)).await?;
        for (name, level) in wanted {
            let tags: Vec<String> = listed.keys.remove(level).into_iter().flatten().collect();
            if !tags.is_empty() {
                scopes.push(ScopeTags { name, tags });
            }
        }
        notes.partial = listed.warnings;
    }
    if question.wants(INTRINSIC) {
        scopes.push(ScopeTags { name: INTRINSIC, tags: intrinsics() });
    }
    Ok((scopes, notes))
}

async fn list(app: &App, question: &TagsQuestion) -> Result<ListedKeys, QueryError> {
    let Some(conditions) = question.filter.conditions() else { return Ok(ListedKeys::default()) };
    let request = ListKeys {
        conditions,
        start_min_unix_nanos: question.range.start_unix_nanos,
        start_max_unix_nanos: question.range.end_unix_nanos,
        keys_max: question.tags_max,
    };
    app.given.query.list_keys(&app.tenant, request).await
}

/// Names of all scopes together; intrinsics only where they are asked for.
pub(super) async fn flat(
    app: &App,
    question: &TagsQuestion,
) -> Result<(Vec<String>, Notes), Refusal> {
    let (scopes, notes) = by_scope(app, question).await?;
    let is_wanted = |scope: &ScopeTags| scope.name != INTRINSIC || question.scope == INTRINSIC;
    let tags = scopes.into_iter().filter(is_wanted).flat_map(|scope| scope.tags);
    let distinct: BTreeSet<String> = tags.collect();
    Ok((distinct.into_iter().collect(), notes))
}

/// Both spellings of every intrinsic that has values to choose from or is worth to be offered.
fn intrinsics() -> Vec<String> {
    let is_hidden = |it: &Intrinsic| {
        matches!(
            it,
            Intrinsic::ChildCount
                | Intrinsic::NestedSetLeft
                | Intrinsic::NestedSetRight
                | Intrinsic::NestedSetParent
                | Intrinsic::Parent
        )
    };
    let shown = Intrinsic::ALL.into_iter().filter(|it| !is_hidden(it));
    let names = shown.flat_map(|it| [Some(it.as_str()), it.scoped_str()]).flatten();
    let sorted: BTreeSet<String> = names.map(ToOwned::to_owned).collect();
    sorted.into_iter().collect()
}

/// `GET /api/search/tags`
pub(super) async fn v1(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap) -> Answer {
    let question = TagsQuestion::of_form(&Form::read(&uri)?)?;
    let question = TagsQuestion { filter: TagFilter::default(), ..question };
    let (tag_names, notes) = flat(&app, &question).await?;
    let metrics = Some(MetadataMetrics::default());
    answers::message(&app, &headers, &SearchTagsResponse { tag_names, metrics }, &notes)
}

/// `GET /api/v2/search/tags`
pub(super) async fn v2(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap) -> Answer {
    let question = TagsQuestion::of_form(&Form::read(&uri)?)?;
    let (scopes, notes) = by_scope(&app, &question).await?;
    let write = |it: ScopeTags| SearchTagsV2Scope { name: it.name.to_owned(), tags: it.tags };
    let scopes = scopes.into_iter().map(write).collect();
    let metrics = Some(MetadataMetrics::default());
    answers::message(&app, &headers, &SearchTagsV2Response { scopes, metrics }, &notes)
}

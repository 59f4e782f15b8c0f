//! A part of a trace: the spans that meet a filter and, as far as they are asked for, those above and below them.
//!
//! Read from the parameters of the second call that fetches a trace. What is a match is the evaluator's to say, over the whole
//! trace; what stands above and below follows the tree that people are shown.

use super::form::Form;
use crate::refusal::Refusal;
use fanal_base::cast;
use fanal_model::{RowRef, SpanBatch, gather};
use fanal_query::Trace;
use fanal_traceql::ast::{Body, SpansetExpression, SpansetQuery, Stage};
use fanal_traceql::check::Checked;
use fanal_traceql::compile;
use fanal_traceql::eval::{self, Warnings};

/// Levels of the tree that stand for all of them.
const ALL_LEVELS: u32 = u32::MAX;

/// What of a trace is asked for.
#[derive(Debug)]
pub(super) struct Excerpt {
    filter: Checked,
    /// Levels above a match.
    above: u32,
    /// Levels below a match.
    below: u32,
}

impl Excerpt {
    /// Of the parameters `q`, `keep_hierarchy`, `match_depth` and `ancestor_depth`; `None` where the whole trace is asked for.
    pub(super) fn of_form(form: &Form) -> Result<Option<Self>, Refusal> {
        let below = levels(form, "match_depth", 0)?;
        let above = levels(form, "ancestor_depth", ALL_LEVELS)?;
        let keeps_hierarchy = match form.text("keep_hierarchy").unwrap_or("false") {
            "true" | "1" => true,
            "false" | "0" => false,
            _ => {
                let message = "keep_hierarchy is neither true nor false; give one of them";
                return Err(Refusal::parameter("keep_hierarchy", message));
            }
        };
        let Some(text) = form.text("q") else { return Ok(None) };
        let (filter, _) =
            compile(text).map_err(|error| Refusal::parameter("q", error.render(text)))?;
        if !is_one_filter(&filter) {
            let message = "q asks for more than spans that meet one filter; give one, as in `{ status = error }`";
            return Err(Refusal::parameter("q", message));
        }
        Ok(Some(Self { filter, above: if keeps_hierarchy { above } else { 0 }, below }))
    }

    /// The rows of the trace's spans that are asked for, in their order.
    pub(super) fn rows(&self, trace: &Trace) -> Vec<u32> {
        let mut is_match = vec![false; trace.spans.len()];
        for row in matching_rows(&self.filter, trace) {
            is_match[row] = true;
        }
        let rows = &trace.rows;
        let is_match: Vec<bool> = rows
            .iter()
            .map(|row| row.span.is_some_and(|span| is_match[cast::index(span)]))
            .collect();
        let parent = |ordinal: usize| rows[ordinal].parent.map(cast::index);
        // Levels that are still asked for, downwards from what is above and then upwards from what is below.
        let mut down: Vec<Option<u32>> = vec![None; rows.len()];
        for ordinal in 0..rows.len() {
            let inherited = parent(ordinal).and_then(|parent| down[parent]?.checked_sub(1));
            down[ordinal] = if is_match[ordinal] { Some(self.below) } else { inherited };
        }
        let mut up: Vec<Option<u32>> =
            is_match.iter().map(|&is_match| is_match.then_some(self.above)).collect();
        for ordinal in (0..rows.len()).rev() {
            let Some(parent) = parent(ordinal) else { continue };
            up[parent] = up[parent].max(up[ordinal].and_then(|levels| levels.checked_sub(1)));
        }
        let asked = (0..rows.len()).filter(|&it| down[it].is_some() || up[it].is_some());
        let mut kept: Vec<u32> = asked.filter_map(|ordinal| rows[ordinal].span).collect();
        kept.sort_unstable();
        kept
    }
}

/// A number of levels: -1 are all.
fn levels(form: &Form, name: &str, default: u32) -> Result<u32, Refusal> {
    match form.text(name) {
        None => Ok(default),
        Some("-1") => Ok(ALL_LEVELS),
        Some(text) => text.parse().map_err(|_| {
            let shown: String = text.chars().take(64).collect();
            let message = format!("{name} is `{shown}`; give a number of levels, or -1 for all");
            Refusal::parameter(name, message)
        }),
    }
}

fn is_one_filter(query: &Checked) -> bool {
    let Body::Search(SpansetQuery::Pipeline(pipeline)) = &query.query().body else { return false };
    matches!(&*pipeline.stages, [Stage::Spansets(SpansetExpression::Filter(_))])
}

/// Rows of the spans that match. The evaluator has them by start and id, and otherwise in their order.
fn matching_rows(filter: &Checked, trace: &Trace) -> Vec<usize> {
    let batch = trace.spans.batch();
    let mut order: Vec<usize> = (0..trace.spans.len()).collect();
    order.sort_by_key(|&row| (batch.start_unix_nanos[row], batch.span_ids[row]));
    let mut matching = Vec::new();
    for evaluated in eval::Trace::of_batch(&trace.spans) {
        for set in eval::search(filter, &evaluated, &mut Warnings::default()) {
            matching.extend(set.spans.into_iter().filter_map(|place| order.get(place)));
        }
    }
    matching
}

/// Some rows of a batch.
pub(super) fn part(batch: &SpanBatch, rows: &[u32]) -> SpanBatch {
    let rows: Vec<RowRef> = rows.iter().map(|&row| RowRef { source: 0, row }).collect();
    gather(&[batch], &rows, &|| {})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::span_id;
    use fanal_model::{Resource, Scope, SpanBatchBuilder, SpanFields, SpanId, TraceId};
    use http::Uri;

    /// 1 above 2 above 3 above 4, 2 above 5, and 6 whose parent is missing; each is named by its number.
    fn trace() -> Trace {
        let mut builder = SpanBatchBuilder::default();
        let resource = builder.intern_resource(&Resource::default());
        let scope = builder.intern_scope(&Scope::default());
        for (id, parent) in [(6, 9), (4, 3), (3, 2), (5, 2), (2, 1), (1, 0)] {
            builder.finish_span(&SpanFields {
                trace_id: TraceId([1; 16]),
                span_id: span_id(id),
                parent_span_id: if parent == 0 { SpanId::default() } else { span_id(parent) },
                start_unix_nanos: id.into(),
                end_unix_nanos: 10,
                name: &id.to_string(),
                resource,
                scope,
                ..SpanFields::default()
            });
        }
        Trace::build(TraceId([1; 16]), builder.finish(), Vec::new()).expect("decodes")
    }

    fn form(query: &str) -> Form {
        let pairs =
            [(' ', "%20"), ('"', "%22"), ('{', "%7B"), ('}', "%7D"), ('>', "%3E"), ('|', "%7C")];
        let query =
            pairs.iter().fold(query.to_owned(), |query, (from, to)| query.replace(*from, to));
        let uri: Uri = format!("/?{query}").parse().expect("an address");
        Form::read(&uri).expect("a form")
    }

    #[test]
    fn what_is_above_and_below_comes_as_far_as_it_is_asked_for() {
        let trace = trace();
        let check = |query: &str, expect: &str| {
            let excerpt = Excerpt::of_form(&form(query)).expect("well-formed").expect("a filter");
            let part = part(trace.spans.batch(), &excerpt.rows(&trace));
            let mut names: Vec<u8> = part.span_ids.iter().map(|id| id.0[7]).collect();
            names.sort_unstable();
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            assert_eq!(names.join(""), expect, "{query}");
        };
        check("q={ name = \"3\" }", "3");
        check("q={ name = \"0\" }", "");
        check("q={ }", "123456");
        check("q={ name = \"3\" }&ancestor_depth=1", "3");
        check("q={ name = \"3\" }&keep_hierarchy=true", "123");
        check("q={ name = \"3\" }&keep_hierarchy=true&ancestor_depth=1", "23");
        check("q={ name = \"3\" }&keep_hierarchy=true&ancestor_depth=0", "3");
        check("q={ name = \"2\" }&match_depth=1", "235");
        check("q={ name = \"2\" }&match_depth=-1", "2345");
        check("q={ name = \"1\" }&match_depth=2", "1235");
        check("q={ name = \"1\" || name = \"3\" }&match_depth=1", "1234");
        check("q={ name = \"2\" }&match_depth=1&keep_hierarchy=1", "1235");
        check("q={ name = \"6\" }&keep_hierarchy=true&match_depth=-1", "6");
    }

    #[test]
    fn anything_but_one_filter_is_refused() {
        let check = |query: &str, expect: &str| {
            let refusal = Excerpt::of_form(&form(query)).expect_err(query);
            assert!(refusal.message.contains(expect), "{query}: {}", refusal.message);
        };
        check("q={ } > { }", "one filter");
        check("q={ } | rate()", "one filter");
        check("q={ } | { }", "one filter");
        check("q={ .a = }", "syntax error");
        check("q={ }&match_depth=-2", "match_depth is `-2`");
        check("q={ }&keep_hierarchy=yes", "neither true nor false");
        assert!(Excerpt::of_form(&form("match_depth=1")).expect("well-formed").is_none());
    }
}

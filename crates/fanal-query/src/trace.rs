//! A whole trace as a tree in display order, with what a person should know about it.

use crate::duplicates;
use crate::summary::TraceSummary;
use crate::tree::Tree;
use fanal_model::{IndexedBatch, InvalidBatch, SpanBatch, SpanId, TraceId};

/// A whole trace: rows are pre-order (a parent before its children, siblings by start and then span id).
#[derive(Debug)]
pub struct Trace {
    /// The trace.
    pub trace_id: TraceId,
    /// Its spans, exact duplicates removed.
    pub spans: IndexedBatch,
    /// The rows in display order, synthetic ones for missing parents included.
    pub rows: Vec<TraceRow>,
    /// The trace in numbers.
    pub summary: TraceSummary,
    /// Why spans may be missing, in the words of the store; empty when none is.
    pub store_warnings: Vec<String>,
    /// What a person should know, the words of the store first: missing parents, several roots, cycles, ends before starts, missing parts.
    pub warnings: Vec<String>,
}

/// One row of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceRow {
    /// Row in `spans`; `None` for a parent that never arrived.
    pub span: Option<u32>,
    /// Id of the span, or of the missing parent.
    pub span_id: SpanId,
    /// Ordinal of the parent row.
    pub parent: Option<u32>,
    /// Level, 0 for a root.
    pub depth: u32,
    /// One past the last row of the subtree.
    pub subtree_end: u32,
    /// Whether the parent reference was dropped because it closed a cycle.
    pub is_cycle_broken: bool,
}

impl Trace {
    /// Assembles the spans of one trace. Fails where a resource or scope does not
    /// decode.
    pub fn build(
        trace_id: TraceId,
        spans: SpanBatch,
        store_warnings: Vec<String>,
    ) -> Result<Self, InvalidBatch> {
        let spans = duplicates::remove(spans)?;
        let tree = Tree::build(&spans);
        let mut warnings = store_warnings.clone();
        warnings.extend(oddities(&spans, &tree));
        let summary = TraceSummary::of(trace_id, &spans);
        Ok(Self { trace_id, spans, rows: tree.rows, summary, store_warnings, warnings })
    }
}

/// What is odd about a trace, in plain words.
fn oddities(spans: &IndexedBatch, tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    if tree.missing_parents > 0 {
        found.push(format!(
            "{} under {} that never arrived",
            count(tree.orphans, "span hangs", "spans hang"),
            count(tree.missing_parents, "parent", "parents"),
        ));
    }
    let batch = spans.batch();
    let is_root =
        |row: &&TraceRow| row.parent.is_none() && row.span.is_some() && !row.is_cycle_broken;
    match tree.rows.iter().filter(is_root).count() {
        0 if !spans.is_empty() => found.push("the root span has not arrived".to_owned()),
        0 | 1 => {}
        roots => found.push(format!("the trace has {roots} root spans")),
    }
    if tree.cycles > 0 {
        found.push(format!(
            "{} in a circle; one reference of each circle was dropped",
            count(tree.cycles, "group of spans refers", "groups of spans refer"),
        ));
    }
    if tree.shared_ids > 0 {
        found.push(format!("{} share their id with another span", count_spans(tree.shared_ids)));
    }
    let times = batch.start_unix_nanos.iter().zip(&batch.end_unix_nanos);
    match times.filter(|(start, end)| end < start).count() {
        0 => {}
        1 => found.push("1 span ends before it starts".to_owned()),
        many => found.push(format!("{many} spans end before they start")),
    }
    found
}

fn count_spans(number: usize) -> String {
    count(number, "span", "spans")
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanal_model::{Resource, Scope, SpanBatchBuilder, SpanFields, SpanKind, ValueRef};
    use std::fmt::Write as _;

    const TRACE: TraceId = TraceId([7; 16]);

    /// A span: id, parent (0 for none), start, kind.
    type Short = (u64, u64, u64, SpanKind);

    fn batch(spans: impl IntoIterator<Item = Short>) -> SpanBatch {
        let mut builder = SpanBatchBuilder::default();
        let resource = builder.intern_resource(&Resource::default());
        let scope = builder.intern_scope(&Scope::default());
        for (id, parent, start, kind) in spans {
            let position = SpanKind::ALL.iter().position(|known| *known == kind).expect("known");
            builder.attribute("start", ValueRef::Int(start.cast_signed()));
            builder.finish_span(&SpanFields {
                trace_id: TRACE,
                span_id: SpanId(id.to_be_bytes()),
                parent_span_id: SpanId(parent.to_be_bytes()),
                start_unix_nanos: start,
                end_unix_nanos: start + 10,
                kind: u8::try_from(position).expect("small"),
                resource,
                scope,
                name: "work",
                ..SpanFields::default()
            });
        }
        builder.finish()
    }

    fn internal(spans: &[(u64, u64, u64)]) -> SpanBatch {
        batch(spans.iter().map(|&(id, parent, start)| (id, parent, start, SpanKind::Internal)))
    }

    /// One line a row: indentation, id, start (`?` for a missing parent), `!` where a cycle was broken.
    fn draw(trace: &Trace) -> String {
        let mut text = String::new();
        for (ordinal, row) in trace.rows.iter().enumerate() {
            let depth = usize::try_from(row.depth).expect("small");
            let id = u64::from_be_bytes(row.span_id.0);
            let start = row.span.map(|span| trace.spans.span(span as usize).start_unix_nanos());
            let start = start.map_or("?".to_owned(), |start| start.to_string());
            let mark = if row.is_cycle_broken { "!" } else { "" };
            let _ = writeln!(text, "{}{id}@{start}{mark}", ".".repeat(depth));
            let inside = (ordinal + 1..row.subtree_end as usize)
                .all(|inner| trace.rows[inner].depth > row.depth);
            let behind = trace.rows.get(row.subtree_end as usize);
            assert!(inside && behind.is_none_or(|behind| behind.depth <= row.depth), "{row:?}");
            match row.parent {
                None => assert_eq!(row.depth, 0),
                Some(parent) => assert_eq!(trace.rows[parent as usize].depth + 1, row.depth),
            }
        }
        text
    }

    fn check(batch: SpanBatch, rows: &str, warnings: &[&str]) {
        let trace = Trace::build(TRACE, batch, vec!["one block is unreadable".into()]);
        let trace = trace.expect("decodes");
        assert_eq!(draw(&trace).lines().collect::<Vec<_>>().join(" "), rows);
        assert_eq!(trace.warnings[0], "one block is unreadable");
        assert_eq!(&trace.warnings[1..], warnings, "{rows}");
    }

    #[test]
    fn spans_are_rows_in_display_order() {
        check(internal(&[]), "", &[]);
        check(internal(&[(1, 0, 5)]), "1@5", &[]);
        // Children before parents, siblings by start and then id.
        let spans = [(4, 2, 9), (3, 1, 7), (2, 1, 7), (5, 1, 6), (1, 0, 5)];
        check(internal(&spans), "1@5 .5@6 .2@7 ..4@9 .3@7", &[]);
        check(
            internal(&[(2, 0, 6), (1, 0, 6), (3, 0, 5)]),
            "3@5 1@6 2@6",
            &["the trace has 3 root spans"],
        );
    }

    #[test]
    fn missing_parents_become_rows() {
        check(
            internal(&[(1, 0, 5), (2, 9, 8), (3, 9, 7), (4, 8, 6), (5, 2, 9)]),
            "1@5 8@? .4@6 9@? .3@7 .2@8 ..5@9",
            &["3 spans hang under 2 parents that never arrived"],
        );
        check(
            internal(&[(2, 1, 8)]),
            "1@? .2@8",
            &["1 span hangs under 1 parent that never arrived", "the root span has not arrived"],
        );
    }

    #[test]
    fn cycles_are_broken_where_they_start_first() {
        const RING: &str =
            "1 group of spans refers in a circle; one reference of each circle was dropped";
        let rootless = "the root span has not arrived";
        check(internal(&[(1, 1, 5)]), "1@5!", &[rootless, RING]);
        check(
            internal(&[(1, 3, 6), (2, 1, 5), (3, 2, 7), (4, 3, 8), (5, 4, 9)]),
            "2@5! .3@7 ..1@6 ..4@8 ...5@9",
            &[rootless, RING],
        );
        check(
            internal(&[(1, 2, 5), (2, 1, 6), (3, 4, 7), (4, 3, 7), (5, 0, 9)]),
            "1@5! .2@6 3@7! .4@7 5@9",
            &["2 groups of spans refer in a circle; one reference of each circle was dropped"],
        );
    }

    #[test]
    fn exact_duplicates_go_and_shared_ids_stay() {
        check(internal(&[(1, 0, 5), (2, 1, 6), (1, 0, 5), (2, 1, 6), (2, 1, 6)]), "1@5 .2@6", &[]);
        let shared = "2 spans share their id with another span";
        // The same id twice: children hang under the earlier.
        let spans = [(1, 0, 5), (2, 1, 8), (2, 1, 6), (3, 2, 9)];
        check(internal(&spans), "1@5 .2@6 ..3@9 .2@8", &[shared]);
        // Zipkin's shared span: the server under the client, children under the server.
        check(
            batch([
                (1, 0, 5, SpanKind::Server),
                (2, 1, 6, SpanKind::Client),
                (2, 1, 7, SpanKind::Server),
                (3, 2, 8, SpanKind::Client),
            ]),
            "1@5 .2@6 ..2@7 ...3@8",
            &[shared],
        );
        // The root shared by a client and a server.
        check(
            batch([(1, 0, 7, SpanKind::Server), (1, 0, 6, SpanKind::Client)]),
            "1@6 .1@7",
            &[shared],
        );
    }

    #[test]
    fn every_field_tells_spans_apart() {
        let mut builder = SpanBatchBuilder::default();
        let span = SpanFields { trace_id: TRACE, span_id: SpanId([1; 8]), ..SpanFields::default() };
        let resource = builder.intern_resource(&Resource::default());
        let other = Resource { dropped_attributes_count: 1, ..Resource::default() };
        let other = builder.intern_resource(&other);
        let scope = builder.intern_scope(&Scope::default());
        let span = SpanFields { resource, scope, ..span };
        let variants = [
            span,
            SpanFields { parent_span_id: SpanId([2; 8]), ..span },
            SpanFields { end_unix_nanos: 1, ..span },
            SpanFields { kind: 1, ..span },
            SpanFields { status_code: 1, ..span },
            SpanFields { flags: 1, ..span },
            SpanFields { name: "n", ..span },
            SpanFields { trace_state: "n", ..span },
            SpanFields { status_message: "n", ..span },
            SpanFields { resource: other, ..span },
            SpanFields { dropped_events_count: 1, ..span },
        ];
        let nans = [f64::NAN, -f64::NAN];
        let tables: [fn(&mut SpanBatchBuilder, f64); 3] = [
            |builder, value| builder.attribute("a", ValueRef::Float(value)),
            |builder, value| {
                builder.event_attribute("a", ValueRef::Float(value));
                builder.finish_event(1, "e", 0);
            },
            |builder, value| {
                builder.link_attribute("a", ValueRef::Float(value));
                builder.finish_link(fanal_model::builder::LinkFields::default());
            },
        ];
        for _ in 0..2 {
            variants.iter().for_each(|variant| builder.finish_span(variant));
            for table in tables {
                for value in nans {
                    table(&mut builder, value);
                    builder.finish_span(&span);
                }
            }
        }
        let trace = Trace::build(TRACE, builder.finish(), Vec::new()).expect("decodes");
        assert_eq!(trace.spans.len(), variants.len() + tables.len() * nans.len());
    }

    #[test]
    fn ends_before_starts_are_told() {
        let mut batch = internal(&[(1, 0, 5), (2, 1, 6)]);
        batch.end_unix_nanos[1] = 0;
        check(batch.clone(), "1@5 .2@6", &["1 span ends before it starts"]);
        batch.end_unix_nanos[0] = 0;
        check(batch, "1@5 .2@6", &["2 spans end before they start"]);
    }

    #[test]
    fn deep_wide_and_circular_traces_are_built() {
        let many = 100_000;
        let chain = (1..=many).rev().map(|id| (id, id - 1, id, SpanKind::Internal));
        let trace = Trace::build(TRACE, batch(chain), Vec::new()).expect("decodes");
        assert_eq!(trace.rows.last().map(|row| u64::from(row.depth)), Some(many - 1));
        let fan = (1..=many).map(|id| (id, u64::from(id > 1), id, SpanKind::Internal));
        let trace = Trace::build(TRACE, batch(fan), Vec::new()).expect("decodes");
        assert_eq!(u64::from(trace.rows[0].subtree_end), many);
        let ring = (1..=many).map(|id| (id, id % many + 1, id, SpanKind::Internal));
        let trace = Trace::build(TRACE, batch(ring), Vec::new()).expect("decodes");
        assert_eq!(trace.rows.iter().filter(|row| row.is_cycle_broken).count(), 1);
        let same = (1..=many).map(|start| (1, 1, start, SpanKind::Server));
        let trace = Trace::build(TRACE, batch(same), Vec::new()).expect("decodes");
        assert_eq!(trace.rows.len(), trace.spans.len());
    }
}

//! The check of what segments promise beyond their checksums: dictionaries hold what their columns say, and what the
//! directory tells of a granule is true for its values.

use crate::segment::{
    AttributeOwner, AttributeStats, ColumnValues, DictionaryId, Granule, NumericRange, Segment,
    SegmentError, TextColumn, duration_step,
};
use fanal_base::cast;
use fanal_model::{AttributeType, BytesTable, Resource, Scope, SpanBatch, SpanKind, StatusCode};
use std::ops::Range;

/// Whether a dictionary holds what its column says.
type Holds = fn(&BytesTable) -> bool;

/// Fixed text columns with what their entries are.
const TEXTS: [(TextColumn, Holds); 7] = [
    (TextColumn::Names, BytesTable::is_text),
    (TextColumn::Resources, |table| table.iter().all(|entry| Resource::decode(entry).is_ok())),
    (TextColumn::Scopes, |table| table.iter().all(|entry| Scope::decode(entry).is_ok())),
    (TextColumn::TraceStates, BytesTable::is_text),
    (TextColumn::StatusMessages, BytesTable::is_text),
    (TextColumn::EventNames, BytesTable::is_text),
    (TextColumn::LinkTraceStates, BytesTable::is_text),
];

/// What is wrong with the dictionaries and shapes of a segment.
pub(super) fn check_dictionaries(segment: &Segment) -> Vec<String> {
    let mut found = Vec::new();
    let mut check =
        |id: DictionaryId, holds: &dyn Fn(&BytesTable) -> bool| match segment.dictionary(id) {
            Ok(Some(table)) if !table.is_valid() || !holds(&table) => {
                found.push(format!("dictionary {id:?} holds what is no entry of it"));
            }
            Ok(_) => {}
            Err(error) => found.push(format!("dictionary {id:?}: {error}")),
        };
    for (column, holds) in TEXTS {
        check(DictionaryId::Text(column), &holds);
    }
    for owner in AttributeOwner::ALL {
        for (column, meta) in (0..).zip(segment.attribute_columns(owner)) {
            let is_text = meta.kind == Some(AttributeType::String);
            check(DictionaryId::Attribute(owner, column), &|table| !is_text || table.is_text());
        }
    }
    for owner in AttributeOwner::ALL {
        if let Err(error) = segment.shapes(owner) {
            found.push(format!("shapes of {owner:?}: {error}"));
        }
    }
    found
}

/// What is untrue of what the directory tells of a granule, whose spans are `rows` of the batch.
pub(super) fn check_granule(
    segment: &Segment,
    number: usize,
    batch: &SpanBatch,
    rows: Range<usize>,
) -> Result<Vec<String>, SegmentError> {
    let Some(granule) = segment.granules().get(number) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    if !times_hold(granule, batch, rows.clone()) {
        found.push("range of times or durations leaves a span out".to_owned());
    }
    let kinds = batch.kinds.get(rows.clone()).unwrap_or_default();
    if !kinds.iter().all(|&kind| granule.may_have_kind(SpanKind::from_code(kind))) {
        found.push("set of kinds leaves a span out".to_owned());
    }
    let codes = batch.status_codes.get(rows).unwrap_or_default();
    if !codes.iter().all(|&code| granule.may_have_status(StatusCode::from_code(code))) {
        found.push("set of status codes leaves a span out".to_owned());
    }
    for (set, codes, what) in [
        (&granule.names, segment.name_codes(number)?, "names"),
        (&granule.resources, segment.resource_codes(number)?, "resources"),
        (&granule.scopes, segment.scope_codes(number)?, "scopes"),
    ] {
        if !codes.iter().all(|&code| set.may_contain(code)) {
            found.push(format!("set of {what} leaves a span out"));
        }
    }
    if let Some(classes) = segment.class_codes(number)? {
        found.extend(check_classes(
            segment,
            granule,
            &classes,
            &segment.resource_codes(number)?,
            &segment.durations(number)?,
        )?);
    }
    for stats in granule.attributes() {
        let values = segment.attribute_values(stats.owner, stats.column, number)?;
        if !values.is_some_and(|values| range_holds(stats, &values)) {
            let columns = segment.attribute_columns(stats.owner);
            let key = columns.get(cast::index(stats.column)).map_or("", |meta| &*meta.key);
            found.push(format!("range of the attribute `{key}` leaves a value out"));
        }
    }
    Ok(found)
}

/// What is untrue of what classes tell of services and durations. `codes` are the classes of the granule's spans.
fn check_classes(
    segment: &Segment,
    granule: &Granule,
    codes: &[u32],
    resources: &[u32],
    durations: &[u64],
) -> Result<Vec<String>, SegmentError> {
    let Some(classes) = segment.classes()? else { return Ok(Vec::new()) };
    let summary = segment.resource_summary()?;
    let mut found = Vec::new();
    let is_served = |(&class, &resource): (&u32, &u32)| {
        classes.services.get(cast::index(class)) == summary.service_of.get(cast::index(resource))
    };
    if !classes.services.is_empty() && !codes.iter().zip(resources).all(is_served) {
        found.push("class of a span is of another service".to_owned());
    }
    let is_held = |(&class, &nanos): (&u32, &u64)| {
        let longest = classes.duration_steps.get(cast::index(class));
        longest.is_some_and(|&longest| longest >= duration_step(nanos))
            && granule.slowest.may_hold(class, nanos)
    };
    if !codes.iter().zip(durations).all(is_held) {
        found.push("longest durations of classes leave a span out".to_owned());
    }
    Ok(found)
}

fn times_hold(granule: &Granule, batch: &SpanBatch, rows: Range<usize>) -> bool {
    rows.into_iter().all(|row| {
        let (start, end) = (batch.start_unix_nanos[row], batch.end_unix_nanos[row]);
        let duration = batch.duration_nanos(row);
        (granule.start_min_unix_nanos..=granule.start_max_unix_nanos).contains(&start)
            && end <= granule.end_max_unix_nanos
            && (granule.duration_min_nanos..=granule.duration_max_nanos).contains(&duration)
    })
}

fn range_holds(stats: &AttributeStats, values: &ColumnValues) -> bool {
    match (values, stats.range) {
        (ColumnValues::Int(values), Some(NumericRange::Int { min, max })) => {
            values.iter().all(|value| (min..=max).contains(value))
        }
        (ColumnValues::Int(values), None) => values.is_empty(),
        (ColumnValues::Float(values), Some(NumericRange::Float { min, max })) => {
            values.iter().all(|value| value.is_nan() || (min..=max).contains(value))
        }
        (ColumnValues::Float(values), None) => values.iter().all(|value| value.is_nan()),
        (ColumnValues::Int(_) | ColumnValues::Float(_), _) => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::{EncodeOptions, encode};
    use fanal_model::{SpanBatchBuilder, SpanFields, SpanId, TraceId, Value, ValueRef};
    use std::sync::Arc;

    fn batch(change: fn(&mut SpanFields<'_>)) -> SpanBatch {
        let mut builder = SpanBatchBuilder::default();
        let resource = builder.intern_resource(&Resource::default());
        let scope = builder.intern_scope(&Scope::default());
        builder.attribute("int", ValueRef::Int(5));
        builder.attribute("float", ValueRef::Float(5.0));
        let mut span = SpanFields {
            trace_id: TraceId([1; 16]),
            span_id: SpanId([1; 8]),
            start_unix_nanos: 100,
            end_unix_nanos: 200,
            kind: 2,
            status_code: 1,
            resource,
            scope,
            ..SpanFields::default()
        };
        change(&mut span);
        builder.finish_span(&span);
        builder.finish()
    }

    #[test]
    fn what_the_directory_says_is_compared_with_spans() {
        let bytes = encode(&batch(|_| {}), EncodeOptions::LOG).expect("encodes");
        let segment = Segment::open(Arc::new(bytes)).expect("opens");
        assert!(check_dictionaries(&segment).is_empty());
        let check = |change: fn(&mut SpanFields<'_>), expect: &[&str]| {
            let found = check_granule(&segment, 0, &batch(change), 0..1).expect("reads");
            assert_eq!(found, expect);
        };
        check(|_| {}, &[]);
        check(
            |span| span.start_unix_nanos = 99,
            &["range of times or durations leaves a span out"],
        );
        check(|span| span.end_unix_nanos = 201, &["range of times or durations leaves a span out"]);
        check(|span| span.kind = 3, &["set of kinds leaves a span out"]);
        check(|span| span.status_code = 2, &["set of status codes leaves a span out"]);
    }

    #[test]
    fn classes_are_compared_with_services_and_durations() {
        let mut builder = SpanBatchBuilder::default();
        let scope = builder.intern_scope(&Scope::default());
        for number in 0..32_u8 {
            let name = Value::String(format!("service-{}", number % 2));
            let attributes = vec![("service.name".to_owned(), name)];
            let resource = Resource { attributes, ..Resource::default() };
            let resource = builder.intern_resource(&resource);
            builder.finish_span(&SpanFields {
                trace_id: TraceId([number; 16]),
                end_unix_nanos: 1000,
                name: if number % 2 == 0 { "even" } else { "odd" },
                resource,
                scope,
                ..SpanFields::default()
            });
        }
        let bytes = encode(&builder.finish(), EncodeOptions::BLOCK).expect("encodes");
        let segment = Segment::open(Arc::new(bytes)).expect("opens");
        let granule = &segment.granules()[0];
        let codes = segment.class_codes(0).expect("reads").expect("has classes");
        let resources = segment.resource_codes(0).expect("reads");
        let check = |resource: u32, nanos: u64, expect: &[&str]| {
            let mut resources = resources.clone();
            resources[0] = resource;
            let mut durations = vec![1000; 32];
            durations[31] = nanos;
            let found = check_classes(&segment, granule, &codes, &resources, &durations);
            assert_eq!(found.expect("reads"), expect);
        };
        let own = resources[0];
        check(own, 1000, &[]);
        check(1 - own, 1000, &["class of a span is of another service"]);
        check(own, 2000, &["longest durations of classes leave a span out"]);
    }

    #[test]
    fn ranges_must_hold_every_value() {
        let bytes = encode(&batch(|_| {}), EncodeOptions::LOG).expect("encodes");
        let segment = Segment::open(Arc::new(bytes)).expect("opens");
        let [first, second] = segment.granules()[0].attributes() else { panic!("two columns") };
        let check = |stats: &AttributeStats, values: ColumnValues, expect: bool| {
            assert_eq!(range_holds(stats, &values), expect, "{values:?}");
        };
        check(first, ColumnValues::Int(vec![5]), true);
        check(first, ColumnValues::Int(vec![6]), false);
        check(first, ColumnValues::Float(vec![5.0]), false);
        check(second, ColumnValues::Float(vec![5.0, f64::NAN]), true);
        check(second, ColumnValues::Float(vec![4.9]), false);
        let mut unknown = *second;
        unknown.range = None;
        check(&unknown, ColumnValues::Float(vec![f64::NAN]), true);
        check(&unknown, ColumnValues::Float(vec![4.9]), false);
        check(&unknown, ColumnValues::Bool(vec![true]), true);
    }
}

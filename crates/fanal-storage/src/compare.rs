//! How often spans have which values of everything that they carry: some of them beside all others, in time buckets.
//!
//! Asked through `SpanStore::compare`; what is made of the numbers is the query crate's affair. [`compare_spans`] is the
//! meaning that every backend must agree with. Spans are counted as they are stored, exact duplicates too.

use crate::aggregate::{BUCKETS_MAX, encode_ref, encode_text};
use crate::error::StoreError;
use crate::predicate::SpanCondition;
use crate::request::ScanCounts;
use fanal_model::{SpanRef, Value, nested};
use foldhash::fast::RandomState;
use std::collections::{BTreeMap, HashMap};

/// A question for the values of spans that meet all conditions and start in the range.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CompareSpans {
    /// Conditions, combined by AND.
    pub conditions: Vec<SpanCondition>,
    /// What the selected of these spans must meet besides, combined by AND.
    pub selection: Vec<SpanCondition>,
    /// Earliest and latest start of a selected span, both inclusive, where not every start will do.
    pub selection_starts: Option<(u64, u64)>,
    /// Earliest span start, inclusive, nanoseconds since the Unix epoch.
    pub start_min_unix_nanos: u64,
    /// Latest span start, inclusive.
    pub start_max_unix_nanos: u64,
    /// Width of a time bucket, at least 1; the first begins at `start_min_unix_nanos`. `None`: one bucket holds all.
    /// At most [`BUCKETS_MAX`] buckets may cover the range.
    pub step_nanos: Option<u64>,
    /// Most values that are counted of each field.
    pub values_max: usize,
}

/// Something that spans have values of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ComparedField {
    /// The span name.
    Name,
    /// The kind, by its word.
    Kind,
    /// The status code, by its word.
    Status,
    /// The text of the status, empty where there is none.
    StatusMessage,
    /// The scope's name.
    ScopeName,
    /// The scope's version.
    ScopeVersion,
    /// An attribute of the span.
    SpanAttribute(String),
    /// An attribute of the resource.
    ResourceAttribute(String),
    /// An attribute of the scope.
    ScopeAttribute(String),
}

/// Spans in a bucket: those that are not selected, and those that are.
pub type SideCounts = [u64; 2];

/// Spans by bucket.
pub type BucketCounts = BTreeMap<u32, SideCounts>;

/// Answer to [`CompareSpans`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ComparedSpans {
    /// All spans that count.
    pub spans: BucketCounts,
    /// By field: its values, each with the spans that have it. Of a field that has more values than are counted, others are
    /// missing, and some spans of those that are here.
    pub fields: BTreeMap<ComparedField, Vec<(Value, BucketCounts)>>,
    /// By field: spans whose value is not counted.
    pub left_out: BTreeMap<ComparedField, u64>,
    /// Why spans may be missing; empty when none is.
    pub warnings: Vec<String>,
    /// What was looked at.
    pub scanned: ScanCounts,
}

/// Spans by encoded value.
type Values = HashMap<Vec<u8>, BucketCounts, RandomState>;

/// What was counted so far: by field, the spans of each encoded value.
#[derive(Debug, Default)]
pub struct Comparing {
    values_max: usize,
    fields: HashMap<ComparedField, Values, RandomState>,
    /// All spans.
    pub spans: BucketCounts,
    left_out: BTreeMap<ComparedField, u64>,
}

impl CompareSpans {
    /// Whether the question can be answered; `Invalid` tells what to change.
    pub fn validate(&self) -> Result<(), StoreError> {
        let range = self.start_max_unix_nanos.saturating_sub(self.start_min_unix_nanos);
        match self.step_nanos {
            Some(0) => Err(StoreError::Invalid {
                message: "comparison has time buckets of 0 ns; widen them".to_owned(),
            }),
            Some(step) if range / step >= BUCKETS_MAX => Err(StoreError::Invalid {
                message: format!(
                    "time range of {range} ns has more than {BUCKETS_MAX} buckets of {step} ns; widen the buckets or narrow the range"
                ),
            }),
            _ => Ok(()),
        }
    }

    /// Whether a span starts in the range.
    #[inline]
    pub fn wants(&self, start_unix_nanos: u64) -> bool {
        start_unix_nanos >= self.start_min_unix_nanos
            && start_unix_nanos <= self.start_max_unix_nanos
    }

    /// Whether a span that starts then may be selected.
    #[inline]
    pub fn selects(&self, start_unix_nanos: u64) -> bool {
        self.selection_starts
            .is_none_or(|(first, last)| first <= start_unix_nanos && start_unix_nanos <= last)
    }

    /// The bucket of a start within the range.
    #[inline]
    pub fn bucket_of(&self, start_unix_nanos: u64) -> u32 {
        let elapsed = start_unix_nanos.saturating_sub(self.start_min_unix_nanos);
        let bucket = self.step_nanos.map_or(0, |step| elapsed / step.max(1));
        // A question that validates has at most `BUCKETS_MAX`.
        u32::try_from(bucket).unwrap_or(u32::MAX)
    }
}

impl Comparing {
    /// Nothing yet.
    pub fn new(values_max: usize) -> Self {
        Self { values_max, ..Self::default() }
    }

    /// Counts spans with a value; answers the bytes that the comparison grew by.
    pub fn add(
        &mut self,
        field: &ComparedField,
        encoded: &[u8],
        counts: impl Iterator<Item = (u32, SideCounts)>,
    ) -> usize {
        /// Memory of a value besides its bytes, and of a bucket of it, about.
        const VALUE_BYTES: usize = 96;
        const BUCKET_BYTES: usize = 48;
        if !self.fields.contains_key(field) {
            self.fields.insert(field.clone(), Values::default());
        }
        let Some(values) = self.fields.get_mut(field) else { return 0 };
        if let Some(known) = values.get_mut(encoded) {
            let before = known.len();
            counts.for_each(|(bucket, counts)| add_counts(known, bucket, counts));
            return (known.len() - before) * BUCKET_BYTES;
        }
        if values.len() >= self.values_max {
            let spans = counts.map(|(_, [others, selected])| others + selected).sum();
            self.leave_out(field.clone(), spans);
            return 0;
        }
        let known = values.entry(encoded.to_vec()).or_default();
        counts.for_each(|(bucket, counts)| add_counts(known, bucket, counts));
        encoded.len() + VALUE_BYTES + known.len() * BUCKET_BYTES
    }

    /// Tells of spans whose value of a field is not counted.
    pub fn leave_out(&mut self, field: ComparedField, spans: u64) {
        *self.left_out.entry(field).or_default() += spans;
    }

    /// Adds what another counted.
    pub fn merge(&mut self, other: Self) {
        for (bucket, counts) in other.spans {
            add_counts(&mut self.spans, bucket, counts);
        }
        for (field, values) in other.fields {
            for (encoded, counts) in values {
                self.add(&field, &encoded, counts.into_iter());
            }
        }
        for (field, spans) in other.left_out {
            self.leave_out(field, spans);
        }
    }

    /// The answer; its warnings and counts are the caller's.
    pub fn finish(self) -> ComparedSpans {
        let of_field = |values: Values| {
            let mut values: Vec<_> = values.into_iter().collect();
            values.sort_unstable();
            let decoded = values
                .into_iter()
                .filter_map(|(encoded, counts)| Some((nested::decode(&encoded).ok()?, counts)));
            decoded.collect()
        };
        let fields = self.fields.into_iter().filter(|(_, values)| !values.is_empty());
        ComparedSpans {
            spans: self.spans,
            fields: fields.map(|(field, values)| (field, of_field(values))).collect(),
            left_out: self.left_out,
            ..ComparedSpans::default()
        }
    }
}

/// Adds to the counts of a bucket.
pub fn add_counts(counts: &mut BucketCounts, bucket: u32, [others, selected]: SideCounts) {
    let known = counts.entry(bucket).or_default();
    known[0] += others;
    known[1] += selected;
}

/// Compares spans, each as often as it is there. An attribute that a span has twice counts twice.
pub fn compare_spans<'a>(
    spans: impl Iterator<Item = SpanRef<'a>>,
    request: &CompareSpans,
) -> ComparedSpans {
    let mut comparing = Comparing::new(request.values_max);
    let mut scanned = ScanCounts::default();
    for span in spans {
        scanned.spans += 1;
        let meets = |conditions: &[SpanCondition]| conditions.iter().all(|it| it.matches(&span));
        let start = span.start_unix_nanos();
        if !request.wants(start) || !meets(&request.conditions) {
            continue;
        }
        let is_selected = request.selects(start) && meets(&request.selection);
        let counts = (request.bucket_of(start), if is_selected { [0, 1] } else { [1, 0] });
        add_counts(&mut comparing.spans, counts.0, counts.1);
        for (field, encoded) in values_of(&span) {
            comparing.add(&field, &encoded, std::iter::once(counts));
        }
    }
    ComparedSpans { scanned, ..comparing.finish() }
}

fn values_of(span: &SpanRef<'_>) -> Vec<(ComparedField, Vec<u8>)> {
    let mut values = vec![
        (ComparedField::Name, encode_text(span.name())),
        (ComparedField::Kind, encode_text(span.kind().as_str())),
        (ComparedField::Status, encode_text(span.status_code().as_str())),
        (ComparedField::StatusMessage, encode_text(span.status_message())),
        (ComparedField::ScopeName, encode_text(&span.scope().name)),
        (ComparedField::ScopeVersion, encode_text(&span.scope().version)),
    ];
    let own = span.attributes();
    values.extend(
        own.map(|(key, value)| (ComparedField::SpanAttribute(key.to_owned()), encode_ref(value))),
    );
    let owned = |value: &Value| {
        let mut bytes = Vec::new();
        nested::encode(value, &mut bytes);
        bytes
    };
    let resource = span.resource().attributes.iter();
    values.extend(
        resource.map(|(key, value)| (ComparedField::ResourceAttribute(key.clone()), owned(value))),
    );
    let scope = span.scope().attributes.iter();
    values.extend(
        scope.map(|(key, value)| (ComparedField::ScopeAttribute(key.clone()), owned(value))),
    );
    values
}

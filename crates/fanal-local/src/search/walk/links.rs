//! Who calls whom: ids, kinds, services and what else the question names. No other column is read.
//!
//! Compiled once for each: services and kinds are looked up by class where classes tell them, names are numbered once for
//! each dictionary entry that occurs. The meaning is that of `fanal_storage::links::walk_spans`.

use super::{Telling, Unread};
use crate::guard::lock;
use crate::search::columns::{CodedColumn, Columns, Dictionaries};
use crate::search::dimension::Dimension;
use crate::search::question::Question;
use crate::segment::{Classes, SegmentError};
use crate::tenant::Snapshot;
use fanal_base::cast;
use fanal_model::{SpanKind, StatusCode, TraceId};
use fanal_storage::links::value_text;
use fanal_storage::{
    GroupKey, LinkNames, LinkSpan, LinkVisitor, StoreError, WalkLinks, WalkedLinks,
};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

/// An id whose meaning was not looked up yet.
const UNKNOWN: u32 = u32::MAX;

/// A walk with those who take it.
struct Links<'a> {
    request: &'a WalkLinks,
    visitor: &'a dyn LinkVisitor,
    names: Mutex<LinkNames>,
}

/// A walk compiled for a block or part.
struct Compiled {
    told: Told,
    remotes: Vec<Remote>,
    /// Each with the text that means that there is no mark.
    marks: Vec<(Attribute, String)>,
}

/// An attribute that names the other side.
struct Remote {
    attribute: Attribute,
    suffix: Option<Attribute>,
    is_of_callers: bool,
    /// Numbers of names with a suffix, by both.
    joined: HashMap<(u32, u32), u32, RandomState>,
}

/// Walks over what a tenant has at a moment.
pub(crate) fn walk(
    snapshot: &Snapshot,
    request: &WalkLinks,
    question: &Question,
    visitor: &dyn LinkVisitor,
) -> Result<WalkedLinks, StoreError> {
    let links = Links { request, visitor, names: Mutex::new(LinkNames::new(request)) };
    let (warnings, scanned) = super::walk(snapshot, &links, question)?;
    let names = links.names.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(WalkedLinks { names: names.into_names(), warnings, scanned })
}

/// What tells service, kind and status.
enum Told {
    /// The class: by class, a span that has nothing else.
    Classes(Arc<Classes>, Vec<LinkSpan>),
    /// The columns; services are by code of the resource.
    Columns(Vec<u32>),
}

/// An attribute of spans, and by shared id what its value means.
struct Attribute {
    dimension: Dimension,
    meanings: Vec<u32>,
}

impl Telling for Links<'_> {
    type Span = LinkSpan;
    type Compiled = Compiled;

    fn range(&self) -> (u64, u64) {
        (self.request.start_min_unix_nanos, self.request.start_max_unix_nanos)
    }

    fn compile(&self, dictionaries: &impl Dictionaries) -> Result<Compiled, SegmentError> {
        let request = self.request;
        let summary = dictionaries.resource_summary()?;
        let services: Vec<u32> = {
            let mut names = lock(&self.names);
            summary.services.iter().map(|service| names.service(service)).collect()
        };
        let service = |number: &u32| services.get(cast::index(*number)).copied().unwrap_or(0);
        let classes = dictionaries.classes()?;
        let telling = classes.filter(|it| {
            !(it.services.is_empty() || it.kinds.is_empty() || it.status_codes.is_empty())
        });
        let told = match telling {
            Some(classes) => {
                let codes = classes.kinds.iter().zip(&classes.status_codes);
                let span = |(number, (&kind, &status))| told_span(service(number), kind, status);
                let spans = classes.services.iter().zip(codes).map(span).collect();
                Told::Classes(classes, spans)
            }
            None => Told::Columns(summary.service_of.iter().map(service).collect()),
        };
        let attributes = |keys: &mut dyn Iterator<Item = GroupKey>| {
            keys.map(|key| Attribute::new(&key, dictionaries)).collect::<Result<Vec<_>, _>>()
        };
        let mut remotes = Vec::new();
        let keys = request.remote_group_keys().zip(request.suffix_group_keys());
        for (remote, (key, suffix)) in request.remote_keys.iter().zip(keys) {
            let attribute = Attribute::new(&key, dictionaries)?;
            let suffix = suffix.map(|key| Attribute::new(&key, dictionaries)).transpose()?;
            let suffix = suffix.filter(|suffix| !suffix.dimension.is_absent());
            let (is_of_callers, joined) = (remote.is_of_callers, HashMap::default());
            if !attribute.dimension.is_absent() {
                remotes.push(Remote { attribute, suffix, is_of_callers, joined });
            }
        }
        let marks = attributes(&mut request.mark_group_keys())?;
        let unless = request.marks.iter().map(|mark| mark.unless.clone());
        Ok(Compiled { told, remotes, marks: marks.into_iter().zip(unless).collect() })
    }

    fn append(
        &self,
        compiled: &mut Compiled,
        columns: &impl Columns,
        _: &Question,
        spans: &mut Vec<LinkSpan>,
    ) -> Result<(), Unread> {
        let (ids, parents) = columns.span_and_parent_ids()?;
        let pairs = ids.iter().zip(parents.iter());
        let before = spans.len();
        match &compiled.told {
            Told::Classes(classes, told) => {
                let codes = columns.class_codes(classes)?;
                spans.extend(pairs.zip(codes.iter()).map(|((&span_id, &parent), &class)| {
                    let told = told.get(cast::index(class)).copied().unwrap_or_default();
                    LinkSpan { span_id, parent_span_id: parent, ..told }
                }));
            }
            Told::Columns(services) => {
                let resources = columns.codes(CodedColumn::Resources, None)?;
                let (kinds, statuses) = (columns.kinds()?, columns.status_codes()?);
                let codes = resources.iter().zip(kinds.iter().zip(statuses.iter()));
                spans.extend(pairs.zip(codes).map(|((&span_id, &parent), codes)| {
                    let (&resource, (&kind, &status)) = codes;
                    let service = services.get(cast::index(resource)).copied().unwrap_or(0);
                    let told = told_span(service, kind, status);
                    LinkSpan { span_id, parent_span_id: parent, ..told }
                }));
            }
        }
        let rows = spans.get_mut(before..).unwrap_or_default();
        if self.request.tells_times {
            let (starts, durations) = (columns.starts()?, columns.durations(None)?);
            for (span, times) in rows.iter_mut().zip(starts.iter().zip(durations.iter())) {
                (span.start_unix_nanos, span.duration_nanos) = (*times.0, *times.1);
            }
        }
        for remote in &mut compiled.remotes {
            remote.tell(columns, &self.names, rows)?;
        }
        for (bit, (attribute, unless)) in compiled.marks.iter_mut().enumerate() {
            if attribute.dimension.is_absent() {
                continue;
            }
            let told = attribute.told(columns, |text| u32::from(text != *unless))?;
            for (span, &is_set) in rows.iter_mut().zip(told.iter()) {
                span.marks |= u8::from(is_set == 1) << bit;
            }
        }
        Ok(())
    }

    fn visit(&self, traces: &[(TraceId, &[LinkSpan])]) {
        let traces: Vec<&[LinkSpan]> = traces.iter().map(|(_, spans)| *spans).collect();
        self.visitor.visit(&traces);
    }
}

fn told_span(service: u32, kind: u8, status: u8) -> LinkSpan {
    LinkSpan {
        service,
        kind: SpanKind::from_code(kind),
        is_error: StatusCode::from_code(status) == StatusCode::Error,
        ..LinkSpan::default()
    }
}

impl Remote {
    /// Tells the other side of rows that no key before told it of.
    fn tell(
        &mut self,
        columns: &impl Columns,
        names: &Mutex<LinkNames>,
        rows: &mut [LinkSpan],
    ) -> Result<(), SegmentError> {
        let number = |text: &str| lock(names).number(text);
        let told = self.attribute.told(columns, number)?;
        let suffixes = self.suffix.as_mut().map(|suffix| suffix.told(columns, number));
        let suffixes = suffixes.transpose()?;
        for (row, (span, &remote)) in rows.iter_mut().zip(told.iter()).enumerate() {
            let is_asked = span.kind.is_caller() || !self.is_of_callers;
            if remote == 0 || span.remote_service != 0 || !is_asked {
                continue;
            }
            let suffix = suffixes.as_ref().and_then(|all| all.get(row)).copied().unwrap_or(0);
            span.remote_service = match suffix {
                0 => remote,
                _ => *self
                    .joined
                    .entry((remote, suffix))
                    .or_insert_with(|| lock(names).joined(remote, suffix)),
            };
        }
        Ok(())
    }
}

impl Attribute {
    fn new(key: &GroupKey, dictionaries: &impl Dictionaries) -> Result<Self, SegmentError> {
        let dimension = Dimension::compile(key, dictionaries)?;
        let mut meanings = vec![UNKNOWN; cast::index(dimension.shared_cardinality())];
        // The id of no value.
        if let Some(none) = meanings.first_mut() {
            *none = 0;
        }
        Ok(Self { dimension, meanings })
    }

    /// By row: what its value means, 0 where it has none.
    fn told(
        &mut self,
        columns: &impl Columns,
        meaning: impl Fn(&str) -> u32,
    ) -> Result<Cow<'static, [u32]>, SegmentError> {
        let mut rows = self.dimension.row_ids(columns)?;
        let shared = self.meanings.len();
        let mut own = vec![UNKNOWN; rows.own.len()];
        for id in &mut rows.ids {
            let place = cast::index(*id);
            let known = match place.checked_sub(shared) {
                None => self.meanings.get_mut(place),
                Some(place) => own.get_mut(place),
            };
            let Some(known) = known else { continue };
            if *known == UNKNOWN {
                let value = self.dimension.value(*id, &rows.own);
                *known = value.map_or(0, |value| meaning(&value_text(&value)));
            }
            *id = *known;
        }
        Ok(Cow::Owned(rows.ids))
    }
}

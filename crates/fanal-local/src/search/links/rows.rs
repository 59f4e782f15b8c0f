//! The rows of a block or of a part of the head as what a walk tells of spans.
//!
//! Compiled once for each: services and kinds are looked up by class where classes tell them, names are numbered once for
//! each dictionary entry that occurs. The meaning is that of `fanal_storage::links::walk_spans`.

use crate::guard::lock;
use crate::search::columns::{CodedColumn, Columns, Dictionaries};
use crate::search::dimension::Dimension;
use crate::segment::{Classes, SegmentError};
use fanal_base::cast;
use fanal_model::{SpanKind, StatusCode};
use fanal_storage::links::value_text;
use fanal_storage::{GroupKey, LinkNames, LinkSpan, WalkLinks};
use std::borrow::Cow;
use std::sync::{Arc, Mutex};

/// An id whose meaning was not looked up yet.
const UNKNOWN: u32 = u32::MAX;

/// A walk compiled for a block or part.
pub(super) struct Compiled<'a> {
    names: &'a Mutex<LinkNames>,
    told: Told,
    /// Each with whether it counts only for spans that call.
    remotes: Vec<(Attribute, bool)>,
    marks: Vec<(Attribute, &'a str)>,
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

impl<'a> Compiled<'a> {
    pub(super) fn new(
        dictionaries: &impl Dictionaries,
        request: &'a WalkLinks,
        names: &'a Mutex<LinkNames>,
    ) -> Result<Self, SegmentError> {
        let summary = dictionaries.resource_summary()?;
        let services: Vec<u32> = {
            let mut names = lock(names);
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
        let remotes = attributes(&mut request.remote_group_keys())?;
        let of_callers = request.remote_keys.iter().map(|it| it.is_of_callers);
        let remotes = remotes.into_iter().zip(of_callers);
        let remotes = remotes.filter(|(it, _)| !it.dimension.is_absent()).collect();
        let marks = attributes(&mut request.mark_group_keys())?;
        let unless = request.marks.iter().map(|mark| &*mark.unless);
        Ok(Self { names, told, remotes, marks: marks.into_iter().zip(unless).collect() })
    }

    /// Appends the rows of a unit.
    pub(super) fn append(
        &mut self,
        columns: &impl Columns,
        spans: &mut Vec<LinkSpan>,
    ) -> Result<(), SegmentError> {
        let (ids, parents) = columns.span_and_parent_ids()?;
        let pairs = ids.iter().zip(parents.iter());
        let before = spans.len();
        match &self.told {
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
        for (attribute, is_of_callers) in &mut self.remotes {
            let number = |text: &str| lock(self.names).number(text);
            let told = attribute.told(columns, number)?;
            for (span, &remote) in rows.iter_mut().zip(told.iter()) {
                if span.remote_service == 0 && (span.kind.is_caller() || !*is_of_callers) {
                    span.remote_service = remote;
                }
            }
        }
        for (bit, (attribute, unless)) in self.marks.iter_mut().enumerate() {
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
}

fn told_span(service: u32, kind: u8, status: u8) -> LinkSpan {
    LinkSpan {
        service,
        kind: SpanKind::from_code(kind),
        is_error: StatusCode::from_code(status) == StatusCode::Error,
        ..LinkSpan::default()
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

//! A trace as columns in display order, without attributes: all that the timeline of a big trace needs.

use super::types::{ServiceCount, TraceColumns, TraceSkeleton, TraceSummary};
use fanal_base::cast;
use fanal_query::{Trace, TraceRow};
use std::collections::HashMap;

/// Bit of `flags`: a row for a parent that never arrived.
pub(crate) const FLAG_SYNTHETIC: u8 = 1;
/// Bit of `flags`: the end lies before the start.
pub(crate) const FLAG_END_BEFORE_START: u8 = 2;
/// Bit of `flags`: the parent reference was dropped because it closed a cycle.
pub(crate) const FLAG_CYCLE_BROKEN: u8 = 4;

/// Slots in the palette by service: places in the store's first-seen order.
#[derive(Debug, Default)]
pub(crate) struct ColorSlots(HashMap<String, u32>);

impl ColorSlots {
    /// From the services in first-seen order.
    pub(crate) fn new(services: Vec<String>) -> Self {
        Self(services.into_iter().zip(0..).collect())
    }

    /// The slot of a service; one that the list does not have yet will be its next.
    pub(crate) fn of(&self, service: &str) -> u32 {
        self.0.get(service).copied().unwrap_or_else(|| cast::narrow(self.0.len()))
    }

    fn counts(&self, services: &[fanal_query::ServiceCount]) -> Vec<ServiceCount> {
        let count = |service: &fanal_query::ServiceCount| ServiceCount {
            name: service.name.clone(),
            color_slot: self.of(&service.name),
            span_count: service.span_count,
            error_count: service.error_count,
        };
        services.iter().map(count).collect()
    }
}

/// One line of a result list.
pub(crate) fn summary(summary: &fanal_query::TraceSummary, slots: &ColorSlots) -> TraceSummary {
    TraceSummary {
        trace_id: summary.trace_id.to_string(),
        start_unix_nano: summary.start_unix_nanos.to_string(),
        duration_nanos: summary.duration_nanos.to_string(),
        root_service: summary.root.as_ref().map(|(service, _)| service.clone()),
        root_name: summary.root.as_ref().map(|(_, name)| name.clone()),
        span_count: summary.span_count,
        error_count: summary.error_count,
        services: slots.counts(&summary.services),
    }
}

/// The skeleton of a trace.
pub(crate) fn skeleton(trace: &Trace, slots: &ColorSlots) -> TraceSkeleton {
    let summary = &trace.summary;
    let mut writer = Writer::new(trace);
    trace.rows.iter().enumerate().for_each(|(ordinal, row)| writer.write(ordinal, row));
    TraceSkeleton {
        trace_id: trace.trace_id.to_string(),
        start_unix_nano: summary.start_unix_nanos.to_string(),
        duration_nanos: summary.duration_nanos.to_string(),
        root_service: summary.root.as_ref().map(|(service, _)| service.clone()),
        root_name: summary.root.as_ref().map(|(_, name)| name.clone()),
        span_count: summary.span_count,
        error_count: summary.error_count,
        depth: trace.rows.iter().map(|row| row.depth + 1).max().unwrap_or(0),
        services: slots.counts(&summary.services),
        names: writer.names,
        columns: writer.columns,
        warnings: trace.warnings.clone(),
    }
}

struct Writer<'a> {
    trace: &'a Trace,
    columns: TraceColumns,
    names: Vec<String>,
    /// By code of the batch's dictionary: place in `names`, where met.
    name_places: Vec<Option<u32>>,
    /// By code of the batch's resources: place in the summary's services.
    service_places: Vec<u32>,
}

impl<'a> Writer<'a> {
    fn new(trace: &'a Trace) -> Self {
        let services = &trace.summary.services;
        let place = |name: &str| services.iter().position(|service| service.name == name);
        let resources = trace.spans.resources().iter();
        Self {
            trace,
            columns: TraceColumns::default(),
            names: Vec::new(),
            name_places: vec![None; trace.spans.batch().names.table.len()],
            service_places: resources
                .map(|resource| cast::narrow(place(resource.service_name()).unwrap_or(0)))
                .collect(),
        }
    }

    fn write(&mut self, ordinal: usize, row: &TraceRow) {
        let columns = &mut self.columns;
        columns.depth.push(row.depth);
        columns.subtree_end.push(row.subtree_end);
        columns.parent.push(row.parent.map_or(-1, i64::from));
        match row.span {
            Some(span) => self.write_span(cast::index(span), row),
            None => self.write_synthetic(ordinal, row),
        }
    }

    fn write_span(&mut self, index: usize, row: &TraceRow) {
        let batch = self.trace.spans.batch();
        let name_code = batch.names.codes[index];
        let known = self.name_places[cast::index(name_code)];
        let name = known.unwrap_or_else(|| {
            let place = cast::narrow(self.names.len());
            self.names.push(batch.names.table.get_str(name_code).to_owned());
            self.name_places[cast::index(name_code)] = Some(place);
            place
        });
        let span = self.trace.spans.span(index);
        let mut flags = 0;
        if span.end_unix_nanos() < span.start_unix_nanos() {
            flags |= FLAG_END_BEFORE_START;
        }
        if row.is_cycle_broken {
            flags |= FLAG_CYCLE_BROKEN;
        }
        let start = span.start_unix_nanos().saturating_sub(self.trace.summary.start_unix_nanos);
        let columns = &mut self.columns;
        columns.start.push(start);
        columns.duration.push(span.duration_nanos());
        columns.service.push(self.service_places[cast::index(batch.resources.codes[index])]);
        columns.name.push(name);
        columns.kind.push(batch.kinds[index]);
        columns.status.push(batch.status_codes[index]);
        columns.events.push(cast::narrow(span.events().len()));
        columns.links.push(cast::narrow(span.links().len()));
        columns.flags.push(flags);
    }

    /// A missing parent borrows the start and the service of its first child, which is the next row.
    fn write_synthetic(&mut self, ordinal: usize, row: &TraceRow) {
        let child = self.trace.rows.get(ordinal + 1).and_then(|child| child.span);
        let batch = self.trace.spans.batch();
        let start = child.map_or(0, |child| {
            batch.start_unix_nanos[cast::index(child)]
                .saturating_sub(self.trace.summary.start_unix_nanos)
        });
        let service = child.map_or(0, |child| {
            self.service_places[cast::index(batch.resources.codes[cast::index(child)])]
        });
        let columns = &mut self.columns;
        columns.start.push(start);
        columns.duration.push(0);
        columns.service.push(service);
        columns.name.push(cast::narrow(self.names.len()));
        columns.kind.push(0);
        columns.status.push(0);
        columns.events.push(0);
        columns.links.push(0);
        columns.flags.push(FLAG_SYNTHETIC);
        self.names.push(row.span_id.to_string());
    }
}

//! Tags (field number and wire type) of the OTLP messages, by message.
//!
//! Read by the walks and the encoder of this folder, so that each number stands once.
//! Follows <https://github.com/open-telemetry/opentelemetry-proto>.

/// `ExportTraceServiceRequest` and `TracesData`.
pub(super) mod request {
    use crate::wire::bytes_tag;
    pub(in super::super) const RESOURCE_SPANS: u32 = bytes_tag(1);
}

pub(super) mod resource_spans {
    use crate::wire::bytes_tag;
    pub(in super::super) const RESOURCE: u32 = bytes_tag(1);
    pub(in super::super) const SCOPE_SPANS: u32 = bytes_tag(2);
    pub(in super::super) const SCHEMA_URL: u32 = bytes_tag(3);
}

pub(super) mod resource {
    use crate::wire::{bytes_tag, varint_tag};
    pub(in super::super) const ATTRIBUTES: u32 = bytes_tag(1);
    pub(in super::super) const DROPPED_ATTRIBUTES_COUNT: u32 = varint_tag(2);
    pub(in super::super) const ENTITY_REFS: u32 = bytes_tag(3);
}

pub(super) mod entity_ref {
    use crate::wire::bytes_tag;
    pub(in super::super) const SCHEMA_URL: u32 = bytes_tag(1);
    pub(in super::super) const TYPE: u32 = bytes_tag(2);
    pub(in super::super) const ID_KEYS: u32 = bytes_tag(3);
    pub(in super::super) const DESCRIPTION_KEYS: u32 = bytes_tag(4);
}

pub(super) mod scope_spans {
    use crate::wire::bytes_tag;
    pub(in super::super) const SCOPE: u32 = bytes_tag(1);
    pub(in super::super) const SPANS: u32 = bytes_tag(2);
    pub(in super::super) const SCHEMA_URL: u32 = bytes_tag(3);
}

pub(super) mod scope {
    use crate::wire::{bytes_tag, varint_tag};
    pub(in super::super) const NAME: u32 = bytes_tag(1);
    pub(in super::super) const VERSION: u32 = bytes_tag(2);
    pub(in super::super) const ATTRIBUTES: u32 = bytes_tag(3);
    pub(in super::super) const DROPPED_ATTRIBUTES_COUNT: u32 = varint_tag(4);
}

pub(super) mod span {
    use crate::wire::{bytes_tag, fixed32_tag, fixed64_tag, varint_tag};
    pub(in super::super) const TRACE_ID: u32 = bytes_tag(1);
    pub(in super::super) const SPAN_ID: u32 = bytes_tag(2);
    pub(in super::super) const TRACE_STATE: u32 = bytes_tag(3);
    pub(in super::super) const PARENT_SPAN_ID: u32 = bytes_tag(4);
    pub(in super::super) const NAME: u32 = bytes_tag(5);
    pub(in super::super) const KIND: u32 = varint_tag(6);
    pub(in super::super) const START: u32 = fixed64_tag(7);
    pub(in super::super) const END: u32 = fixed64_tag(8);
    pub(in super::super) const ATTRIBUTES: u32 = bytes_tag(9);
    pub(in super::super) const DROPPED_ATTRIBUTES_COUNT: u32 = varint_tag(10);
    pub(in super::super) const EVENTS: u32 = bytes_tag(11);
    pub(in super::super) const DROPPED_EVENTS_COUNT: u32 = varint_tag(12);
    pub(in super::super) const LINKS: u32 = bytes_tag(13);
    pub(in super::super) const DROPPED_LINKS_COUNT: u32 = varint_tag(14);
    pub(in super::super) const STATUS: u32 = bytes_tag(15);
    pub(in super::super) const FLAGS: u32 = fixed32_tag(16);
}

pub(super) mod event {
    use crate::wire::{bytes_tag, fixed64_tag, varint_tag};
    pub(in super::super) const TIME: u32 = fixed64_tag(1);
    pub(in super::super) const NAME: u32 = bytes_tag(2);
    pub(in super::super) const ATTRIBUTES: u32 = bytes_tag(3);
    pub(in super::super) const DROPPED_ATTRIBUTES_COUNT: u32 = varint_tag(4);
}

pub(super) mod link {
    use crate::wire::{bytes_tag, fixed32_tag, varint_tag};
    pub(in super::super) const TRACE_ID: u32 = bytes_tag(1);
    pub(in super::super) const SPAN_ID: u32 = bytes_tag(2);
    pub(in super::super) const TRACE_STATE: u32 = bytes_tag(3);
    pub(in super::super) const ATTRIBUTES: u32 = bytes_tag(4);
    pub(in super::super) const DROPPED_ATTRIBUTES_COUNT: u32 = varint_tag(5);
    pub(in super::super) const FLAGS: u32 = fixed32_tag(6);
}

pub(super) mod status {
    use crate::wire::{bytes_tag, varint_tag};
    pub(in super::super) const MESSAGE: u32 = bytes_tag(2);
    pub(in super::super) const CODE: u32 = varint_tag(3);
}

pub(super) mod key_value {
    use crate::wire::bytes_tag;
    pub(in super::super) const KEY: u32 = bytes_tag(1);
    pub(in super::super) const VALUE: u32 = bytes_tag(2);
}

pub(super) mod any_value {
    use crate::wire::{bytes_tag, fixed64_tag, varint_tag};
    pub(in super::super) const STRING: u32 = bytes_tag(1);
    pub(in super::super) const BOOL: u32 = varint_tag(2);
    pub(in super::super) const INT: u32 = varint_tag(3);
    pub(in super::super) const DOUBLE: u32 = fixed64_tag(4);
    pub(in super::super) const ARRAY: u32 = bytes_tag(5);
    pub(in super::super) const MAP: u32 = bytes_tag(6);
    pub(in super::super) const BYTES: u32 = bytes_tag(7);
}

/// `ArrayValue` and `KeyValueList`.
pub(super) mod list {
    use crate::wire::bytes_tag;
    pub(in super::super) const VALUES: u32 = bytes_tag(1);
}

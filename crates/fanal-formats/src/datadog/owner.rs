//! The resources of a body: one for each service, with what headers and payload tell of the process.
//!
//! Used by the walk of chunks. Invariant: each distinct resource is encoded once a body, and all together stay below
//! [`RESOURCE_BYTES_MAX`], though each repeats what the process has said once.

use crate::decoded::{RESOURCE_BYTES_MAX, Refusal, RejectReason, remove_duplicates};
use fanal_model::{Resource, SpanBatchBuilder, Value, raw};
use foldhash::fast::RandomState;
use hashbrown::HashMap;

/// What the headers of a request tell of the tracer that sends; empty where absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tracer {
    /// `Datadog-Meta-Lang`.
    pub language: String,
    /// `Datadog-Meta-Lang-Version`.
    pub language_version: String,
    /// `Datadog-Meta-Lang-Interpreter`.
    pub interpreter: String,
    /// `Datadog-Meta-Tracer-Version`.
    pub version: String,
    /// `Datadog-Container-ID`.
    pub container_id: String,
}

/// Service, environment and version of a span.
type Key<'a> = [&'a [u8]; 3];

/// Resources that the spans of a body have.
#[derive(Debug, Default)]
pub(super) struct Owners<'a> {
    /// Attributes of all of them.
    common: Vec<(String, Value)>,
    common_bytes: usize,
    bytes: usize,
    codes: HashMap<Key<'a>, u32, RandomState>,
}

impl<'a> Owners<'a> {
    /// Resources of a process that the headers tell of.
    pub(super) fn new(tracer: &Tracer) -> Self {
        let mut owners = Self::default();
        for (key, text) in [
            ("telemetry.sdk.language", &tracer.language),
            ("telemetry.sdk.version", &tracer.version),
            ("process.runtime.name", &tracer.interpreter),
            ("process.runtime.version", &tracer.language_version),
            ("container.id", &tracer.container_id),
        ] {
            owners.tell(key, text.as_bytes());
        }
        if !owners.common.is_empty() {
            owners.tell("telemetry.sdk.name", b"datadog");
        }
        owners
    }

    /// An attribute of every resource; what is told later wins.
    pub(super) fn tell(&mut self, key: &str, text: &[u8]) {
        if text.is_empty() {
            return;
        }
        // Nothing is lost where it is no text.
        let value = match raw::text(text) {
            Ok(text) => Value::String(text.to_owned()),
            Err(_) => Value::Bytes(text.to_vec()),
        };
        self.common_bytes += key.len() + text.len();
        self.common.push((key.to_owned(), value));
    }

    /// Ends what is common; spans follow.
    pub(super) fn seal(&mut self) {
        remove_duplicates(&mut self.common);
    }

    /// The code of a resource.
    pub(super) fn code(
        &mut self,
        builder: &mut SpanBatchBuilder,
        key: Key<'a>,
    ) -> Result<u32, Refusal> {
        if let Some(&code) = self.codes.get(&key) {
            return Ok(code);
        }
        // Before it is made: a thousand services must not cost a thousand times what their process said.
        let sum = self.bytes + self.common_bytes;
        if sum > RESOURCE_BYTES_MAX {
            return Err(Refusal::new(RejectReason::ResourceBytes, sum));
        }
        let [service, env, version] = key;
        let mut attributes = Vec::new();
        for (key, text) in [
            ("service.name", service),
            ("service.version", version),
            ("deployment.environment.name", env),
        ] {
            let text = raw::text(text)
                .map_err(|error| Refusal::new(RejectReason::Utf8, error.valid_up_to))?;
            if !text.is_empty() {
                attributes.push((key.to_owned(), Value::String(text.to_owned())));
            }
        }
        attributes.extend_from_slice(&self.common);
        let encoded = Resource { attributes, ..Resource::default() }.encode();
        self.bytes += encoded.len();
        let code = builder.intern_resource_bytes(&encoded);
        self.codes.insert(key, code);
        Ok(code)
    }
}

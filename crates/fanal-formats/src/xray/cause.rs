//! Why a segment failed: exceptions become events, as OpenTelemetry records them.
//!
//! Used by the walk of segments.

use super::document::{XrayCause, XrayException};
use super::members::add;
use crate::draft::{Draft, DraftAttribute, DraftEvent, DraftValue, RawText};
use crate::json_value::{Text, raw};
use serde_json::value::RawValue;
use std::fmt::Write;

/// Reads a cause into the draft. One that is a text names an exception that another segment tells of.
pub(super) fn read<'a>(cause: &'a RawValue, end_unix_nanos: u64, draft: &mut Draft<'a>) {
    let Ok(cause_of) = serde_json::from_str::<XrayCause<'a>>(cause.get()) else {
        add("aws.xray.cause", cause, &mut draft.attributes);
        return;
    };
    if let Some(Text(directory)) = cause_of.working_directory {
        draft.attribute(b"aws.xray.cause.working_directory", DraftValue::Text(raw(directory)));
    }
    if let Some(paths) = cause_of.paths {
        add("aws.xray.cause.paths", paths, &mut draft.attributes);
    }
    for exception in cause_of.exceptions.unwrap_or_default() {
        if draft.status_message.is_empty() {
            let message = exception.message.clone().unwrap_or_default();
            draft.status_message = raw(message.0);
        }
        draft.events.push(event(exception, end_unix_nanos));
    }
}

fn event(exception: XrayException<'_>, time_unix_nanos: u64) -> DraftEvent<'_> {
    let stack = stack(&exception);
    let mut attributes = Vec::new();
    let texts = [
        ("exception.type", exception.exception_type),
        ("exception.message", exception.message),
        ("aws.xray.exception.id", exception.id),
        ("aws.xray.exception.cause", exception.cause),
    ];
    for (key, text) in texts {
        if let Some(Text(text)) = text {
            attributes.push((key.as_bytes().into(), DraftValue::Text(raw(text))));
        }
    }
    if !stack.is_empty() {
        let stack = DraftValue::Text(stack.into_bytes().into());
        attributes.push((b"exception.stacktrace".into(), stack));
    }
    if let Some(is_remote) = exception.remote {
        attributes.push((b"aws.xray.exception.remote".into(), DraftValue::Bool(is_remote)));
    }
    for (key, count) in [("truncated", exception.truncated), ("skipped", exception.skipped)] {
        if let Some(count) = count {
            let key = format!("aws.xray.exception.{key}").into_bytes();
            let attribute: DraftAttribute<'_> = (key.into(), DraftValue::Int(count));
            attributes.push(attribute);
        }
    }
    let name = RawText::Borrowed(b"exception");
    DraftEvent { time_unix_nanos, name, attributes, dropped_attributes_count: 0 }
}

/// The frames as text, a line each, after a line of type and message.
fn stack(exception: &XrayException<'_>) -> String {
    let frames = exception.stack.as_deref().unwrap_or_default();
    let mut text = String::new();
    if frames.is_empty() {
        return text;
    }
    let of = |text: &Option<Text<'_>>| text.clone().unwrap_or_default().0.into_owned();
    text.push_str(&of(&exception.exception_type));
    text.push_str(": ");
    text.push_str(&of(&exception.message));
    for frame in frames {
        let (label, path) = (of(&frame.label), of(&frame.path));
        // Writing to a String cannot fail.
        let _ = write!(text, "\n\tat {label}({path}: {})", frame.line.unwrap_or(0));
    }
    text
}

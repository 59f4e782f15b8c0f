//! A trace as a file, in the form that another tool reads.
//!
//! OTLP carries everything that Fanal stores. What the forms of Jaeger and Zipkin cannot carry is listed in
//! `docs/files.md`; importing a file that was downloaded here gives the same trace but for that.

use super::error::NativeRefusal;
use super::ids;
use super::types::ErrorResponse;
use crate::answer::{self, JSON, PROTOBUF};
use crate::jaeger::adjust::Shown;
use crate::jaeger::{self, types::JaegerEnvelope};
use crate::limits::Limits;
use crate::parameters::{ApiPath, Parameters};
use crate::refusal::Refusal;
use crate::state::App;
use axum::extract::State;
use axum::response::Response;
use fanal_formats::otlp;
use fanal_formats::zipkin::JsonSpan;
use fanal_query::Trace;
use http::header::CONTENT_DISPOSITION;
use http::{HeaderValue, StatusCode, Uri};
use std::sync::Arc;

/// A form of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    OtlpJson,
    OtlpProtobuf,
    JaegerJson,
    ZipkinJson,
}

impl Form {
    const ALL: [Self; 4] = [Self::OtlpJson, Self::OtlpProtobuf, Self::JaegerJson, Self::ZipkinJson];

    fn word(self) -> &'static str {
        match self {
            Self::OtlpJson => "otlp-json",
            Self::OtlpProtobuf => "otlp-protobuf",
            Self::JaegerJson => "jaeger-json",
            Self::ZipkinJson => "zipkin-json",
        }
    }

    fn read(word: Option<&str>) -> Result<Self, Refusal> {
        let Some(word) = word else { return Ok(Self::OtlpJson) };
        Self::ALL.into_iter().find(|form| form.word() == word).ok_or_else(|| {
            let known = Self::ALL.map(Self::word).join(", ");
            let word: String = word.chars().take(40).collect();
            Refusal::parameter("format", format!("format `{word}` is none of {known}"))
        })
    }

    fn media_type(self) -> &'static str {
        if self == Self::OtlpProtobuf { PROTOBUF } else { JSON }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::OtlpJson => "otlp.json",
            Self::OtlpProtobuf => "otlp.pb",
            Self::JaegerJson => "jaeger.json",
            Self::ZipkinJson => "zipkin.json",
        }
    }

    fn encode(self, trace: &Trace, limits: &Limits) -> Result<Vec<u8>, Refusal> {
        let batches = [&trace.spans];
        let bytes = match self {
            Self::OtlpJson => otlp::json::encode_traces(&batches),
            Self::OtlpProtobuf => otlp::protobuf::encode_traces(&batches),
            Self::JaegerJson => {
                // As it is stored: what is adjusted or remarked for a reader would be taken for what the sender said.
                let mut shown = Shown::of(trace, true)?;
                shown.warnings.clear();
                shown.span_warnings.iter_mut().for_each(Vec::clear);
                let traces = [jaeger::trace::write(&shown)];
                return answer::json_bytes(&JaegerEnvelope::new(traces, 0, Vec::new()), limits);
            }
            Self::ZipkinJson => {
                let spans: Vec<JsonSpan> =
                    trace.spans.spans().map(|span| JsonSpan::of(&span)).collect();
                return answer::json_bytes(&spans, limits);
            }
        };
        answer::within_limit(bytes, limits)
    }
}

/// A whole trace as a file for another tool, or for `POST /fanal/v1/import`.
#[utoipa::path(get, tag = "native", path = "/fanal/v1/trace/{id}/download", params(
    ("id" = String, Path, description = "Trace id: 1 to 32 hex digits, dashes ignored"),
    ("format" = Option<String>, Query, description = "`otlp-json` (the default), `otlp-protobuf`, `jaeger-json` or `zipkin-json`"),
), responses(
    (status = 200, description = "The file", content(
        (Object = "application/json"),
        (Object = "application/x-protobuf"),
    )),
    (status = "default", description = "A refusal", body = ErrorResponse),
))]
pub(crate) async fn download(
    State(app): State<Arc<App>>,
    path: ApiPath<String, NativeRefusal>,
    uri: Uri,
) -> Result<Response, NativeRefusal> {
    let form = Form::read(Parameters::read_known(&uri, &["format"])?.single("format")?)?;
    let trace = app.trace(ids::trace_id(&path.0)?).await?;
    let name = format!("trace-{}.{}", trace.trace_id, form.extension());
    let limits = app.given.limits;
    let bytes = app.compute(move || form.encode(&trace, &limits)).await?;
    let mut response = answer::body(StatusCode::OK, form.media_type(), bytes);
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        response.headers_mut().insert(CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

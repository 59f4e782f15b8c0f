//! Sends one trace with OpenTelemetry's SDK. Usage: client grpc|http HOST:PORT SERVICE

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{
    Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId,
    TraceState, Tracer, TracerProvider,
};
use opentelemetry::{Array, Context, InstrumentationScope, KeyValue, Value};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, Span, SpanData, SpanProcessor};

type Names = Arc<Mutex<BTreeMap<String, String>>>;

/// Keeps what the SDK recorded of ids and times.
#[derive(Debug)]
struct Told(Names);

impl SpanProcessor for Told {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        let mut names = self.0.lock().expect("nobody panics with it");
        let name = span.name.to_string();
        names.insert("trace".to_owned(), span.span_context.trace_id().to_string());
        names.insert(name.clone(), span.span_context.span_id().to_string());
        names.insert(format!("{name}.start"), nanoseconds(span.start_time));
        names.insert(format!("{name}.end"), nanoseconds(span.end_time));
        for event in span.events.iter() {
            names.insert(event.name.to_string(), nanoseconds(event.timestamp));
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

fn nanoseconds(time: SystemTime) -> String {
    time.duration_since(UNIX_EPOCH).map_or_else(|_| String::new(), |since| since.as_nanos().to_string())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, protocol, address, service] = arguments.as_slice() else {
        return Err("usage: client grpc|http HOST:PORT SERVICE".into());
    };
    // The exporter over gRPC needs a runtime around it.
    let runtime = tokio::runtime::Runtime::new()?;
    let entered = runtime.enter();
    let exporter = if protocol == "grpc" {
        SpanExporter::builder().with_tonic().with_endpoint(format!("http://{address}")).build()?
    } else {
        SpanExporter::builder().with_http().with_endpoint(format!("http://{address}/v1/traces")).build()?
    };
    let names = Names::default();
    let resource = Resource::builder_empty()
        .with_attributes([KeyValue::new("service.name", service.clone()), KeyValue::new("shop.floor", 2)])
        .build();
    let provider = SdkTracerProvider::builder()
        .with_resource(resource)
        .with_span_processor(Told(Arc::clone(&names)))
        .with_batch_exporter(exporter)
        .build();
    drop(entered);
    shop(&provider)?;
    provider.shutdown()?;
    let names = names.lock().map_err(|_| "the names are lost")?;
    let members: Vec<String> =
        names.iter().map(|(name, value)| format!("\"{name}\": \"{value}\"")).collect();
    println!("{{{}}}", members.join(", "));
    Ok(())
}

fn shop(provider: &SdkTracerProvider) -> Result<(), Box<dyn Error>> {
    let scope = InstrumentationScope::builder("shop").with_version("1.2.3").build();
    let tracer = provider.tracer_with_scope(scope);
    let tags = Value::Array(Array::String(vec!["new".into(), "gift".into()]));
    let checkout = tracer
        .span_builder("checkout")
        .with_kind(SpanKind::Server)
        .with_attributes([
            KeyValue::new("shop.tags", tags),
            KeyValue::new("shop.note", "grüße ☕"),
            KeyValue::new("shop.counts", Value::Array(Array::I64(vec![1, 2]))),
        ])
        .start(&tracer);
    let inside = Context::new().with_span(checkout);

    let state = TraceState::from_key_value([("rojo", "00f067aa0ba902b7")])?;
    let (trace, span) = (TraceId::from((7_u128 << 64) | 7), SpanId::from(9_u64));
    let other = SpanContext::new(trace, span, TraceFlags::SAMPLED, true, state);
    let mut pay = tracer.span_builder("pay").with_kind(SpanKind::Client).start_with_context(&tracer, &inside);
    pay.add_link(other, vec![KeyValue::new("why", "retry")]);
    pay.set_attributes([
        KeyValue::new("shop.items", 3),
        KeyValue::new("shop.ratio", 0.25),
        KeyValue::new("shop.paid", true),
        KeyValue::new("shop.user", "ann"),
    ]);
    pay.add_event("charged", vec![KeyValue::new("amount", 12.5), KeyValue::new("tries", 2)]);
    pay.set_status(Status::error("card refused"));
    pay.end();

    let mut receipt =
        tracer.span_builder("receipt").with_kind(SpanKind::Producer).start_with_context(&tracer, &inside);
    receipt.set_status(Status::Ok);
    receipt.end();
    inside.span().end();
    Ok(())
}

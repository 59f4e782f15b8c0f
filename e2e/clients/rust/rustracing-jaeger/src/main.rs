//! Sends one trace with rustracing_jaeger over UDP. Usage: client compact|binary HOST:PORT SERVICE

use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustracing::sampler::AllSampler;
use rustracing::tag::Tag;
use rustracing_jaeger::reporter::{JaegerBinaryReporter, JaegerCompactReporter};
use rustracing_jaeger::span::{FinishedSpan, SpanContext};
use rustracing_jaeger::{Span, Tracer};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, protocol, address, service] = arguments.as_slice() else {
        return Err("usage: client compact|binary HOST:PORT SERVICE".into());
    };
    let (sender, receiver) = crossbeam_channel::bounded(10);
    let tracer = Tracer::with_sender(AllSampler, sender);
    let milliseconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64;
    let names = shop(&tracer, milliseconds)?;
    let spans: Vec<FinishedSpan> = receiver.try_iter().collect();
    if protocol == "compact" {
        let mut reporter = JaegerCompactReporter::new(service)?;
        reporter.set_agent_addr(address.parse()?);
        reporter.add_service_tag(Tag::new("shop.floor", 2));
        reporter.report(&spans)?;
    } else {
        let mut reporter = JaegerBinaryReporter::new(service)?;
        reporter.set_agent_addr(address.parse()?);
        reporter.add_service_tag(Tag::new("shop.floor", 2));
        reporter.report(&spans)?;
    }
    println!("{{{names}}}");
    Ok(())
}

/// Records the spans and gives what is known of them, as members of a JSON object.
fn shop(tracer: &Tracer, milliseconds: u64) -> Result<String, Box<dyn Error>> {
    let at = |quarters: u64| UNIX_EPOCH + Duration::from_millis(milliseconds + quarters * 250);
    let mut checkout = tracer.span("checkout").start_time(at(0)).start();
    checkout.set_tags(|| [Tag::new("span.kind", "server"), Tag::new("shop.note", "grüße ☕")]);
    checkout.set_finish_time(|| at(6));
    let root = context(&checkout)?;

    let mut pay = tracer.span("pay").child_of(&root).start_time(at(1)).start();
    pay.set_tags(|| [Tag::new("span.kind", "client"), Tag::new("error", true), Tag::new("shop.items", 3)]);
    pay.set_tags(|| [Tag::new("shop.ratio", 0.25), Tag::new("shop.paid", true)]);
    pay.log(|log| {
        log.time(at(2)).field(("event", "charged")).field(("amount", "12.5"));
    });
    pay.set_finish_time(|| at(3));
    let paid = context(&pay)?;

    let mut receipt =
        tracer.span("receipt").follows_from(&root).child_of(&paid).start_time(at(4)).start();
    receipt.set_tag(|| Tag::new("span.kind", "producer"));
    receipt.set_finish_time(|| at(5));
    let printed = context(&receipt)?;

    let trace = root.state().trace_id();
    let mut names = format!("\"trace\": \"{:016x}{:016x}\"", trace.high, trace.low);
    for (name, one) in [("checkout", root), ("pay", paid), ("receipt", printed)] {
        names += &format!(", \"{name}\": \"{:016x}\"", one.state().span_id());
    }
    for quarters in 0..7 {
        names += &format!(", \"t{quarters}\": \"{}000000\"", milliseconds + quarters * 250);
    }
    Ok(names)
}

fn context(span: &Span) -> Result<SpanContext, Box<dyn Error>> {
    span.context().cloned().ok_or_else(|| "the span is not sampled".into())
}

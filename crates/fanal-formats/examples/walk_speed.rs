//! Measures the walk from OTLP protobuf bytes into columns, in nanoseconds a span.
//!
//! Give a folder of recorded request bodies; without one a generated body stands in.
//! Run with `cargo run --release --example walk_speed -- FOLDER [PASSES]`.
#![expect(clippy::print_stdout, reason = "a program for people")]

use fanal_base::cast;
use fanal_formats::otlp::protobuf::RequestDecoder;
use fanal_formats::wire::{Writer, bytes_tag, fixed64_tag, varint_tag};
use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

/// Passes over all bodies unless told; the fastest counts, as the one least disturbed.
const PASSES: usize = 40;
/// Spans of the generated body.
const GENERATED_SPANS: u32 = 8_192;

fn main() -> Result<(), Box<dyn Error>> {
    let bodies = match std::env::args_os().nth(1) {
        Some(folder) => read_folder(folder.as_ref())?,
        None => vec![generated_body()],
    };
    let bytes: usize = bodies.iter().map(Vec::len).sum();
    let passes = std::env::args().nth(2).map_or(Ok(PASSES), |number| number.parse())?;
    let mut decoder = RequestDecoder::default();
    let (mut fastest_nanos, mut spans) = (u64::MAX, 0);
    for _ in 0..passes {
        spans = 0;
        let begin = now();
        for body in &bodies {
            spans += black_box(decoder.decode(black_box(body))?).batch.len();
        }
        fastest_nanos = fastest_nanos.min(u64::try_from(begin.elapsed().as_nanos())?);
    }
    let per_span = |total: u64| cast::figure(total) / cast::figure(cast::wide(spans.max(1)));
    println!(
        "{} bodies, {spans} spans of {:.0} bytes: {:.0} ns a span",
        bodies.len(),
        per_span(cast::wide(bytes)),
        per_span(fastest_nanos)
    );
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a measurement needs the machine's clock")]
fn now() -> Instant {
    Instant::now()
}

fn read_folder(folder: &std::path::Path) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.sort();
    Ok(paths.into_iter().map(std::fs::read).collect::<Result<_, _>>()?)
}

/// Spans of about 500 bytes with 11 attributes: some constant, some of few values, some all different.
fn generated_body() -> Vec<u8> {
    let mut writer = Writer::default();
    writer.message(bytes_tag(1), |writer| {
        writer
            .message(bytes_tag(1), |writer| text_attribute(writer, 1, "service.name", "checkout"));
        writer.message(bytes_tag(2), |writer| {
            for number in 0..GENERATED_SPANS {
                writer.message(bytes_tag(2), |writer| write_span(writer, number));
            }
        });
    });
    writer.finish()
}

fn write_span(writer: &mut Writer, number: u32) {
    let mixed = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let id = mixed.to_be_bytes();
    let start = 1_700_000_000_000_000_000 + u64::from(number) * 1_000;
    writer.bytes(bytes_tag(1), &[id, [7; 8]].concat());
    writer.bytes(bytes_tag(2), &id);
    writer.bytes(bytes_tag(5), format!("GET /cart/{}", number % 40).as_bytes());
    writer.varint(varint_tag(6), 2);
    writer.fixed64(fixed64_tag(7), start);
    writer.fixed64(fixed64_tag(8), start + mixed % 10_000_000);
    let texts = [
        ("http.request.method", "GET".to_owned()),
        ("http.route", format!("/cart/{}", number % 40)),
        ("url.path", format!("/cart/{}", number % 500)),
        ("server.address", "frontend.example".to_owned()),
        ("user_agent.original", format!("Mozilla/5.0 (X11; Linux) {}", number % 7)),
        ("network.protocol.version", "1.1".to_owned()),
        ("client.address", format!("10.0.{}.{}", number % 3, number % 250)),
        ("user.id", format!("{mixed:x}")),
    ];
    for (key, value) in &texts {
        text_attribute(writer, 9, key, value);
    }
    for (key, value) in
        [("http.response.status_code", 200), ("server.port", 8080), ("cart.items", number % 9)]
    {
        writer.message(bytes_tag(9), |writer| {
            writer.bytes(bytes_tag(1), key.as_bytes());
            writer.message(bytes_tag(2), |writer| writer.varint(varint_tag(3), u64::from(value)));
        });
    }
}

fn text_attribute(writer: &mut Writer, field: u32, key: &str, value: &str) {
    writer.message(bytes_tag(field), |writer| {
        writer.bytes(bytes_tag(1), key.as_bytes());
        writer.message(bytes_tag(2), |writer| writer.bytes(bytes_tag(1), value.as_bytes()));
    });
}

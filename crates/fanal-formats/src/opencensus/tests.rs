//! What messages of a stream become: every row of the mapping, owners that hold, refusals.

use super::{OWNER_BYTES_MAX, StreamDecoder};
use crate::wire::{Writer, bytes_tag, fixed64_tag, varint_tag};
use crate::{ATTRIBUTES_MAX, DecodeError, Decoded, EVENTS_MAX, LINKS_MAX, RejectReason};
use fanal_model::{IndexedBatch, SpanRef, ValueRef};
use std::sync::Arc;

fn message(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    write(&mut writer);
    writer.finish()
}

fn truncatable(text: &str) -> Vec<u8> {
    message(|writer| {
        writer.bytes(bytes_tag(1), text.as_bytes());
        writer.varint(varint_tag(2), 5);
    })
}

fn time(seconds: u64, nanos: u64) -> Vec<u8> {
    message(|writer| {
        writer.varint(varint_tag(1), seconds);
        writer.varint(varint_tag(2), nanos);
    })
}

/// An entry of a map.
fn entry(key: &str, value: &[u8]) -> Vec<u8> {
    message(|writer| {
        writer.bytes(bytes_tag(1), key.as_bytes());
        writer.bytes(bytes_tag(2), value);
    })
}

fn text_attribute(key: &str, value: &str) -> Vec<u8> {
    entry(key, &message(|writer| writer.bytes(bytes_tag(1), &truncatable(value))))
}

fn attributes(entries: &[Vec<u8>]) -> Vec<u8> {
    message(|writer| {
        entries.iter().for_each(|entry| writer.bytes(bytes_tag(1), entry));
        writer.varint(varint_tag(2), 3);
    })
}

fn span(more: impl FnOnce(&mut Writer)) -> Vec<u8> {
    message(|writer| {
        writer.bytes(bytes_tag(1), &[1; 16]);
        writer.bytes(bytes_tag(2), &[2; 8]);
        writer.bytes(bytes_tag(4), &truncatable("work"));
        more(writer);
    })
}

fn export(node: &[u8], spans: &[Vec<u8>], resource: &[u8]) -> Vec<u8> {
    message(|writer| {
        spans.iter().for_each(|span| writer.bytes(bytes_tag(2), span));
        writer.bytes_unless_empty(bytes_tag(3), resource);
        writer.bytes_unless_empty(bytes_tag(1), node);
    })
}

fn service(name: &str) -> Vec<u8> {
    let info = message(|writer| writer.bytes(bytes_tag(1), name.as_bytes()));
    message(|writer| writer.bytes(bytes_tag(3), &info))
}

fn indexed(decoded: Decoded) -> IndexedBatch {
    decoded.batch.validate().expect("consistent");
    IndexedBatch::new(Arc::new(decoded.batch)).expect("decodes")
}

fn decode(message: &[u8]) -> Decoded {
    StreamDecoder::default().decode(message).expect("decodes")
}

fn pairs<'a>(items: impl Iterator<Item = (&'a str, ValueRef<'a>)>) -> Vec<String> {
    items.map(|(key, value)| format!("{key}={}", value.to_text())).collect()
}

/// A span with more fields is accepted, and looks as `look` wants.
fn check(more: impl FnOnce(&mut Writer), look: impl FnOnce(SpanRef<'_>)) {
    let decoded = decode(&export(&[], &[span(more)], &[]));
    assert_eq!(decoded.message(), None);
    look(indexed(decoded).span(0));
}

#[test]
fn fields_of_a_span_have_their_places() {
    check(
        |writer| {
            writer.bytes(bytes_tag(3), &[3; 8]);
            writer.bytes(bytes_tag(5), &time(5, 6));
            writer.bytes(bytes_tag(6), &time(7, 0));
            writer.varint(varint_tag(14), 2);
            let entries = [entry("a", b"1"), entry("b", b"2")];
            writer.message(bytes_tag(15), |writer| {
                entries.iter().for_each(|entry| writer.bytes(bytes_tag(1), entry));
            });
        },
        |span| {
            assert_eq!(span.trace_id().0, [1; 16]);
            assert_eq!((span.span_id().0, span.parent_span_id().0), ([2; 8], [3; 8]));
            assert_eq!((span.name(), span.kind().as_str()), ("work", "client"));
            let times = (span.start_unix_nanos(), span.end_unix_nanos());
            assert_eq!(times, (5_000_000_006, 7_000_000_000));
            assert_eq!(span.trace_state(), "a=1,b=2");
            assert_eq!(span.attributes().count(), 0);
        },
    );
}

#[test]
fn attributes_keep_their_types() {
    let number = |write: fn(&mut Writer)| message(write);
    let entries = [
        text_attribute("text", "é"),
        entry("int", &number(|writer| writer.varint(varint_tag(2), u64::MAX))),
        entry("bool", &number(|writer| writer.varint(varint_tag(3), 1))),
        entry("float", &number(|writer| writer.fixed64(fixed64_tag(4), 0.5_f64.to_bits()))),
        entry("none", &[]),
    ];
    check(
        |writer| writer.bytes(bytes_tag(7), &attributes(&entries)),
        |span| {
            assert_eq!(span.attribute("text"), Some(ValueRef::String("é")));
            assert_eq!(span.attribute("int"), Some(ValueRef::Int(-1)));
            assert_eq!(span.attribute("bool"), Some(ValueRef::Bool(true)));
            assert_eq!(span.attribute("float"), Some(ValueRef::Float(0.5)));
            assert_eq!(span.attribute("none"), Some(ValueRef::String("")));
            assert_eq!(span.dropped_attributes_count(), 3);
        },
    );
}

#[test]
fn kinds_come_from_the_field_or_an_attribute() {
    let check_kind = |number: u64, word: &str, expect: &str, left: usize| {
        let attributes = attributes(&[text_attribute("span.kind", word)]);
        check(
            |writer| {
                writer.varint(varint_tag(14), number);
                writer.bytes(bytes_tag(7), &attributes);
            },
            |span| {
                assert_eq!((span.kind().as_str(), span.attributes().count()), (expect, left));
            },
        );
    };
    check_kind(0, "consumer", "consumer", 0);
    check_kind(0, "PRODUCER", "producer", 0);
    check_kind(0, "internal", "internal", 0);
    check_kind(0, "odd", "unspecified", 1);
    check_kind(1, "client", "server", 1);
    check_kind(9, "odd", "unspecified", 1);
}

#[test]
fn statuses_are_codes_of_grpc_unless_an_attribute_says_otherwise() {
    let check_status = |code: Option<u64>, word: &str, expect: &str, left: &[&str]| {
        let status = message(|writer| {
            code.into_iter().for_each(|code| writer.varint(varint_tag(1), code));
            writer.bytes(bytes_tag(2), b"words");
        });
        let attributes = attributes(&[text_attribute("otel.status_code", word)]);
        check(
            |writer| {
                writer.bytes(bytes_tag(11), &status);
                writer.bytes(bytes_tag(7), &attributes);
            },
            |span| {
                assert_eq!((span.status_code().as_str(), span.status_message()), (expect, "words"));
                assert_eq!(pairs(span.attributes()), left);
            },
        );
    };
    let odd = "otel.status_code=odd";
    check_status(None, "odd", "unset", &[odd]);
    check_status(Some(0), "odd", "unset", &[odd]);
    check_status(Some(5), "odd", "error", &["opencensus.status_code=5", odd]);
    check_status(Some(u64::MAX), "odd", "error", &["opencensus.status_code=-1", odd]);
    check_status(Some(5), "OK", "ok", &["opencensus.status_code=5"]);
    check_status(Some(0), "ERROR", "error", &[]);
}

#[test]
fn wrapped_scalars_become_attributes() {
    check(
        |writer| {
            writer.message(bytes_tag(12), |writer| writer.varint(varint_tag(1), 1));
            writer.message(bytes_tag(13), |writer| writer.varint(varint_tag(1), 4));
        },
        |span| {
            let same = span.attribute("opencensus.same_process_as_parent_span");
            assert_eq!(same, Some(ValueRef::Bool(true)));
            assert_eq!(span.attribute("opencensus.child_span_count"), Some(ValueRef::Int(4)));
        },
    );
    check(
        |writer| writer.bytes(bytes_tag(12), &[]),
        |span| {
            let same = span.attribute("opencensus.same_process_as_parent_span");
            assert_eq!(same, Some(ValueRef::Bool(false)));
        },
    );
}

#[test]
fn time_events_become_events() {
    let annotation = message(|writer| {
        writer.bytes(bytes_tag(1), &truncatable("retry"));
        writer.bytes(bytes_tag(2), &attributes(&[text_attribute("a", "b")]));
    });
    let sent = message(|writer| {
        [1, 7, 100, u64::MAX].into_iter().zip(1..).for_each(|(number, field)| {
            writer.varint(varint_tag(field), number);
        });
    });
    check(
        |writer| {
            writer.message(bytes_tag(9), |writer| {
                writer.message(bytes_tag(1), |writer| {
                    writer.bytes(bytes_tag(1), &time(5, 0));
                    writer.bytes(bytes_tag(2), &annotation);
                });
                writer.message(bytes_tag(1), |writer| writer.bytes(bytes_tag(3), &sent));
                writer.message(bytes_tag(1), |writer| writer.bytes(bytes_tag(3), &[8, 2]));
                writer.varint(varint_tag(2), 3);
                writer.varint(varint_tag(3), 4);
            });
        },
        |span| {
            let shown: Vec<String> = span
                .events()
                .map(|event| {
                    let (time, dropped) =
                        (event.time_unix_nanos(), event.dropped_attributes_count());
                    format!(
                        "{time} {} {dropped} {}",
                        event.name(),
                        pairs(event.attributes()).join(" ")
                    )
                })
                .collect();
            assert_eq!(
                shown,
                [
                    "5000000000 retry 3 a=b",
                    "0 message 0 message.type=SENT messaging.message_id=7 \
                     messaging.message_payload_size_bytes=100 \
                     messaging.message_payload_compressed_size_bytes=18446744073709551615",
                    "0 message 0 message.type=RECEIVED messaging.message_id=0",
                ]
            );
            assert_eq!(span.dropped_events_count(), 7);
        },
    );
}

#[test]
fn links_keep_what_they_say() {
    let link = message(|writer| {
        writer.bytes(bytes_tag(1), &[5; 16]);
        writer.bytes(bytes_tag(2), &[6; 8]);
        writer.varint(varint_tag(3), 2);
        writer.bytes(bytes_tag(4), &attributes(&[text_attribute("a", "b")]));
        writer.message(bytes_tag(5), |writer| writer.bytes(bytes_tag(1), &entry("k", b"v")));
    });
    check(
        |writer| {
            writer.message(bytes_tag(10), |writer| {
                writer.bytes(bytes_tag(1), &link);
                writer.bytes(bytes_tag(1), &[]);
                writer.varint(varint_tag(2), 9);
            });
        },
        |span| {
            let links: Vec<_> = span.links().collect();
            assert_eq!((links[0].trace_id().0, links[0].span_id().0), ([5; 16], [6; 8]));
            assert_eq!(links[0].trace_state(), "k=v");
            let shown = pairs(links[0].attributes());
            assert_eq!(shown, ["a=b", "opencensus.link_type=parent_linked_span"]);
            assert!(links[1].trace_id().is_zero() && links[1].attributes().count() == 0);
            assert_eq!((links.len(), span.dropped_links_count()), (2, 9));
        },
    );
}

#[test]
fn stack_traces_become_text() {
    let frame = |function: &str, line: u64, column: u64| {
        message(|writer| {
            writer.bytes(bytes_tag(1), &truncatable(function));
            writer.bytes(bytes_tag(3), &truncatable("main.py"));
            writer.varint(varint_tag(4), line);
            writer.varint_unless_zero(varint_tag(5), column);
        })
    };
    check(
        |writer| {
            writer.message(bytes_tag(8), |writer| {
                writer.message(bytes_tag(1), |writer| {
                    writer.bytes(bytes_tag(1), &frame("inner", 7, 3));
                    writer.bytes(bytes_tag(1), &frame("outer", 9, 0));
                    writer.varint(varint_tag(2), 4);
                });
                writer.varint(varint_tag(2), 12);
            });
        },
        |span| {
            let expect = "inner (main.py:7:3)\nouter (main.py:9)\n... 4 more\n";
            assert_eq!(span.attribute("code.stacktrace"), Some(ValueRef::String(expect)));
            let id = span.attribute("opencensus.stack_trace_hash_id");
            assert_eq!(id, Some(ValueRef::Int(12)));
        },
    );
}

fn node() -> Vec<u8> {
    message(|writer| {
        writer.message(bytes_tag(1), |writer| {
            writer.bytes(bytes_tag(1), b"host-1");
            writer.varint(varint_tag(2), 42);
            writer.bytes(bytes_tag(3), &time(1_767_225_600, 0));
        });
        writer.message(bytes_tag(2), |writer| {
            writer.varint(varint_tag(1), 8);
            writer.bytes(bytes_tag(2), b"0.8");
            writer.bytes(bytes_tag(3), b"0.11");
        });
        writer.message(bytes_tag(3), |writer| writer.bytes(bytes_tag(1), b"shop"));
        writer.bytes(bytes_tag(4), &entry("zone", b"a"));
    })
}

fn resource(labels: &[(&str, &str)]) -> Vec<u8> {
    message(|writer| {
        writer.bytes(bytes_tag(1), b"container");
        for (key, value) in labels {
            writer.bytes(bytes_tag(2), &entry(key, value.as_bytes()));
        }
    })
}

#[test]
fn node_and_resource_are_one_resource() {
    let decoded =
        decode(&export(&node(), &[span(|_| {})], &resource(&[("zone", "b"), ("k", "v")])));
    assert_eq!(decoded.duplicate_keys, 1);
    let batch = indexed(decoded);
    let shown: Vec<String> = batch.resources()[0]
        .attributes
        .iter()
        .map(|(key, value)| format!("{key}={}", value.to_text()))
        .collect();
    assert_eq!(
        shown,
        [
            "host.name=host-1",
            "process.pid=42",
            "opencensus.starttime=2026-01-01T00:00:00Z",
            "telemetry.sdk.language=python",
            "opencensus.exporterversion=0.8",
            "telemetry.sdk.version=0.11",
            "service.name=shop",
            "zone=b",
            "opencensus.resourcetype=container",
            "k=v",
        ]
    );
}

#[test]
fn owners_hold_for_the_rest_of_a_stream() {
    let mut decoder = StreamDecoder::default();
    let mut decode = |node: &[u8], resource: &[u8], of_span: &[u8]| {
        let span = span(|writer| writer.bytes_unless_empty(bytes_tag(16), of_span));
        let decoded = decoder.decode(&export(node, &[span], resource)).expect("decodes");
        let batch = indexed(decoded);
        let resource = batch.span(0).resource().clone();
        let label = resource.attribute("k").map(fanal_model::Value::to_text);
        format!("{} {}", resource.service_name(), label.unwrap_or_default())
    };
    assert_eq!(decode(&[], &[], &[]), "unknown_service ");
    assert_eq!(decode(&service("shop"), &resource(&[("k", "1")]), &[]), "shop 1");
    assert_eq!(decode(&[], &[], &[]), "shop 1");
    assert_eq!(decode(&[], &[], &resource(&[("k", "own")])), "shop own");
    assert_eq!(decode(&[], &resource(&[("k", "2")]), &[]), "shop 2");
    assert_eq!(decode(&service("cart"), &[], &[]), "cart 2");
    assert!(decoder.kept_bytes() > 0);
}

#[test]
fn spans_of_one_message_may_have_owners_of_their_own() {
    let own = |label: &str| {
        let resource = resource(&[("k", label)]);
        span(|writer| writer.bytes(bytes_tag(16), &resource))
    };
    let spans = [own("a"), span(|_| {}), own("a"), own("b")];
    let batch = indexed(decode(&export(&service("shop"), &spans, &resource(&[("k", "0")]))));
    let labels: Vec<String> = batch
        .spans()
        .map(|span| span.resource().attribute("k").expect("a label").to_text())
        .collect();
    assert_eq!(labels, ["a", "0", "a", "b"]);
}

/// A bad span between two good ones is refused alone.
fn check_refused(bad: Vec<u8>, reason: RejectReason, words: &str) {
    let decoded = decode(&export(&[], &[span(|_| {}), bad, span(|_| {})], &[]));
    assert_eq!(decoded.rejects_by_reason, [(reason, 1)]);
    let message = decoded.message().expect("told");
    assert!(message.contains(words), "{message}");
    assert_eq!(indexed(decoded).len(), 2);
}

#[test]
fn bad_spans_are_refused_alone() {
    let ids = |trace: &[u8], span: &[u8], parent: &[u8]| {
        message(|writer| {
            writer.bytes_unless_empty(bytes_tag(1), trace);
            writer.bytes_unless_empty(bytes_tag(2), span);
            writer.bytes_unless_empty(bytes_tag(3), parent);
        })
    };
    let (trace, id) = ([1; 16], [2; 8]);
    check_refused(ids(&[], &id, &[]), RejectReason::TraceIdLength, "trace id has 0 bytes");
    check_refused(ids(&[1; 8], &id, &[]), RejectReason::TraceIdLength, "trace id has 8 bytes");
    check_refused(ids(&[0; 16], &id, &[]), RejectReason::ZeroTraceId, "all zeros");
    check_refused(ids(&trace, &[], &[]), RejectReason::SpanIdLength, "span id has 0 bytes");
    check_refused(ids(&trace, &[0; 8], &[]), RejectReason::ZeroSpanId, "all zeros");
    let reason = RejectReason::ParentSpanIdLength;
    check_refused(ids(&trace, &id, &[1]), reason, "parent span id has 1 bytes");
    let bad = |tag: u32, content: Vec<u8>| span(|writer| writer.bytes(bytes_tag(tag), &content));
    check_refused(bad(4, vec![0x0a, 1, 0xff]), RejectReason::Utf8, "UTF-8");
    check_refused(bad(5, time(u64::MAX, 0)), RejectReason::Malformed, "malformed");
    check_refused(bad(5, time(1, 1_000_000_000)), RejectReason::Malformed, "malformed");
    let many = |tag: u8, count: usize| [tag, 0].repeat(count + 1);
    let reason = RejectReason::AttributeCount;
    check_refused(bad(7, many(0x0a, ATTRIBUTES_MAX)), reason, "10001 or more attributes");
    check_refused(bad(9, many(0x0a, EVENTS_MAX)), RejectReason::EventCount, "events");
    check_refused(bad(10, many(0x0a, LINKS_MAX)), RejectReason::LinkCount, "links");
    let link = [0x0a, 3, 0x0a, 1, 7].to_vec();
    check_refused(bad(10, link), RejectReason::LinkIdLength, "link id has 1 bytes");
}

#[test]
fn a_bad_owner_refuses_its_spans() {
    let decoded = decode(&export(&[0x1a, 3, 0x0a, 1, 0xff], &[span(|_| {}), span(|_| {})], &[]));
    assert_eq!(decoded.rejects_by_reason, [(RejectReason::Utf8, 2)]);
    let decoded = decode(&export(&[0xff], &[span(|_| {})], &[]));
    assert_eq!(decoded.rejects_by_reason, [(RejectReason::Malformed, 1)]);
    let large = vec![0; OWNER_BYTES_MAX + 1];
    let error = StreamDecoder::default().decode(&export(&large, &[], &[])).expect_err("too large");
    assert!(matches!(error, DecodeError::TooMany { count: 65_537, .. }), "{error}");
}

#[test]
fn a_message_without_spans_is_empty() {
    assert!(decode(&[]).batch.is_empty());
    assert!(decode(&export(&node(), &[], &resource(&[]))).batch.is_empty());
}

#[test]
fn no_cut_and_no_changed_byte_panics() {
    let annotation = message(|writer| writer.bytes(bytes_tag(1), &truncatable("retry")));
    let full = span(|writer| {
        writer.bytes(bytes_tag(5), &time(5, 6));
        writer.bytes(bytes_tag(7), &attributes(&[text_attribute("a", "b")]));
        writer.bytes(bytes_tag(8), &[0x0a, 4, 0x0a, 2, 0x20, 1]);
        writer.message(bytes_tag(9), |writer| {
            writer.message(bytes_tag(1), |writer| writer.bytes(bytes_tag(2), &annotation));
        });
        writer.bytes(bytes_tag(10), &[0x0a, 2, 0x18, 1]);
        writer.bytes(bytes_tag(16), &resource(&[("k", "v")]));
    });
    let whole = export(&node(), &[full], &resource(&[("k", "v")]));
    assert_eq!(decode(&whole).batch.len(), 1);
    let mut decoder = StreamDecoder::default();
    for at in 0..whole.len() {
        if let Ok(decoded) = decoder.decode(&whole[..at]) {
            decoded.batch.validate().expect("consistent");
        }
        for flip in [0xff, 0x80, 0x01, 0x08] {
            let mut changed = whole.clone();
            changed[at] ^= flip;
            if let Ok(decoded) = decoder.decode(&changed) {
                decoded.batch.validate().expect("consistent");
            }
        }
    }
}

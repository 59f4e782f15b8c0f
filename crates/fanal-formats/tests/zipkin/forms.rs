//! The four forms, written by hand byte by byte, of the same spans.

use crate::shown;
use fanal_formats::wire::{Writer, bytes_tag, fixed64_tag, varint_tag};
use fanal_formats::zipkin::{Format, sniff};

const EXPECT: &str = "\
000000000000000a000000000000000b 000000000000000c < 000000000000000d \"Get\" client error (late) 50+7
in service.name=Shop
network.local.address=10.1.2.3
network.local.port=Int:60000
network.peer.address=2001:db8::7
network.peer.port=Int:443
peer.service=bank
error=late
zipkin.debug=Bool:true
@53 \"miss\" [] -0";

#[test]
fn version_2_in_json() {
    let text = r#" [ {"traceId":"a000000000000000b","id":"000000000000000c","parentId":"d","name":"Get",
        "kind":"CLIENT","timestamp":50,"duration":7,"unknown":{"deep":[1,{}]},"debug":true,
        "localEndpoint":{"serviceName":"Shop","ipv4":"10.1.2.3","port":60000},
        "remoteEndpoint":{"serviceName":"bank","ipv6":"2001:db8::7","port":443},
        "annotations":[{"timestamp":53,"value":"miss"}],"tags":{"error":"late"}} ] "#;
    let spans = shown::spans(Format::V2Json, text.as_bytes());
    assert_eq!(shown::span(spans.span(0)), EXPECT);
    assert_eq!(sniff(text.as_bytes()), Some(Format::V2Json));
}

fn endpoint(writer: &mut Writer, name: &[u8], address: (u32, &[u8]), port: u64) {
    writer.varint(varint_tag(4), port);
    writer.bytes(bytes_tag(address.0), address.1);
    writer.bytes(bytes_tag(1), name);
}

/// Field by field from the last to the first, unlike any encoder, with unknown fields among them.
fn protobuf(write_ids: impl Fn(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.message(bytes_tag(1), |writer| {
        writer.bytes(bytes_tag(100), b"unknown");
        writer.varint(varint_tag(13), 0);
        writer.varint(varint_tag(12), 1);
        writer.message(bytes_tag(11), |writer| {
            writer.bytes(bytes_tag(2), b"late");
            writer.bytes(bytes_tag(1), b"error");
        });
        writer.message(bytes_tag(10), |writer| {
            writer.bytes(bytes_tag(2), b"miss");
            writer.fixed64(fixed64_tag(1), 53);
        });
        let v6 = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
        writer.message(bytes_tag(9), |writer| endpoint(writer, b"bank", (3, &v6), 443));
        writer
            .message(bytes_tag(8), |writer| endpoint(writer, b"Shop", (2, &[10, 1, 2, 3]), 60_000));
        writer.varint(varint_tag(7), 7);
        writer.fixed64(fixed64_tag(6), 50);
        writer.bytes(bytes_tag(5), b"Get");
        writer.varint(varint_tag(4), 1);
        write_ids(writer);
    });
    writer.finish()
}

fn good_ids(writer: &mut Writer) {
    writer.bytes(bytes_tag(3), &[0, 0, 0, 0, 0, 0, 0, 0xc]);
    writer.bytes(bytes_tag(2), &[0, 0, 0, 0, 0, 0, 0, 0xd]);
    writer.bytes(bytes_tag(1), &[0, 0, 0, 0, 0, 0, 0, 0xa, 0, 0, 0, 0, 0, 0, 0, 0xb]);
}

#[test]
fn version_2_in_protobuf() {
    let bytes = protobuf(good_ids);
    assert_eq!(sniff(&bytes), Some(Format::V2Protobuf));
    let spans = shown::spans(Format::V2Protobuf, &bytes);
    assert_eq!(shown::span(spans.span(0)), EXPECT);
    let short = protobuf(|writer| {
        writer.bytes(bytes_tag(3), &[1; 8]);
        writer.bytes(bytes_tag(1), &[0, 0, 0, 0, 0, 0, 0, 0xb]);
    });
    let spans = shown::spans(Format::V2Protobuf, &short);
    assert_eq!(spans.span(0).trace_id().to_string(), format!("{:0>32}", "b"));
    assert!(spans.span(0).parent_span_id().is_zero());
}

#[test]
fn protobuf_numbers_beyond_their_range_are_absent() {
    let mut writer = Writer::default();
    writer.message(bytes_tag(1), |writer| {
        good_ids(writer);
        writer.varint(varint_tag(4), 9);
        writer.fixed64(fixed64_tag(6), u64::MAX);
        writer.varint(varint_tag(7), u64::MAX);
        writer.message(bytes_tag(8), |writer| writer.varint(varint_tag(4), u64::MAX));
    });
    let spans = shown::spans(Format::V2Protobuf, &writer.finish());
    let span = spans.span(0);
    assert_eq!(span.start_unix_nanos(), shown::ARRIVED);
    assert_eq!((span.duration_nanos(), span.kind_number()), (0, 0));
    assert_eq!(span.attribute("network.local.port"), None);
}

#[test]
fn version_1_in_json() {
    let endpoint = r#""endpoint":{"serviceName":"Shop","ipv4":"10.1.2.3","port":60000}"#;
    let text = format!(
        r#"[{{"traceId":"a000000000000000b","id":"000000000000000c","parentId":"d","name":"Get","debug":true,
        "annotations":[{{"timestamp":50,"value":"cs",{endpoint}}},{{"timestamp":53,"value":"miss",{endpoint}}},
                       {{"timestamp":57,"value":"cr",{endpoint}}}],
        "binaryAnnotations":[{{"key":"error","value":"late",{endpoint}}},{{"key":"ignored","value":null}},
            {{"key":"sa","value":true,"endpoint":{{"serviceName":"bank","ipv6":"2001:db8::7","port":443}}}}]}}]"#
    );
    let spans = shown::spans(Format::V1Json, text.as_bytes());
    assert_eq!(shown::span(spans.span(0)), EXPECT);
    assert_eq!(sniff(text.replace("ndpoint", "").as_bytes()), Some(Format::V1Json));
}

fn text(id: u8, value: &[u8]) -> Vec<u8> {
    let length = u32::try_from(value.len()).expect("short").to_be_bytes();
    [&[11, 0, id], &length[..], value].concat()
}

fn long(id: u8, value: i64) -> Vec<u8> {
    [&[10, 0, id], &value.to_be_bytes()[..]].concat()
}

fn list(id: u8, items: &[Vec<u8>]) -> Vec<u8> {
    let count = u32::try_from(items.len()).expect("few").to_be_bytes();
    [&[15, 0, id, 12], &count[..], &items.concat()].concat()
}

/// The endpoint of a service as a field: its IPv4 address, its port and its IPv6 address.
fn thrift_endpoint(id: u8, name: &[u8], v4: [u8; 4], port: u16, v6: &[u8]) -> Vec<u8> {
    let (v4, port) =
        ([&[8, 0, 1], &v4[..]].concat(), [&[6, 0, 2], &port.to_be_bytes()[..]].concat());
    let v6 = if v6.is_empty() { Vec::new() } else { text(4, v6) };
    [vec![12, 0, id], v4, port, text(3, name), v6, vec![0]].concat()
}

fn thrift(kind: u8) -> Vec<u8> {
    let shop = |id| thrift_endpoint(id, b"Shop", [10, 1, 2, 3], 60_000, b"");
    let v6 = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
    let bank = thrift_endpoint(4, b"bank", [0; 4], 443, &v6);
    let at = |time, value: &[u8]| [long(1, time), text(2, value), shop(3), vec![0]].concat();
    let error = [text(1, b"error"), text(2, b"late"), vec![8, 0, 3, 0, 0, 0, 6], shop(4), vec![0]];
    let address = [text(1, b"sa"), text(2, &[1]), vec![8, 0, 3, 0, 0, 0, 0], bank, vec![0]];
    let span = [
        long(12, 0xa),
        vec![2, 0, 9, 1],
        // An unknown field, and a known one of another type.
        vec![13, 0, 77, 11, 8, 0, 0, 0, 0],
        vec![8, 0, 10, 0, 0, 0, 9],
        list(8, &[error.concat(), address.concat()]),
        list(6, &[at(50, b"cs"), at(53, b"miss"), at(57, b"cr")]),
        long(5, 0xd),
        long(4, 0xc),
        text(3, b"Get"),
        long(1, 0xb),
        vec![0],
    ];
    [vec![kind, 0, 0, 0, 1], span.concat()].concat()
}

#[test]
fn version_1_in_thrift() {
    // Text as the type of the items is what one reporter writes.
    for kind in [0x0c, 0x0b] {
        let bytes = thrift(kind);
        let spans = shown::spans(Format::V1Thrift, &bytes);
        assert_eq!(shown::span(spans.span(0)), EXPECT);
        assert_eq!(sniff(&bytes), Some(Format::V1Thrift));
    }
}

#[test]
fn every_cut_of_every_form_is_an_error_or_fewer_spans() {
    let v1 = br#"[{"traceId":"a","id":"b","binaryAnnotations":[{"key":"k","value":true}]}]"#;
    let v2 = br#"[{"traceId":"a","id":"b","localEndpoint":{"port":1},"tags":{"a":"b"}}]"#;
    for (format, bytes) in [
        (Format::V1Json, v1.to_vec()),
        (Format::V2Json, v2.to_vec()),
        (Format::V2Protobuf, protobuf(good_ids)),
        (Format::V1Thrift, thrift(0x0c)),
    ] {
        for end in 1..bytes.len() {
            let decoded = fanal_formats::zipkin::decode(format, &bytes[..end], 0);
            assert!(decoded.is_err(), "{format:?} {end}");
        }
        // One byte changed: any outcome but a panic, and what is accepted is valid.
        for index in 0..bytes.len() {
            for byte in [0, 1, 0x0b, 0x0c, 0x7f, 0x80, 0xff, b'"', b'{', b'9'] {
                let mut bytes = bytes.clone();
                bytes[index] = byte;
                if let Ok(decoded) = fanal_formats::zipkin::decode(format, &bytes, 0) {
                    assert_eq!(decoded.batch.validate(), Ok(()), "{format:?} {index} {byte}");
                }
            }
        }
    }
}

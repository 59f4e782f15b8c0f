//! The Zipkin receiver: over HTTP, over gRPC, and while it stops.

mod grpc;
mod http;

const ZIPKIN: &str = "zipkin";

/// A list of version 2 in JSON.
fn v2_json(names: &[&str]) -> Vec<u8> {
    let span = |name: &&str| format!(r#"{{"traceId":"a1","id":"b2","name":"{name}","tags":{{}}}}"#);
    format!("[{}]", names.iter().map(span).collect::<Vec<_>>().join(",")).into_bytes()
}

/// A list of version 1 in JSON.
fn v1_json(names: &[&str]) -> Vec<u8> {
    let span = |name: &&str| {
        format!(r#"{{"traceId":"a1","id":"b2","name":"{name}","binaryAnnotations":[]}}"#)
    };
    format!("[{}]", names.iter().map(span).collect::<Vec<_>>().join(",")).into_bytes()
}

/// A list of version 2 in protobuf; each name is shorter than 128 bytes or long.
fn v2_protobuf(names: &[&str]) -> Vec<u8> {
    let mut list = Vec::new();
    for name in names {
        let mut span = vec![0x0a, 8, 0, 0, 0, 0, 0, 0, 0, 0xa1, 0x1a, 8, 0, 0, 0, 0, 0, 0, 0, 0xb2];
        span.push(0x2a);
        span.extend(length(name.len()));
        span.extend(name.as_bytes());
        list.push(0x0a);
        list.extend(length(span.len()));
        list.extend(span);
    }
    list
}

fn length(length: usize) -> Vec<u8> {
    let byte = |value: usize| u8::try_from(value).expect("7 bits");
    let (low, high, top) = (length & 0x7f, length >> 7 & 0x7f, length >> 14);
    vec![byte(low) | 0x80, byte(high) | 0x80, byte(top)]
}

/// A list of version 1 in thrift.
fn v1_thrift(names: &[&str]) -> Vec<u8> {
    let mut list = vec![12];
    list.extend(u32::try_from(names.len()).expect("few").to_be_bytes());
    for name in names {
        list.extend([10, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0xa1, 10, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0xb2]);
        list.extend([11, 0, 3]);
        list.extend(u32::try_from(name.len()).expect("short").to_be_bytes());
        list.extend(name.as_bytes());
        list.push(0);
    }
    list
}

//! The Jaeger receivers, and what their tests send, written by hand.

mod grpc;
mod http;
mod udp;

/// A span: its name and its span id, of which 0 makes a bad one.
type Span<'a> = (&'a str, u8);

fn one(name: &str) -> [Span<'_>; 1] {
    [(name, 3)]
}

/// A `Batch` in the binary protocol.
fn batch(spans: &[Span<'_>]) -> Vec<u8> {
    let text = |text: &str, out: &mut Vec<u8>| {
        out.extend(u32::try_from(text.len()).expect("short").to_be_bytes());
        out.extend_from_slice(text.as_bytes());
    };
    let mut out = vec![12, 0, 1, 11, 0, 1];
    text("shop", &mut out);
    out.push(0);
    out.extend([15, 0, 2, 12]);
    out.extend(u32::try_from(spans.len()).expect("few").to_be_bytes());
    for (name, id) in spans {
        for (field, number) in [(1, 7), (2, 0), (3, *id)] {
            out.extend([10, 0, field, 0, 0, 0, 0, 0, 0, 0, number]);
        }
        out.extend([11, 0, 5]);
        text(name, &mut out);
        out.push(0);
    }
    out.push(0);
    out
}

/// A call of `emitBatch` in the binary protocol.
fn binary(spans: &[Span<'_>]) -> Vec<u8> {
    let mut out = b"\x80\x01\0\x04\0\0\0\x09emitBatch\0\0\0\x01\x0c\0\x01".to_vec();
    out.extend(batch(spans));
    out.push(0);
    out
}

fn varint(mut number: usize, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).expect("7 bits") | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).expect("7 bits"));
}

/// A call of `emitBatch` in the compact protocol.
fn compact(spans: &[Span<'_>]) -> Vec<u8> {
    let mut out = b"\x82\x81\x01\x09emitBatch\x1c".to_vec();
    out.extend(b"\x1c\x18\x04shop\0\x19\xfc");
    varint(spans.len(), &mut out);
    for (name, id) in spans {
        // Zigzag doubles.
        out.extend([0x16, 14, 0x16, 0, 0x16, id * 2, 0x28]);
        varint(name.len(), &mut out);
        out.extend_from_slice(name.as_bytes());
        out.push(0);
    }
    out.extend([0, 0]);
    out
}

/// A `PostSpansRequest`.
fn post_spans(spans: &[Span<'_>]) -> Vec<u8> {
    let field = |number: u8, content: &[u8], out: &mut Vec<u8>| {
        out.push(number << 3 | 2);
        varint(content.len(), out);
        out.extend_from_slice(content);
    };
    let mut content = Vec::new();
    for (name, id) in spans {
        let mut span = Vec::new();
        field(1, &[7; 16], &mut span);
        field(2, &[0, 0, 0, 0, 0, 0, 0, *id], &mut span);
        field(3, name.as_bytes(), &mut span);
        field(1, &span, &mut content);
    }
    field(2, b"\x0a\x04shop", &mut content);
    let mut request = Vec::new();
    field(1, &content, &mut request);
    request
}

/// What real clients sent.
mod recorded {
    macro_rules! recording {
        ($name:literal) => {
            include_bytes!(concat!("../../../../fanal-formats/tests/recordings/jaeger/", $name))
        };
    }

    pub(super) const COMPACT: &[u8] = recording!("python_client.compact");
    pub(super) const BINARY: &[u8] = recording!("node_client.binary");
    pub(super) const HTTP: &[u8] = recording!("node_client.http");
    pub(super) const GRPC: &[u8] = recording!("opentelemetry.grpc");
}

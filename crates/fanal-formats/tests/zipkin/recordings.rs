//! What real clients post, recorded byte by byte (`tests/recordings/zipkin/README.md`).

use crate::shown;
use fanal_formats::zipkin::{Format, sniff};

macro_rules! recording {
    ($name:literal) => {
        include_bytes!(concat!("../recordings/zipkin/", $name))
    };
}

/// The spans by name, their ids left out, which are random.
fn check(format: Format, bytes: &[u8], expect: &[(&str, &str)]) {
    assert!(sniff(bytes).is_some_and(|found| found == format), "{format:?}");
    let spans = shown::spans(format, bytes);
    assert_eq!(spans.len(), expect.len(), "{format:?}");
    for (span, (name, expect)) in spans.spans().zip(expect) {
        assert_eq!(span.name(), *name, "{format:?}");
        let shown = shown::span(span);
        for line in expect.lines().map(str::trim) {
            let is_there = shown.lines().any(|found| found.contains(line));
            assert!(is_there, "{format:?} {name}: `{line}` in\n{shown}");
        }
    }
}

#[test]
fn py_zipkin() {
    let charge = "\"charge\" client
        in service.name=Checkout
        network.local.address=10.1.2.3
        network.local.port=Int:8080
        network.peer.address=10.9.8.7
        network.peer.port=Int:5432
        peer.service=ledger
        peer=Zürich";
    let render = "\"render\" unspecified";
    let cart = "\"GET /cart\" server error (card declined)
        in service.name=Checkout
        zipkin.shared=Bool:true
        http.path=/cart
        http.status_code=500
        error=card declined
        @1767225600250000 \"cache.miss\" [] -0";
    let expect = [("charge", charge), ("render", render), ("GET /cart", cart)];
    check(Format::V1Thrift, recording!("py-zipkin.v1.thrift"), &expect);
    check(Format::V1Json, recording!("py-zipkin.v1.json"), &expect);
    check(Format::V2Json, recording!("py-zipkin.v2.json"), &expect);
    check(Format::V2Protobuf, recording!("py-zipkin.v2.proto"), &expect);
}

#[test]
fn opentelemetry_python() {
    let everywhere = "by shop.http 1.2.3
        network.local.address=10.1.2.3
        network.local.port=Int:8080
        zipkin.debug=Bool:true";
    let charge = format!(
        "{everywhere}
        \"charge\" client error (card declined)
        service.name=Checkout deployment.environment.name=prod host.name=web-7
        zipkin.local_endpoint.ipv6=2001:db8::7
        peer.service=ledger
        error=card declined"
    );
    let render = format!("{everywhere}\n\"render\" unspecified");
    let cart = format!(
        "{everywhere}
        \"GET /cart\" server ok
        http.response.status_code=500
        retries=[\"1\",\"2\"]
        \"cache.miss\" [\"key=cart:7\"] -0"
    );
    let expect = [("charge", &*charge), ("render", &*render), ("GET /cart", &*cart)];
    check(Format::V2Json, recording!("opentelemetry.v2.json"), &expect);
    check(Format::V2Protobuf, recording!("opentelemetry.v2.proto"), &expect);
    // Version 1 has no kind where no annotation tells one, and this exporter sent no IPv6 address.
    let v1 = |text: &str| {
        let lines = text.lines().filter(|line| !line.contains("ipv6"));
        lines
            .collect::<Vec<_>>()
            .join("\n")
            .replace("client", "unspecified")
            .replace("server", "unspecified")
    };
    let expect: Vec<(&str, String)> = expect.iter().map(|(name, text)| (*name, v1(text))).collect();
    let expect: Vec<(&str, &str)> = expect.iter().map(|(name, text)| (*name, &**text)).collect();
    check(Format::V1Json, recording!("opentelemetry.v1.json"), &expect);
}

//! What each field and tag of a span becomes, told in JSON of version 2.

use crate::shown;
use fanal_formats::zipkin::Format;

/// The lines of a span with `fields`, without those that say nothing more than its ids.
fn lines(format: Format, fields: &str) -> Vec<String> {
    let text = format!(r#"[{{"traceId":"a1","id":"b2",{fields}}}]"#);
    let spans = shown::spans(format, text.as_bytes());
    let shown = shown::span(spans.span(0));
    let ids = format!("{:0>32} {:0>16}", "a1", "b2");
    let shown = shown.strip_prefix(&ids).expect("the ids").trim_start();
    shown.lines().map(str::to_owned).filter(|line| line != "in ").collect()
}

fn check(fields: &str, expect: &[&str]) {
    assert_eq!(lines(Format::V2Json, fields), expect, "{fields}");
}

#[test]
fn ids_are_padded_and_parents_may_be_none() {
    let check = |ids: &str, expect: &str| {
        let text = format!(r#"[{{{ids},"timestamp":1}}]"#);
        let spans = shown::spans(Format::V2Json, text.as_bytes());
        let shown = shown::span(spans.span(0));
        assert_eq!(shown.lines().next(), Some(&*format!("{expect} \"\" unspecified 1+0")), "{ids}");
    };
    check(
        r#""traceId":"463ac35c9f6413ad48485a3953bb6124","id":"48485a3953bb6124""#,
        "463ac35c9f6413ad48485a3953bb6124 48485a3953bb6124",
    );
    check(
        r#""traceId":"48485a3953bb6124","id":"1","parentId":"2""#,
        "000000000000000048485a3953bb6124 0000000000000001 < 0000000000000002",
    );
    let own = "0000000000000000000000000000000a 0000000000000001";
    check(r#""traceId":"a","id":"1","parentId":"1""#, own);
    check(r#""traceId":"a","id":"1","parentId":"0000000000000000""#, own);
    check(r#""traceId":"a","id":"1","parentId":null"#, own);
}

#[test]
fn kinds_and_names() {
    check(r#""timestamp":1,"kind":"CLIENT","name":"GET /Cart""#, &["\"GET /Cart\" client 1+0"]);
    check(r#""timestamp":1,"kind":"SERVER""#, &["\"\" server 1+0"]);
    check(r#""timestamp":1,"kind":"PRODUCER""#, &["\"\" producer 1+0"]);
    check(r#""timestamp":1,"kind":"CONSUMER""#, &["\"\" consumer 1+0"]);
    check(r#""timestamp":1,"kind":null"#, &["\"\" unspecified 1+0"]);
    check(r#""timestamp":1,"tags":{"span.kind":"internal"}"#, &["\"\" internal 1+0"]);
    check(
        r#""timestamp":1,"tags":{"span.kind":"odd"}"#,
        &["\"\" unspecified 1+0", "span.kind=odd"],
    );
    check(
        r#""timestamp":1,"kind":"SERVER","tags":{"span.kind":"internal"}"#,
        &["\"\" server 1+0", "span.kind=internal"],
    );
}

#[test]
fn times_that_are_absent_are_taken_from_annotations_or_the_arrival() {
    let absent = "otel.zipkin.absentField.startTime=Bool:true";
    check(r#""timestamp":5,"duration":3"#, &["\"\" unspecified 5+3"]);
    check(r#""timestamp":"5","duration":3.0"#, &["\"\" unspecified 5+3"]);
    check(r#""timestamp":5,"duration":-3"#, &["\"\" unspecified 5+0"]);
    check(r#""duration":3"#, &["\"\" unspecified 9+3", absent]);
    check(r#""timestamp":-5"#, &["\"\" unspecified 9+0", absent]);
    check(
        r#""annotations":[{"timestamp":8,"value":"b"},{"value":"c"},{"timestamp":4,"value":"a"}]"#,
        &["\"\" unspecified 4+0", absent, "@8 \"b\" [] -0", "@4 \"c\" [] -0", "@4 \"a\" [] -0"],
    );
}

#[test]
fn endpoints_become_service_and_addresses() {
    check(
        r#""timestamp":1,"localEndpoint":{"serviceName":"Shop","ipv4":"10.1.2.3","port":8080},
           "remoteEndpoint":{"serviceName":"bank","ipv6":"2001:db8::7","port":9}"#,
        &[
            "\"\" unspecified 1+0",
            "in service.name=Shop",
            "network.local.address=10.1.2.3",
            "network.local.port=Int:8080",
            "network.peer.address=2001:db8::7",
            "network.peer.port=Int:9",
            "peer.service=bank",
        ],
    );
    check(
        r#""timestamp":1,"localEndpoint":{"ipv4":"10.1.2.3","ipv6":"2001:db8::7"},
           "remoteEndpoint":{"ipv4":"10.1.2.4","ipv6":"2001:db8::8","serviceName":null}"#,
        &[
            "\"\" unspecified 1+0",
            "network.local.address=10.1.2.3",
            "zipkin.local_endpoint.ipv6=2001:db8::7",
            "network.peer.address=10.1.2.4",
            "zipkin.remote_endpoint.ipv6=2001:db8::8",
        ],
    );
    check(
        r#""timestamp":1,"remoteEndpoint":{"ipv6":"::ffff:10.1.2.4","serviceName":"bank"},
           "tags":{"peer.service":"explicit","network.peer.address":"there"}"#,
        &["\"\" unspecified 1+0", "peer.service=explicit", "network.peer.address=there"],
    );
    check(r#""timestamp":1,"localEndpoint":{},"remoteEndpoint":null"#, &["\"\" unspecified 1+0"]);
    check(
        r#""timestamp":1,"localEndpoint":{"serviceName":"OTLPResourceNoServiceName"}"#,
        &["\"\" unspecified 1+0"],
    );
}

#[test]
fn tags_are_attributes_resources_and_scopes() {
    check(
        r#""timestamp":1,"localEndpoint":{"serviceName":"shop"},
           "tags":{"http.path":"/","retries":3,"share":0.5,"cached":true,"host.name":"web-7",
                   "k8s.pod.name":"shop-1","otel.scope.name":"net","otel.scope.version":"2"}"#,
        &[
            "\"\" unspecified 1+0",
            "in service.name=shop host.name=web-7 k8s.pod.name=shop-1",
            "by net 2",
            "http.path=/",
            "retries=Int:3",
            "share=Float:0.5",
            "cached=Bool:true",
        ],
    );
    check(
        r#""timestamp":1,"localEndpoint":{"serviceName":"web-7"},"tags":{"otlp.service.name.source":"host.name"}"#,
        &["\"\" unspecified 1+0", "in host.name=web-7"],
    );
}

#[test]
fn what_other_formats_have_fields_for_comes_back_out_of_tags() {
    check(
        r#""timestamp":1,"tags":{"w3c.tracestate":"k=v","otlp.link.0":"0a|0b|s=t|{\"n\":1}|2"}"#,
        &[
            "\"\" unspecified 1+0",
            "-> 0000000000000000000000000000000a 000000000000000b \"s=t\" [\"n=Int:1\"]",
            "state k=v",
        ],
    );
    check(
        r#""timestamp":1,"annotations":[{"timestamp":2,"value":"miss|{\"n\":1}|2"},
                                        {"timestamp":3,"value":"{\"hit\": {\"n\": 1}}"}]"#,
        &["\"\" unspecified 1+0", "@2 \"miss\" [\"n=Int:1\"] -2", "@3 \"hit\" [\"n=Int:1\"] -0"],
    );
}

#[test]
fn status_is_told_by_tags() {
    check(r#""timestamp":1,"tags":{"error":"true"}"#, &["\"\" unspecified error 1+0"]);
    check(r#""timestamp":1,"tags":{"error":true}"#, &["\"\" unspecified error 1+0"]);
    check(
        r#""timestamp":1,"tags":{"error":"no money"}"#,
        &["\"\" unspecified error (no money) 1+0", "error=no money"],
    );
    check(r#""timestamp":1,"tags":{"error":""}"#, &["\"\" unspecified error 1+0", "error="]);
    check(r#""timestamp":1,"tags":{"error":"false"}"#, &["\"\" unspecified 1+0", "error=false"]);
    check(
        r#""timestamp":1,"tags":{"otel.status_code":"ERROR","otel.status_description":"why"}"#,
        &["\"\" unspecified error (why) 1+0"],
    );
    check(r#""timestamp":1,"tags":{"otel.status_code":"OK"}"#, &["\"\" unspecified ok 1+0"]);
    let http = r#""http.status_code""#;
    check(
        &format!(r#""timestamp":1,"tags":{{{http}:"500"}}"#),
        &["\"\" unspecified 1+0", "http.status_code=500"],
    );
    let v1 = format!(r#""timestamp":1,"binaryAnnotations":[{{"key":{http},"value":"500"}}]"#);
    let expect = ["\"\" unspecified error 1+0", "http.status_code=500"];
    assert_eq!(lines(Format::V1Json, &v1), expect);
}

#[test]
fn flags_without_a_field_are_kept_as_attributes() {
    check(
        r#""timestamp":1,"debug":true,"shared":true"#,
        &["\"\" unspecified 1+0", "zipkin.shared=Bool:true", "zipkin.debug=Bool:true"],
    );
    check(r#""timestamp":1,"debug":false,"shared":null"#, &["\"\" unspecified 1+0"]);
}

#[test]
fn both_halves_of_a_span_are_kept_apart() {
    let text = br#"[{"traceId":"a","id":"b","kind":"CLIENT","localEndpoint":{"serviceName":"shop"}},
                    {"traceId":"a","id":"b","kind":"SERVER","shared":true,"localEndpoint":{"serviceName":"bank"}}]"#;
    let spans = shown::spans(Format::V2Json, text);
    let services: Vec<&str> = spans.spans().map(|span| span.service_name()).collect();
    assert_eq!(services, ["shop", "bank"]);
}

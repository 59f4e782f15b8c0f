//! X-Ray's segments: every row of the mapping, whole documents, recordings of an SDK, and bytes that are broken.
#![expect(clippy::expect_used, reason = "a failing test says why")]

mod shown;

use fanal_formats::xray::{SUBSEGMENT_DEPTH_MAX, SegmentDecoder};
use fanal_formats::{DecodeError, Decoded};
use serde_json::{Value, json};

const TRACE_ID: &str = "1-5759e988-bd862e3fe1be46a994272793";

fn datagram(segment: &Value) -> Vec<u8> {
    format!("{{\"format\": \"json\", \"version\": 1}}\n{segment}").into_bytes()
}

fn decode(datagram: &[u8]) -> Result<Decoded, DecodeError> {
    let mut decoder = SegmentDecoder::default();
    decoder.read(datagram).map(|()| decoder.take())
}

/// A segment with `fields` beside what every segment needs.
fn segment(fields: Value) -> Value {
    let mut segment = json!({
        "trace_id": TRACE_ID, "id": "0000000000000002", "name": "shop",
        "start_time": 1.5, "end_time": 2.000_001,
    });
    let (Some(own), Value::Object(fields)) = (segment.as_object_mut(), fields) else {
        panic!("an object")
    };
    own.extend(fields);
    segment
}

/// A segment with `fields` has every one of `lines` when shown.
fn check(fields: Value, lines: &[&str]) {
    let decoded = decode(&datagram(&segment(fields))).expect("decodes");
    assert_eq!(decoded.message(), None);
    let spans = shown::spans(decoded);
    assert_eq!(spans.len(), 1);
    for line in lines {
        assert!(spans[0].lines().any(|shown| shown == *line), "{line}\nis not in\n{}", spans[0]);
    }
}

#[test]
fn fields_become_those_of_a_span() {
    check(
        json!({"in_progress": false, "unknown": [1]}),
        &[
            "5759e988bd862e3fe1be46a994272793/0000000000000002 under 0000000000000000",
            "name: shop (server)",
            "status: unset ",
            "times: 1500000000 to 2000001000",
            "resource: service.name=shop",
            "attributes: ",
        ],
    );
    let parent = json!({"parent_id": "00000000000000ff"});
    let id = "5759e988bd862e3fe1be46a994272793/0000000000000002 under 00000000000000ff";
    check(parent, &[id, "name: shop (server)"]);
    // A float holds fifths of a microsecond; what is stored is rounded.
    check(
        json!({"start_time": 1_795_283_394.736_888_4, "end_time": 1_795_283_394.737_553_1}),
        &["times: 1795283394736888000 to 1795283394737553000"],
    );
    check(json!({"end_time": null}), &["times: 1500000000 to 1500000000"]);
    check(json!({"trace_id": "5759e988bd862e3fe1be46a994272793"}), &["name: shop (server)"]);
}

#[test]
fn kinds_follow_from_type_and_namespace() {
    let check = |document_type: Value, namespace: Value, expect: &str| {
        let fields = json!({"type": document_type, "namespace": namespace});
        self::check(fields, &[&format!("name: shop ({expect})")]);
    };
    check(Value::Null, Value::Null, "server");
    check(json!("subsegment"), Value::Null, "internal");
    check(json!("subsegment"), json!("local"), "internal");
    check(json!("subsegment"), json!("remote"), "client");
    check(json!("subsegment"), json!("aws"), "client");
    // The name of a call is no service of ours.
    self::check(
        json!({"type": "subsegment", "namespace": "aws", "name": "S3"}),
        &["resource: ", r#"attributes: rpc.service="S3", rpc.system="aws-api""#],
    );
}

#[test]
fn failures_are_errors() {
    for key in ["fault", "error", "throttle"] {
        let attribute = format!("attributes: aws.xray.{key}=true");
        check(json!({key: true}), &["status: error ", &attribute]);
        check(json!({key: false}), &["status: unset ", "attributes: "]);
    }
    let cause = json!({"working_directory": "/srv", "paths": ["lib"], "exceptions": [
        {
            "id": "00000000000000aa", "type": "ValueError", "message": "no such table",
            "remote": true, "truncated": 3, "skipped": 1, "cause": "00000000000000bb",
            "stack": [{"path": "shop.py", "line": 22, "label": "query"}, {"label": "main"}],
        },
        {"type": "Other"},
    ]});
    check(
        json!({"fault": true, "cause": cause}),
        &[
            "status: error no such table",
            r#"attributes: aws.xray.cause.paths=["lib"], aws.xray.cause.working_directory="/srv", aws.xray.fault=true"#,
            r#"event: exception at 2000001000 aws.xray.exception.cause="00000000000000bb", aws.xray.exception.id="00000000000000aa", aws.xray.exception.remote=true, aws.xray.exception.skipped=1, aws.xray.exception.truncated=3, exception.message="no such table", exception.stacktrace="ValueError: no such table\n\tat query(shop.py: 22)\n\tat main(: 0)", exception.type="ValueError""#,
            r#"event: exception at 2000001000 exception.type="Other""#,
        ],
    );
    check(
        json!({"cause": "00000000000000aa"}),
        &[r#"attributes: aws.xray.cause="00000000000000aa""#],
    );
}

#[test]
fn objects_become_attributes() {
    check(
        json!({"http": {
            "request": {"method": "GET", "url": "http://a/b", "user_agent": "curl", "client_ip": "10.0.0.7", "x_forwarded_for": true},
            "response": {"status": 200, "content_length": 312},
        }}),
        &[
            r#"attributes: aws.xray.http.request.x_forwarded_for=true, client.address="10.0.0.7", http.request.method="GET", http.response.body.size=312, http.response.status_code=200, url.full="http://a/b", user_agent.original="curl""#,
        ],
    );
    check(
        json!({"sql": {
            "url": "u", "connection_string": "c", "sanitized_query": "SELECT ?", "database_type": "PostgreSQL",
            "database_version": "16", "driver_version": "3", "user": "me", "preparation": "call",
        }}),
        &[
            r#"attributes: db.connection_string="c", db.driver_version="3", db.preparation="call", db.query.text="SELECT ?", db.system.name="PostgreSQL", db.url="u", db.user="me", db.version="16""#,
        ],
    );
    check(
        json!({
            "annotations": {"team": "cart", "items": 3, "ratio": 0.5, "gift": true, "none": null},
            "metadata": {"debug": {"basket": {"sku": ["a"]}, "n": 1}, "plain": 7},
        }),
        &[
            r#"attributes: gift=true, items=3, metadata.debug.basket={"sku":["a"]}, metadata.debug.n=1, metadata.plain=7, ratio=0.5, team="cart""#,
        ],
    );
    check(
        json!({"user": "u-7", "origin": "AWS::EC2::Instance", "resource_arn": "arn:1", "precursor_ids": ["a", "b"]}),
        &[
            r#"attributes: aws.xray.origin="AWS::EC2::Instance", aws.xray.precursor_ids=["a","b"], cloud.resource_id="arn:1", enduser.id="u-7""#,
        ],
    );
    check(
        json!({"links": [{"trace_id": TRACE_ID, "id": "00000000000000cc", "attributes": {"why": "batch"}}]}),
        &[r#"link: 5759e988bd862e3fe1be46a994272793/00000000000000cc [] 0 why="batch""#],
    );
    // What has another form than its own is left out, and the segment is kept.
    check(json!({"http": 7, "annotations": [], "metadata": "x", "aws": 1}), &["attributes: "]);
}

#[test]
fn the_place_of_a_segment_is_its_resource() {
    check(
        json!({
            "service": {"version": "1.2", "runtime": "CPython", "runtime_version": "3.11", "extra": 1},
            "aws": {
                "account_id": "123", "region": "eu-west-1", "operation": "Handle", "retries": 2,
                "ec2": {"instance_id": "i-1", "availability_zone": "eu-west-1c", "instance_size": "m5", "ami_id": "ami-1", "rack": 4},
                "cloudwatch_logs": [{"log_group": "g1", "arn": "a1"}, {"log_group": "g2"}],
                "xray": {"sdk": "X-Ray for Python", "sdk_version": "2.15.0"},
            },
        }),
        &[
            r#"resource: aws.ec2.rack=4, aws.log.group.arns=["a1"], aws.log.group.names=["g1","g2"], aws.xray.service.extra=1, cloud.account.id=123, cloud.availability_zone=eu-west-1c, cloud.provider=aws, cloud.region=eu-west-1, host.id=i-1, host.image.id=ami-1, host.type=m5, process.runtime.name=CPython, process.runtime.version=3.11, service.name=shop, service.version=1.2, telemetry.sdk.language=python, telemetry.sdk.name=X-Ray for Python, telemetry.sdk.version=2.15.0"#,
            r#"attributes: aws.retries=2, rpc.method="Handle""#,
        ],
    );
    // OpenTelemetry has its own words for two of the languages.
    for (sdk, language) in
        [("X-Ray for Node.js", "nodejs"), ("X-Ray for .NET", "dotnet"), ("X-Ray for Go", "go")]
    {
        let expect = format!(
            "resource: service.name=shop, telemetry.sdk.language={language}, telemetry.sdk.name={sdk}"
        );
        check(json!({"aws": {"xray": {"sdk": sdk}}}), &[&expect]);
    }
    check(
        json!({"aws": {
            "ecs": {"container": "c", "container_id": "ci", "container_arn": "ca"},
            "eks": {"cluster_name": "k", "pod": "p"},
            "elastic_beanstalk": {"environment_name": "e", "version_label": "v", "deployment_id": 7},
        }}),
        &[
            "resource: aws.ecs.container.arn=ca, cloud.provider=aws, container.id=ci, container.name=c, k8s.cluster.name=k, k8s.pod.name=p, service.instance.id=7, service.name=shop, service.namespace=e, service.version=v",
        ],
    );
}

#[test]
fn what_a_subsegment_called_is_its_own() {
    let aws = json!({
        "account_id": "123", "region": "eu-west-1", "operation": "GetItem", "request_id": "R1",
        "queue_url": "q", "table_name": "orders",
    });
    check(
        json!({"type": "subsegment", "aws": aws}),
        &[
            "resource: ",
            r#"attributes: aws.dynamodb.table_names=["orders"], aws.request_id="R1", aws.sqs.queue.url="q", cloud.account.id="123", cloud.region="eu-west-1", rpc.method="GetItem""#,
        ],
    );
    check(
        json!({"type": "subsegment", "aws": {"table_names": ["a", "b"]}}),
        &[r#"attributes: aws.dynamodb.table_names=["a","b"]"#],
    );
}

#[test]
fn subsegments_are_spans_of_their_own() {
    let inner = |id: &str, more: Value| {
        let mut inner = segment(more);
        inner["id"] = json!(id);
        inner.as_object_mut().expect("an object").remove("trace_id");
        inner
    };
    let document = segment(json!({"subsegments": [
        inner("00000000000000a1", json!({"name": "first", "subsegments": [
            inner("00000000000000b1", json!({"name": "inside", "namespace": "remote"})),
        ]})),
        inner("00000000000000a2", json!({"name": "second", "parent_id": "00000000000000ee"})),
    ]}));
    let spans = shown::spans(decode(&datagram(&document)).expect("decodes"));
    let heads: Vec<String> = spans
        .iter()
        .map(|span| {
            span.lines()
                .take(2)
                .collect::<Vec<_>>()
                .join(" ")
                .replace("5759e988bd862e3fe1be46a994272793/00000000000000", "")
        })
        .collect();
    assert_eq!(
        heads,
        [
            "02 under 0000000000000000 name: shop (server)",
            "a1 under 0000000000000002 name: first (internal)",
            "b1 under 00000000000000a1 name: inside (client)",
            "a2 under 00000000000000ee name: second (internal)",
        ]
    );
    assert!(spans.iter().all(|span| span.contains("\nresource: service.name=shop\n")), "{spans:?}");
}

#[test]
fn bad_segments_are_refused_alone() {
    let check = |fields: Value, expect: &str| {
        let mut inside = segment(json!({"id": "00000000000000a1", "name": "good"}));
        inside["trace_id"] = json!(TRACE_ID);
        let mut bad = segment(fields);
        bad["subsegments"] = json!([inside]);
        let document =
            segment(json!({"id": "00000000000000ee", "name": "outer", "subsegments": [bad]}));
        let decoded = decode(&datagram(&document)).expect("decodes");
        assert_eq!(decoded.message().expect("a reject"), format!("1 span rejected: 1 {expect}"));
        assert_eq!(shown::spans(decoded).len(), 2);
    };
    check(json!({"id": "zz"}), "span_id_length (span id has 0 hex digits, expected 16)");
    check(json!({"id": null}), "span_id_length (span id has 0 hex digits, expected 16)");
    check(json!({"id": "0000000000000000"}), "zero_span_id (span id is all zeros)");
    check(json!({"trace_id": "1-2-3"}), "trace_id_length (trace id has 2 hex digits, expected 32)");
    check(
        json!({"parent_id": "12"}),
        "parent_span_id_length (parent span id has 2 hex digits, expected 16)",
    );
    check(json!({"start_time": null}), "malformed (start_time is missing)");
    check(json!({"end_time": -1}), "malformed (end_time -1 is no time in seconds since 1970)");
    check(
        json!({"start_time": 1e300}),
        &format!("malformed (start_time {} is no time in seconds since 1970)", 1e300),
    );
    check(
        json!({"in_progress": true}),
        "unfinished (span is in progress; it is stored when it is sent again at its end)",
    );
    check(
        json!({"links": [{"trace_id": "1", "id": "2"}]}),
        "link_id_length (link id has 1 hex digits, expected 32 (trace) or 16 (span))",
    );
}

#[test]
fn what_lies_too_deep_or_is_no_segment_is_counted() {
    let deep = (0..=SUBSEGMENT_DEPTH_MAX)
        .fold(segment(json!({})), |inner, _| segment(json!({"subsegments": [inner]})));
    let decoded = decode(&datagram(&deep)).expect("decodes");
    assert_eq!(decoded.batch.len(), SUBSEGMENT_DEPTH_MAX + 1);
    assert_eq!(decoded.rejects_by_reason[0].0.as_str(), "nesting_depth");
    let odd = segment(json!({"subsegments": [7, {"name": 7}]}));
    let decoded = decode(&datagram(&odd)).expect("decodes");
    assert_eq!((decoded.batch.len(), decoded.rejected_spans), (1, 2));
}

#[test]
fn datagrams_have_a_header_and_a_document() {
    let body = segment(json!({}));
    for header in [
        r#"{"format":"json","version":1}"#,
        r#"{ "version": 1, "format": "json", "more": 2 }"#,
        "{\"format\": \"JSON\", \"version\": 1}\r",
    ] {
        let datagram = format!("{header}\n{body}\n").into_bytes();
        assert_eq!(decode(&datagram).expect(header).batch.len(), 1);
    }
    let expected = r#"json is broken at line 1 column 1: expected the line {"format":"json","version":1}, then a segment"#;
    for broken in [
        String::new(),
        "hello".to_owned(),
        body.to_string(),
        r#"{"format":"json","version":1}"#.to_owned(),
        format!("{{\"format\":\"json\",\"version\":2}}\n{body}"),
        format!("{{\"format\":\"xml\",\"version\":1}}\n{body}"),
    ] {
        let error = decode(broken.as_bytes()).expect_err("broken");
        assert_eq!(error.to_string(), expected, "{broken}");
    }
    for document in ["", "[", "7", "[]x", "{\"name\":7}"] {
        let datagram = format!("{{\"format\":\"json\",\"version\":1}}\n{document}");
        assert!(decode(datagram.as_bytes()).is_err(), "{document}");
    }
}

const SEGMENT: &[u8] = include_bytes!("recordings/xray/segment.datagram");
const STREAMED: [&[u8]; 5] = [
    include_bytes!("recordings/xray/streamed-0.datagram"),
    include_bytes!("recordings/xray/streamed-1.datagram"),
    include_bytes!("recordings/xray/streamed-2.datagram"),
    include_bytes!("recordings/xray/streamed-3.datagram"),
    include_bytes!("recordings/xray/streamed-4.datagram"),
];

#[test]
fn what_an_sdk_sent_is_read_whole() {
    let whole = decode(SEGMENT).expect("decodes");
    assert_eq!((whole.message(), whole.duplicate_keys), (None, 0));
    let whole = shown::spans(whole);
    let names = [
        "shop (server)",
        "stock.example (client)",
        "orders (client)",
        "db (internal)",
        "query (internal)",
    ];
    let name = |span: &str| span.lines().nth(1).map(|line| line.replace("name: ", ""));
    assert_eq!(whole.iter().filter_map(|span| name(span)).collect::<Vec<_>>(), names);
    for (index, expect) in [
        (
            0,
            "resource: service.name=shop, service.version=1.2.3, telemetry.sdk.language=python, telemetry.sdk.name=X-Ray for Python, telemetry.sdk.version=2.15.0",
        ),
        (
            0,
            r#"enduser.id="u-7", gift=true, http.request.method="GET", http.response.body.size=312"#,
        ),
        (0, r#"metadata.debug.basket={"sku":["a","b"],"price":9.5}, team="cart""#),
        (1, "status: error "),
        (
            2,
            r#"aws.dynamodb.table_names=["orders"], aws.request_id="R1", aws.retries=2, cloud.region="eu-west-1""#,
        ),
        (3, r#"db.query.text="SELECT ?", db.system.name="PostgreSQL""#),
        (4, r#"exception.type="ValueError""#),
        (4, "status: error no such table"),
    ] {
        assert!(whole[index].contains(expect), "{expect}\nis not in\n{}", whole[index]);
    }
    let mut decoder = SegmentDecoder::default();
    STREAMED.iter().try_for_each(|datagram| decoder.read(datagram)).expect("decodes");
    let streamed = decoder.take();
    assert_eq!(streamed.message(), None);
    let mut streamed = shown::spans(streamed);
    streamed
        .sort_by_key(|span| names.iter().position(|known| name(span).as_deref() == Some(known)));
    // Only ids, times and the resource of parts that travel alone differ.
    let rest = |spans: &[String]| -> Vec<String> {
        let lines = |span: &String| {
            span.lines()
                .skip(1)
                .filter(|line| {
                    !line.starts_with("times")
                        && !line.starts_with("resource")
                        && !line.starts_with("event")
                })
                .collect::<Vec<_>>()
                .join("\n")
        };
        spans.iter().map(lines).collect()
    };
    assert_eq!(rest(&streamed), rest(&whole));
    assert_eq!(decoder.take().batch.len(), 0);
}

#[test]
fn no_bytes_panic() {
    let mut decoder = SegmentDecoder::default();
    for end in 0..SEGMENT.len() - 1 {
        assert!(decoder.read(&SEGMENT[..end]).is_err(), "{end}");
    }
    assert_eq!(decoder.take().batch.len(), 0);
    for place in 0..SEGMENT.len() {
        for byte in [b'"', b'{', b'0', 0xff] {
            let mut broken = SEGMENT.to_vec();
            broken[place] = byte;
            let _ = decoder.read(&broken);
        }
        assert_eq!(decoder.take().batch.validate(), Ok(()));
    }
}

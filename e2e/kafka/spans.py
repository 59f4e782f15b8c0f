"""Spans in the normal form of `sdks/normal.py`, and the messages that exporters make of them, by protobuf's own library."""

import base64
import json

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf import duration_pb2, timestamp_pb2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

START = 1_760_000_000_123_456_789


def trace(number, service, size=3):
    """A trace of a few spans that use every field which all encodings can say."""
    trace_id = f"{number:032x}"
    return [span(trace_id, position, service) for position in range(1, size + 1)]


def span(trace_id, position, service):
    start = START + position
    is_root = position == 1
    return {
        "trace_id": trace_id,
        "span_id": f"{position:016x}",
        "parent_span_id": "" if is_root else f"{1:016x}",
        "name": f"GET /π/{position}",
        "kind": 2 if is_root else 3,
        "start": str(start),
        "end": str(start + 1_500_000_001),
        "trace_state": "vendor=1" if is_root else "",
        "attributes": {
            "text": {"stringValue": 'quote " and \n line'},
            "flag": {"boolValue": True},
            "number": {"intValue": str(-(2**62) + position)},
            "float": {"doubleValue": 0.1},
            "bytes": {"bytesValue": "AP8B"},
        },
        "events": [
            {"time": str(start + 5), "name": "retry", "attributes": {"attempt": {"intValue": "2"}}},
            {"time": str(start + 6), "name": "", "attributes": {"message": {"stringValue": "no name"}}},
        ],
        "links": [
            {
                "trace_id": f"{7:032x}",
                "span_id": f"{position + 100:016x}",
                "attributes": {"opentracing.ref_type": {"stringValue": "follows_from"}},
            }
        ],
        "status": {"code": 2, "message": "went wrong"} if is_root else {"code": 0, "message": ""},
        "resource": {"service.name": {"stringValue": service}, "host.cores": {"intValue": "8"}},
        "scope": {"name": "lib", "version": "1.2"},
    }


def otlp_json(spans):
    """An export request, resources and scopes repeated as is legal."""
    return json.dumps(request(spans, lambda digits: digits)).encode()


def otlp_proto(spans):
    in_base64 = request(spans, lambda digits: base64.b64encode(bytes.fromhex(digits)).decode())
    return json_format.ParseDict(in_base64, ExportTraceServiceRequest()).SerializeToString()


def request(spans, identity):
    return {"resourceSpans": [resource_spans(span, identity) for span in spans]}


def resource_spans(span, identity):
    return {
        "resource": {"attributes": key_values(span["resource"])},
        "scopeSpans": [{"scope": span["scope"], "spans": [otlp_span(span, identity)]}],
    }


def otlp_span(span, identity):
    return {
        "traceId": identity(span["trace_id"]),
        "spanId": identity(span["span_id"]),
        "parentSpanId": identity(span["parent_span_id"]),
        "name": span["name"],
        "kind": span["kind"],
        "startTimeUnixNano": span["start"],
        "endTimeUnixNano": span["end"],
        "traceState": span["trace_state"],
        "attributes": key_values(span["attributes"]),
        "events": [
            {"timeUnixNano": event["time"], "name": event["name"], "attributes": key_values(event["attributes"])}
            for event in span["events"]
        ],
        "links": [
            {
                "traceId": identity(link["trace_id"]),
                "spanId": identity(link["span_id"]),
                "attributes": key_values(link["attributes"]),
            }
            for link in span["links"]
        ],
        "status": span["status"],
    }


def key_values(attributes):
    return [{"key": key, "value": value} for key, value in attributes.items()]


# `jaeger.api_v2` as far as a span in a queue has it: name, number, type and label of each field, where `+` repeats.
JAEGER = {
    "Span": "trace_id 1 bytes, span_id 2 bytes, operation_name 3 string, references 4 +SpanRef, flags 5 uint32, "
    "start_time 6 Timestamp, duration 7 Duration, tags 8 +KeyValue, logs 9 +Log, process 10 Process, "
    "process_id 11 string, warnings 12 +string",
    "SpanRef": "trace_id 1 bytes, span_id 2 bytes, ref_type 3 SpanRefType",
    "KeyValue": "key 1 string, v_type 2 ValueType, v_str 3 string, v_bool 4 bool, v_int64 5 int64, v_float64 6 double, "
    "v_binary 7 bytes",
    "Log": "timestamp 1 Timestamp, fields 2 +KeyValue",
    "Process": "service_name 1 string, tags 2 +KeyValue",
}
JAEGER_ENUMS = {
    "SpanRefType": ["CHILD_OF", "FOLLOWS_FROM"],
    "ValueType": ["STRING", "BOOL", "INT64", "FLOAT64", "BINARY"],
}


def jaeger_class():
    """The message class of a span, made from the fields above."""
    pool = descriptor_pool.DescriptorPool()
    for known in (timestamp_pb2, duration_pb2):
        pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)
    file = descriptor_pb2.FileDescriptorProto(name="model.proto", package="jaeger.api_v2", syntax="proto3")
    file.dependency.extend([timestamp_pb2.DESCRIPTOR.name, duration_pb2.DESCRIPTOR.name])
    for name, words in JAEGER_ENUMS.items():
        enum = file.enum_type.add(name=name)
        for number, word in enumerate(words):
            enum.value.add(name=word, number=number)
    for name, fields in JAEGER.items():
        message = file.message_type.add(name=name)
        for field in fields.split(", "):
            add_field(message, *field.split(" "))
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("jaeger.api_v2.Span"))


def add_field(message, name, number, kind):
    types = descriptor_pb2.FieldDescriptorProto
    field = message.field.add(name=name, number=int(number), label=types.LABEL_OPTIONAL)
    if kind.startswith("+"):
        field.label, kind = types.LABEL_REPEATED, kind[1:]
    if kind in JAEGER_ENUMS:
        field.type, field.type_name = types.TYPE_ENUM, f".jaeger.api_v2.{kind}"
    elif kind in JAEGER:
        field.type, field.type_name = types.TYPE_MESSAGE, f".jaeger.api_v2.{kind}"
    elif kind in ("Timestamp", "Duration"):
        field.type, field.type_name = types.TYPE_MESSAGE, f".google.protobuf.{kind}"
    else:
        field.type = getattr(types, f"TYPE_{kind.upper()}")


JaegerSpan = jaeger_class()
KINDS = {2: "server", 3: "client"}


def jaeger_proto(span):
    return jaeger(span).SerializeToString()


def jaeger_json(span):
    return json_format.MessageToJson(jaeger(span), indent=None).encode()


def jaeger(span):
    message = JaegerSpan(
        trace_id=bytes.fromhex(span["trace_id"]),
        span_id=bytes.fromhex(span["span_id"]),
        operation_name=span["name"],
        flags=1,
    )
    message.start_time.FromNanoseconds(int(span["start"]))
    message.duration.FromNanoseconds(int(span["end"]) - int(span["start"]))
    if span["parent_span_id"]:
        parent = message.references.add(ref_type="CHILD_OF")
        parent.trace_id, parent.span_id = message.trace_id, bytes.fromhex(span["parent_span_id"])
    for link in span["links"]:
        other = message.references.add(ref_type="FOLLOWS_FROM")
        other.trace_id, other.span_id = bytes.fromhex(link["trace_id"]), bytes.fromhex(link["span_id"])
    add_tags(message.tags, span["attributes"])
    told = {"span.kind": KINDS[span["kind"]], "otel.scope.name": span["scope"]["name"]}
    told["otel.scope.version"] = span["scope"]["version"]
    if span["trace_state"]:
        told["w3c.tracestate"] = span["trace_state"]
    if span["status"]["code"] == 2:
        told["otel.status_description"] = span["status"]["message"]
        message.tags.add(key="error", v_type="BOOL", v_bool=True)
    add_tags(message.tags, {key: {"stringValue": text} for key, text in told.items()})
    for event in span["events"]:
        log = message.logs.add()
        log.timestamp.FromNanoseconds(int(event["time"]))
        add_tags(log.fields, {"event": {"stringValue": event["name"]}} if event["name"] else {})
        add_tags(log.fields, event["attributes"])
    resource = dict(span["resource"])
    message.process.service_name = resource.pop("service.name")["stringValue"]
    add_tags(message.process.tags, resource)
    return message


def add_tags(into, attributes):
    for key, any_value in attributes.items():
        ((kind, value),) = any_value.items()
        if kind == "stringValue":
            into.add(key=key, v_type="STRING", v_str=value)
        elif kind == "boolValue":
            into.add(key=key, v_type="BOOL", v_bool=value)
        elif kind == "intValue":
            into.add(key=key, v_type="INT64", v_int64=int(value))
        elif kind == "doubleValue":
            into.add(key=key, v_type="FLOAT64", v_float64=value)
        else:
            into.add(key=key, v_type="BINARY", v_binary=base64.b64decode(value))

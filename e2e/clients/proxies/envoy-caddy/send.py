"""One request through Caddy, Envoy or both in a chain. Usage: send.py caddy|envoy|chain TRACER OTLP ZIPKIN SERVICE."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(os.environ["PROXIES"])))

import proxied

BIN = Path(__file__).parent / "venv/bin"


def envoy_config(tracer, otlp, zipkin, service, upstream):
    otlp_host, otlp_port = otlp.split(":")
    zipkin_host, zipkin_port = zipkin.split(":")
    types = "type.googleapis.com/envoy"
    providers = {
        "otlp": {
            "name": "envoy.tracers.opentelemetry",
            "typed_config": {
                "@type": f"{types}.config.trace.v3.OpenTelemetryConfig",
                "grpc_service": {"envoy_grpc": {"cluster_name": "fanal"}},
                "service_name": service,
            },
        },
        "zipkin": {
            "name": "envoy.tracers.zipkin",
            "typed_config": {
                "@type": f"{types}.config.trace.v3.ZipkinConfig",
                "collector_cluster": "fanal",
                "collector_endpoint": "/api/v2/spans",
                "collector_endpoint_version": "HTTP_PROTO" if tracer == "zipkin-protobuf" else "HTTP_JSON",
                "trace_id_128bit": True,
            },
        },
    }
    manager = {
        "@type": f"{types}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "shop",
        "tracing": {"provider": providers["otlp" if tracer == "otlp" else "zipkin"], "random_sampling": {"value": 100}, "spawn_upstream_span": True},
        "route_config": {
            "virtual_hosts": [
                {"name": "shop", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "upstream"}}]}
            ]
        },
        "http_filters": [
            {"name": "router", "typed_config": {"@type": f"{types}.extensions.filters.http.router.v3.Router"}}
        ],
    }
    http2 = {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": f"{types}.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}},
        }
    }
    fanal = cluster("fanal", otlp_host, otlp_port) if tracer == "otlp" else cluster("fanal", zipkin_host, zipkin_port)
    if tracer == "otlp":
        fanal["typed_extension_protocol_options"] = http2
    at_once = {"tracing.opentelemetry.min_flush_spans": 1, "tracing.zipkin.min_flush_spans": 1}
    return {
        "node": {"id": "till-7", "cluster": service},
        "admin": {"address": address("127.0.0.1", 0)},
        "layered_runtime": {"layers": [{"name": "flush", "static_layer": at_once}]},
        "static_resources": {
            "listeners": [
                {
                    "name": "shop",
                    "address": address("127.0.0.1", 0),
                    "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
                }
            ],
            "clusters": [cluster("upstream", "127.0.0.1", upstream), fanal],
        },
    }


def address(host, port):
    return {"socket_address": {"address": host, "port_value": int(port)}}


def cluster(name, host, port):
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address(host, port)}}]}]
    return {"name": name, "type": "STATIC", "load_assignment": {"cluster_name": name, "endpoints": endpoints}}


class Envoy:
    def __init__(self, folder, *settings):
        config, admin = folder / "envoy.json", folder / "admin"
        config.write_text(json.dumps(envoy_config(*settings)))
        command = [BIN / "envoy", "-c", config, "--admin-address-path", admin, "--use-dynamic-base-id", "--concurrency", "1"]
        self.log = (folder / "envoy.log").open("w")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        self.admin = f"http://{proxied.wait('Envoy', lambda: admin.exists() and admin.read_text())}"
        self.port = proxied.wait("Envoy's listener", self.listener)

    def listener(self):
        statuses = json.loads(proxied.get(f"{self.admin}/listeners?format=json"))["listener_statuses"]
        return statuses[0]["local_address"]["socket_address"]["port_value"]

    def stop(self):
        """Waits until Fanal has acknowledged both spans."""
        proxied.wait("what Envoy's tracer sent", lambda: self.acknowledged() >= self.sent() > 0)
        proxied.stop(self.process)

    def stat(self, name):
        stats = json.loads(proxied.get(f"{self.admin}/stats?format=json"))["stats"]
        return sum(one["value"] for one in stats if one.get("name") == name)

    def sent(self):
        spans = self.stat("tracing.opentelemetry.spans_sent") + self.stat("tracing.zipkin.spans_sent")
        return self.stat("cluster.fanal.upstream_rq_total") if spans >= 2 else 0

    def acknowledged(self):
        return self.stat("cluster.fanal.upstream_rq_completed")


class Caddy:
    def __init__(self, folder, otlp, service, upstream):
        self.port = proxied.free_port()
        proxy = {"handler": "reverse_proxy", "upstreams": [{"dial": f"127.0.0.1:{upstream}"}]}
        route = {"handle": [{"handler": "tracing", "span": "checkout"}, proxy]}
        server = {"listen": [f"127.0.0.1:{self.port}"], "routes": [route], "automatic_https": {"disable": True}}
        config = folder / "caddy.json"
        config.write_text(json.dumps({"admin": {"disabled": True}, "apps": {"http": {"servers": {"shop": server}}}}))
        environment = {
            **os.environ,
            "HOME": str(folder),
            "OTEL_SERVICE_NAME": service,
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{otlp}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        }
        self.log = (folder / "caddy.log").open("w")
        command = [BIN / "caddy", "run", "--config", config]
        self.process = subprocess.Popen(command, env=environment, stdout=self.log, stderr=self.log)
        proxied.listens(self.port)

    def stop(self):
        """Caddy sends what is left when it stops."""
        proxied.stop(self.process)


def main():
    which, tracer, otlp, zipkin, service = sys.argv[1:]
    upstream = proxied.Upstream()
    proxies = []
    with tempfile.TemporaryDirectory(prefix="fanal-proxies-") as folder:
        next_port = upstream.port
        try:
            if which != "caddy":
                proxies.append(Envoy(Path(folder), tracer, otlp, zipkin, service, next_port))
                next_port = proxies[-1].port
            if which != "envoy":
                proxies.append(Caddy(Path(folder), otlp, service, next_port))
                next_port = proxies[-1].port
            headers = {"traceparent": f"00-{proxied.TRACE}-{proxied.CALLER}-01"}
            if tracer != "otlp":
                headers = {"X-B3-TraceId": proxied.TRACE, "X-B3-SpanId": proxied.CALLER, "X-B3-Sampled": "1"}
            proxied.get(f"http://127.0.0.1:{next_port}/checkout?user=ann", {**headers, "User-Agent": "till/7"})
        finally:
            for proxy in reversed(proxies):
                proxy.stop()
    carried = upstream.headers[0]
    last = carried["traceparent"].split("-")[2] if tracer == "otlp" else carried["x-b3-spanid"]
    names = {"trace": proxied.TRACE, "caller": proxied.CALLER, "last": last, "port": next_port, "upstream": upstream.port}
    # Envoy writes 64-bit ids into Zipkin's protobuf with their bytes in the order of its processor.
    backwards = {f"{name}.backwards": bytes.fromhex(names[name])[::-1].hex() for name in ["caller", "last"]}
    proxied.tell(**names, **backwards)


main()

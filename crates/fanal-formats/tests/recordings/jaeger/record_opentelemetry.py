"""Records what the exporters to Jaeger of OpenTelemetry for Python send (opentelemetry-exporter-jaeger-thrift and
-proto-grpc 1.21.0). Usage: python record_opentelemetry.py FOLDER"""
import http.server, socket, sys, threading
from concurrent import futures
import grpc
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

OUT = sys.argv[1]

def record(name, exporter):
    provider = TracerProvider(resource=Resource({"service.name": "otel-shop", "deployment.environment": "test"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("checkout.lib", "1.2")
    with tracer.start_as_current_span("checkout", kind=SpanKind.CONSUMER) as root:
        linked = trace.SpanContext(0x0102030405060708090A0B0C0D0E0F10, 0x1112131415161718, True)
        with tracer.start_as_current_span("fail", links=[Link(linked)]) as child:
            child.set_attribute("sizes", [1, 2])
            child.add_event("lost", {"where": "queue"})
            child.set_status(Status(StatusCode.ERROR, "no stock"))
        root.set_status(Status(StatusCode.OK))
    provider.shutdown()

from opentelemetry.exporter.jaeger.thrift import JaegerExporter as Thrift
listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
listener.bind(("127.0.0.1", 0))
record("udp", Thrift(agent_host_name="127.0.0.1", agent_port=listener.getsockname()[1]))
open(f"{OUT}/opentelemetry.compact", "wb").write(listener.recv(65536))

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        open(f"{OUT}/opentelemetry.http", "wb").write(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(202)
        self.end_headers()
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
record("http", Thrift(collector_endpoint=f"http://127.0.0.1:{server.server_port}/api/traces?format=jaeger.thrift"))

from opentelemetry.exporter.jaeger.proto.grpc import JaegerExporter as Grpc
class Any(grpc.GenericRpcHandler):
    def service(self, details):
        def take(request, context):
            open(f"{OUT}/opentelemetry.grpc", "wb").write(request)
            return b""
        return grpc.unary_unary_rpc_method_handler(take)
grpc_server = grpc.server(futures.ThreadPoolExecutor(1))
grpc_server.add_generic_rpc_handlers((Any(),))
port = grpc_server.add_insecure_port("127.0.0.1:0")
grpc_server.start()
record("grpc", Grpc(collector_endpoint=f"127.0.0.1:{port}", insecure=True))

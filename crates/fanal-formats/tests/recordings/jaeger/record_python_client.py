"""Records what jaeger-client 4.8.0 for Python sends to an agent. Usage: python record_python_client.py FOLDER"""
import collections, collections.abc, os, socket, sys
for name in ("MutableMapping", "Mapping"):  # its tornado<6 is older than this Python
    setattr(collections, name, getattr(collections.abc, name))
import opentracing
from opentracing.ext import tags
from jaeger_client import Config

listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
listener.bind(("127.0.0.1", 0))
listener.settimeout(10)
tracer = Config(
    config={
        "sampler": {"type": "const", "param": 1},
        "local_agent": {"reporting_host": "127.0.0.1", "reporting_port": listener.getsockname()[1]},
        "tags": {"region": "eu"},
        "logging": False,
    },
    service_name="py-shop",
    validate=True,
).initialize_tracer()
debug = tracer.extract(opentracing.Format.TEXT_MAP, {"jaeger-debug-id": "ticket 7"})
with tracer.start_span("GET /cart", child_of=debug, tags={tags.SPAN_KIND: "server", tags.HTTP_STATUS_CODE: 200}) as root:
    root.set_tag("ratio", 0.25)
    root.set_tag("warm", False)
    with tracer.start_span("SELECT", child_of=root, tags={tags.SPAN_KIND: "client"}) as child:
        child.set_tag(tags.ERROR, True)
        child.log_kv({"event": "error", "message": "no such table", "attempt": 2})
    with tracer.start_span("audit", references=opentracing.follows_from(root.context)):
        pass
names, datagrams = set(), 0
while datagrams == 0 or len(names) < 3:
    datagram = listener.recv(65536)
    open(f"{sys.argv[1]}/python_client.{datagrams}.compact", "wb").write(datagram)
    datagrams += 1
    names |= {name for name in (b"GET /cart", b"SELECT", b"audit") if name in datagram}
os._exit(0)  # its threads never end

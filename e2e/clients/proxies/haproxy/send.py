"""One request through HAProxy, whose OpenTracing filter has Datadog's tracer. 

Usage: send.py DATADOG_HOST DATADOG_PORT UI SERVICE
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(os.environ["PROXIES"])))

import proxied

ROOT = Path(__file__).absolute().parent / "root"
LIBRARIES = ROOT / "usr/lib/x86_64-linux-gnu"

HAPROXY = """
global
    nbthread 1
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend shop
    bind 127.0.0.1:{port}
    filter opentracing id shop config {folder}/filter.cfg
    default_backend upstream
backend upstream
    server upstream 127.0.0.1:{upstream}
"""

# The spans of a request: one while HAProxy has it, and one below it while the service behind has it.
FILTER = """
[shop]
    ot-tracer datadog
        config {folder}/tracer.json
        plugin {libraries}/libdd_opentracing_plugin.so
        scopes request answer

    ot-scope request
        extract "caller" use-headers
        span "checkout" child-of "caller" root
            tag "http.method" method
            tag "http.url" url
            tag "span.kind" str("server")
        span "upstream" child-of "checkout"
            tag "span.kind" str("client")
            inject "carried" use-headers
        event on-frontend-http-request

    ot-scope answer
        span "checkout"
            tag "http.status_code" status
        finish "upstream"
        finish "checkout"
        event on-http-response
"""


def main():
    host, agent_port, ui, service = sys.argv[1:]
    upstream = proxied.Upstream()
    with tempfile.TemporaryDirectory(prefix="fanal-haproxy-") as name:
        folder, port = Path(name), proxied.free_port()
        tracer = {
            "service": service,
            "agent_host": host,
            "agent_port": int(agent_port),
            "sample_rate": 1.0,
            "environment": "test",
            "version": "1.2.3",
        }
        (folder / "tracer.json").write_text(json.dumps(tracer))
        (folder / "filter.cfg").write_text(FILTER.format(folder=folder, libraries=LIBRARIES.relative_to(ROOT.parent)))
        (folder / "haproxy.cfg").write_text(HAPROXY.format(folder=folder, port=port, upstream=upstream.port))
        environment = {**os.environ, "LD_LIBRARY_PATH": str(LIBRARIES)}
        log = folder / "haproxy.log"
        with log.open("w") as written:
            command = [ROOT / "usr/sbin/haproxy", "-db", "-f", folder / "haproxy.cfg"]
            process = subprocess.Popen(command, env=environment, stdout=written, stderr=written)
        try:
            proxied.listens(port)
            # The filter puts the name of a context before its headers.
            context = {"trace-id": str(int(proxied.TRACE[16:], 16)), "parent-id": "9", "sampling-priority": "1"}
            headers = {f"caller-x-datadog-{name}": value for name, value in context.items()}
            proxied.get(f"http://127.0.0.1:{port}/checkout", headers)
            # The tracer sends once a second, and not when HAProxy stops.
            trace = proxied.TRACE[16:].zfill(32)
            proxied.wait("the trace", lambda: proxied.get(f"http://{ui}/fanal/v1/trace/{trace}/otlp"))
        except SystemExit as late:
            raise SystemExit(f"{late}\n{log.read_text()}") from None
        finally:
            proxied.stop(process)
    last = int(upstream.headers[0]["carried-x-datadog-parent-id"])
    proxied.tell(trace=trace, upstream=f"{last:016x}")


main()

"""What the programs of the proxies share: a service behind the proxy, a request through it, and waiting."""

import http.server
import json
import os
import socket
import subprocess
import threading
import time
import urllib.request

READY_SECONDS_MAX = 30
# The request is part of a trace that its caller began.
TRACE = os.urandom(16).hex()
CALLER = os.urandom(8).hex()


class Upstream:
    """A service that keeps the headers of the requests that reach it."""

    def __init__(self):
        self.headers = []
        upstream = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                upstream.headers.append({key.lower(): value for key, value in self.headers.items()})
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def free_port():
    """A port that nobody had a moment ago, for a program that cannot choose one itself."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def wait(what, holds):
    """What `holds` gives once it gives something."""
    deadline = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < deadline:
        try:
            found = holds()
        except (OSError, ValueError):
            found = None
        if found:
            return found
        time.sleep(0.05)
    raise SystemExit(f"not in {READY_SECONDS_MAX} s: {what}")


def get(url, headers=()):
    with urllib.request.urlopen(urllib.request.Request(url, headers=dict(headers)), timeout=30) as response:
        return response.read().decode()


def listens(port):
    def connects():
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        return True

    wait(f"a server on port {port}", connects)


def stop(process):
    """Ends a proxy as its operator does."""
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        raise SystemExit(f"{process.args[0]} did not stop") from None


def tell(**names):
    print(json.dumps(names))

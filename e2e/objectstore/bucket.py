"""A real S3 server on free ports, with one bucket: `weed server -s3` of SeaweedFS, which its Python package brings."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

START_SECONDS_MAX = 60
ACCESS_KEY, SECRET_KEY = "fanal", "not-a-secret"
NAME = "traces"


def free_ports(count):
    """Ports that nothing listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class Bucket:
    """The server; ended and started again it is the same one, on the same ports, with the same objects."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir()
        self.log = self.folder / "weed.log"
        names = ["master", "master_grpc", "volume", "volume_grpc", "filer", "filer_grpc", "s3", "s3_grpc"]
        self.ports = dict(zip(names, free_ports(len(names))))
        identity = {
            "name": "fanal",
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin"],
        }
        (self.folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        self.process = None
        self.start()
        self._filer("POST", f"/buckets/{NAME}/")

    @property
    def settings(self):
        """Variables that tell a client of S3 where it is and who asks."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.ports['s3']}",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        }

    def start(self):
        program = Path(os.environ["PYTHON"]).parent / "weed"
        command = [program, "server", "-dir=.", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"]
        command += [f"-{name.replace('_', '.port.')}={port}" for name, port in self.ports.items() if "_" in name]
        command += [f"-{name}.port={port}" for name, port in self.ports.items() if "_" not in name]
        command += ["-s3.port.iceberg=0", "-s3.config=s3.json", "-master.volumeSizeLimitMB=64", "-volume.max=20"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._is_up():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise SystemExit(f"the S3 server did not start:\n{self.log.read_text(errors='replace')[-4000:]}")
            time.sleep(0.05)

    def _is_up(self):
        try:
            for port in (self.ports["s3"], self.ports["filer"]):
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
                    pass
        except (OSError, urllib.error.URLError):
            return False
        return True

    def kill(self):
        """Ends it at once."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()

    def hang(self):
        """Takes connections from now on, but answers nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def objects(self, folder):
        """Names below a folder of the bucket, sorted."""
        found = []
        answer = self._filer("GET", f"/buckets/{NAME}/{folder}/?limit=10000")
        for entry in answer.get("Entries") or []:
            name = entry["FullPath"].rsplit("/", 1)[1]
            is_folder = entry["Mode"] & (1 << 31)
            found += [f"{name}/{below}" for below in self.objects(f"{folder}/{name}")] if is_folder else [name]
        return sorted(found)

    def _filer(self, method, path):
        url = f"http://127.0.0.1:{self.ports['filer']}{path}"
        request = urllib.request.Request(url, method=method, headers={"Accept": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as response:
            body = response.read()
        return json.loads(body) if body else {}

"""A real Kafka broker on free ports, started from its jars: one node in KRaft mode, which is its own controller."""

import base64
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "objectstore"))

from bucket import free_ports

HERE = Path(__file__).parent
START_SECONDS_MAX = 180
STOP_SECONDS_MAX = 60
# Debian's packages of what the broker runs on and comes with.
PACKAGES = {"java": "default-jre-headless", "mvn": "maven"}

SETTINGS = """
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.1:{controller}
log.dirs={folder}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
"""


def jars():
    """The folder of the jars, filled once from Maven's repository."""
    pom = HERE / "pom.xml"
    folder = Path(os.environ["FANAL_REPO"]) / "target" / "e2e-kafka"
    stamp = folder / "pom.xml"
    missing = [program for program in PACKAGES if not shutil.which(program)]
    if stamp.exists() and stamp.read_bytes() == pom.read_bytes():
        missing = [program for program in missing if program != "mvn"]
    if missing:
        install([PACKAGES[program] for program in missing])
    if not (stamp.exists() and stamp.read_bytes() == pom.read_bytes()):
        shutil.rmtree(folder, ignore_errors=True)
        command = ["mvn", "-B", "-q", "-ntp", "-f", str(pom), "dependency:copy-dependencies"]
        run([*command, "-DincludeScope=runtime", f"-DoutputDirectory={folder}"], "the broker's jars did not come")
        shutil.copy(pom, stamp)
    return folder


def install(packages):
    names = " ".join(packages)
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise SystemExit(f"the broker needs Java 17 and Maven: on Debian run `sudo apt-get install {names}`, then run this again")
    run(["apt-get", "-q", "update"], "apt-get update failed")
    run(["apt-get", "-q", "-y", "--no-install-recommends", "install", *packages], f"{names} could not be installed")


def run(command, problem):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise SystemExit(f"{problem}: {' '.join(command)}\n{done.stdout[-3000:]}")


class Broker:
    """The broker; stopped and started again it is the same one, on the same port, with the same messages."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir()
        self.log = self.folder / "broker.log"
        broker, controller = free_ports(2)
        self.address = f"127.0.0.1:{broker}"
        self.settings = self.folder / "server.properties"
        self.settings.write_text(SETTINGS.format(broker=broker, controller=controller, folder=self.folder / "logs"))
        self.java = ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
        self.java += ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{jars()}/*"]
        name = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        run([*self.java, "kafka.tools.StorageTool", "format", "-t", name, "-c", str(self.settings)], "no storage")
        self.process = None
        self.start()

    def start(self):
        from kafka import KafkaAdminClient
        from kafka.errors import KafkaError

        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.java, "kafka.Kafka", str(self.settings)],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            with contextlib.suppress(KafkaError, OSError):
                client = KafkaAdminClient(bootstrap_servers=self.address)
                client.list_topics()
                client.close()
                return
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise SystemExit(f"the broker did not start:\n{self.log.read_text(errors='replace')[-4000:]}")
            time.sleep(0.1)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()

"""The Kafka suite: a real broker and real producers, every encoding; what Fanal commits is durable, and nothing is lost.

The broker runs from its jars, which Maven brings (`broker.py`). Fanal is killed, stopped, shared by two, told that its disk is
full, and loses its broker; every span must be there in the end.
"""

import contextlib
import json
import os
import random
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "sdks"))
sys.path.insert(0, str(Path(__file__).parent))

import harness
import normal
import spans
from broker import Broker
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.admin import NewTopic, OffsetSpec

RECORDINGS = Path(os.environ["FANAL_REPO"]) / "crates/fanal-formats/tests/recordings/zipkin"
WAIT_SECONDS_MAX = 120
PARTITIONS = 3
# Rounds of sending and killing, and most messages of each, sent so many at a time.
KILLS = 3
MESSAGES_MAX = 20_000
WAVE = 20
SEED = int(os.environ.get("KAFKA_SEED", str(time.time_ns())))
TOPICS = "otlp_spans=otlp_proto,otlp-json=otlp_json,jaeger-spans=jaeger_proto,jaeger-json=jaeger_json,zipkin=zipkin"
NAMES = [topic.split("=")[0] for topic in TOPICS.split(",")]


def wait_until(condition, seconds=WAIT_SECONDS_MAX):
    """Whether a condition comes to hold in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


class Cluster:
    """The broker's other side: topics, messages, offsets."""

    def __init__(self, folder):
        self.broker = Broker(folder)
        self.connect()

    def connect(self):
        self.admin = KafkaAdminClient(bootstrap_servers=self.broker.address)
        self.producers = {}

    def create(self, names):
        self.admin.create_topics([NewTopic(name, num_partitions=PARTITIONS, replication_factor=1) for name in names])

    def send(self, topic, messages, compression=None):
        """Sends values, or pairs of key and value; returns when the broker has them."""
        if compression not in self.producers:
            self.producers[compression] = KafkaProducer(
                bootstrap_servers=self.broker.address, acks="all", linger_ms=5, compression_type=compression
            )
        producer = self.producers[compression]
        pairs = [message if isinstance(message, tuple) else (None, message) for message in messages]
        sent = [producer.send(topic, key=key, value=value) for key, value in pairs]
        return [future.get(60) for future in sent]

    def committed(self, group):
        """What a group has committed, by partition."""
        found = self.admin.list_group_offsets({group: None})[group]
        return {place: offset.offset for place, offset in found.items() if offset.offset >= 0}

    def ends(self, topics):
        """How many messages each partition has."""
        places = [TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)]
        latest = self.admin.list_partition_offsets({place: OffsetSpec.LATEST for place in places})
        return {place: found.offset for place, found in latest.items() if found.offset > 0}

    def is_consumed(self, group, topics):
        return self.committed(group).items() >= self.ends(topics).items()


def consuming(folder, cluster, *flags, group="fanal", topics=TOPICS, ports=None):
    folder.mkdir(exist_ok=True)
    kafka = ["--kafka-brokers", cluster.broker.address, "--kafka-topics", topics, "--kafka-group", group]
    return harness.Server(folder, *kafka, *flags, ports=ports)


def metric(server, name):
    """The sum of a metric's samples of the consumer."""
    _, text = server.get("/metrics")
    lines = [line for line in text.splitlines() if line.startswith(name + "{") and 'receiver="kafka"' in line]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def stored(server, trace_id):
    """The spans of a trace in normal form, or none."""
    status, answer = server.get(f"/fanal/v1/trace/{trace_id}/otlp")
    return normal.from_otlp(answer) if status == 200 else []


def in_order(found):
    """Spans of one id, as of both halves of a call, come in any order."""
    return sorted(found, key=lambda span: json.dumps(span, sort_keys=True))


def span_counts(server):
    """Every trace with its number of spans."""
    found, cursor = {}, ""
    while True:
        _, page = server.get(f"/fanal/v1/search?limit=1000{cursor}")
        found |= {trace["trace_id"]: trace["span_count"] for trace in page["traces"]}
        if "next_cursor" not in page:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def check_encodings(tally, folder, cluster):
    traces = {
        "otlp_spans": spans.trace(0x101, "otlp-proto"),
        "otlp-json": spans.trace(0x102, "otlp-json"),
        "jaeger-spans": spans.trace(0x103, "jaeger-proto"),
        "jaeger-json": spans.trace(0x104, "jaeger-json"),
    }
    server = consuming(folder, cluster)
    try:
        cluster.send("otlp_spans", [spans.otlp_proto(traces["otlp_spans"])], "gzip")
        cluster.send("otlp-json", [spans.otlp_json(traces["otlp-json"])], "zstd")
        key = traces["jaeger-spans"][0]["trace_id"].encode()
        cluster.send("jaeger-spans", [(key, spans.jaeger_proto(span)) for span in traces["jaeger-spans"]], "snappy")
        cluster.send("jaeger-json", [spans.jaeger_json(span) for span in traces["jaeger-json"]], "lz4")
        for topic, sent in traces.items():
            trace_id = sent[0]["trace_id"]
            wait_until(lambda: len(stored(server, trace_id)) == len(sent))
            tally.equal(f"{topic}: every span as sent, field by field", stored(server, trace_id), normal.sort(sent))
        check_zipkin(tally, folder, cluster, server)
        consumed = wait_until(lambda: cluster.is_consumed("fanal", NAMES))
        tally.check("offsets are committed up to the last message", consumed, cluster.committed("fanal"))
        no_lag = 'fanal_ingest_lag_messages{receiver="kafka"} 0'
        tally.check("the lag is told and comes to 0", wait_until(lambda: no_lag in server.get("/metrics")[1]))
        _, status = server.get("/fanal/v1/status")
        tally.equal("the status names the brokers", status["consumers"], [{"name": "kafka", "origin": cluster.broker.address}])
        check_broken(tally, cluster, server)
    finally:
        tally.equal("stops as told", server.stop(), 0)


def check_zipkin(tally, folder, cluster, server):
    """Messages must come to what the HTTP door makes of the same bytes."""
    bodies = {file.name: file.read_bytes() for file in sorted(RECORDINGS.glob("*.v?.*"))}
    # The thrift list has three spans; one alone is its first, up to where the second begins.
    thrift = bodies["py-zipkin.v1.thrift"]
    paths = {"v1.json": "v1", "v1.thrift": "v1", "v2.json": "v2", "v2.proto": "v2"}
    types = {"json": "application/json", "thrift": "application/x-thrift", "proto": "application/x-protobuf"}
    (folder / "http").mkdir()
    door = harness.Server(folder / "http")
    try:
        for name, body in bodies.items():
            version = next(path for ending, path in paths.items() if name.endswith(ending))
            url = f"http://{door.addresses['zipkin']}/api/{version}/spans"
            headers = {"Content-Type": types[name.rsplit(".", 1)[1]]}
            urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30).close()
        expected = {trace_id: stored(door, trace_id) for trace_id in span_counts(door)}
    finally:
        door.stop()
    cluster.send("zipkin", bodies.values())
    for trace_id, sent in expected.items():
        wait_until(lambda: len(stored(server, trace_id)) == len(sent))
        tally.equal(f"zipkin {trace_id}: as over HTTP", in_order(stored(server, trace_id)), in_order(sent))
    tally.equal("zipkin: recordings of every form", len(bodies), 7)
    # A span alone is the list's first without the list around it: readers stop at its end.
    alone = thrift[5:].replace(b"charge", b"single", 1)
    cluster.send("zipkin", [alone])
    found = wait_until(lambda: server.get("/fanal/v1/search?operation=single")[1]["traces"])
    tally.check("zipkin: a single span in thrift", found)


def check_broken(tally, cluster, server):
    before = metric(server, "fanal_ingest_rejected_requests_total"), metric(server, "fanal_ingest_rejected_spans_total")
    for topic in NAMES:
        cluster.send(topic, [b"\xff\xfe not what it says"])
    cluster.send("jaeger-json", [b"{}", (b"key", None)])
    good = spans.trace(0x105, "behind-broken")
    cluster.send("otlp_spans", [spans.otlp_proto(good)])
    wait_until(lambda: cluster.is_consumed("fanal", NAMES))
    tally.equal("a message behind a broken one is stored", stored(server, good[0]["trace_id"]), normal.sort(good))
    after = metric(server, "fanal_ingest_rejected_requests_total"), metric(server, "fanal_ingest_rejected_spans_total")
    # Each broken message and the one without a value; the empty span.
    tally.equal("broken messages are counted", (after[0] - before[0], after[1] - before[1]), (len(NAMES) + 1, 1))
    _, status = server.get("/fanal/v1/status")
    words = [entry["message"] for entry in status["ingest"]["recent_rejections"] if entry["receiver"] == "kafka"]
    tally.check("the status says what was wrong", any("json is broken" in word for word in words), words)
    log = server.log.read_text()
    tally.check("the log says where", "message skipped" in log and "offset=" in log, log[-1000:])


def send_numbered(cluster, topic, first, count):
    """One trace a message; gives ids by place."""
    numbers = range(first, first + count)
    sent = cluster.send(topic, [spans.otlp_proto(spans.trace(number, "numbered", 2)) for number in numbers])
    return {(at.topic, at.partition, at.offset): f"{number:032x}" for at, number in zip(sent, numbers)}


@contextlib.contextmanager
def sending(cluster, topic, first, places):
    """Sends wave after wave meanwhile; every message is among the places in the end."""
    ended = threading.Event()

    def send():
        for wave in range(first, first + MESSAGES_MAX, WAVE):
            if ended.is_set():
                return
            places.update(send_numbered(cluster, topic, wave, WAVE))

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def check_kills(tally, folder, cluster, chance):
    """Killed at random instants: what is committed is on disk, and in the end everything is."""
    topic, group = "kills", "killed"
    cluster.create([topic])
    places, lost = {}, []
    for round_number in range(KILLS):
        server = consuming(folder, cluster, "--log-level", "warn", group=group, topics=f"{topic}=otlp_proto")
        with sending(cluster, topic, 0x1000000 + round_number * MESSAGES_MAX, places):
            # From the second round on it first waits until the group has given up the one that was killed.
            wait_until(lambda: metric(server, "fanal_ingest_accepted_spans_total") > 0)
            # The instant of the kill is what this test is about, so this wait is no wait for a condition.
            time.sleep(chance.uniform(0.0, 2.0))
            server.kill()
        committed = {(place.topic, place.partition): offset for place, offset in cluster.committed(group).items()}
        alone = harness.Server(folder)
        found = span_counts(alone)
        alone.stop()
        lost += [
            place for place, trace_id in places.items()
            if place[2] < committed.get(place[:2], 0) and found.get(trace_id) != 2
        ]
        print(f"        round {round_number + 1}: {sum(committed.values())} committed, {len(found)} stored of {len(places)}")
    tally.equal("what was committed before a kill is stored", lost, [])
    server = consuming(folder, cluster, group=group, topics=f"{topic}=otlp_proto")
    wait_until(lambda: cluster.is_consumed(group, [topic]))
    found = span_counts(server)
    missing = [trace_id for trace_id in places.values() if found.get(trace_id) != 2]
    tally.equal(f"after {KILLS} kills every one of {len(places)} messages is stored", missing, [])
    tally.equal("stops as told", server.stop(), 0)


def check_broker_away(tally, folder, cluster):
    """Fanal runs on without the broker, and goes on with it."""
    topic, group = "away", "away"
    cluster.create([topic])
    server = consuming(folder, cluster, group=group, topics=f"{topic}=otlp_proto")
    try:
        places = send_numbered(cluster, topic, 0x20000, 20)
        wait_until(lambda: cluster.is_consumed(group, [topic]))
        cluster.broker.stop()
        told = wait_until(lambda: "trouble" in server.log.read_text())
        tally.check("a broker that is away is told in the log", told)
        tally.equal("Fanal answers without its broker", server.get("/readyz")[0], 200)
        cluster.broker.start()
        cluster.connect()
        places |= send_numbered(cluster, topic, 0x20100, 20)
        wait_until(lambda: cluster.is_consumed(group, [topic]))
        found = span_counts(server)
        missing = [trace_id for trace_id in places.values() if found.get(trace_id) != 2]
        tally.equal("once it is back consuming goes on", missing, [])
        cluster.broker.stop()
        started = time.monotonic()
        tally.equal("stops as told without its broker", server.stop(), 0)
        tally.check("and in time", time.monotonic() - started < harness.STOP_SECONDS_MAX)
        cluster.broker.start()
        cluster.connect()
    finally:
        server.kill()


def check_full(tally, folder, cluster):
    """Spans that the store refuses for now stay in Kafka."""
    topic, group = "full", "full"
    cluster.create([topic])
    flags = ["--storage-disk-reserve-bytes", "1024GiB"]
    server = consuming(folder, cluster, *flags, group=group, topics=f"{topic}=otlp_proto")
    try:
        places = send_numbered(cluster, topic, 0x30000, 20)
        tried = wait_until(lambda: metric(server, "fanal_ingest_rejected_requests_total") > 2 * len(places))
        tally.check("a full disk is tried again and again", tried, server.get("/metrics")[1])
        tally.equal("and nothing is committed meanwhile", cluster.committed(group), {})
        tally.equal("stops as told with messages at hand", server.stop(), 0)
    finally:
        server.kill()
    server = consuming(folder, cluster, group=group, topics=f"{topic}=otlp_proto")
    wait_until(lambda: cluster.is_consumed(group, [topic]))
    found = span_counts(server)
    tally.equal("with room every message is stored", [one for one in places.values() if found.get(one) != 2], [])
    server.stop()


def check_shared(tally, folder, cluster):
    """Two of a group share the partitions; when one leaves, the other takes its part."""
    topic, group = "shared", "shared"
    cluster.create([topic])
    one, two = (
        consuming(folder / name, cluster, group=group, topics=f"{topic}=otlp_proto") for name in ("one", "two")
    )
    try:
        def is_shared():
            (found,) = cluster.admin.describe_groups([group]).values()
            # Until then one of them has every partition, and may read all of it.
            return found["group_state"] == "Stable" and len(found["members"]) == 2

        wait_until(is_shared)
        places = send_numbered(cluster, topic, 0x40000, 300)
        wait_until(lambda: cluster.is_consumed(group, [topic]))
        shares = [len(span_counts(server)) for server in (one, two)]
        tally.check("each of two has a share", min(shares) > 0, shares)
        kept = span_counts(two)
        tally.equal("one of two stops as told", two.stop(), 0)
        places |= send_numbered(cluster, topic, 0x41000, 300)
        wait_until(lambda: cluster.is_consumed(group, [topic]))
        found = kept | span_counts(one)
        missing = [trace_id for trace_id in places.values() if found.get(trace_id) != 2]
        tally.equal("together they have every message", missing, [])
    finally:
        one.kill()
        two.kill()


def main():
    harness.exit_on_sigterm()
    tally = harness.Tally()
    chance = random.Random(SEED)
    print(f"KAFKA_SEED={SEED}", flush=True)
    with tempfile.TemporaryDirectory(prefix="fanal-kafka-") as folder:
        folder = Path(folder)
        cluster = Cluster(folder / "broker")
        try:
            cluster.create(NAMES)
            check_encodings(tally, folder / "encodings", cluster)
            check_kills(tally, folder / "kills", cluster, chance)
            check_full(tally, folder / "full", cluster)
            (folder / "shared").mkdir()
            check_shared(tally, folder / "shared", cluster)
            check_broker_away(tally, folder / "away", cluster)
        finally:
            cluster.broker.kill()
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())

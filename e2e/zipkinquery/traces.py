"""Generated traces in Zipkin's JSON of version 2, odd in every way that its rules have a word for."""

import random

SERVICES = ["Front", "cart", "Pay-ment", "users", "search", "mail", "stock", "audit"]
LEAVES = ["mysql", "Redis", "s3"]
BROKERS = ["kafka", "rabbit"]
NAMES = ["GET /Cart", "add", "charge", "lookup", "Send Mail", "reserve"]
REGIONS = ["eu", "us", "ap"]
ENVIRONMENTS = ["prod", "test"]

# A trace begins in each interval and ends within it, so that windows can be laid between traces.
INTERVAL_MICROS = 1_000_000


class Traces:
    """A seeded source of traces, the first at `begin_micros`."""

    def __init__(self, seed, begin_micros):
        self.random = random.Random(seed)
        self.begin_micros = begin_micros
        self.number = 0

    def next(self):
        """The spans of the next trace."""
        self.start = self.begin_micros + self.number * INTERVAL_MICROS
        self.number += 1
        self.spans = []
        self.ids = 0
        digits = 32 if self.random.random() < 0.7 else 16
        # The high digit keeps ids from looking short.
        self.trace_id = f"{self.random.getrandbits(digits * 4 - 4) | 1 << (digits * 4 - 5):0{digits}x}"
        root = self.random.choice(SERVICES)
        if self.random.random() < 0.8:
            span = self.span(root, None, kind="SERVER")
            self.work(root, span["id"], depth=0)
        else:
            self.work(root, None, depth=0)
        if not self.spans:
            self.span(root, None)
        # Some spans never arrive.
        kept = [span for span in self.spans if self.random.random() > 0.06]
        spans = kept or self.spans[:1]
        self.random.shuffle(spans)
        return spans

    def span_id(self):
        self.ids += 1
        return f"{self.random.getrandbits(52) << 8 | self.ids:016x}"

    def span(self, service, parent, kind=None, remote=None, span_id=None, shared=False):
        chance = self.random.random
        # Of spans that begin together Zipkin does not tell the order.
        begin = self.start + len(self.spans) * 997
        span = {"traceId": self.trace_id, "id": span_id or self.span_id(), "timestamp": begin}
        if parent:
            span["parentId"] = parent
        if kind:
            span["kind"] = kind
        if chance() < 0.95:
            span["name"] = self.random.choice(NAMES)
        if chance() < 0.9:
            span["duration"] = self.random.randrange(1, 400_000)
        if service:
            place = SERVICES.index(service) + 1
            span["localEndpoint"] = {"serviceName": service, "ipv4": f"10.0.0.{place}", "port": 8000 + place}
        if remote:
            span["remoteEndpoint"] = {"serviceName": remote}
        if shared:
            span["shared"] = True
        tags = {}
        if chance() < 0.3:
            tags["region"] = self.random.choice(REGIONS)
        if chance() < 0.3:
            tags["environment"] = self.random.choice(ENVIRONMENTS)
        if chance() < 0.1:
            tags["error"] = self.random.choice(["true", "", "no room"])
        if tags:
            span["tags"] = tags
        if chance() < 0.15:
            span["annotations"] = [{"timestamp": begin + 5, "value": self.random.choice(["cache.miss", "retry"])}]
        self.spans.append(span)
        return span

    def work(self, service, parent, depth):
        """What a service does for a call."""
        for _ in range(self.random.randrange(0, 4 - depth)):
            self.step(service, parent, depth)

    def step(self, service, parent, depth):
        other = self.random.choice(SERVICES)
        kind = self.random.randrange(10)
        if kind < 4:
            self.call(service, parent, other, depth)
        elif kind == 4:
            self.span(service, parent, kind="CLIENT", remote=self.random.choice(LEAVES))
        elif kind == 5:
            local = self.span(service, parent)
            self.step(service, local["id"], depth)
        elif kind == 6:
            broker = self.random.choice(BROKERS)
            sent = self.span(service, parent, kind="PRODUCER", remote=broker)
            if self.random.random() < 0.7:
                self.span(other, sent["id"], kind="CONSUMER", remote=self.random.choice([broker, None]))
        elif kind == 7:
            # No kind, but both sides.
            self.span(service, parent, remote=self.random.choice(LEAVES + [None]))
        elif kind == 8:
            # The other side is named wrong, or the client's service is missing.
            self.span(self.random.choice([other, None]), parent, kind="CLIENT", remote=self.random.choice(LEAVES))
        else:
            self.span(other, parent, kind="SERVER", remote=self.random.choice([service, None]))

    def call(self, service, parent, other, depth):
        client = self.span(service, parent, kind="CLIENT", remote=self.random.choice([other, None]))
        if self.random.random() < 0.5:
            # Both halves have one id; some senders leave out the flag or the parent.
            shared = self.random.random() < 0.8
            upper = parent if self.random.random() < 0.8 else None
            server = self.span(other, upper, kind="SERVER", span_id=client["id"], shared=shared)
        else:
            server = self.span(other, client["id"], kind="SERVER")
        if depth < 3:
            self.work(other, server["id"], depth + 1)

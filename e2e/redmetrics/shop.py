"""A shop's spans as OTLP, with what they come to: every span and every call between services, as plain tuples."""

MILLI = 1_000_000
SECOND = 1000 * MILLI

INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5
KINDS = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]


class Shop:
    """Traces of purchases, one each `apart` nanoseconds from `start` on; `salt` keeps their ids apart from others'."""

    def __init__(self, salt, start, count, apart):
        # (start, service, name, kind, status, nanoseconds)
        self.spans = []
        # (start, client, server, connection type, failed, server nanoseconds, client nanoseconds or None)
        self.calls = []
        self.resources = {}
        for number in range(count):
            self.purchase(f"{salt:016x}{number + 1:016x}", number, start + number * apart)

    def span(self, trace, own, parent, service, name, kind, start, nanos, failed=False, **attributes):
        made = {
            "traceId": trace, "spanId": f"{own:016x}", "name": name, "kind": kind,
            "startTimeUnixNano": str(start), "endTimeUnixNano": str(start + nanos),
            "attributes": [
                {"key": key.replace("_", "."), "value": {"stringValue": value}} for key, value in attributes.items()
            ],
        }
        if parent:
            made["parentSpanId"] = f"{parent:016x}"
        if failed:
            made["status"] = {"code": 2}
        self.resources.setdefault(service, []).append(made)
        status = "STATUS_CODE_ERROR" if failed else "STATUS_CODE_UNSET"
        self.spans.append((start, service, name, f"SPAN_KIND_{KINDS[kind]}", status, nanos))

    def purchase(self, trace, number, at):
        failed = number % 3 == 0
        whole, pay = (20 + 37 * number) * MILLI, (5 + 29 * number) * MILLI
        query, mail = (1 + number) * MILLI, (3 + 2 * number) * MILLI
        self.span(trace, 1, 0, "web", "GET /buy", SERVER, at, whole)
        self.calls.append((at, "user", "web", "virtual_node", False, whole, None))
        self.span(trace, 2, 1, "web", "charge", CLIENT, at + MILLI, pay + 2 * MILLI)
        self.span(trace, 3, 2, "pay", "POST /charge", SERVER, at + 2 * MILLI, pay, failed)
        self.calls.append((at + 2 * MILLI, "web", "pay", "", failed, pay, pay + 2 * MILLI))
        self.span(trace, 4, 3, "pay", "book", INTERNAL, at + 3 * MILLI, query)
        database = {"db_system_name": "postgresql", "db_namespace": "ledger", "network_peer_address": "10.0.0.9"}
        self.span(trace, 5, 4, "pay", "INSERT", CLIENT, at + 3 * MILLI, query, **database, network_peer_port="5432")
        self.calls.append((at + 3 * MILLI, "pay", "10.0.0.9:5432", "database", False, query, query))
        self.span(trace, 6, 1, "web", "orders send", PRODUCER, at + 4 * MILLI, MILLI)
        self.span(trace, 7, 6, "worker", "orders process", CONSUMER, at + 50 * MILLI, mail)
        self.calls.append((at + 50 * MILLI, "web", "worker", "messaging_system", False, mail, MILLI))
        self.span(trace, 8, 7, "worker", "mail", CLIENT, at + 51 * MILLI, mail, number % 5 == 0, peer_service="mailer")
        self.calls.append((at + 51 * MILLI, "worker", "mailer", "virtual_node", number % 5 == 0, mail, mail))
        # Nobody says who is called.
        self.span(trace, 9, 7, "worker", "ping", CLIENT, at + 52 * MILLI, MILLI)

    def request(self):
        """The spans as a request of OTLP."""
        def resource(service, spans):
            attributes = [{"key": "service.name", "value": {"stringValue": service}}]
            return {"resource": {"attributes": attributes}, "scopeSpans": [{"spans": spans}]}

        return {"resourceSpans": [resource(service, spans) for service, spans in self.resources.items()]}

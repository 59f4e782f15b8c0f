"""What metrics must say of spans and calls, worked out from the plain tuples of `shop`."""

SPAN_BOUNDS = [0.002 * 2**doubling for doubling in range(14)] + [float("inf")]
CALL_BOUNDS = [0.1 * 2**doubling for doubling in range(8)] + [float("inf")]
SECOND = 1e9


def shown(bound):
    return "+Inf" if bound == float("inf") else repr(round(bound, 9))


def labels_of_span(span):
    _, service, name, kind, status, _ = span
    return {"service": service, "span_name": name, "span_kind": kind, "status_code": status}


def labels_of_call(call):
    labels = {"client": call[1], "server": call[2]}
    return {**labels, "connection_type": call[3]} if call[3] else labels


def histogram(name, bounds, entries, labels_of, nanos_of):
    """Each series of a histogram: name and labels, and its number."""
    for entry in entries:
        labels, nanos = labels_of(entry), nanos_of(entry)
        if nanos is None:
            continue
        yield name + "_sum", labels, nanos / SECOND
        yield name + "_count", labels, 1
        for bound in bounds:
            yield name + "_bucket", {**labels, "le": shown(bound)}, 1 if nanos / SECOND <= bound + 1e-12 else 0


def numbers(spans, calls):
    """All series of all metrics as (name, labels, number), of which equal ones are to be summed."""
    for span in spans:
        yield "traces_spanmetrics_calls_total", labels_of_span(span), 1
    yield from histogram("traces_spanmetrics_latency", SPAN_BOUNDS, spans, labels_of_span, lambda span: span[5])
    graph = "traces_service_graph_request"
    for call in calls:
        yield f"{graph}_total", labels_of_call(call), 1
        yield f"{graph}_failed_total", labels_of_call(call), int(call[4])
    yield from histogram(f"{graph}_server_seconds", CALL_BOUNDS, calls, labels_of_call, lambda call: call[5])
    yield from histogram(f"{graph}_client_seconds", CALL_BOUNDS, calls, labels_of_call, lambda call: call[6])


def series(spans, calls):
    """By name and labels: the number."""
    all_series = {}
    for name, labels, number in numbers(spans, calls):
        key = (name, tuple(sorted(labels.items())))
        all_series[key] = all_series.get(key, 0) + number
    return all_series


def sums(all_series, name, by, keep=lambda labels: True):
    """Sums of the series of a metric by labels."""
    found = {}
    for (of, pairs), number in all_series.items():
        labels = dict(pairs)
        if of == name and keep(labels):
            key = tuple(sorted((label, labels[label]) for label in by if label in labels))
            found[key] = found.get(key, 0) + number
    return found


def quantile(rank_of, buckets):
    """The quantile of buckets by bound, drawn evenly inside of the one that it falls into."""
    bounds = sorted((float("inf") if bound == "+Inf" else float(bound), count) for bound, count in buckets.items())
    total = bounds[-1][1]
    below, lower = 0, 0.0
    for bound, count in bounds:
        if count >= rank_of * total:
            if bound == float("inf"):
                return lower
            return lower + (bound - lower) * (rank_of * total - below) / (count - below)
        below, lower = count, bound
    return lower

"""Tempo's query API, asked by Tempo's own published module: every endpoint, every streamed call, every call of Grafana.

`client/` decodes strictly what comes; `scenarios` has questions with known answers, `endpoints` the calls that are not
searches, and `grafana` what Explore and Traces Drilldown ask, on the data of the demo. Needs Go.
"""

import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import endpoints  # noqa: E402
import grafana  # noqa: E402
import harness  # noqa: E402
import scenarios  # noqa: E402
from client import Client, build, send  # noqa: E402


def server_with(folder, name, request):
    """A server whose only spans are those of a request."""
    folder = Path(folder) / name
    folder.mkdir()
    server = harness.Server(folder)
    send(server.addresses["otlp_http"], request)
    return server


def calls_of(question, numbers, query):
    """A question of a scenario in every way that Tempo's API has."""
    if question in ("?", "??"):
        path = {"q": query, "spss": scenarios.SPANS_OF_A_SET_MAX}
        asked = {"Query": query, "SpansPerSpanSet": scenarios.SPANS_OF_A_SET_MAX}
        http = {"path": ("/api/search", path), "answer": "SearchResponse"}
        return [{"by": "json", **http}, {"by": "protobuf", **http}, {"by": "grpc", "method": "Search", "request": asked}]
    start, end, *step = numbers
    at = {"start": scenarios.EPOCH_SECONDS + start, "end": scenarios.EPOCH_SECONDS + end}
    nanos = {name: str(seconds * 1_000_000_000) for name, seconds in at.items()}
    if question == "instant":
        path = ("/api/metrics/query", {"q": query, **at})
        asked = {"query": query, **nanos}
        return [
            {"by": "json", "path": path, "answer": "QueryInstantResponse"},
            {"by": "grpc", "method": "MetricsQueryInstant", "request": asked},
        ]
    path = ("/api/metrics/query_range", {"q": query, **at, "step": step[0]})
    asked = {"query": query, **nanos, "step": str(step[0] * 1_000_000_000)}
    return [
        {"by": "json", "path": path, "answer": "QueryRangeResponse"},
        {"by": "grpc", "method": "MetricsQueryRange", "request": asked},
    ]


def lines_of(scenario, question, numbers, answer):
    """What came, as the lines of a scenario."""
    if answer["status"] not in ("200", "OK"):
        return [answer["text"]]
    # The last message of a stream is the whole answer: none of these fills more than one.
    message = answer["messages"][-1]
    if question in ("?", "??"):
        lines = scenarios.found_lines(message, scenario.names, question == "??")
    else:
        lines = scenarios.series_lines(message, scenarios.ends_of(*numbers) if question == "range" else None)
    warnings = answer["notes"].get("fanal-warning", [])
    return lines + [f"warning: {warning}" for warning in warnings if "divided" in warning]


def check_scenario(tally, client, name, scenario):
    """The questions of a scenario; a line for each way that one is asked where something is wrong, and one for all."""
    asked = [(case, call) for case in scenario.cases for call in calls_of(*case[:3])]
    wrong = 0
    for ((question, numbers, query, expected), call), answer in zip(asked, client.ask([call for _, call in asked])):
        found = lines_of(scenario, question, numbers, answer)
        is_refusal = expected and expected[0].startswith("invalid query")
        same = expected[0].startswith(found[0].splitlines()[0]) if is_refusal else scenarios.is_same(found, expected)
        if answer["wrong"] or not same:
            wrong += 1
            tally.equal(f"scenario {name}, by {call['by']}: {query}", [answer["wrong"], *found], ["", *expected])
    tally.check(f"scenario {name}: {len(asked)} answers to {len(scenario.cases)} questions", asked and not wrong)


def check_scenarios(tally, program, folder):
    own = {}
    for name in scenarios.NAMES:
        scenario = scenarios.Scenario(name)
        own.setdefault(name if scenario.has_own_spans else "traces", []).append((name, scenario))
    for spans, listed in own.items():
        server = server_with(folder, spans, scenarios.otlp(listed[0][1].spans))
        try:
            client = Client(program, server.addresses["tempo"])
            for name, scenario in listed:
                check_scenario(tally, client, name, scenario)
            if spans == "traces":
                endpoints.check(tally, client, listed[0][1].spans)
        finally:
            server.stop()


def main():
    harness.exit_on_sigterm()
    tally = harness.Tally()
    with tempfile.TemporaryDirectory() as folder:
        program = build(tally, folder)
        if program is None:
            return tally.close()
        check_scenarios(tally, program, folder)
        grafana.check(tally, program, folder)
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())

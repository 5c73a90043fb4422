"""What is counted and traced, and that neither grows without bound nor says too much."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.util.types import AttributeValue

from freehold.core.call import Call, Outcome, Status
from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.core.tool import Tool
from freehold.domains.calls.observed import Observed
from freehold.kit.errors import Misconfigured
from freehold.kit.telemetry import DURATIONS, Metrics, OpenTelemetry, otlp
from tests.clocks import HandClock

pytestmark = pytest.mark.anyio

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CANARY = "hunter2-canary"


def call(traceparent: str = "") -> Call:
    """A call of `list_tasks` by somebody at acme."""
    principal = Principal(tenant="acme", subject="u1", client="c1", credential="jti:1", scopes=frozenset(), plan="free", expires_at=2e9)
    return Call(
        id="01",
        at=0.0,
        principal=principal,
        tool=Tool(name="list_tasks", description="", input_schema={}, source="trackline", scopes=frozenset()),
        arguments={"query": CANARY},
        request_id="r1",
        revision="2026-07-28",
        bytes_in=10,
        deadline=1e9,
        traceparent=traceparent,
    )


def shown(metrics: Metrics) -> dict[str, float]:
    """Every sample of ours, by its name and labels."""
    samples = [line.rpartition(" ") for line in metrics.render().decode().splitlines() if line.startswith(("freehold_", "mcp_"))]
    return {name: float(value) for name, _, value in samples if "_created" not in name}


class Ends:
    """The rest of a corridor: takes `seconds`, then comes to what it was told."""

    def __init__(self, clock: HandClock, end: Outcome | BaseException, seconds: float = 0.0) -> None:
        """What every call of it comes to."""
        self._clock = clock
        self._end = end
        self._seconds = seconds

    async def __call__(self, call: Call) -> Outcome:
        """Turn the clock and end."""
        self._clock.advance(self._seconds)
        if isinstance(self._end, BaseException):
            raise self._end
        return self._end


@dataclass
class Recorded(trace.NonRecordingSpan):
    """A span that remembers what it was given."""

    name: str
    parent: trace.SpanContext
    kind: trace.SpanKind
    attributes: dict[str, AttributeValue]
    links: list[trace.SpanContext]
    status: trace.StatusCode = trace.StatusCode.UNSET
    events: list[object] = field(default_factory=list)
    ended: bool = False

    def __post_init__(self) -> None:
        """Belong to the parent's trace."""
        super().__init__(trace.SpanContext(self.parent.trace_id or 1, 2, is_remote=False, trace_flags=trace.TraceFlags(1)))

    def is_recording(self) -> bool:
        """It is."""
        return True

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        """Remember."""
        self.attributes[key] = value

    def set_status(self, status: trace.Status | trace.StatusCode, description: str | None = None) -> None:
        """Remember; a description would be text."""
        assert description is None
        assert isinstance(status, trace.StatusCode)
        self.status = status

    def add_event(self, name: str, *_: object, **__: object) -> None:
        """Remember."""
        self.events.append(name)

    def record_exception(self, exception: BaseException, *_: object, **__: object) -> None:
        """Remember."""
        self.events.append(exception)

    def end(self, end_time: int | None = None) -> None:
        """Remember."""
        self.ended = True


class Spans(trace.TracerProvider, trace.Tracer):
    """An OpenTelemetry provider that keeps its spans."""

    def __init__(self) -> None:
        """None yet."""
        self.kept: list[Recorded] = []

    def get_tracer(self, *_: Any, **__: Any) -> trace.Tracer:
        """Itself."""
        return self

    def start_span(self, name: str, context: Any = None, kind: Any = None, attributes: Any = None, links: Any = (), **_: Any) -> Recorded:
        """Keep it."""
        parent = trace.get_current_span(context).get_span_context()
        self.kept.append(Recorded(name, parent, kind, dict(attributes), [link.context for link in links]))
        return self.kept[-1]

    @contextmanager
    def start_as_current_span(self, name: str, **given: Any) -> Iterator[Recorded]:
        """What an HTTP instrumentation does around a request."""
        span = self.start_span(name, attributes={}, **given)
        with trace.use_span(span, end_on_exit=True):
            yield span


@pytest.fixture
def clock() -> HandClock:
    """The hands to turn."""
    return HandClock()


@pytest.fixture
def metrics() -> Metrics:
    """A registry of the test's own."""
    return Metrics()


@pytest.fixture
def spans() -> Spans:
    """Where the spans go."""
    return Spans()


@pytest.fixture
def observed(metrics: Metrics, spans: Spans, clock: HandClock) -> Observed:
    """The step with everything on."""
    return Observed(metrics, clock=clock, tracer=OpenTelemetry(spans))


@pytest.mark.parametrize("status", ["ok", "error", "cancelled", "failed"])
async def test_a_call_is_counted_under_what_it_came_to(metrics: Metrics, clock: HandClock, status: Status) -> None:
    """One call of the tool with that outcome, its seconds in the right bucket, no refusal, and the outcome handed on as it is."""
    outcome = Outcome(status=status)
    assert await Observed(metrics, clock=clock)(call(), nxt=Ends(clock, outcome, seconds=0.3)) is outcome
    samples = shown(metrics)
    assert samples[f'freehold_calls_total{{outcome="{status}",tool="list_tasks"}}'] == 1
    of = f'mcp_method_name="tools/call",outcome="{status}"'
    assert samples[f"mcp_server_operation_duration_seconds_sum{{{of}}}"] == pytest.approx(0.3)
    assert samples[f'mcp_server_operation_duration_seconds_bucket{{le="0.2",{of}}}'] == 0
    assert samples[f'mcp_server_operation_duration_seconds_bucket{{le="0.5",{of}}}'] == 1
    assert not any(name.startswith("freehold_refusals") for name in samples)


@pytest.mark.parametrize(
    ("end", "status", "code"),
    [
        (Refusal("rate_limited", retry_after=1, per_second=2), "refused", "rate_limited"),
        (Outcome(status="refused", refusal=Refusal("overloaded")), "refused", "overloaded"),
        (asyncio.CancelledError(), "cancelled", None),
        (ZeroDivisionError(CANARY), "failed", None),
    ],
    ids=["raised refusal", "returned refusal", "cancelled", "fault"],
)
async def test_a_call_that_does_not_end_well_is_counted_too(
    metrics: Metrics, clock: HandClock, end: Outcome | BaseException, status: str, code: str | None
) -> None:
    """Refusals are counted by code, cancellations and faults by their status, and what was raised goes on up."""
    step = Observed(metrics, clock=clock)
    if isinstance(end, BaseException):
        with pytest.raises(type(end)):
            await step(call(), nxt=Ends(clock, end))
    else:
        await step(call(), nxt=Ends(clock, end))
    samples = shown(metrics)
    assert samples[f'freehold_calls_total{{outcome="{status}",tool="list_tasks"}}'] == 1
    refusals = {name: value for name, value in samples.items() if name.startswith("freehold_refusals_total")}
    assert refusals == ({f'freehold_refusals_total{{code="{code}"}}': 1} if code else {})
    assert CANARY not in metrics.render().decode()


def labels(metrics: Metrics, family: str) -> list[str]:
    """The labelled samples of one counter."""
    return [name for name in shown(metrics) if name.startswith(family + "{")]


@pytest.mark.parametrize(
    ("count", "family", "most"),
    [
        (lambda metrics, name: metrics.call(name, "ok", 0.1), "freehold_calls_total", 2_000),
        (lambda metrics, name: metrics.refused(name), "freehold_refusals_total", 200),
        (lambda metrics, name: metrics.http(name, 200), "freehold_http_requests_total", 100),
    ],
    ids=["tools", "codes", "routes"],
)
def test_labels_stay_bounded_under_random_names(metrics: Metrics, count: Callable[[Metrics, str], None], family: str, most: int) -> None:
    """Of 3,000 names the first keep their own series, the rest share `_OTHER`, and nothing goes uncounted (LOG-04)."""
    for number in range(3_000):
        count(metrics, f"name{number}")
    count(metrics, "name0")
    samples = {name: value for name, value in shown(metrics).items() if name.startswith(family + "{")}
    assert len(samples) == most + 1
    assert sum(samples.values()) == 3_001
    assert [value for name, value in samples.items() if '"name0"' in name] == [2]
    assert [value for name, value in samples.items() if '"_OTHER"' in name] == [3_000 - most]


def test_a_hostile_name_cannot_forge_a_sample(metrics: Metrics) -> None:
    """Quotes and line breaks in a label stay inside it (LOG-01)."""
    metrics.call('x"} 7\nfreehold_calls_total{tool="forged', "ok", 0.1)
    assert "\nfreehold_calls_total{tool=" not in metrics.render().decode()
    assert len(labels(metrics, "freehold_calls_total")) == 1


def test_requests_are_counted_by_route_and_status_class(metrics: Metrics) -> None:
    """401 and 403 are one series, 200 another."""
    for status in (200, 401, 403):
        metrics.http("/mcp", status)
    assert {name: value for name, value in shown(metrics).items() if name.startswith("freehold_http_requests_total")} == {
        'freehold_http_requests_total{route="/mcp",status="2xx"}': 1,
        'freehold_http_requests_total{route="/mcp",status="4xx"}': 2,
    }


def test_a_gauge_is_read_when_somebody_looks(metrics: Metrics) -> None:
    """The value is the one of the moment, not the one of registration."""
    waiting = [1]
    metrics.gauge("freehold_ledger_waiting", "Entries waiting for their commit.", lambda: len(waiting))
    waiting.append(2)
    assert shown(metrics)["freehold_ledger_waiting"] == 2


def test_two_servers_in_one_process_count_apart(metrics: Metrics) -> None:
    """What one counts the other does not show."""
    metrics.refused("overloaded")
    assert labels(Metrics(), "freehold_refusals_total") == []


def test_the_buckets_are_those_of_the_conventions(metrics: Metrics) -> None:
    """Fourteen bounds from 10 ms to 5 minutes, and the open end."""
    metrics.call("list_tasks", "ok", 1.0)
    text = metrics.render().decode()
    assert text.count("mcp_server_operation_duration_seconds_bucket{") == len(DURATIONS) + 1
    assert all(f'le="{bound}"' in text for bound in DURATIONS)


async def test_a_span_has_the_name_and_attributes_of_the_conventions(observed: Observed, spans: Spans, clock: HandClock) -> None:
    """One SERVER span `tools/call list_tasks`, ended, without an error and without arguments."""
    await observed(call(), nxt=Ends(clock, Outcome(status="ok")))
    (span,) = spans.kept
    assert (span.name, span.kind, span.ended, span.status) == ("tools/call list_tasks", trace.SpanKind.SERVER, True, trace.StatusCode.UNSET)
    assert span.attributes == {
        "mcp.method.name": "tools/call",
        "mcp.protocol.version": "2026-07-28",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "list_tasks",
        "network.transport": "tcp",
        "freehold.tenant": "acme",
        "freehold.request_id": "r1",
    }


@pytest.mark.parametrize(
    ("end", "error_type"),
    [
        (Outcome(status="error"), "tool_error"),
        (Refusal("rate_limited", retry_after=1, per_second=2), "rate_limited"),
        (Outcome(status="failed", refusal=Refusal("tool_failed", request_id="r1")), "tool_failed"),
        (asyncio.CancelledError(), "cancelled"),
        (ZeroDivisionError(CANARY), "failed"),
    ],
    ids=["error", "refused", "failed", "cancelled", "fault"],
)
async def test_a_span_of_a_call_that_failed_says_why_in_one_word(
    observed: Observed, spans: Spans, clock: HandClock, end: Outcome | BaseException, error_type: str
) -> None:
    """`error.type` is the code or the status; no exception and no message is recorded (LOG-03)."""
    ends = Ends(clock, end)
    if isinstance(end, BaseException):
        with pytest.raises(type(end)):
            await observed(call(), nxt=ends)
    else:
        await observed(call(), nxt=ends)
    (span,) = spans.kept
    assert (span.attributes["error.type"], span.status, span.ended) == (error_type, trace.StatusCode.ERROR, True)
    assert span.events == []
    assert CANARY not in str(span.attributes)


async def test_the_clients_span_is_the_parent_and_the_http_span_a_link(observed: Observed, spans: Spans, clock: HandClock) -> None:
    """The trace context of the message wins, and the ambient one is not lost."""
    with spans.start_as_current_span("POST /mcp") as http:
        await observed(call(PARENT), nxt=Ends(clock, Outcome(status="ok")))
    span = spans.kept[-1]
    assert f"{span.parent.trace_id:032x}" == PARENT.split("-")[1]
    assert f"{span.parent.span_id:016x}" == PARENT.split("-")[2]
    assert span.links == [http.get_span_context()]


@pytest.mark.parametrize("traceparent", ["", "nonsense", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"], ids=["none", "nonsense", "zeros"])
async def test_without_a_valid_parent_the_http_span_is_the_parent(
    observed: Observed, spans: Spans, clock: HandClock, traceparent: str
) -> None:
    """Nothing valid in the message: the ambient span is the parent and no link is made."""
    with spans.start_as_current_span("POST /mcp") as http:
        await observed(call(traceparent), nxt=Ends(clock, Outcome(status="ok")))
    assert spans.kept[-1].parent == http.get_span_context()
    assert spans.kept[-1].links == []


async def test_the_span_is_the_current_one_for_what_lies_further_in(observed: Observed, spans: Spans) -> None:
    """An upstream call made inside becomes its child, and afterwards it is not current any more."""
    inside: list[trace.Span] = []

    async def look(_: Call) -> Outcome:
        inside.append(trace.get_current_span())
        return Outcome(status="ok")

    await observed(call(PARENT), nxt=look)
    assert inside == [spans.kept[0]]
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_tracing_without_the_sdk_is_refused_with_the_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    """The start is refused with the command that installs it."""
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.exporter", None)
    with pytest.raises(Misconfigured, match=r"pip install 'freehold\[otel\]'"):
        otlp("http://127.0.0.1:4318/v1/traces", "freehold")

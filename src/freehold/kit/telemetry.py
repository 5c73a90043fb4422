"""Metrics in Prometheus' text format, and spans in OpenTelemetry's when a tracer is given.

Every label has a bounded number of values. Nothing here is global: whoever counts is handed the object to count on."""

from bisect import bisect_left
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from itertools import accumulate
from typing import TYPE_CHECKING, Final, Protocol

from freehold.kit.errors import Misconfigured

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, TracerProvider
    from opentelemetry.trace import Tracer as OtelTracer
    from prometheus_client import Metric

DURATIONS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Upper bounds in seconds, as the semantic conventions for MCP list them."""

OTHER: Final = "_OTHER"
"""Stands for every name beyond the bound."""

_TOOLS: Final = 2_000
_CODES: Final = 200
_ROUTES: Final = 100
_CLASSES: Final = ("0xx", "1xx", "2xx", "3xx", "4xx", "5xx")


class Metrics:
    """What one process counts: plain numbers, made into metrics only when somebody looks. Never blocks."""

    def __init__(self) -> None:
        """Nothing counted yet; a registry of its own, so that several servers fit into one process."""
        from prometheus_client import CollectorRegistry, ProcessCollector

        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._calls = _Counts("freehold_calls", "Tool calls by tool and outcome.", ("tool", "outcome"), _TOOLS)
        self._refusals = _Counts("freehold_refusals", "Refusals by code.", ("code",), _CODES)
        self._requests = _Counts("freehold_http_requests", "HTTP requests by route and status class.", ("route", "status"), _ROUTES)
        self._durations = _Durations()
        for counted in (self._calls, self._refusals, self._requests, self._durations):
            self._registry.register(counted)

    def call(self, tool: str, outcome: str, seconds: float, method: str = "tools/call") -> None:
        """One finished call. `tool` is a name from a catalog; after 2,000 of them the rest are `_OTHER`."""
        self._calls.add((tool, outcome))
        self._durations.add((outcome, method), seconds)

    def refused(self, code: str) -> None:
        """One refusal, by its stable code."""
        self._refusals.add((code,))

    def http(self, route: str, status: int) -> None:
        """One answered request. `route` is the pattern, never the path; the status is counted by its class."""
        self._requests.add((route, _CLASSES[status // 100]))

    def gauge(self, name: str, says: str, read: Callable[[], float]) -> None:
        """Show a value that is read when somebody looks. `read` must be quick and must not raise."""
        from prometheus_client import Gauge

        Gauge(name, says, registry=self._registry).set_function(read)

    def render(self) -> bytes:
        """Everything, as Prometheus text 0.0.4."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry)


class _Counts:
    """A counter by labels. The first label is open-ended and bounded here; the others are closed sets."""

    def __init__(self, name: str, says: str, labels: tuple[str, ...], most: int) -> None:
        self._name = name
        self._says = says
        self._labels = labels
        self._most = most
        self._names: set[str] = set()
        self._counts: dict[tuple[str, ...], int] = {}

    def add(self, labels: tuple[str, ...]) -> None:
        count = self._counts.get(labels)
        if count is None:
            labels, count = self._new(labels)
        self._counts[labels] = count + 1

    def _new(self, labels: tuple[str, ...]) -> tuple[tuple[str, ...], int]:
        name, *rest = labels
        if name not in self._names and len(self._names) >= self._most:
            labels = (OTHER, *rest)
        else:
            self._names.add(name)
        return labels, self._counts.get(labels, 0)

    def collect(self) -> "Iterator[Metric]":
        from prometheus_client.core import CounterMetricFamily

        family = CounterMetricFamily(self._name, self._says, labels=self._labels)
        for labels, count in self._counts.items():
            family.add_metric(labels, count)
        yield family


class _Durations:
    """A histogram by outcome and method, both closed sets."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], list[int]] = {}
        self._sums: dict[tuple[str, str], float] = {}

    def add(self, labels: tuple[str, str], seconds: float) -> None:
        counts = self._counts.get(labels)
        if counts is None:
            counts = self._counts[labels] = [0] * (len(DURATIONS) + 1)
            self._sums[labels] = 0.0
        counts[bisect_left(DURATIONS, seconds)] += 1
        self._sums[labels] += seconds

    def collect(self) -> "Iterator[Metric]":
        from prometheus_client.core import HistogramMetricFamily

        says = "How long calls took, by outcome."
        family = HistogramMetricFamily("mcp_server_operation_duration_seconds", says, labels=("outcome", "mcp_method_name"))
        bounds = [*map(str, DURATIONS), "+Inf"]
        for labels, counts in self._counts.items():
            family.add_metric(labels, list(zip(bounds, accumulate(counts), strict=True)), self._sums[labels])
        yield family


class Marked(Protocol):
    """An open span."""

    def failed(self, error_type: str) -> None:
        """Mark it as an error of this type: a refusal's code, or `tool_error`."""
        ...


class Tracer(Protocol):
    """Port: opens spans. Whoever is given None instead opens none and pays nothing."""

    def server(self, method: str, target: str, *, traceparent: str, attributes: Mapping[str, str]) -> AbstractContextManager[Marked]:
        """A span `{method} {target}` for work a client asked for; `traceparent` comes from the message's `_meta`, or is empty."""
        ...


class OpenTelemetry:
    """Spans by the semantic conventions for MCP. Exceptions and their messages are not recorded."""

    def __init__(self, provider: "TracerProvider | Spans") -> None:
        """`provider` is the SaaS's own, or one from `otlp`."""
        from opentelemetry import trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._trace = trace
        self._tracer = provider.get_tracer("freehold")
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def server(self, method: str, target: str, *, traceparent: str, attributes: Mapping[str, str]) -> Generator[Marked]:
        """The client's span is the parent and the ambient HTTP span a link; without the first, the ambient one is the parent.

        Only the trace context is taken from the client, no baggage.
        """
        trace = self._trace
        parent = self._parent(traceparent)
        ambient = trace.get_current_span().get_span_context()
        span = self._tracer.start_span(
            f"{method} {target}",
            context=parent,
            kind=trace.SpanKind.SERVER,
            attributes={"mcp.method.name": method, **attributes},
            links=[trace.Link(ambient)] if parent is not None and ambient.is_valid else [],
        )
        with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            yield _OpenSpan(span)

    def _parent(self, traceparent: str) -> "Context | None":
        if not traceparent:
            return None
        from opentelemetry.context import Context

        context = self._propagator.extract({"traceparent": traceparent}, Context())
        return context if self._trace.get_current_span(context).get_span_context().is_valid else None


class _OpenSpan:
    """An OpenTelemetry span that can be marked."""

    def __init__(self, span: "Span") -> None:
        self._span = span

    def failed(self, error_type: str) -> None:
        from opentelemetry.trace import StatusCode

        self._span.set_attribute("error.type", error_type)
        self._span.set_status(StatusCode.ERROR)


class Spans(Protocol):
    """A tracer provider of OpenTelemetry's SDK, as far as we use it."""

    def get_tracer(self, instrumenting_module_name: str) -> "OtelTracer":
        """Where spans are begun."""
        ...

    def shutdown(self) -> None:
        """Send what is left; blocks."""
        ...


def otlp(endpoint: str, service: str) -> Spans:
    """A provider that sends batches to an OTLP/HTTP collector (`http://collector:4318/v1/traces`), from a thread of its own.

    Its `shutdown()` sends what is left. Raises `Misconfigured` without the extra `otel`.
    """
    try:
        exporters = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        resources = import_module("opentelemetry.sdk.resources")
        sdk = import_module("opentelemetry.sdk.trace")
        batches = import_module("opentelemetry.sdk.trace.export")
    except ModuleNotFoundError as missing:
        raise Misconfigured("Tracing needs OpenTelemetry's SDK, which is not installed; pip install 'freehold[otel]'.") from missing
    provider = sdk.TracerProvider(resource=resources.Resource.create({"service.name": service}))
    provider.add_span_processor(batches.BatchSpanProcessor(exporters.OTLPSpanExporter(endpoint=endpoint)))
    return provider

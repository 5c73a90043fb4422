"""Step, the outermost: time the call, count what it came to, and keep a span open around it when tracing is on."""

import asyncio

from freehold.core.call import Call, Next, Outcome
from freehold.core.refusals import Refusal
from freehold.kit.clock import Clock
from freehold.kit.telemetry import Marked, Metrics, Tracer


class Observed:
    """Changes nothing and refuses nothing."""

    def __init__(self, metrics: Metrics, *, clock: Clock, tracer: Tracer | None = None) -> None:
        """Without a tracer no span is made and none is paid for."""
        self._metrics = metrics
        self._monotonic = clock.monotonic
        self._tracer = tracer

    async def __call__(self, call: Call, *, nxt: Next) -> Outcome:
        """Run the rest, then count it under its status, also when it raises."""
        if self._tracer is None:
            return await self._counted(call, nxt, None)
        with self._tracer.server(call.method, call.tool.name, traceparent=call.traceparent, attributes=_attributes(call)) as span:
            return await self._counted(call, nxt, span)

    async def _counted(self, call: Call, nxt: Next, span: Marked | None) -> Outcome:
        started = self._monotonic()
        status, code = "failed", ""
        try:
            outcome = await nxt(call)
            status, code = outcome.status, outcome.refusal.code if outcome.refusal else ""
        except Refusal as refusal:
            status, code = "refused", refusal.code
            raise
        except asyncio.CancelledError:
            status = "cancelled"
            raise
        finally:
            self._metrics.call(call.tool.name, status, self._monotonic() - started, call.method)
            if status != "ok":
                self._mark(status, code, span)
        return outcome

    def _mark(self, status: str, code: str, span: Marked | None) -> None:
        if code:
            self._metrics.refused(code)
        if span is not None:
            span.failed("tool_error" if status == "error" else code or status)


def _attributes(call: Call) -> dict[str, str]:
    return {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": call.tool.name,
        "mcp.protocol.version": call.revision,
        "network.transport": "tcp",
        "freehold.tenant": call.principal.tenant,
        "freehold.request_id": call.request_id,
    }

"""Operators' endpoints: liveness, readiness, health in words, metrics. Nothing here needs or reveals a tenant."""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol

from freehold.core.refusals import Refusal
from freehold.kit.errors import Misconfigured, Unavailable
from freehold.protocol import wire
from freehold.web.answers import send
from freehold.web.edges import Receive, Scope, Send, gather, names_loopback

Check = Callable[[], Awaitable[None]]
_FRESH: Final = 1.0
"""Seconds for which what a part said is repeated."""
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})


class Rendered(Protocol):
    """What this door needs of the metrics."""

    def render(self) -> bytes:
        """Prometheus text format."""
        ...


class OpsDoor:
    """Answers `/livez`, `/readyz`, `/health` and `/metrics`."""

    def __init__(
        self,
        *,
        checks: Mapping[str, Check],
        ready: Callable[[], bool],
        metrics: Rendered,
        metrics_token: str,
        monotonic: Callable[[], float],
        upstreams: Callable[[], Mapping[str, Mapping[str, object]]] = dict,
    ) -> None:
        """`checks` by part name; `ready` is False while starting and draining. Anyone may ask, so parts are asked once a second.

        `upstreams` by name are told beside the parts: that a server of somebody else's is away is no fault of this one.
        """
        self._upstreams = upstreams
        self._checks = checks
        self._ready = ready
        self._metrics = metrics
        self._token = metrics_token.encode()
        self._monotonic = monotonic
        self._looked: tuple[float, dict[str, str]] | None = None

    async def livez(self, scope: Scope, receive: Receive, send_: Send) -> None:
        """200 as long as the process turns its loop."""
        await send(send_, 200, b'{"status":"alive"}')

    async def readyz(self, scope: Scope, receive: Receive, send_: Send) -> None:
        """200 when every part answers, 503 while starting, draining or when one does not."""
        failing = [] if self._ready() else ["server"]
        failing += [name for name, said in (await self._said()).items() if said != "ok"]
        body = wire.encode({"status": "not ready" if failing else "ready", "failing": failing})
        await send(send_, 503 if failing else 200, body)

    async def health(self, scope: Scope, receive: Receive, send_: Send) -> None:
        """Each part by name: `ok` or `failing`; the reason is in `freehold doctor`, not on the network."""
        said = await self._said()
        parts = {name: "ok" if text == "ok" else "failing" for name, text in said.items()}
        good = self._ready() and all(text == "ok" for text in parts.values())
        beside = {"upstreams": upstreams} if (upstreams := self._upstreams()) else {}
        await send(send_, 200 if good else 503, wire.encode({"status": "ok" if good else "failing", "parts": parts, **beside}))

    async def metrics(self, scope: Scope, receive: Receive, send_: Send) -> None:
        """Prometheus text, for the bearer of the metrics token; without one, for this machine only."""
        if not self._may_read(scope):
            raise Refusal("not_found", endpoint="/mcp")
        body = self._metrics.render()
        headers = [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8"), (b"content-length", b"%d" % len(body))]
        await send_({"type": "http.response.start", "status": 200, "headers": headers})
        await send_({"type": "http.response.body", "body": body})

    def _may_read(self, scope: Scope) -> bool:
        headers = gather(scope["headers"])
        if self._token:
            return hmac.compare_digest(headers.get(b"authorization", b""), b"Bearer " + self._token)
        client = scope.get("client")
        relayed = b"forwarded" in headers or b"x-forwarded-for" in headers
        # the name too: a page whose own name was made to lead here is on this machine as well (DNS rebinding)
        return client is not None and client[0] in _LOOPBACK and not relayed and names_loopback(headers.get(b"host", b"").lower())

    async def _said(self) -> dict[str, str]:
        now = self._monotonic()
        if self._looked is None or now - self._looked[0] >= _FRESH:
            self._looked = (now, {name: await explain(check) for name, check in self._checks.items()})
        return self._looked[1]


async def explain(check: Check) -> str:
    """`ok`, or the sentence a failing part says."""
    try:
        await check()
    except (Unavailable, Misconfigured, Refusal) as fault:
        return str(fault)
    return "ok"

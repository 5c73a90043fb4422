"""Where scanners of public code report API keys they have found: POST a list of them, and those that are keys of ours end at once.

Whoever has a key may use it and so may end it: no credential is asked for. The answer does not say which ones were ours."""

import logging
from collections.abc import Awaitable, Callable
from typing import Final, cast

from freehold.core.refusals import Refusal
from freehold.kit.errors import Misconfigured, Unavailable
from freehold.kit.json import NotStrict, strict
from freehold.kit.state import Bucket, State
from freehold.protocol.wire import is_object
from freehold.web.answers import send
from freehold.web.api.problems import send_problem
from freehold.web.edges import Disconnected, Edges, Headers, Receive, Scope, Send, caller, headers_of, visitor

PATH: Final = "/keys/leaked"
MOST: Final = 100
"""Keys of one report."""
_EACH: Final = (1.0, 30)
_ALL: Final = (20.0, 200)
"""Reports per second and at once: of one address, and of all together."""
_AGAIN: Final = 5.0
_log = logging.getLogger("freehold.web")


class LeaksDoor:
    """An ASGI endpoint in the form of GitHub's secret scanning: `[{"token": "mcp_live_..."}]`."""

    def __init__(self, end: Callable[[str], Awaitable[None]], state: State, *, edges: Edges, hops: int) -> None:
        """`end` ends whatever key this is; `hops` are the proxies of ours in front."""
        self._end = end
        self._state = state
        self._edges = edges
        self._hops = hops

    async def __call__(self, scope: Scope, receive: Receive, send_: Send) -> None:
        """One report."""
        try:
            await self._take(scope, receive)
        except Refusal as refusal:
            return await send_problem(send_, refusal, allowed="POST" if refusal.code == "method_not_allowed" else "")
        except (Unavailable, Misconfigured) as fault:
            _log.warning("report not taken", extra={"code": "state_unavailable", "error": type(fault).__name__})
            return await send_problem(send_, Refusal("state_unavailable", retry_after=_AGAIN))
        except Disconnected:
            return None
        return await send(send_, 200, b"[]")

    async def _take(self, scope: Scope, receive: Receive) -> None:
        if scope["method"] != "POST":
            raise Refusal("method_not_allowed")
        headers = headers_of(scope)
        self._edges.admit(headers)
        await self._count(headers)
        for key in _reported(await self._edges.body(headers, receive)):
            await self._end(key)

    async def _count(self, headers: Headers) -> None:
        whose = visitor(caller(headers, self._hops))
        for bucket in (Bucket(f"leaks:{whose}", *_EACH), Bucket("leaks", *_ALL)):
            verdict = await self._state.spend((bucket,), ())
            if not verdict.allowed:
                raise Refusal("too_many_reports", retry_after=verdict.retry_after)


def _reported(body: bytes) -> list[str]:
    try:
        found: object = strict(body)
    except NotStrict as fault:
        raise Refusal("parse_error", why=fault.why) from None
    listed = cast("list[object]", found) if isinstance(found, list) else None
    if listed is None or len(listed) > MOST:
        raise Refusal("invalid_params", why=f"a report is a list of at most {MOST} objects with a token")
    keys = [one.get("token") for one in listed if is_object(one)]
    return [key for key in keys if isinstance(key, str)]

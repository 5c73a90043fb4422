"""Another MCP server as a source: each call becomes one request to it, and what it asks meanwhile goes on to the caller.

The caller's own token never goes there: only the operator's headers, which the link holds, and what the vault put on the call."""

from collections.abc import Sequence
from typing import Any, Final, cast

from msgspec import Raw

from freehold.core.call import Call, Outcome
from freehold.core.channel import InputRequired, Unanswered
from freehold.core.refusals import Refusal
from freehold.core.resource import Prompt, Resource
from freehold.core.tool import Tool
from freehold.domains.sources.returned import failed as told
from freehold.domains.sources.running import UNANSWERED
from freehold.domains.sources.sending import traced
from freehold.domains.sources.upstream import naming
from freehold.domains.sources.upstream.exchange import Wrong
from freehold.domains.sources.upstream.link import Link
from freehold.domains.sources.upstream.offered import Offered, Remote
from freehold.domains.sources.upstream.relay import Relay, kind
from freehold.domains.sources.upstream.results import failed, outcome
from freehold.domains.sources.upstream.sessions import Who
from freehold.protocol import mirrors

_MOST_ROUNDS: Final = 8
"""Rounds of questions of one call."""


class UpstreamSource:
    """What one upstream offers, and the way to have it done there."""

    def __init__(self, name: str, offered: Offered, link: Link, *, relays: bool = False) -> None:
        """`link` outlives the source: it belongs to whoever lists. `relays`: the server may ask the caller's client."""
        self._name = name
        self._offered = offered
        self._link = link
        self._relays = relays

    @property
    def name(self) -> str:
        """The operator's name for it."""
        return self._name

    @property
    def tools(self) -> Sequence[Tool]:
        """By their own names, in alphabetical order."""
        return self._offered.tools

    @property
    def resources(self) -> Sequence[Resource]:
        """Resources, templates, and one for whatever else it reads."""
        return self._offered.resources

    @property
    def prompts(self) -> Sequence[Prompt]:
        """By their own names, in alphabetical order."""
        return self._offered.prompts

    async def invoke(self, call: Call) -> Outcome:
        """Have it done. An error of the upstream is an outcome; no answer, or a wrong one, is a `Refusal`."""
        remote = cast("Remote", call.tool.operation)
        method, params = self._request(remote, call)
        relay = Relay(call.channel, self._name, may_ask=self._relays or call.own_code)
        more = (*mirrors.repeated(remote.plan, call.arguments), *traced(call.traceparent))
        try:
            result = await self._answered(method, params, call, relay, more)
        except Wrong as wrong:
            return failed(wrong)
        except Unanswered:
            return told(UNANSWERED)
        except InputRequired as required:
            return Outcome(status="asked", asks=required.asks)
        return outcome(result, remote, self._name)

    async def check(self) -> None:
        """Ask which era it is of."""
        await self._link.era()

    async def close(self) -> None:
        """Nothing to give back: the link belongs to whoever lists."""

    async def _answered(self, method: str, params: dict[str, Any], call: Call, relay: Relay, more: tuple[tuple[str, str], ...]) -> Raw:
        """The complete result, after as many rounds as it takes (2026-07-28, multi round-trip requests)."""
        who = Who(call.principal.tenant, call.principal.subject, call.credential)
        again: dict[str, Any] = {}
        for _ in range(_MOST_ROUNDS):
            result = await self._link.ask(method, {**params, **again}, who=who, hearing=relay, more=more)
            match kind(result):
                case "complete":
                    return result
                case "input_required":
                    again = await relay.round(result)
                case _:
                    break
        raise Refusal("upstream_broken")

    def _request(self, remote: Remote, call: Call) -> tuple[str, dict[str, Any]]:
        match remote.kind:
            case "tool":
                return "tools/call", {"name": remote.name, "arguments": call.arguments}
            case "prompt":
                return "prompts/get", {"name": remote.name, "arguments": call.arguments}
            case "resource":
                return "resources/read", {"uri": naming.uri_back(self._name, call.asked) or remote.name}
            case "completion":
                return "completion/complete", _completion(remote, call.arguments)


def _completion(remote: Remote, arguments: dict[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = arguments.get("given") or {}
    argument = {"name": arguments["argument"], "value": arguments["value"]}
    return {"ref": dict(remote.ref), "argument": argument, **({"context": {"arguments": given}} if given else {})}

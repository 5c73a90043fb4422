"""Source: a GraphQL API. Sends the tool's constant query with the arguments as variables, through the guarded client."""

from collections.abc import Sequence
from typing import Any, Final, cast

import msgspec
from msgspec import Struct

from freehold.core.call import Call, Outcome
from freehold.core.resource import Prompt, Resource
from freehold.core.tool import Tool
from freehold.domains.sources.graphql.answers import outcome
from freehold.domains.sources.openapi.tools import Compiled
from freehold.domains.sources.sending import reach, refusal, traced
from freehold.kit.http import Outbound, Request, SendFailed

ACCEPT: Final = "application/graphql-response+json, application/json;q=0.9"
PAGE: Final = 20
"""Items asked for when the caller does not say how many."""


class RootField(Struct, frozen=True, kw_only=True):
    """What a tool sends. Nothing a caller gives becomes part of the query."""

    query: str
    name: str
    """The root field's name, under which its value comes back."""
    wrap: str = ""
    """The one variable that all arguments are fields of; empty when each is a variable."""
    always: bool = False
    """Whether the wrapped variable is sent without arguments, too."""
    pages: bool = False
    """Whether it takes `first`, and gets one when the caller names neither that nor `last`."""

    def variables(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments as the query's variables."""
        if self.wrap:
            return {self.wrap: arguments} if arguments or self.always else {}
        return {"first": PAGE, **arguments} if self.pages and "last" not in arguments else arguments


class GraphQlSource:
    """The tools of one schema and the way to run them. The endpoint was fixed when the schema was compiled."""

    def __init__(self, name: str, compiled: Compiled, outbound: Outbound, *, seconds: float, cap: int) -> None:
        """`seconds` and `cap` (bytes of the answer) bound each request."""
        self._name = name
        self._compiled = compiled
        self._outbound = outbound
        self._seconds = seconds
        self._cap = cap

    @property
    def name(self) -> str:
        """The operator's name for it."""
        return self._name

    @property
    def tools(self) -> Sequence[Tool]:
        """Queries, then mutations, in the schema's order."""
        return self._compiled.tools

    @property
    def resources(self) -> Sequence[Resource]:
        """A schema has none."""
        return ()

    @property
    def prompts(self) -> Sequence[Prompt]:
        """A schema has none."""
        return ()

    async def invoke(self, call: Call) -> Outcome:
        """Send one request. The caller's own headers never reach the API: only the vault's and ours."""
        field = cast("RootField", call.tool.operation)
        headers = (("accept", ACCEPT), *call.credential, *traced(call.traceparent), ("content-type", "application/json"))
        body = msgspec.json.encode({"query": field.query, "variables": field.variables(call.arguments)})
        request = Request(method="POST", url=self._compiled.base_url, headers=headers, body=body)
        try:
            answer = await self._outbound.send(request, seconds=self._seconds, cap=self._cap)
        except SendFailed as fault:
            raise refusal(fault, seconds=self._seconds, cap=self._cap) from None
        return outcome(answer, field.name)

    async def check(self) -> None:
        """Reach the endpoint; any answer at all will do."""
        await reach(self._outbound, self._compiled.base_url, seconds=self._seconds, cap=self._cap)

    async def close(self) -> None:
        """Nothing to give back: the client belongs to the roof."""

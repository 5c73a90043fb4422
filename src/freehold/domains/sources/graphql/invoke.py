"""Source: a GraphQL API. Sends the tool's constant document with the arguments as its variables, through the guarded client."""

from collections.abc import Sequence
from typing import Final, cast

from freehold.core.call import Call, Outcome
from freehold.core.resource import Prompt, Resource
from freehold.core.tool import Tool
from freehold.domains.sources.graphql.answers import outcome
from freehold.domains.sources.graphql.operation import GraphQlOperation
from freehold.domains.sources.openapi.shaping import Shaping
from freehold.domains.sources.openapi.tools import Compiled, Trimmed
from freehold.domains.sources.sending import reach, refusal, traced
from freehold.kit.http import Outbound, Request, SendFailed

ACCEPT: Final = "application/graphql-response+json, application/json;q=0.9"


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
        """The operator's own operations, then queries and mutations in the schema's order."""
        return self._compiled.tools

    @property
    def trimmed(self) -> Sequence[Trimmed]:
        """Tools whose definition says less than the schema."""
        return self._compiled.trimmed

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
        operation = cast("GraphQlOperation", call.tool.operation)
        headers = (("accept", ACCEPT), *call.credential, *traced(call.traceparent), ("content-type", "application/json"))
        body = operation.body(call.arguments)
        request = Request(method="POST", url=self._compiled.base_url, headers=headers, body=body)
        try:
            answer = await self._outbound.send(request, seconds=self._seconds, cap=self._cap)
        except SendFailed as fault:
            raise refusal(fault, seconds=self._seconds, cap=self._cap) from None
        return outcome(answer, operation.field, Shaping.of(call))

    async def check(self) -> None:
        """Reach the endpoint; any answer at all will do."""
        await reach(self._outbound, self._compiled.base_url, seconds=self._seconds, cap=self._cap)

    async def close(self) -> None:
        """Nothing to give back: the client belongs to the roof."""

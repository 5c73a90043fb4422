"""Source: an HTTP API described by OpenAPI. Fills the compiled operation, sends it through the guarded client, reads the answer."""

import os
from collections.abc import Callable, Sequence
from typing import Final, cast

import jsonschema_rs

from freehold.core.call import Call, Outcome
from freehold.core.resource import Prompt, Resource
from freehold.core.tool import Tool
from freehold.domains.sources.openapi.answers import Conforms, contents, outcome
from freehold.domains.sources.openapi.operation import Operation
from freehold.domains.sources.openapi.shaping import Shaping
from freehold.domains.sources.openapi.tools import Compiled, Trimmed
from freehold.domains.sources.sending import reach, refusal
from freehold.kit.http import Outbound, SendFailed

_BOUNDARY_BYTES: Final = 18


class OpenApiSource:
    """The tools of one document and the way to run them. Origins were fixed when the document was compiled."""

    def __init__(
        self,
        name: str,
        compiled: Compiled,
        outbound: Outbound,
        *,
        seconds: float,
        cap: int,
        randomness: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """`seconds` and `cap` (bytes of the answer) bound each request; `randomness` makes multipart boundaries."""
        self._name = name
        self._compiled = compiled
        self._outbound = outbound
        self._seconds = seconds
        self._cap = cap
        self._randomness = randomness
        self._conforms: dict[int, tuple[object, Conforms]] = {}

    @property
    def name(self) -> str:
        """The operator's name for it."""
        return self._name

    @property
    def base_url(self) -> str:
        """Where its API lives."""
        return self._compiled.base_url

    @property
    def tools(self) -> Sequence[Tool]:
        """In the document's order."""
        return self._compiled.tools

    @property
    def trimmed(self) -> Sequence[Trimmed]:
        """Tools whose definition says less than the document."""
        return self._compiled.trimmed

    @property
    def resources(self) -> Sequence[Resource]:
        """In the operator's order."""
        return self._compiled.resources

    @property
    def prompts(self) -> Sequence[Prompt]:
        """An API has none."""
        return ()

    async def invoke(self, call: Call) -> Outcome:
        """Send one request. The caller's own headers never reach it: only the vault's, the document's and ours."""
        operation = cast("Operation", call.tool.operation)
        boundary = self._randomness(_BOUNDARY_BYTES).hex() if operation.multipart else ""
        request = operation.request(call.arguments, call.credential, call.traceparent, boundary)
        try:
            answer = await self._outbound.send(request, seconds=self._seconds, cap=self._cap)
        except SendFailed as fault:
            raise refusal(fault, seconds=self._seconds, cap=self._cap) from None
        if call.method == "resources/read":
            return contents(answer)
        return outcome(answer, self._conformance(call.tool), Shaping.of(call))

    def _conformance(self, tool: Tool) -> Conforms | None:
        """Whether a value fits the tool's output schema, compiled at its first call; None without one."""
        if tool.output_schema is None:
            return None
        schema = tool.output_schema
        known = self._conforms.get(id(schema))
        if known is None:  # by the schema, kept beside it so that its id stays its own: releases have tools of one name
            known = self._conforms[id(schema)] = (schema, jsonschema_rs.validator_for(schema, offline=True).is_valid)
        return known[1]

    async def check(self) -> None:
        """Reach the API's base URL; any answer at all will do."""
        await reach(self._outbound, f"{self.base_url}/", seconds=self._seconds, cap=self._cap)

    async def close(self) -> None:
        """Nothing to give back: the client belongs to the roof."""

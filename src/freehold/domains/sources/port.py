"""Port: a source offers tools and runs them."""

from collections.abc import Sequence
from typing import Protocol

from freehold.core.call import Call, Outcome
from freehold.core.resource import Prompt, Resource
from freehold.core.tool import Tool


class Source(Protocol):
    """One place tools come from. Built without side effects; `check` may reach out."""

    @property
    def name(self) -> str:
        """The name the operator gave it, `[a-z0-9-]{1,32}`."""
        ...

    @property
    def tools(self) -> Sequence[Tool]:
        """Its tools in a deterministic order; the same tuple until the source is built anew."""
        ...

    @property
    def resources(self) -> Sequence[Resource]:
        """Its resources and templates, likewise."""
        ...

    @property
    def prompts(self) -> Sequence[Prompt]:
        """Its prompts, likewise."""
        ...

    async def invoke(self, call: Call) -> Outcome:
        """Run the call's tool, whatever it is for (`call.method`).

        Raises `Refusal` when nothing could be sent; an API's own error is an outcome.
        """
        ...

    async def check(self) -> None:
        """Say in a `Refusal` what is wrong with it, or return."""
        ...

    async def close(self) -> None:
        """Give everything back."""
        ...

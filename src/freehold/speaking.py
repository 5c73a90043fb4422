"""The SaaS as an MCP client: what its own code asks of an upstream, as one of its tenants, down the same corridor as any call.

Part of the roof: limits, deadline and ledger are the corridor's; what a server asks meanwhile, the SaaS's own functions answer."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct

from freehold.core.call import Method, Outcome
from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.core.tool import Tool
from freehold.domains.calls.run import Asked, Calls
from freehold.domains.catalog.resolve import Catalog
from freehold.domains.catalog.uris import Found
from freehold.domains.sources.invoke import Sources
from freehold.domains.sources.port import Source
from freehold.domains.sources.upstream import naming
from freehold.domains.sources.upstream.handlers import Handlers
from freehold.domains.tenancy.tenants import Tenants
from freehold.protocol import revisions

CLIENT: Final = "saas"
"""The client that the ledger names for such calls."""


class Answered(Struct, frozen=True, kw_only=True):
    """What a call came to."""

    content: tuple[dict[str, Any], ...]
    """In wire form: a tool's blocks, a resource's contents, a prompt's messages."""
    structured: Any = None
    failed: bool = False
    """Whether the server says that it could not."""

    @property
    def text(self) -> str:
        """All text of it."""
        return "\n".join(one["text"] for one in self.content if isinstance(one.get("text"), str))


class Speaking:
    """Gives each tenant's way to an upstream."""

    def __init__(self, calls: Calls, sources: Sources, catalog: Catalog, tenants: Tenants, *, request: Callable[[], str]) -> None:
        """`request` makes request ids."""
        self._calls = calls
        self._sources = sources
        self._catalog = catalog
        self._tenants = tenants
        self._request = request

    async def upstream(self, tenant: str, source: str, handlers: Handlers) -> "Server":
        """One upstream as one tenant. Raises `Refusal` for a source there is not, and for a tenant there is not or that is suspended."""
        found = await self._tenants.find(tenant)
        if found is None or found.status != "active":
            raise Refusal("tenant_unknown", tenant=tenant)
        if not any(one.name == source for one in self._sources.all):
            raise Refusal("source_unknown", source=source)
        scopes = frozenset({"mcp:read", "mcp:write", "mcp:admin"})
        everything = frozenset(scope for one in self._sources.all if one.name == source for tool in one.tools for scope in tool.scopes)
        principal = Principal(
            tenant=found.id,
            subject=CLIENT,
            client=CLIENT,
            credential=f"local:{CLIENT}",
            scopes=scopes | everything,
            plan=found.plan,
            expires_at=math.inf,
        )
        return Server(self, principal, source, handlers)

    def source(self, name: str) -> Source:
        """As it is offered now."""
        return next(one for one in self._sources.all if one.name == name)

    def resource(self, principal: Principal, uri: str) -> Found | None:
        """Which resource a URI of ours belongs to."""
        return self._catalog.resource(principal, uri)

    async def run(
        self, principal: Principal, tool: Tool, name: str, arguments: Mapping[str, Any], method: Method, handlers: Handlers
    ) -> Answered:
        """One call, recorded. Raises the `Refusal` it came to."""
        outcomes: list[Outcome] = []

        def encode(outcome: Outcome) -> bytes:
            outcomes.append(outcome)
            return msgspec.json.encode(outcome.content)

        asked = Asked(
            principal=principal,
            name=name,
            tool=tool,
            arguments=dict(arguments),
            request_id=self._request(),
            revision=revisions.MODERN,
            bytes_in=len(msgspec.json.encode(arguments)),
            method=method,
            channel=handlers,
            own_code=True,
        )
        await self._calls.run(asked, encode)
        outcome = outcomes[0]
        if outcome.refusal is not None:
            raise outcome.refusal
        found = None if outcome.structured is UNSET else outcome.structured
        structured = msgspec.json.decode(found) if isinstance(found, msgspec.Raw) else found
        return Answered(content=outcome.content, structured=structured, failed=outcome.status != "ok")


class Server:
    """One upstream as one tenant; names and URIs are the upstream's own."""

    def __init__(self, speaking: Speaking, principal: Principal, source: str, handlers: Handlers) -> None:
        """From `Speaking.upstream`."""
        self._speaking = speaking
        self._principal = principal
        self._source = source
        self._handlers = handlers

    def tools(self) -> list[str]:
        """The names of its tools."""
        return [tool.operation.name for tool in self._speaking.source(self._source).tools]

    async def call(self, name: str, arguments: Mapping[str, Any] | None = None) -> Answered:
        """Call a tool. Raises `Refusal`, `unknown_tool` for a name it does not have; its own error is an answer with `failed`."""
        for tool in self._speaking.source(self._source).tools:
            if tool.operation.name == name:
                return await self._run(tool, tool.name, arguments or {}, "tools/call")
        raise Refusal("unknown_tool")

    async def read(self, uri: str) -> Answered:
        """Read a resource by its own URI."""
        ours = naming.uri(self._source, uri)
        found = self._speaking.resource(self._principal, ours)
        if found is None:
            raise Refusal("unknown_resource", data={"uri": uri})
        return await self._run(found[0].tool, ours, found[1], "resources/read")

    async def prompt(self, name: str, arguments: Mapping[str, str] | None = None) -> Answered:
        """Get a prompt's messages."""
        for prompt in self._speaking.source(self._source).prompts:
            if prompt.tool.operation.name == name:
                return await self._run(prompt.tool, prompt.name, arguments or {}, "prompts/get")
        raise Refusal("unknown_prompt")

    async def _run(self, tool: Tool, name: str, arguments: Mapping[str, Any], method: Method) -> Answered:
        return await self._speaking.run(self._principal, tool, name, arguments, method, self._handlers)

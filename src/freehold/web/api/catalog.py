"""The API's handlers: edits, approvals, what a tenant sees, and calls by the SaaS's own code.

Each is told everything by its path and body; who may ask is the door's."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from freehold.core.call import Outcome
from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.core.tool import Tool
from freehold.domains.calls.run import Asked
from freehold.domains.catalog.edits import Edit
from freehold.domains.catalog.pins import Pending
from freehold.domains.catalog.report import Seen, of_edit, of_pending, of_tool
from freehold.protocol import wire
from freehold.protocol.wire import is_object
from freehold.web.api.door import Handler, Request

ACTOR: Final = "api:saas"
"""Who acts, in the ledger."""
_CLIENT: Final = "saas"
_REVISION: Final = "api/v1"
_LONGEST: Final = 255
_SECONDS: Final = 3_600.0


class Curation(Protocol):
    """What this needs of the roof."""

    async def edit(self, edit: Edit, *, tenant: str | None, whole: bool, actor: str) -> Edit:
        """Keep an edit."""
        ...

    async def reset(self, pattern: str, *, tenant: str | None, actor: str) -> None:
        """Take it back."""
        ...

    async def stored(self, pattern: str, tenant: str) -> Edit:
        """The edit of exactly this pattern."""
        ...

    async def seen(self, tenant: str) -> Sequence[Seen]:
        """Every tool as the tenant has it."""
        ...

    async def pending(self, tenant: str | None = None) -> Sequence[Pending]:
        """What waits."""
        ...

    async def approve(self, tool: str, *, source: str | None, tenant: str | None, digest: str | None, actor: str) -> Sequence[Pending]:
        """Approve a definition."""
        ...


class Calls(Protocol):
    """What this needs of the corridor."""

    async def run(self, asked: Asked, encode: Callable[[Outcome], bytes]) -> bytes:
        """The encoded answer, its entry committed."""
        ...


class Catalog(Protocol):
    """What this needs of the catalog."""

    def find(self, principal: Principal, name: str) -> Tool | None:
        """The tool, for whoever may know of it."""
        ...


class CatalogApi:
    """One server's handlers."""

    def __init__(
        self,
        curation: Curation,
        catalog: Catalog,
        calls: Calls,
        *,
        plan: Callable[[str], Awaitable[str | None]],
        now: Callable[[], float],
        answer: Callable[[Outcome], bytes],
    ) -> None:
        """`plan` is that of an active tenant; `answer` encodes an outcome as a `tools/call` result."""
        self._curation = curation
        self._catalog = catalog
        self._calls = calls
        self._plan = plan
        self._now = now
        self._answer = answer

    @property
    def routes(self) -> Mapping[str, Mapping[str, Handler]]:
        """Handlers by path template and method."""
        return {
            "/api/v1/tenants/{tenant}/catalog": {"GET": self._seen},
            "/api/v1/tenants/{tenant}/catalog/tools/{name}": {"GET": self._get, "PUT": self._put, "DELETE": self._reset},
            "/api/v1/catalog/pending": {"GET": self._pending},
            "/api/v1/tenants/{tenant}/catalog/approvals": {"POST": self._approve},
            "/api/v1/tenants/{tenant}/tools/{name}/call": {"POST": self._call},
        }

    async def _seen(self, request: Request) -> bytes:
        return wire.encode({"tools": [of_tool(one) for one in await self._curation.seen(request.names["tenant"])]})

    async def _get(self, request: Request) -> bytes:
        return wire.encode(of_edit(await self._curation.stored(request.names["name"], request.names["tenant"])))

    async def _put(self, request: Request) -> bytes:
        if "pattern" in request.body:
            raise Refusal("invalid_params", why="the path says which tool")
        try:
            edit = msgspec.convert({**request.body, "pattern": request.names["name"]}, Edit)
        except msgspec.ValidationError as fault:
            raise Refusal("invalid_params", why=str(fault)[:1].lower() + str(fault)[1:]) from None
        return wire.encode(of_edit(await self._curation.edit(edit, tenant=request.names["tenant"], whole=True, actor=ACTOR)))

    async def _reset(self, request: Request) -> bytes:
        await self._curation.reset(request.names["name"], tenant=request.names["tenant"], actor=ACTOR)
        return b"{}"

    async def _pending(self, request: Request) -> bytes:
        return wire.encode({"pending": [of_pending(one) for one in await self._curation.pending()]})

    async def _approve(self, request: Request) -> bytes:
        _only(request.body, "tool", "source", "digest")
        tool, source, digest = (_text(request.body, member) for member in ("tool", "source", "digest"))
        if tool is None:
            raise Refusal("invalid_params", why="tool must be a string")
        done = await self._curation.approve(tool, source=source, tenant=request.names["tenant"], digest=digest, actor=ACTOR)
        return wire.encode({"approved": [of_pending(one) for one in done]})

    async def _call(self, request: Request) -> bytes:
        """Down the same corridor as an agent's call, with the scopes the tool needs: the operator's own word."""
        _only(request.body, "arguments", "user", "roles")
        tenant, name = request.names["tenant"], request.names["name"]
        arguments: object = request.body.get("arguments", {})
        if not is_object(arguments):
            raise Refusal("invalid_params", why="arguments must be an object")
        caller = await self._caller(tenant, request.body)
        tool = self._catalog.find(caller, name)
        if tool is None or tool.stands_in is not None:
            raise Refusal("unknown_tool")
        asked = Asked(
            principal=msgspec.structs.replace(caller, scopes=tool.scopes),
            name=name,
            tool=tool,
            arguments=arguments,
            request_id=request.request_id,
            revision=_REVISION,
            bytes_in=request.bytes_in,
        )
        return await self._calls.run(asked, self._encoded)

    async def _caller(self, tenant: str, body: Mapping[str, Any]) -> Principal:
        plan = await self._plan(tenant)
        if plan is None:
            raise Refusal("tenant_unknown", tenant=tenant)
        try:
            roles = msgspec.convert(body.get("roles", []), frozenset[str])
        except msgspec.ValidationError:
            raise Refusal("invalid_params", why="roles must be a list of strings") from None
        return Principal(
            tenant=tenant,
            subject=_text(body, "user") or _CLIENT,
            client=_CLIENT,
            credential="api_token",
            scopes=frozenset(),
            roles=roles,
            plan=plan,
            expires_at=self._now() + _SECONDS,
        )

    def _encoded(self, outcome: Outcome) -> bytes:
        if outcome.refusal is not None:
            raise outcome.refusal
        return self._answer(outcome)


def _only(body: Mapping[str, Any], *members: str) -> None:
    if unknown := sorted(body.keys() - set(members)):
        raise Refusal("invalid_params", why=f"there is no member {unknown[0][:64]!r}")


def _text(body: Mapping[str, Any], member: str) -> str | None:
    value: object = body.get(member)
    if value is not None and (not isinstance(value, str) or not 0 < len(value) <= _LONGEST or not value.isprintable()):
        raise Refusal("invalid_params", why=f"{member} must be 1 to {_LONGEST} printable characters")
    return value

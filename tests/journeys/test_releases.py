"""A document changes so that calls would break, while agents work: pinned tenants never notice, others get a later version as well."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse

from freehold.curation import HOUSE
from freehold.domains.catalog.edits import Edit
from freehold.domains.sources.released import in_share
from freehold.settings import Settings, SourceSettings
from tests.booked import booked
from tests.clocks import HandClock
from tests.documents import document, parameter
from tests.features import everything
from tests.listening import EVERY_LIST, PROMPTS_CHANGED, TOOLS_CHANGED, listening
from tests.served import Reply, Served, served
from tests.served import listening as behind

pytestmark = pytest.mark.anyio

CURRENCY = parameter("currency", "query", {"type": "string", "default": "EUR"}, required=True)
WORKERS = 4
CALLS = 10
"""Of each worker, before the change and after it; while it happens there are as many as there is time for."""


def api(*, strict: bool) -> dict[str, Any]:
    """The document before, and after a currency has to be given and `order_id` is written otherwise."""
    order = parameter("orderId" if strict else "order_id", "query", required=True)
    get = {"operationId": "getOrder", "summary": "One order.", "parameters": [order, CURRENCY] if strict else [order]}
    return document({"/order": {"get": get}, "/other": {"get": {"operationId": "getOther", "summary": "Another."}}})


@dataclass
class Api:
    """The SaaS's API. Once strict, it answers only what the later document asks for."""

    strict: bool = False
    seen: list[Mapping[str, str]] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer with what was asked."""
        query = dict(Request(scope).query_params)
        self.seen.append(query)
        good = {"orderId", "currency"} <= query.keys() if self.strict else bool({"orderId", "order_id"} & query.keys())
        answer = JSONResponse({"order": query.get("orderId") or query.get("order_id")}, 200 if good else 422)
        await answer(scope, receive, send)


@dataclass
class Shop:
    """A server in front of it, and the file its document is read from."""

    server: Served
    api: Api
    path: Path

    async def refresh(self, *, strict: bool, **said: Any) -> Any:
        """The document changes, and the operator has it read."""
        self.path.write_text(json.dumps(api(strict=strict)))
        reread = await self.server.application.releases.refresh("shop", **said)
        await self.followed()
        return reread

    async def followed(self) -> None:
        """The server serves what was committed."""
        await self.server.application.roster.follow()

    async def names(self, tenant: str) -> list[str]:
        """Of the tools the tenant's agents are listed."""
        reply = await self.server.modern("tools/list", token=self.server.tokens[tenant])
        names = [tool["name"] for tool in reply.json["result"]["tools"]]
        return [name for name in names if "get_" in name or "order" in name]

    async def call(self, tenant: str, tool: str, **arguments: Any) -> Reply:
        """A call of one of them."""
        return await self.server.call(tool, arguments, token=self.server.tokens[tenant])


def settled(settings: Settings, path: Path, url: str, **said: Any) -> Settings:
    """Settings with the shop as their source."""
    source = SourceSettings(openapi=str(path), base_url=url)
    return settings.model_copy(update={"sources": {"shop": source}, "outbound_allow": (url.removeprefix("http://"),), **said})


@asynccontextmanager
async def running(settings: Settings, folder: Path, *, clock: HandClock | None = None, **said: Any) -> AsyncIterator[Shop]:
    """The whole, with the tenants pinned, free and other."""
    upstream, path = Api(), folder / "shop.json"
    path.write_text(json.dumps(api(strict=False)))
    async with (
        behind(upstream, lifespan="off") as url,
        served(settled(settings, path, url, **said), functions=[everything([]).functions], clock=clock) as server,
    ):
        for tenant in ("pinned", "free", "other"):
            await server.tenant(tenant)
        yield Shop(server, upstream, path)


def good(reply: Reply, number: str) -> bool:
    """Whether the API answered with this order."""
    result = reply.json.get("result", {})
    return reply.status == 200 and result.get("isError") is not True and result.get("structuredContent") == {"order": number}


async def test_a_breaking_reimport_under_load(settings: Settings, tmp_path: Path) -> None:
    """Pinned tenants' calls never fail, though the API takes only the later form; the others see both versions after one list_changed."""
    async with running(settings, tmp_path) as made, AsyncExitStack() as stack:
        server = made.server
        await server.application.releases.pin("shop", "pinned")
        await made.followed()
        listed = await made.names("pinned")
        streams = {
            tenant: await stack.enter_async_context(listening(server, server.tokens[tenant], EVERY_LIST)) for tenant in ("pinned", "free")
        }
        for stream in streams.values():
            await stream.next()
        failed: list[Any] = []
        reread = await _under_load(made, failed)
        assert failed == []
        assert {one.kind for one in reread.differences if one.breaking} == {"required", "gone"}
        assert await made.names("pinned") == listed == ["get_order", "get_other"]
        assert await made.names("free") == ["get_order_v2", "get_other", "get_order"]
        assert (await streams["free"].next())["method"] == TOOLS_CHANGED
        assert good(await made.call("free", "get_order_v2", orderId="7", currency="USD"), "7")
        assert made.api.seen[-1] == {"orderId": "7", "currency": "USD"}
        assert good(await made.call("free", "get_order", order_id="8"), "8")
        assert made.api.seen[-1] == {"orderId": "8", "currency": "EUR"}
        assert (
            (await made.call("pinned", "get_order_v2", orderId="7", currency="USD"))
            .json["error"]["message"]
            .startswith("There is no such tool")
        )
        await made.refresh(strict=True)
        for tenant, stream in streams.items():
            await made.call(tenant, "change", what="prompts")
            assert (await stream.next())["method"] == PROMPTS_CHANGED


async def _under_load(made: Shop, failed: list[Any]) -> Any:
    """The breaking change, while workers call; afterwards the API takes only the later form."""
    warm, changed = asyncio.Semaphore(0), asyncio.Event()

    async def work(worker: int) -> None:
        after = 0
        for number in itertools.count():
            reply = await made.call("pinned", "get_order", order_id=f"{worker}-{number}")
            if not good(reply, f"{worker}-{number}"):
                failed.append(reply.json)
            warm.release()
            after += changed.is_set()
            if after == CALLS:
                return

    async with asyncio.TaskGroup() as group:
        for worker in range(WORKERS):
            group.create_task(work(worker))
        for _ in range(WORKERS * CALLS):
            await warm.acquire()
        reread = await made.refresh(strict=True)
        made.api.strict = True
        changed.set()
    return reread


async def test_the_first_version_goes_at_its_sunset(settings: Settings, tmp_path: Path) -> None:
    """Its description says until when and what to use; past that day it is unknown to all but those who stay with the release."""
    clock = HandClock()
    async with running(settings, tmp_path, clock=clock, sunset_days=2) as made:
        await made.server.application.releases.pin("shop", "pinned")
        await made.refresh(strict=True)
        reply = await made.server.modern("tools/list", token=made.server.tokens["free"])
        said = {tool["name"]: tool["description"] for tool in reply.json["result"]["tools"]}["get_order"]
        assert said.startswith("Deprecated. Use get_order_v2: this version goes away on ")
        assert said.endswith(" One order.")
        clock.advance(3 * 86_400)
        await made.followed()
        for tenant in ("pinned", "free"):
            made.server.tokens[tenant] = await made.server.token(tenant)
        assert await made.names("free") == ["get_order_v2", "get_other"]
        assert "error" in (await made.call("free", "get_order", order_id="1")).json
        assert await made.names("pinned") == ["get_order", "get_other"]
        assert good(await made.call("pinned", "get_order", order_id="1"), "1")


async def test_a_canary_is_shown_to_its_share_then_to_all_or_to_nobody(settings: Settings, tmp_path: Path) -> None:
    """Only the tenants of the share see it; promoted, all but pinned ones do; rolled back, nobody does, at once and without the file."""
    async with running(settings, tmp_path) as made:
        releases = made.server.application.releases
        share = next(share for share in range(1, 100) if in_share("shop", 2, "free", share) != in_share("shop", 2, "other", share))
        inside, outside = ("free", "other") if in_share("shop", 2, "free", share) else ("other", "free")
        await made.refresh(strict=True, share=share)
        assert await made.names(inside) == ["get_order_v2", "get_other", "get_order"]
        assert await made.names(outside) == ["get_order", "get_other"]
        assert good(await made.call(inside, "get_order", order_id="3"), "3")
        assert made.api.seen[-1] == {"orderId": "3", "currency": "EUR"}
        assert good(await made.call(outside, "get_order", order_id="4"), "4")
        assert made.api.seen[-1] == {"order_id": "4"}
        await releases.pin("shop", "pinned")
        assert await releases.promote("shop") == 2
        await made.followed()
        assert await made.names(outside) == ["get_order_v2", "get_other", "get_order"]
        assert await made.names("pinned") == ["get_order", "get_other"]
        made.path.unlink()
        assert await releases.roll_back("shop") == 1
        await made.followed()
        assert [await made.names(tenant) for tenant in (inside, outside, "pinned")] == [["get_order", "get_other"]] * 3
        assert good(await made.call(inside, "get_order", order_id="5"), "5")
        assert made.api.seen[-1] == {"order_id": "5"}
        assert "error" in (await made.call(inside, "get_order_v2", orderId="7", currency="USD")).json


async def test_what_was_taken_from_a_tool_is_taken_from_its_later_versions(settings: Settings, tmp_path: Path) -> None:
    """A tool the operator or a tenant disabled does not come back as _v2; one renamed for a tenant keeps its restrictions, too."""
    async with running(settings, tmp_path) as made:
        curation = made.server.application.curation
        await curation.edit(Edit(pattern="get_order", name="order"))
        await curation.edit(Edit(pattern="order", enabled=False), tenant="free")
        await curation.edit(Edit(pattern="get_other", enabled=False), tenant="other")
        await made.refresh(strict=True)
        assert await made.names("free") == ["get_other"]
        assert await made.names("other") == ["get_order_v2", "order"]
        await curation.edit(Edit(pattern="get_order", enabled=False))
        assert await made.names("other") == []


async def test_usage_is_counted_by_version_and_deeds_are_recorded(settings: Settings, tmp_path: Path) -> None:
    """The listing of releases counts calls of each version from the ledger; who did what to the source is in the book."""
    async with running(settings, tmp_path) as made:
        releases = made.server.application.releases
        await made.refresh(strict=True)
        for number in range(3):
            await made.call("free", "get_order", order_id=str(number))
        await made.call("free", "get_order_v2", orderId="7", currency="USD")
        first, second = await releases.seen("shop")
        assert [(one.release.number, one.role) for one in (first, second)] == [(1, "previous"), (2, "current")]
        assert [(one.tool, one.calls, one.successor, one.successor_calls) for one in second.versions] == [
            ("get_order", 3, "get_order_v2", 1)
        ]
        assert first.versions == []
        await releases.pin("shop", "free", release=1)
        await made.followed()
        assert [one.pinned for one in await releases.seen("shop")] == [["free"], []]
        assert await made.names("free") == ["get_order", "get_other"]
        await releases.unpin("shop", "free")
        await made.followed()
        assert await made.names("free") == ["get_order_v2", "get_other", "get_order"]
        deeds = [(one["what"], one["on_what"]) for one in await booked(made.server, "free", "deed")]
        assert deeds[-2:] == [("source.pinned", "shop@1"), ("source.unpinned", "shop")]
        of_all = [(one["what"], one["on_what"]) for one in await booked(made.server, HOUSE, "deed")]
        assert of_all == [("source.refreshed", "shop@2")]


async def test_replicas_follow_each_other(settings: Settings, tmp_path: Path) -> None:
    """A second replica on the same stores serves what the first imported, to the same tenants, without reading the file."""
    async with running(settings, tmp_path) as made:
        await made.server.application.releases.pin("shop", "pinned")
        await made.refresh(strict=True)
        made.path.unlink()
        async with served(made.server.application.settings) as second:
            second.tokens.update(made.server.tokens)
            other = Shop(second, made.api, made.path)
            assert await other.names("pinned") == ["get_order", "get_other"]
            assert await other.names("free") == ["get_order_v2", "get_other", "get_order"]
            await made.server.application.releases.roll_back("shop")
            await other.followed()
            assert await other.names("free") == ["get_order", "get_other"]

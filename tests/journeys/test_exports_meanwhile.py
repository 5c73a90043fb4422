"""What changes while an export runs: rights that go, a credential that expires, a server that shuts down, callers who crowd in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from freehold.domains.catalog.edits import Edit
from freehold.domains.exports.exports import AT_ONCE
from freehold.kit.jose import LEEWAY
from freehold.settings import Settings
from tests.clocks import HandClock
from tests.exports import Shop, export, in_front_of, outcome, refusal
from tests.served import Served

pytestmark = pytest.mark.anyio

ORDERS = [{"id": number} for number in range(6)]
PATIENT = 30.0


@asynccontextmanager
async def held(shop: Shop, server: Served, token: str | None = None) -> AsyncIterator[asyncio.Task[Any]]:
    """An export whose second page waits; goes on when the block is left, and is made by then."""
    exporting = asyncio.create_task(export(server, token=token))
    await asyncio.wait_for(shop.reached.wait(), PATIENT)
    yield exporting
    shop.go_on.set()
    await asyncio.wait_for(exporting, PATIENT)


async def test_a_tool_taken_away_is_read_no_further(settings: Settings, tmp_path: Path) -> None:
    """Rights are looked at for every page, as for every direct call: the page under way is the last."""
    shop = Shop(ORDERS, slow="2")
    async with in_front_of(shop, settings, tmp_path) as server:
        async with held(shop, server) as exporting:
            await server.application.curation.edit(Edit(pattern="list_orders", enabled=False), tenant="acme")
        made = outcome(exporting.result())
        assert (made["rows"], made["reason"]) == (4, "incomplete")
        assert "no such tool" in made["why"]
        assert shop.asked == ["", "2"]


async def test_nothing_is_begun_in_the_name_of_an_expired_credential(settings: Settings, tmp_path: Path) -> None:
    """A token that runs out between two pages ends the export with what there is."""
    clock, shop = HandClock(), Shop(ORDERS, slow="2")
    long = {"call_seconds": 600, "export_page_seconds": 600}
    async with in_front_of(shop, settings, tmp_path, clock=clock, **long) as server:
        brief = await server.token("acme", expires_in=60)
        async with held(shop, server, brief) as exporting:
            clock.advance(60 + LEEWAY)
        made = outcome(exporting.result())
        assert (made["rows"], made["reason"]) == (4, "incomplete")
        assert "credential" in made["why"]
        assert shop.asked == ["", "2"]


async def test_an_export_ends_early_when_the_server_shuts_down(settings: Settings, tmp_path: Path) -> None:
    """It begins no page more, delivers what it has, and the shutdown waits for that."""
    shop = Shop(ORDERS, slow="2")
    async with in_front_of(shop, settings, tmp_path) as server:
        async with held(shop, server) as exporting:
            closing = asyncio.create_task(server.application.calls.close())
            await asyncio.sleep(0)
        made = outcome(exporting.result())
        assert (made["rows"], made["reason"]) == (4, "incomplete")
        assert "shutting down" in made["why"]
        await asyncio.wait_for(closing, PATIENT)
        assert shop.asked == ["", "2"]


async def test_one_tenant_s_exports_leave_room_for_others(settings: Settings, tmp_path: Path) -> None:
    """A quarter of the places is as many as one tenant gets at once, for each holds its records in memory; places come back."""
    shop = Shop(ORDERS, slow="")
    async with in_front_of(shop, settings, tmp_path) as server:
        crowd = [asyncio.create_task(export(server)) for _ in range(AT_ONCE // 4)]
        with anyio.fail_after(PATIENT):
            await asked(shop, len(crowd))
        assert refusal(await export(server))[0] == "overloaded"
        assert len(shop.asked) == len(crowd)
        other = asyncio.create_task(export(server, token=server.tokens["globex"]))
        with anyio.fail_after(PATIENT):
            await asked(shop, len(crowd) + 1)
        shop.go_on.set()
        for each in [*crowd, other]:
            assert outcome(await asyncio.wait_for(each, PATIENT))["reason"] == "complete"
        assert outcome(await export(server))["rows"] == 6


async def asked(shop: Shop, times: int) -> None:
    """Wait until the shop was asked so often."""
    while len(shop.asked) < times:  # noqa: ASYNC110  the shop has one event, and this counts
        await asyncio.sleep(0.01)  # real time: requests travel through real sockets

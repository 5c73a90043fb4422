"""Exports through the front door: every page of a tool as one file, and what ends it before the last page."""

import asyncio
import csv
import io
import json
from pathlib import Path
from typing import Any

import anyio
import pytest
from starlette.responses import Response

from freehold.settings import PlanSettings, Settings
from tests.clocks import HandClock
from tests.events import messages
from tests.exports import Shop, contents, export, in_front_of, json_answer, outcome, refusal
from tests.served import Served

pytestmark = pytest.mark.anyio

ORDERS = [{"id": number, "note": f"order {number}"} for number in range(5)]
TASKS = {"io.modelcontextprotocol/clientCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}}}
PATIENT = 30.0


async def ids(server: Served, exported: Any) -> list[str]:
    """The ids in a CSV file, which must have its header and whole rows."""
    rows = list(csv.DictReader(io.StringIO((await contents(server, exported))["text"])))
    assert len(rows) == outcome(exported)["rows"]
    return [row["id"] for row in rows]


async def entries(server: Served, tenant: str = "acme") -> list[dict[str, Any]]:
    """The tenant's calls as the ledger has them."""
    text = b"".join([chunk async for chunk in server.application.book.export(tenant, "jsonl")])
    return [one for one in map(json.loads, text.splitlines()) if one["kind"] == "call"]


async def told_of(server: Served, calls: int) -> None:
    """Wait until the ledger has as many."""
    while len(await entries(server)) < calls:  # noqa: ASYNC110  the ledger has no event for a test
        await asyncio.sleep(0.01)  # real time: the connection's end is noticed by the server's own watch


async def ended(server: Served, task_id: str) -> dict[str, Any]:
    """The task once it works no more."""
    while True:
        params = {"taskId": task_id, "_meta": TASKS}
        found = (await server.modern("tasks/get", params, token=server.tokens["acme"])).json["result"]
        if found["status"] != "working":
            return found
        await asyncio.sleep(0.01)  # real time: the task runs on while its client polls


async def test_all_pages_become_one_csv_file(settings: Settings, tmp_path: Path) -> None:
    """Three pages are five rows of one file behind a link; nothing of it is in the answer itself."""
    shop = Shop(ORDERS)
    async with in_front_of(shop, settings, tmp_path) as server:
        exported = await export(server)
        made = outcome(exported)
        assert shop.asked == ["", "2", "4"]
        assert (made["rows"], made["reason"], made["why"], made["format"]) == (5, "complete", "", "csv")
        text, link = exported.json["result"]["content"]
        assert link == {
            "type": "resource_link",
            "uri": made["uri"],
            "name": "list_orders.csv",
            "mimeType": "text/csv",
            "size": made["bytes"],
        }
        assert "5 rows of list_orders" in text["text"]
        assert "order 3" not in exported.body.decode()
        file = await contents(server, exported)
        assert file == {
            "uri": made["uri"],
            "mimeType": "text/csv",
            "text": "id,note\r\n0,order 0\r\n1,order 1\r\n2,order 2\r\n3,order 3\r\n4,order 4\r\n",
        }
        assert len(file["text"]) == made["bytes"]


async def test_json_lines_are_the_records_digit_for_digit(settings: Settings, tmp_path: Path) -> None:
    """Big integers, decimals and exponents come out as the API wrote them, on one line each however it laid them out."""
    records = [b'{"n":12345678901234567890123,"d":1.10,"e":-1E+05}', '{"s":"=1+1 ü"}'.encode()]
    shop = Shop(records)
    shop.answers["2"] = Response(b'{\n "data": [\n  {"n": 0.10}\n ]\n}', media_type="application/json")
    shop.answers[""] = shop.page("", following="2")
    async with in_front_of(shop, settings, tmp_path) as server:
        exported = await export(server, format="jsonl")
        file = await contents(server, exported)
        assert file["mimeType"] == "application/jsonl"
        assert file["text"] == b"".join(one + b"\n" for one in [*records, b'{"n":0.10}']).decode()
        assert outcome(exported)["bytes"] == len(file["text"].encode())


async def test_only_the_fields_asked_for_are_in_the_file(settings: Settings, tmp_path: Path) -> None:
    """In their order; one that no record has is named in words."""
    async with in_front_of(Shop(ORDERS), settings, tmp_path) as server:
        exported = await export(server, fields=["note", "id", "nothing"], arguments={"state": "open"})
        assert (await contents(server, exported))["text"].splitlines()[:2] == ["note,id,nothing", "order 0,0,"]
        assert "No record has: nothing." in exported.text


async def test_every_page_is_a_recorded_call_of_its_own(settings: Settings, tmp_path: Path) -> None:
    """The ledger has the pages under their tool, the export under its own, one unit each and one request id; reading is a call too."""
    async with in_front_of(Shop(ORDERS), settings, tmp_path) as server:
        exported = await export(server)
        before = await entries(server)
        assert [(one["what"], one["on_what"], one["outcome"], one["units"]) for one in before] == [
            ("export_records", "freehold", "ok", 1),
            *[("list_orders", "shop", "ok", 1)] * 3,
        ]
        assert len({one["request_id"] for one in before}) == 1
        assert len({one["id"] for one in before}) == 4
        await contents(server, exported)
        assert [(one["what"], one["outcome"]) for one in await entries(server)][4:] == [("export_records", "ok")]
        assert await entries(server, "globex") == []


@pytest.mark.parametrize(
    ("arguments", "rows", "reason"), [({"max_rows": 3}, 3, "cap"), ({"max_rows": 4}, 4, "cap"), ({"max_rows": 5}, 5, "complete")]
)
async def test_a_cap_of_rows_says_whether_there_is_more(
    settings: Settings, tmp_path: Path, arguments: dict[str, int], rows: int, reason: str
) -> None:
    """In the middle of a page, at its end, and exactly at the last record; no page is read beyond it."""
    shop = Shop(ORDERS)
    async with in_front_of(shop, settings, tmp_path) as server:
        exported = await export(server, **arguments)
        made = outcome(exported)
        assert (made["rows"], made["reason"], bool(made["why"])) == (rows, reason, reason == "cap")
        assert await ids(server, exported) == [str(number) for number in range(rows)]
        assert len(shop.asked) == (rows + 1) // 2


async def test_the_operator_s_caps_hold(settings: Settings, tmp_path: Path) -> None:
    """More rows than the setting are not to be asked for; bytes of the records and of the file are bounded."""
    shop = Shop([{"id": number, "note": "x" * 300} for number in range(20)])
    async with in_front_of(shop, settings, tmp_path, export_rows=7, export_cap=1024) as server:
        assert refusal(await export(server, max_rows=8))[0] == "invalid_arguments"
        assert shop.asked == []
        exported = await export(server)
        made = outcome(exported)
        assert (made["rows"], made["reason"]) == (3, "cap")
        assert made["bytes"] <= 1024
        assert "1024 bytes" in made["why"]
        assert await ids(server, exported) == ["0", "1", "2"]
        assert len(shop.asked) == 2


async def test_a_file_of_empty_cells_is_bounded(settings: Settings, tmp_path: Path) -> None:
    """Records without a name in common make a file larger than themselves: it is cut at whole rows, and says so."""
    shop = Shop([{f"k{number}": number} for number in range(60)], size=60)
    async with in_front_of(shop, settings, tmp_path, export_cap=1024) as server:
        made = outcome(exported := await export(server))
        assert made["reason"] == "cap"
        assert 0 < made["rows"] < 60
        assert len((await contents(server, exported))["text"]) == made["bytes"] <= 1024


BROKEN = {
    "an error": (json_answer({"message": "no such shelf"}, 422), "no such shelf"),
    "no records": (json_answer({"ok": True}), "no list of records"),
    "a repeated cursor": (Response(b'{"data":[{"id":4}],"next_cursor":"2"}', media_type="application/json"), "read before"),
    "an empty page": (Response(b'{"data":[],"next_cursor":"6"}', media_type="application/json"), "is empty"),
}


@pytest.mark.parametrize("broken", BROKEN)
async def test_what_was_read_is_delivered_when_a_later_page_is_none(settings: Settings, tmp_path: Path, broken: str) -> None:
    """An error on page 3, an answer without records, a cursor seen before, an empty page with a next one: `incomplete`, and why."""
    answer, why = BROKEN[broken]
    shop = Shop([*ORDERS, {"id": 5}, {"id": 6}], answers={"4": answer})
    async with in_front_of(shop, settings, tmp_path) as server:
        exported = await export(server)
        made = outcome(exported)
        assert made["reason"] == "incomplete"
        assert "Page 3" in made["why"]
        assert why in made["why"]
        assert made["why"] in exported.text
        assert (await ids(server, exported))[:4] == ["0", "1", "2", "3"]
        assert shop.asked == ["", "2", "4"]


async def test_a_total_that_was_not_reached_is_no_complete_export(settings: Settings, tmp_path: Path) -> None:
    """The API says that there is more and not how to get it; when the caller began in the middle, the total says nothing."""
    shop = Shop(ORDERS, total=9)
    async with in_front_of(shop, settings, tmp_path) as server:
        made = outcome(await export(server))
        assert (made["rows"], made["reason"]) == (5, "incomplete")
        assert "there are 9" in made["why"]
        made = outcome(await export(server, arguments={"cursor": "4"}))
        assert (made["rows"], made["reason"], made["why"]) == (1, "complete", "")


async def test_a_quota_that_runs_out_ends_the_export(settings: Settings, tmp_path: Path) -> None:
    """The pages that the plan allowed are delivered, and why there are no more; no page is read without a unit."""
    shop = Shop([{"id": number} for number in range(100)])
    async with in_front_of(shop, settings, tmp_path) as server:
        await server.tenant("initech", plan="small")
        exported = await export(server, token=server.tokens["initech"])
        made = outcome(exported)
        assert (made["rows"], made["reason"]) == (38, "incomplete")
        assert "daily quota" in made["why"]
        assert len(shop.asked) == 19
        assert [one["refusal"] for one in await entries(server, "initech")].count("quota_exhausted") == 1


async def test_the_plan_s_rate_slows_an_export_and_does_not_end_it(settings: Settings, tmp_path: Path) -> None:
    """A page refused for a moment is asked for again when the moment is over."""
    plans = {**settings.plans, "brisk": PlanSettings(per_second=4, burst=3)}
    shop = Shop(ORDERS, size=1)
    async with in_front_of(shop, settings, tmp_path, plans=plans) as server:
        await server.tenant("initech", plan="brisk")
        made = outcome(await export(server, token=server.tokens["initech"]))
        assert (made["rows"], made["reason"]) == (5, "complete")
        assert shop.asked == ["", "1", "2", "3", "4"]
        assert "rate_limited" in [one["refusal"] for one in await entries(server, "initech")]


async def test_a_page_that_takes_too_long_ends_the_export(settings: Settings, tmp_path: Path) -> None:
    """After `export_page_seconds` on the clock the page is given up, and what came before it is delivered."""
    clock, shop = HandClock(), Shop(ORDERS, slow="2")
    async with in_front_of(shop, settings, tmp_path, clock=clock, export_page_seconds=5) as server:
        exporting = asyncio.create_task(export(server))
        await asyncio.wait_for(shop.reached.wait(), PATIENT)
        clock.advance(5.5)
        made = outcome(await asyncio.wait_for(exporting, PATIENT))
        assert (made["rows"], made["reason"]) == (2, "incomplete")
        assert "Page 2 took longer than 5 seconds" in made["why"]
        assert ("list_orders", "deadline_exceeded") in [(one["what"], one["refusal"]) for one in await entries(server)]


@pytest.mark.parametrize("bound", [{"export_seconds": 4}, {"call_seconds": 5}])
async def test_the_deadline_ends_an_export_with_what_there_is(settings: Settings, tmp_path: Path, bound: dict[str, int]) -> None:
    """The export's own time, or the call's less what delivering takes: either way there is a file and not a refusal."""
    clock, shop = HandClock(), Shop(ORDERS, slow="2")
    async with in_front_of(shop, settings, tmp_path, clock=clock, **bound) as server:
        exporting = asyncio.create_task(export(server))
        await asyncio.wait_for(shop.reached.wait(), PATIENT)
        clock.advance(4.7)
        exported = await asyncio.wait_for(exporting, PATIENT)
        made = outcome(exported)
        assert (made["rows"], made["reason"]) == (2, "deadline")
        assert "time" in made["why"]
        assert await ids(server, exported) == ["0", "1"]


async def test_a_caller_who_goes_away_leaves_no_file(settings: Settings, tmp_path: Path) -> None:
    """The page in flight and the export are recorded as cancelled, nothing is kept."""
    shop = Shop(ORDERS, slow="2")
    async with in_front_of(shop, settings, tmp_path) as server:
        exporting = asyncio.create_task(export(server))
        await asyncio.wait_for(shop.reached.wait(), PATIENT)
        exporting.cancel()
        with anyio.fail_after(PATIENT):
            await told_of(server, 3)
        assert [(one["what"], one["outcome"]) for one in await entries(server)] == [
            ("export_records", "cancelled"),
            ("list_orders", "ok"),
            ("list_orders", "cancelled"),
        ]


async def test_progress_is_told_page_by_page(settings: Settings, tmp_path: Path) -> None:
    """Rows read so far, in order, to a client that asked."""
    async with in_front_of(Shop(ORDERS, total=5), settings, tmp_path) as server:
        params = {"name": "export_records", "arguments": {"tool": "list_orders"}, "_meta": {"progressToken": "p"}}
        reply = await server.modern("tools/call", params, token=server.tokens["acme"])
        told = [each["params"] for each in messages(reply.body) if each.get("method") == "notifications/progress"]
        assert [(one["progress"], one["total"]) for one in told] == [(2, 5), (4, 5), (5, 5)]
        assert "order" not in json.dumps(told)


async def test_an_export_can_be_a_task(settings: Settings, tmp_path: Path) -> None:
    """A client with the extension gets the link from tasks/get, and the file by it."""
    async with in_front_of(Shop(ORDERS), settings, tmp_path) as server:
        token = server.tokens["acme"]
        params = {"name": "export_records", "arguments": {"tool": "list_orders"}, "_meta": TASKS}
        task = (await server.modern("tools/call", params, token=token)).json["result"]
        assert task["resultType"] == "task"
        with anyio.fail_after(PATIENT):
            found = await ended(server, task["taskId"])
        made = found["result"]["structuredContent"]
        assert (made["rows"], made["reason"]) == (5, "complete")
        read = await server.modern("resources/read", {"uri": made["uri"]}, token=token)
        assert "order 4" in read.json["result"]["contents"][0]["text"]


async def test_a_page_larger_than_an_agent_s_answer_is_exported_whole(settings: Settings, tmp_path: Path) -> None:
    """`answer_cap` bounds what agents read, neither a page of an export nor its file."""
    shop = Shop([{"id": number, "note": "x" * 500} for number in range(10)], size=10)
    async with in_front_of(shop, settings, tmp_path, answer_cap=1024) as server:
        exported = await export(server)
        assert outcome(exported)["reason"] == "complete"
        assert await ids(server, exported) == [str(number) for number in range(10)]
        direct = await server.call("list_orders", token=server.tokens["acme"])
        assert len(direct.body) < 4096

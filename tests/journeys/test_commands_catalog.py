"""`freehold catalog compile` and what `freehold init` writes for a large API."""

import json
import tomllib
from typing import Any

import pytest

from tests.long_catalogs import THINGS, long_document
from tests.operators import refused
from tests.processes import Agent, Place, http

pytestmark = pytest.mark.anyio


def large() -> dict[str, Any]:
    """Whose list takes more tokens than `init` leaves unbounded."""
    document = long_document()
    for path in document["paths"].values():
        for method, operation in path.items():
            if method != "parameters":
                fields = {
                    f"field_{number}": {"type": "string", "description": f"What the {number}th of its fields is."} for number in range(12)
                }
                schema = {"type": "object", "properties": fields}
                operation["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    return document


@pytest.fixture
async def shop(bare: Place) -> Place:
    """A folder with the document of a large API, already begun."""
    (bare.folder / "freehold.toml").unlink(missing_ok=True)
    (bare.folder / "shop.json").write_text(json.dumps(large()))
    said = await bare.done("init", "--openapi", "shop.json", "--base-url", "http://127.0.0.1:9")
    assert "catalog_tokens = 8000 lists a part, the others are found by searching." in said
    assert tomllib.loads((bare.folder / "freehold.toml").read_text())["catalog_tokens"] == 8_000
    return bare


async def test_a_budget_is_tried_without_changing_anything(shop: Place) -> None:
    """The report names each listed tool and its cost, keeps the budget, and what it proposes is what a server then lists."""
    before = (shop.folder / "freehold.toml").read_bytes()
    report = json.loads(
        await shop.done("catalog", "compile", "--budget", "3000", "--tag", "invoice", "--tag", "team", "--kind", "reads", "--json")
    )
    assert report["total"]["tools"] == 5 * len(THINGS)
    assert report["total"]["tokens"] <= 3_000 < report["total"]["tokens_of_all"]
    assert report["recall"]["kept"] is True
    shown = {row["tool"] for row in report["listed"]}
    ours = {"search_tools", "describe_tool", "call_tool", "read_more"}
    assert shown == {"list_invoices", "get_invoice", "list_teams", "get_team", *ours}
    assert (report["total"]["listed"], report["total"]["searched"]) == (4, 5 * len(THINGS) - 4)
    assert report["settings"].splitlines() == ["catalog_tokens = 3000", 'catalog_tags = ["invoice", "team"]', 'catalog_kinds = ["reads"]']
    assert (shop.folder / "freehold.toml").read_bytes() == before
    text = (shop.folder / "freehold.toml").read_text().replace("catalog_tokens = 8000", report["settings"])
    (shop.folder / "freehold.toml").write_text(text)
    await shop.done("tenant", "create", "acme")
    async with shop.serving() as server, http() as session:
        token = (await shop.done("token", "mint", "--tenant", "acme", "--user", "ann")).strip()
        tools = (await Agent(session, server.url, token).ask("tools/list")).json["result"]["tools"]
    assert {tool["name"] for tool in tools} == shown


async def test_what_the_list_leaves_out_is_told(shop: Place) -> None:
    """What a brief does not show is counted by tool; definitions that say less than the document are named; a tool may take none."""
    document = large()
    fields = {f"field_{number}": {"type": "string", "description": "Said of it. " * 20} for number in range(60)}
    body = {"schema": {"type": "object", "properties": {"inner": {"type": "object", "properties": fields}}}}
    document["paths"]["/long"] = {"post": {"operationId": "makeLong", "requestBody": {"content": {"application/json": body}}}}
    document["paths"]["/health"] = {"get": {"operationId": "getHealth", "tags": ["health"]}}
    (shop.folder / "shop.json").write_text(json.dumps(document))
    healthy = json.loads(await shop.done("catalog", "compile", "--budget", "3000", "--tag", "health", "--json"))
    assert {row["tool"]: row["left_out"] for row in healthy["listed"]}["get_health"] == 0
    report = json.loads(await shop.done("catalog", "compile", "--budget", "3000", "--json"))
    assert report["trimmed"] == [{"tool": "post_make_long", "what": "prose"}]
    left = {row["tool"]: row["left_out"] for row in report["listed"]}
    assert left["search_tools"] == 0
    assert max(left.values()) >= 6
    said = await shop.done("catalog", "compile", "--budget", "3000")
    assert "Of 1 tool descriptions inside the arguments are shortened; --json names them." in said
    assert "nested fields" not in said


async def test_what_is_called_most_is_listed_first(shop: Place) -> None:
    """Calls in the ledger decide what a small budget shows, and are proposed as names."""
    await shop.done("tenant", "create", "acme")
    async with shop.serving() as server, http() as session:
        token = (await shop.done("token", "mint", "--tenant", "acme", "--user", "ann", "--scope", "mcp:admin")).strip()
        for _ in range(3):
            await Agent(session, server.url, token).call("delete_wishlist", {"wishlist_id": "1"})
    report = json.loads(await shop.done("catalog", "compile", "--budget", "1000", "--usage", "30", "--json"))
    assert "delete_wishlist" in {row["tool"] for row in report["listed"]}
    assert 'catalog_first = ["delete_wishlist"]' in report["settings"]
    without = json.loads(await shop.done("catalog", "compile", "--budget", "1000", "--json"))
    assert "delete_wishlist" not in {row["tool"] for row in without["listed"]}


async def test_own_questions_decide_too(shop: Place) -> None:
    """Questions nobody's words answer turn the check red with the tools that lost; a line that is none, or names no tool, is pointed at."""
    asked = shop.folder / "questions.txt"
    asked.write_text("# ours\nwhat the 7th of its fields is of a wishlist => get_wishlist\n")
    assert json.loads(await shop.done("catalog", "compile", "--questions", "questions.txt", "--json"))["recall"]["kept"] is True
    asked.write_text("no arrow here\n")
    refused(await shop.run("catalog", "compile", "--questions", "questions.txt"), "questions.txt:1 is no question.")
    asked.write_text("list invoices => no_such_tool\n")
    refused(await shop.run("catalog", "compile", "--questions", "questions.txt"), "questions.txt:1 names 'no_such_tool'")
    refused(await shop.run("catalog", "compile", "--questions", "nowhere.txt"), "nowhere.txt cannot be read")
    refused(await shop.run("catalog", "compile", "--tag", "nothing"), "No tool is of the area 'nothing'.")
    refused(await shop.run("catalog", "compile", "--kind", "eats"), "'eats' is no kind of tool.")

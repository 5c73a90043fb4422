"""Answers larger than the cap: shown in pages that are whole JSON, read on to the end, by whom they were given to and nobody else."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from freehold.domains.answers import remainders
from freehold.domains.sources.functions import Functions
from freehold.kit.clock import Clock
from freehold.settings import PlanSettings, Settings, SourceSettings
from tests.clocks import HandClock
from tests.documents import document
from tests.entries import exported
from tests.fixtures import PLANS
from tests.handshakes import initialized
from tests.served import REFUSAL, Reply, Served, listening, served

pytestmark = pytest.mark.anyio

PAGE = "dev.freehold/page"
CAP = 16_384
RECORDS = [{"id": number, "name": f"Müller 😀 {number}", "note": "x" * (number % 97)} for number in range(3_000)]
TEXT = "".join(f"Zeile {number}: für 10 € gekauft.\n" for number in range(2_000))
ROWS = {"type": "object", "properties": {"data": {"type": "array"}, "total": {"type": "integer"}}, "required": ["data", "total"]}


class Api:
    """Answers with much, by path, and keeps what it was asked."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self.seen: list[tuple[str, str]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Say it all at once."""
        request = Request(scope, receive)
        self.seen.append((request.method, request.url.path))
        await self._answer(request.url.path)(scope, receive, send)

    def _answer(self, path: str) -> Response:
        if path == "/text":
            return PlainTextResponse(TEXT)
        if path == "/one":
            return JSONResponse([{"id": 1, "text": TEXT}])
        if path == "/strict":
            return JSONResponse({"data": RECORDS, "total": len(RECORDS)})
        if path == "/paged":
            return JSONResponse({"data": RECORDS, "total": 9_000, "next_cursor": "c2"})
        if path == "/broken":
            return JSONResponse({"message": "No.", "rows": RECORDS}, 422)
        return JSONResponse(RECORDS)

    def document(self, address: str) -> dict[str, Any]:
        """Its description."""
        ok: dict[str, Any] = {"responses": {"200": {"description": "ok"}}}
        strict: dict[str, Any] = {"responses": {"200": {"description": "ok", "content": {"application/json": {"schema": ROWS}}}}}
        cursor = {"name": "cursor", "in": "query", "schema": {"type": "string"}}
        paths = {f"/{name}": {"get": {**ok, "operationId": f"get_{name}"}} for name in ("all", "text", "one", "broken")}
        paths["/strict"] = {"get": {**strict, "operationId": "get_strict"}}
        paths["/paged"] = {"get": {**ok, "operationId": "get_paged", "parameters": [cursor]}}
        paths["/import"] = {"post": {**ok, "operationId": "import_all"}}
        paths["/named"] = {"get": {**ok, "operationId": "read_more"}}
        return {**document(paths), "servers": [{"url": address}]}


@asynccontextmanager
async def large(settings: Settings, api: Api, *, clock: Clock | None = None, **changed: Any) -> AsyncIterator[Served]:
    """Freehold in front of the API with a small cap and without the boundary, and the tenants acme and globex."""
    async with listening(api, lifespan="off") as address:
        described = settings.folder / settings.data_dir.parent / "large.json"
        described.write_text(json.dumps(api.document(address)))
        said = {
            "sources": {"shop": SourceSettings(openapi=str(described))},
            "outbound_allow": (address.removeprefix("http://"),),
            "answer_cap": CAP,
            "boundary": False,
            **changed,
        }
        async with served(settings.model_copy(update=said), clock=clock) as server:
            await server.tenant("acme")
            await server.tenant("globex")
            yield server


@dataclass(frozen=True)
class Shown:
    """One page as an agent gets it."""

    result: Mapping[str, Any]

    @classmethod
    def of(cls, reply: Reply) -> "Shown":
        """A result within the cap, with text that says the same as the structured content where there is some."""
        result = reply.json["result"]
        assert not result.get("isError"), result
        first = result["content"][0]["text"]
        assert len(first.encode()) <= CAP
        if "structuredContent" in result:
            assert result["structuredContent"] == json.loads(first)
        return cls(result)

    @property
    def text(self) -> str:
        """What was cut."""
        return self.result["content"][0]["text"]

    @property
    def value(self) -> Any:
        """The same as the JSON it is."""
        return json.loads(self.text)

    @property
    def words(self) -> str:
        """The last block."""
        return self.result["content"][-1]["text"]

    @property
    def page(self) -> Mapping[str, Any]:
        """The hint for programs."""
        return self.result["_meta"][PAGE]


async def read(server: Served, tool: str, *, token: str, arguments: Mapping[str, Any] | None = None) -> list[Shown]:
    """The whole answer, page by page, as the hints say."""
    pages = [Shown.of(await server.call(tool, arguments, token=token))]
    while pages[-1].page.get("tool") == "read_more":
        assert pages[-1].page["next"]["continuation"] in pages[-1].words
        pages.append(Shown.of(await server.call("read_more", pages[-1].page["next"], token=token)))
        assert len(pages) < 100
    return pages


def refused(reply: Reply) -> str:
    """The code of a refusal that says nothing of the answer."""
    result = reply.json["result"]
    assert result["isError"] is True
    assert "Müller" not in reply.body.decode()
    return result["_meta"][REFUSAL]["code"]


async def test_a_long_list_is_read_to_its_end_record_by_record(settings: Settings) -> None:
    """Three thousand records come in pages of whole JSON, equal to the API's answer, asked for once; each page is a booked call."""
    api = Api()
    async with large(settings, api) as server:
        pages = await read(server, "get_all", token=server.tokens["acme"])
        booked = [entry for entry in await exported(server.application.book, "acme") if entry["kind"] == "call"]
    assert [record for page in pages for record in page.value] == RECORDS
    assert len(pages) > 5
    assert [page.page["of"] for page in pages] == [3_000] * len(pages)
    assert sum(page.page["shown"] for page in pages) == 3_000
    shown = pages[0].page["shown"]
    assert f"records 1 to {shown} of 3000 are shown. For what follows call read_more with the continuation" in pages[0].words
    assert f"records {shown + 1} to " in pages[1].words
    assert pages[-1].page["next"] is None
    assert pages[-1].words.endswith("to 3000 of 3000 are shown. That is the end of the answer of get_all.")
    assert api.seen == [("GET", "/all")]
    assert [(entry["what"], entry["units"]) for entry in booked] == [("get_all", 1), *[("read_more", 1)] * (len(pages) - 1)]


async def test_a_write_is_never_made_again_to_read_on(settings: Settings) -> None:
    """The answer of a POST is read to its end, and the API got exactly one."""
    api = Api()
    async with large(settings, api) as server:
        pages = await read(server, "import_all", token=server.tokens["acme"])
    assert [record for page in pages for record in page.value] == RECORDS
    assert api.seen == [("POST", "/import")]


async def test_text_is_read_on_by_lines_and_one_record_alone_as_text(settings: Settings) -> None:
    """A long text comes in pages that end with a line, whole when put together; one huge record likewise, and it is said to be that."""
    api = Api()
    async with large(settings, api) as server:
        pages = await read(server, "get_text", token=server.tokens["acme"])
        alone = await read(server, "get_one", token=server.tokens["acme"])
    assert "".join(page.text for page in pages) == TEXT
    assert all(page.text.endswith("gekauft.\n") for page in pages)
    assert (pages[0].page["unit"], pages[0].page["of"]) == ("bytes", len(TEXT.encode()))
    assert json.loads("".join(page.text for page in alone)) == [{"id": 1, "text": TEXT}]
    assert "as text, for one record alone is too large" in alone[0].words
    assert "one record" not in pages[0].words
    assert not any("structuredContent" in page.result for page in (*pages, *alone))


async def test_structured_content_keeps_the_tools_promise_or_is_not_there(settings: Settings) -> None:
    """The cut object fits the output schema; what follows it is promised nothing and has the records at the same place."""
    async with large(settings, Api()) as server:
        pages = await read(server, "get_strict", token=server.tokens["acme"])
        listed = (await server.modern("tools/list", token=server.tokens["acme"])).json["result"]["tools"]
    promised = {tool["name"]: tool.get("outputSchema") for tool in listed}
    assert promised["read_more"] is None
    assert Draft202012Validator(promised["get_strict"], offline=True).is_valid(pages[0].result["structuredContent"])
    assert pages[0].value["total"] == 3_000
    assert [record for page in pages for record in page.value["data"]] == RECORDS
    assert all(page.value.keys() == {"data"} for page in pages[1:])


async def test_the_next_page_of_the_api_is_named_when_this_answer_is_read(settings: Settings) -> None:
    """Until then only the continuation is; the last page has the API's own hint, with the tool it is for."""
    async with large(settings, Api()) as server:
        pages = await read(server, "get_paged", token=server.tokens["acme"], arguments={"cursor": "c1"})
    assert [page.page.get("tool") for page in pages] == [*["read_more"] * (len(pages) - 1), "get_paged"]
    assert pages[-1].page["next"] == {"cursor": "c2"}
    assert not any("'c2'" in block["text"] for page in pages[:-1] for block in page.result["content"][1:])
    assert "cursor='c2'" in pages[-1].result["content"][1]["text"]


async def test_a_large_error_stays_one(settings: Settings) -> None:
    """An API's error of any size is an error, short, and nothing is kept of it."""
    async with large(settings, Api()) as server:
        result = (await server.call("get_broken", token=server.tokens["acme"])).json["result"]
    assert result["isError"] is True
    assert PAGE not in result["_meta"]


async def test_nobody_else_reads_on(settings: Settings) -> None:
    """Another tenant, and another user, client, key or data scope of the same one, are refused alike; the owner still reads."""
    async with large(settings, Api()) as server:
        first = Shown.of(await server.call("get_all", token=server.tokens["acme"]))
        strangers = (
            server.tokens["globex"],
            await server.token("acme", user="other"),
            await server.application.issuer.mint(tenant="acme", subject="user", client="another-agent", scopes=("mcp:read",)),
            await server.token("acme", data_scope="north"),
            (await server.application.administration.create_key("acme", scopes=("mcp:read",)))[0],
        )
        replies = [await server.call("read_more", first.page["next"], token=token) for token in strangers]
        assert [refused(reply) for reply in replies] == ["unknown_continuation"] * 5
        assert len({reply.body for reply in replies}) == 1
        again = await server.token("acme", scopes=("mcp:read",))
        assert Shown.of(await server.call("read_more", first.page["next"], token=again)).value[0]["id"] == first.page["shown"]


async def test_what_was_changed_or_is_over_is_refused_alike(settings: Settings) -> None:
    """Every changed character, no continuation at all and one whose ten minutes are over: one refusal in words; none is charged."""
    clock = HandClock()
    async with large(settings, Api(), clock=clock) as server:
        token = server.tokens["acme"]
        good = Shown.of(await server.call("get_all", token=token)).page["next"]["continuation"]
        changed = [good[:at] + ("A" if good[at] != "A" else "B") + good[at + 1 :] for at in range(0, len(good), 9)]
        changed += [other for other in (good.replace("-", "+"), good.replace("_", "/")) if other != good]
        for wrong in (*changed, "", "continuation", good[:-4], good + "AAAA", f"{good} ", "x" * 100_000):
            reply = await server.call("read_more", {"continuation": wrong}, token=token)
            assert refused(reply) == "unknown_continuation", wrong[:80]
        assert "call the tool anew" in reply.text
        clock.advance(remainders.LASTS - 1)
        assert Shown.of(await server.call("read_more", {"continuation": good}, token=token)).value
        assert Shown.of(await server.call("read_more", {"continuation": good}, token=token)).value, "a lost page can be read again"
        clock.advance(1)
        assert refused(await server.call("read_more", {"continuation": good}, token=token)) == "unknown_continuation"
        booked = [entry for entry in await exported(server.application.book, "acme") if entry["kind"] == "call"]
        assert [entry["units"] for entry in booked if entry["refusal"]] == [0] * (len(changed) + 7)
        misfit = await server.call("read_more", {"continuation": 7, "tenant": "globex"}, token=token)
        assert refused(misfit) == "invalid_arguments"


async def test_any_replica_reads_on(postgres_url: str, redis_url: str, tmp_path: Path) -> None:
    """Over one PostgreSQL and one Redis the first page comes from one server and the others from another, in turn."""
    api = Api()
    stores: dict[str, Any] = {"database_url": postgres_url, "state_url": redis_url, "migrate_on_start": True}
    settings = Settings(data_dir=tmp_path / "data", plans=PLANS, default_plan="open", **stores)
    async with large(settings, api) as one, served(one.application.settings) as two:
        token = one.tokens["acme"]
        pages = [Shown.of(await one.call("get_all", token=token))]
        while (following := pages[-1].page["next"]) is not None:
            there = (two, one)[len(pages) // 2 % 2]
            pages.append(Shown.of(await there.call("read_more", following, token=token)))
        assert [record for page in pages for record in page.value] == RECORDS
        assert refused(await two.call("read_more", pages[0].page["next"], token=one.tokens["globex"])) == "unknown_continuation"
    assert api.seen == [("GET", "/all")]


async def test_reading_on_is_limited_as_any_call(settings: Settings) -> None:
    """A plan of two calls a day allows the answer and one page more; then the quota speaks."""
    plans = {"open": PlanSettings(), "two": PlanSettings(calls_per_day=2)}
    async with large(settings, Api(), plans=plans) as server:
        token = await server.tenant("initech", plan="two")
        first = Shown.of(await server.call("get_all", token=token))
        second = Shown.of(await server.call("read_more", first.page["next"], token=token))
        assert refused(await server.call("read_more", second.page["next"], token=token)) == "quota_exhausted"


async def test_what_is_kept_stays_within_bounds(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """One caller's newest answers push out his own oldest and no one else's; when there is no room the answer comes all the same."""
    async with large(settings, Api()) as server:
        token, colleague = server.tokens["acme"], await server.token("acme", user="other")
        theirs = Shown.of(await server.call("get_all", token=colleague))
        size = len(await _kept(server))
        monkeypatch.setattr(remainders, "OF_ONE_CALLER", 2 * size + 2_000)
        mine = [Shown.of(await server.call("get_all", token=token)) for _ in range(3)]
        assert refused(await server.call("read_more", mine[0].page["next"], token=token)) == "unknown_continuation"
        for page, owner in ((mine[1], token), (mine[2], token), (theirs, colleague)):
            assert Shown.of(await server.call("read_more", page.page["next"], token=owner)).value
        monkeypatch.setattr(remainders, "IN_ALL", size)
        unkept = Shown.of(await server.call("get_all", token=server.tokens["globex"]))
        assert unkept.value[0] == RECORDS[0]
        assert (unkept.page["next"], "tool" in unkept.page) == (None, False)
        assert unkept.words.endswith("The rest is not available: ask for less at once, by a narrower filter or a smaller page.")


async def test_whoever_has_a_tool_can_read_on_whatever_his_rights_name(settings: Settings) -> None:
    """With `allowed_tools`, by call_tool and behind a budget it is listed and called; a caller without any tool has it not either."""
    async with large(settings, Api(), catalog_tokens=1_000, catalog_kinds=("writes",)) as server:
        for tools in (("get_all",), ("call_tool", "get_all"), None):
            token = await server.token("acme", tools=tools)
            names = [tool["name"] for tool in (await server.modern("tools/list", token=token)).json["result"]["tools"]]
            assert "read_more" in names
            first = Shown.of(await server.call("get_all", token=token))
            assert Shown.of(await server.call("read_more", first.page["next"], token=token)).value
            if tools is None or "call_tool" in tools:
                meant = {"name": "read_more", "arguments": first.page["next"]}
                assert Shown.of(await server.call("call_tool", meant, token=token)).value
        nothing = await server.token("acme", tools=())
        assert (await server.modern("tools/list", token=nothing)).json["result"]["tools"] == []
        gone = await server.call("read_more", first.page["next"], token=nothing)
        assert gone.json["error"]["data"]["code"] == "unknown_tool"


async def test_no_tool_of_a_source_and_no_edit_takes_its_name(settings: Settings) -> None:
    """An operation of that name gets its source's in front; an edit that disables everything leaves reading on."""
    async with large(settings, Api()) as server:
        token = server.tokens["acme"]
        names = [tool["name"] for tool in (await server.modern("tools/list", token=token)).json["result"]["tools"]]
        assert names[-1] == "read_more"
        assert "shop_read_more" in names
        first = Shown.of(await server.call("shop_read_more", token=token))
        assert Shown.of(await server.call("read_more", first.page["next"], token=token)).value


async def test_functions_are_read_on_too_and_their_list_stays_as_it_was(settings: Settings) -> None:
    """A Python tool's answer is cut likewise, also for a 2025 client; where there are only such tools, read_more is not listed."""
    functions = Functions()

    async def everything() -> list[dict[str, Any]]:
        """All records."""
        return RECORDS

    functions.add(everything, read_only=True)
    async with served(settings.model_copy(update={"answer_cap": CAP, "boundary": False}), functions=[functions]) as server:
        token = await server.tenant("acme")
        listed = (await server.modern("tools/list", token=token)).json["result"]["tools"]
        assert [tool["name"] for tool in listed] == ["everything"]
        pages = await read(server, "everything", token=token)
        assert [record for page in pages for record in page.value] == RECORDS
        client = await initialized(server)
        legacy = Shown((await client.ask(server, "tools/call", {"name": "everything", "arguments": {}})).json["result"])
        following = {"name": "read_more", "arguments": legacy.page["next"]}
        then = Shown((await client.ask(server, "tools/call", following)).json["result"])
        assert then.value[0]["id"] == legacy.page["shown"]


async def test_what_is_ours_stands_outside_the_boundary(settings: Settings) -> None:
    """Every page's data is between the boundary's lines; the words about reading on are not."""
    async with large(settings, Api(), boundary=True) as server:
        reply = await server.call("get_all", token=server.tokens["acme"])
        first = reply.json["result"]
        second = (await server.call("read_more", first["_meta"][PAGE]["next"], token=server.tokens["acme"])).json["result"]
    for result in (first, second):
        assert result["content"][0]["text"].startswith("[tool data ")
        assert result["content"][-1]["text"].startswith("This answer is too large to show at once: records ")
        assert len(result["content"]) == 2


async def _kept(server: Served) -> str:
    """What lies in the state, one text."""
    state: Any = server.application.state
    if hasattr(state, "_kept"):
        return "".join(value for kept in state._kept.values() for value in kept.values)  # noqa: SLF001  how large it is, no client sees
    members = await state._line.ask("ZRANGE", "freehold:{kept}:", 0, -1)  # noqa: SLF001  same
    return "x" * sum(int(member.split()[1]) for member in members)

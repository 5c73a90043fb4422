"""API keys at the front door: where they may come from, how often, and what stays of their use."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import SecretStr

from freehold.domains.oauth.apikeys import written
from freehold.settings import Settings
from tests.booked import booked
from tests.clocks import HandClock
from tests.fixtures import PLANS, sample_functions
from tests.served import REFUSAL, Reply, Served, served

pytestmark = pytest.mark.anyio

JSON = {"content-type": "application/json"}


async def statuses(server: Served, secret: str, sent: Mapping[str, int]) -> dict[str, int]:
    """What a listing is answered with under each X-Forwarded-For; an empty one is not sent."""
    found: dict[str, int] = {}
    for forwarded in sent:
        headers = {"x-api-key": secret} | ({"x-forwarded-for": forwarded} if forwarded else {})
        found[forwarded] = (await server.modern("tools/list", token=None, headers=headers)).status
    return found


@pytest.mark.parametrize(
    ("hops", "network", "expected"),
    [
        (0, "127.0.0.1", {"": 200, "203.0.113.9": 200, "192.0.2.1": 200}),
        (0, "192.0.2.0/24", {"": 401, "192.0.2.1": 401}),
        (1, "192.0.2.0/24", {"192.0.2.1": 200, "203.0.113.9, 192.0.2.1": 200, "192.0.2.1, 203.0.113.9": 401, "": 401, "127.0.0.1": 401}),
        (2, "192.0.2.0/24", {"192.0.2.1, 10.0.0.1": 200, "192.0.2.1, 203.0.113.9, 10.0.0.1": 401, "192.0.2.1": 401}),
        (1, "127.0.0.1", {"": 401, "192.0.2.1": 401}),
    ],
)
async def test_the_address_is_what_our_own_proxies_say(settings: Settings, hops: int, network: str, expected: dict[str, int]) -> None:
    """As many entries of X-Forwarded-For count as proxies are ours, and nothing a caller puts before them; too few name nobody (KEY-07)."""
    async with served(settings.model_copy(update={"proxy_hops": hops}), functions=[sample_functions()]) as server:
        await server.tenant("acme")
        secret, _ = await server.application.administration.create_key("acme", networks=[network])
        assert await statuses(server, secret, expected) == expected
        free, _ = await server.application.administration.create_key("acme")
        assert set((await statuses(server, free, expected)).values()) == {200}


async def test_forwarded_lines_are_one_list(settings: Settings) -> None:
    """Several X-Forwarded-For lines are read as one list, so that a caller's own line before the proxy's changes nothing (KEY-07)."""
    async with served(settings.model_copy(update={"proxy_hops": 2}), functions=[sample_functions()]) as server:
        await server.tenant("acme")
        secret, _ = await server.application.administration.create_key("acme", networks=["192.0.2.0/24"])
        found: list[int] = []
        for lines in (["192.0.2.1", "10.0.0.1"], ["192.0.2.1", "203.0.113.9, 10.0.0.1"], ["203.0.113.9", "192.0.2.1", "10.0.0.1"]):
            body = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
            headers = [("x-api-key", secret), ("content-type", "application/json"), *(("x-forwarded-for", line) for line in lines)]
            async with server.session.post(f"{server.url}/mcp", data=body, headers=headers) as answer:
                found.append(answer.status)
        assert found == [200, 401, 200]


async def test_a_key_keeps_to_its_own_rate(sqlite_url: str, tmp_path: Path) -> None:
    """So many calls a minute and at once, then a result that says when to come back; other keys of the tenant go on (KEY-07)."""
    clock = HandClock()
    settings = Settings(data_dir=tmp_path / "data", database_url=SecretStr(sqlite_url), plans=PLANS, default_plan="open")
    async with served(settings, functions=[sample_functions()], clock=clock) as server:
        await server.tenant("acme")
        slow, _ = await server.application.administration.create_key("acme", per_minute=3)
        free, _ = await server.application.administration.create_key("acme")
        answers = [(await server.call("echo", {"text": "x"}, token=slow)).json["result"] for _ in range(4)]
        assert [answer.get("isError", False) for answer in answers] == [False, False, False, True]
        refusal = answers[3]["_meta"][REFUSAL]
        assert (refusal["code"], refusal["retry_after"]) == ("key_rate_limited", 20)
        assert "this key may make 3 a minute. Wait 20 seconds" in answers[3]["content"][0]["text"]
        assert not (await server.call("echo", {"text": "x"}, token=free)).json["result"].get("isError", False)
        clock.advance(20)
        assert not (await server.call("echo", {"text": "x"}, token=slow)).json["result"].get("isError", False)
        assert [entry["outcome"] for entry in await booked(server, "acme")] == ["ok", "ok", "ok", "refused", "ok", "ok"]


async def test_a_server_that_stops_leaves_the_last_uses(settings: Settings) -> None:
    """What was noted is written when the server ends; a key that was refused was not used."""
    async with served(settings, functions=[sample_functions()]) as server:
        await server.tenant("acme")
        used, key = await server.application.administration.create_key("acme", service="billing")
        _, unused = await server.application.administration.create_key("acme")
        who = (await server.call("who", token=used)).json["result"]
        assert who["structuredContent"]["user"] == "service:billing"
    async with served(settings, functions=[sample_functions()]) as server:
        keys = {one.key_id: one.last_used_at for one in await server.application.administration.keys("acme")}
        assert keys[key.key_id] is not None
        assert keys[unused.key_id] is None


async def report(server: Served, *tokens: object, **headers: str) -> Reply:
    """A report as a scanner sends it."""
    found = [{"token": token, "type": "freehold_api_key", "url": "https://example.com/leak", "source": "commit"} for token in tokens]
    return await server.request("POST", "/keys/leaked", data=json.dumps(found).encode(), headers={**JSON, **headers})


async def test_a_key_found_in_public_ends(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """A reported key ends, whoever reports it, and the book and the log say so; every report is answered alike (KEY-06)."""
    async with served(settings, functions=[sample_functions()]) as server:
        await server.tenant("acme")
        administration = server.application.administration
        made = [await administration.create_key("acme") for _ in range(4)]
        leaked, second, kept, ended = (secret for secret, _ in made)
        ids = [key.key_id for _, key in made]
        await administration.revoke_key("acme", ids[3])
        no_keys = [
            server.tokens["acme"],
            ids[2],
            kept[:-1],
            kept.replace("live", "test"),
            written(ids[2], bytes(24), test=False),
            "",
            1,
            None,
        ]
        reports = ([leaked, second], [leaked], no_keys, [ended], [])
        answers = [await report(server, *each) for each in reports]
        assert {(one.status, one.body) for one in answers} == {(200, b"[]")}
        assert len({frozenset(one.headers) for one in answers}) == 1
        assert [(await server.call("echo", {"text": "x"}, token=each)).status for each in (leaked, second, kept)] == [401, 401, 200]
        assert (await server.call("echo", {"text": "x"}, token=server.tokens["acme"])).status == 200
        deeds = [deed for deed in await booked(server, "acme", "deed") if deed["subject"] == "leak-report"]
        assert [(deed["what"], deed["on_what"]) for deed in deeds] == [("key.revoked", key) for key in ids[:2]]
        assert leaked[-39:] not in caplog.text
        assert [record.__dict__["key"] for record in caplog.records if record.message == "key leaked"] == ids[:2]


async def test_reports_are_bounded(sqlite_url: str, tmp_path: Path) -> None:
    """Thirty at once of one address; what is no report is refused in words and ends nothing; other hosts and origins may send none."""
    settings = Settings(data_dir=tmp_path / "data", database_url=SecretStr(sqlite_url), plans=PLANS, default_plan="open", proxy_hops=1)
    async with served(settings, functions=[sample_functions()], clock=HandClock()) as server:
        await server.tenant("acme")
        secret, _ = await server.application.administration.create_key("acme")
        for body, status in ((b"{", 400), (b"{}", 400), (json.dumps([{"token": secret}] * 101).encode(), 400), (b'{"token":"x"}', 400)):
            assert (await server.request("POST", "/keys/leaked", data=body, headers=JSON)).status == status
        assert (await server.request("GET", "/keys/leaked")).status == 405
        assert (await report(server, secret, origin="https://evil.example")).status == 403
        assert (await report(server, secret, host="evil.example")).status == 421
        assert (await server.call("echo", {"text": "x"}, token=secret)).status == 200
        answers = [await report(server, "noise", **{"x-forwarded-for": f"2001:db8::{number}"}) for number in range(31)]
        assert [one.status for one in answers] == [200] * 30 + [429]
        assert int(answers[-1].headers["retry-after"]) == 1
        assert (await report(server, "noise", **{"x-forwarded-for": "2001:db8:0:1::1"})).status == 200

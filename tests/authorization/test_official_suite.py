"""The official conformance suite's scenarios for authorization servers pass; the person it waits for is scripted."""

import asyncio
import re
from collections import Counter
from pathlib import Path

import pytest

from freehold.granting import ClientSettings
from freehold.settings import Settings
from tests import node
from tests.agents import Browser, enrol
from tests.conformance.suite import recorded
from tests.fixtures import PLANS
from tests.served import served
from tests.servers import free_port

pytestmark = pytest.mark.anyio

LINK = re.compile(rb"https?://127\.0\.0\.1:\d+/authorize\?\S+")


async def test_the_suite_passes(tmp_path: Path) -> None:
    """Metadata, and an authorization code for a token, without a failure or a warning; the answer goes to the port the suite listens on."""
    port, callback = free_port(), free_port()
    settings = Settings(
        data_dir=tmp_path / "data",
        database_url=f"sqlite:///{tmp_path / 'freehold.db'}",
        migrate_on_start=True,
        plans=PLANS,
        default_plan="open",
        port=port,
        clients={"suite": ClientSettings(name="The suite", redirect_uris=("http://127.0.0.1/callback",))},
    )
    out = tmp_path / "out"
    words = ("--url", f"http://127.0.0.1:{port}", "--client-id", "suite", "--port", str(callback), "-o", str(out))
    async with served(settings, port=port) as server:
        await server.tenant("acme")
        await enrol(server)
        async with node.begun(node.SUITE, "authorization", *words) as suite, asyncio.timeout(120):
            assert suite.stdout is not None
            said = b""
            while not (link := LINK.search(said)):
                line = await suite.stdout.readline()
                assert line, said.decode()
                said += line
            browser = Browser(server)
            reply = await browser.decide(await browser.sign_in(link[0].decode()))
            async with server.session.get(reply.headers["location"]) as answered:
                assert answered.status == 200
            said += await suite.stdout.read()
            assert await suite.wait() == 0, said.decode()
    found = recorded(out)
    ends = Counter(check["status"] for checks in found.values() for check in checks)
    assert set(found) == {f"authorization-server-{name}" for name in ("authorization-server-metadata-endpoint", "authorization-code-grant")}
    assert set(ends) <= {"SUCCESS", "INFO"}, found
    assert ends["SUCCESS"] >= 3

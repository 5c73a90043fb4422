"""The SaaS's own code speaks with another MCP server as one of its tenants."""

import json
from pathlib import Path
from typing import Any

import pytest

from freehold import Freehold
from freehold.core.refusals import Refusal
from freehold.settings import Settings, SourceSettings
from tests.upstreams import everything

pytestmark = pytest.mark.anyio


async def test_the_saas_calls_as_a_tenant_and_the_book_says_so(tmp_path: Path) -> None:
    """Tools, resources and prompts by their own names; questions go to the given functions; each call is in that tenant's ledger only."""
    asked: list[dict[str, Any]] = []

    async def sample(params: dict[str, Any]) -> dict[str, Any]:
        asked.append(params)
        return {"role": "assistant", "content": {"type": "text", "text": "Paris"}, "model": "none"}

    async with everything() as running:
        settings = Settings(
            data_dir=tmp_path / "data",
            database_url=f"sqlite:///{tmp_path / 'freehold.db'}",
            migrate_on_start=True,
            boundary=False,
            outbound_allow=(running.host,),
            sources={"every": SourceSettings(mcp=running.url)},
        )
        app = Freehold(settings=settings)
        async with app.running() as application:
            for tenant in ("acme", "globex"):
                await application.administration.create_tenant(tenant)
            await application.roster.refresh("every")
            await application.roster.follow()
            async with app.upstream("acme", "every", sampling=sample) as server:
                assert "echo" in server.tools()
                assert "hello" in (await server.call("echo", {"message": "hello"})).text
                assert "Paris" in (await server.call("trigger-sampling-request", {"prompt": "Where?", "maxTokens": 5})).text
                assert (await server.read("demo://resource/dynamic/text/1")).content[0][
                    "uri"
                ] == "mcp://every/demo://resource/dynamic/text/1"
                assert (await server.prompt("simple-prompt")).content[0]["role"] == "user"
                with pytest.raises(Refusal, match="no such tool"):
                    await server.call("every_echo")
            with pytest.raises(Refusal, match="no tenant nobody"):
                async with app.upstream("nobody", "every"):
                    pass
            with pytest.raises(Refusal, match="no source none"):
                async with app.upstream("acme", "none"):
                    pass
            acme, globex = [await _calls(application, tenant) for tenant in ("acme", "globex")]
    assert len(asked) == 1
    assert ("every_echo", "saas", "ok") in acme
    assert globex == []


async def _calls(application: Any, tenant: str) -> list[tuple[str, str, str]]:
    lines = b"".join([part async for part in application.book.export(tenant, "jsonl")]).splitlines()
    entries = [entry for entry in map(json.loads, lines) if entry["kind"] == "call"]
    return [(entry["what"], entry["client"], entry["outcome"]) for entry in entries]

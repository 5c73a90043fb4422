"""`freehold fixture conformance`: an open server for this machine only, in the same corridor as any other."""

from pathlib import Path

import pytest

from tests.processes import Agent, Place, http

pytestmark = pytest.mark.anyio

COMMAND = ("fixture", "conformance")


def _place(folder: Path, toml: str) -> Place:
    (folder / "freehold.toml").write_text(f"port = 0\n{toml}\n")
    return Place(folder, {"FREEHOLD_MASTER_KEY": "5e" * 32})


@pytest.mark.parametrize("toml", ['host = "0.0.0.0"\npublic_url = "http://127.0.0.1"', 'public_url = "https://mcp.example.com"'])
async def test_it_is_never_reachable_from_elsewhere(toml: str, tmp_path: Path) -> None:
    """With an address others can reach, to listen on or to be called by, it refuses to start and says what to change."""
    finished = await _place(tmp_path, toml).run(*COMMAND)
    assert finished.code == 1
    assert "on this machine only" in finished.err
    assert "Traceback" not in finished.err


async def test_it_needs_no_credential_and_records_every_call(tmp_path: Path) -> None:
    """Any credential, or none, is the one local caller; a call's text comes unmarked, and the call is in that tenant's book."""
    place = _place(tmp_path, 'public_url = "http://127.0.0.1"')
    await place.done("tenant", "create", "conformance")  # whose book is read below; the server itself needs none
    async with place.serving(*COMMAND) as server, http() as session:
        reply = await Agent(session, server.url, "not a token").call("test_simple_text")
    assert reply.json["result"]["content"] == [{"type": "text", "text": "This is a simple text response for testing."}]
    assert [(entry["what"], entry["outcome"]) for entry in await place.book("conformance")] == [("test_simple_text", "ok")]
    assert await place.verified()


async def test_the_open_door_is_the_fixture_s_alone(tmp_path: Path) -> None:
    """`freehold serve` on the same settings still asks who is calling."""
    async with _place(tmp_path, 'public_url = "http://127.0.0.1"').serving() as server, http() as session:
        reply = await Agent(session, server.url, "not a token").ask("tools/list")
    assert reply.status == 401
    assert b"test_simple_text" not in reply.body

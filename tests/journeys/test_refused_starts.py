"""What keeps `freehold serve` from starting: each time exit code 1 and one sentence that says the mend."""

import json
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from freehold.kit.db import Database
from tests.processes import Finished, Place, place

pytestmark = pytest.mark.anyio

_PING = {"/ping": {"get": {"operationId": "ping", "responses": {"200": {"description": "pong"}}}}}
_UNREACHABLE = "127.0.0.1:1"
_BILLION = [f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]" for before, name in zip("abcdefghi", "bcdefghij", strict=True)]
_OPENAPI = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "servers": [{"url": "https://api.example.com"}]}


def refused(finished: Finished, sentence: str) -> None:
    """Assert that it said just that, on standard error, in one line."""
    assert finished.code == 1
    assert re.fullmatch(rf"freehold: [^\n]*{sentence}[^\n]*\.\n", finished.err), finished.err
    assert "Traceback" not in finished.err
    assert finished.out == ""


async def test_a_port_in_use(sqlite_url: str, tmp_path: Path) -> None:
    """Where somebody listens already nobody starts, and nothing is made."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        finished = await place(tmp_path, (sqlite_url, "memory:")).run("serve", "--port", str(port))
    refused(finished, f"Port {port} is in use. Stop what listens there, or choose another")
    assert not (tmp_path / ".freehold").exists()


async def test_one_of_two_that_start_at_once_on_a_port(sqlite_url: str, tmp_path: Path) -> None:
    """A port is one server's as soon as it is taken, not only when that server is ready."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    deployed = place(tmp_path, (sqlite_url, "memory:"), FREEHOLD_PORT=str(port))
    first, second = [await deployed.begin("serve") for _ in range(2)]
    try:
        heard = [await process.stderr.readline() for process in (first, second) if process.stderr is not None]
        assert sorted(b"listening on" in line for line in heard) == [False, True]
        loser = first if b"in use" in heard[0] else second
        assert await loser.wait() == 1
    finally:
        for process in (first, second):
            if process.returncode is None:
                process.kill()
            await process.communicate()


@pytest.mark.parametrize("name", ["file/data", "file"])
async def test_a_folder_that_cannot_be_made(tmp_path: Path, name: str) -> None:
    """A data folder under or in the place of a file."""
    (tmp_path / "file").touch()
    finished = await place(tmp_path, ("", "memory:"), FREEHOLD_DATA_DIR=name).run("serve")
    refused(finished, "cannot be made .* Set data_dir to a folder this user may write to")


async def test_a_database_folder_that_takes_no_file(tmp_path: Path) -> None:
    """A read-only file system, as the kernel's own is even for root."""
    finished = await place(tmp_path, ("sqlite:////proc/freehold.db", "memory:")).run("serve")
    refused(finished, "database file cannot be used .* in a directory it may write to")


async def test_a_newer_database(db: Database, database_url: str, tmp_path: Path) -> None:
    """A database of a Freehold to come is neither served nor changed."""
    async with db.begin(write=True) as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    refused(await place(tmp_path, (database_url, "memory:")).run("serve"), "was made by a newer Freehold. Install that version")
    assert await db.revision() == "9999"


async def test_another_master_key(database_url: str, tmp_path: Path) -> None:
    """A key that is not the one this database was sealed with; nothing of either key is said."""
    deployed = place(tmp_path, (database_url, "memory:"))
    await deployed.done("tenant", "create", "acme")
    finished = await place(tmp_path, (database_url, "memory:"), FREEHOLD_MASTER_KEY="a7" * 32).run("serve")
    refused(finished, "master key is not the one this database was sealed with. Restore that key file")
    assert "a7a7" not in finished.err


async def test_a_lost_master_key(database_url: str, tmp_path: Path) -> None:
    """A key file that is gone is asked for, and no new one is made in its place."""
    deployed = place(tmp_path, (database_url, "memory:"), FREEHOLD_MASTER_KEY="")
    await deployed.done("tenant", "create", "acme")
    (key,) = tmp_path.rglob("master.key")  # noqa: ASYNC240  nothing else runs on this loop
    key.unlink()
    refused(await deployed.run("serve"), "There is no master key at .*master.key, and this database was sealed with one")
    assert not key.exists()


async def test_a_postgresql_that_does_not_answer(tmp_path: Path) -> None:
    """Its host is named, its password is not."""
    finished = await place(tmp_path, (f"postgresql://freehold:canary-word@{_UNREACHABLE}/none", "memory:")).run("serve")
    refused(finished, "PostgreSQL at 127.0.0.1 cannot be reached .* Check that it runs")
    assert "canary" not in finished.err


async def test_an_empty_postgresql(empty_postgres_url: str, tmp_path: Path) -> None:
    """A database without a schema is not migrated behind the operator's back."""
    refused(await place(tmp_path, (empty_postgres_url, "memory:")).run("serve"), "has no schema yet. Run `freehold migrate`")


async def test_a_redis_that_does_not_answer(sqlite_url: str, tmp_path: Path) -> None:
    """Its password is not named."""
    finished = await place(tmp_path, (sqlite_url, f"redis://:canary-word@{_UNREACHABLE}")).run("serve")
    refused(finished, "state server does not serve us .* see that Redis runs")
    assert "canary" not in finished.err


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"FREEHOLD_NO_SUCH": "1"}, "FREEHOLD_NO_SUCH is not a setting. See docs/settings.md"),
        ({"FREEHOLD_PUBLIC_URL": "http://mcp.example.com"}, "public_url is plain http, .* Put TLS in front"),
        ({"FREEHOLD_HOST": "0.0.0.0", "FREEHOLD_PUBLIC_URL": ""}, "reachable from elsewhere, but public_url is not set. Set public_url"),  # noqa: S104  what is refused
        ({"FREEHOLD_MASTER_KEY": "abc"}, "master_key must be 64 hex digits. Make one with"),
        ({"FREEHOLD_STATE_URL": "nothing://here"}, "serves state URLs that begin with nothing:; use one of"),
    ],
)
async def test_settings_that_must_not_start(sqlite_url: str, tmp_path: Path, variables: dict[str, str], sentence: str) -> None:
    """Unknown settings and unsafe ones."""
    refused(await place(tmp_path, (sqlite_url, "memory:"), **variables).run("serve"), sentence)


async def test_an_unknown_line_in_the_file(sqlite_url: str, tmp_path: Path) -> None:
    """The file and the line are named."""
    refused(await place(tmp_path, (sqlite_url, "memory:"), "prot = 1").run("serve"), "freehold.toml: there is no setting 'prot'")


async def test_a_python_source_that_is_not_there(sqlite_url: str, tmp_path: Path) -> None:
    """The module is named, and how a source is written."""
    deployed = place(tmp_path, (sqlite_url, "memory:"), '[sources.mine]\npython = "nowhere.at_all:app"')
    refused(await deployed.run("serve"), "sources.mine: nowhere.at_all:app cannot be imported .* Write it as package.module:name")


def _nothing(path: Path) -> None:
    """No document."""


def _swollen(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b'{"openapi":"3.1.0","x-filler":"')
        file.write(b"y" * 70_000_000 + b'"}')


_DOCUMENTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (_nothing, r"cannot be read \(No such file or directory\). Check the path"),
    "no-openapi": (lambda path: path.write_text('{"hello": 1}'), "names no OpenAPI version. Give an OpenAPI 3.0 or 3.1 document"),
    "a-page": (
        lambda path: path.write_text("<!doctype html><p>"),
        "is a web page or XML. Give the address of the document",
    ),
    "garbage": (lambda path: path.write_bytes(b"\xff\xfe\0\0"), "is not valid YAML. Check the file with a YAML parser"),
    "yaml-bomb": (lambda path: path.write_text("\n".join(["openapi: 3.1.0", "a: &a [x]", *_BILLION])), "aliases repeat more than .* nodes"),
    "deep": (lambda path: path.write_text('{"openapi": ' + "[" * 100_000 + "]" * 100_000 + "}"), "is nested too deeply"),
    "swollen": (_swollen, "larger than [0-9]+ bytes. Split the document"),
    "empty": (lambda path: path.write_text(json.dumps(_OPENAPI)), "describes no operation"),
    "no-server": (lambda path: path.write_text(json.dumps({**_OPENAPI, "paths": _PING, "servers": []})), "names no server with a host"),
}


@pytest.mark.parametrize("kind", _DOCUMENTS)
async def test_a_document_that_is_none(sqlite_url: str, tmp_path: Path, kind: str) -> None:
    """What cannot be imported is said in words, within bounds of time and memory, and is not kept."""
    write, sentence = _DOCUMENTS[kind]
    write(tmp_path / "api.yaml")
    deployed = place(tmp_path, (sqlite_url, "memory:"), '[sources.api]\nopenapi = "api.yaml"')
    refused(await deployed.run("serve"), f"This is not a document Freehold can import: .*{sentence}")
    assert json.loads(await deployed.done("source", "list", "--json"))[0]["digest"] == ""


async def test_after_the_mend_it_starts(sqlite_url: str, tmp_path: Path) -> None:
    """A refused start leaves nothing behind that would keep the next one from serving."""
    deployed: Place = place(tmp_path, (sqlite_url, "memory:"), '[sources.api]\nopenapi = "api.json"')
    assert (await deployed.run("serve")).code == 1
    (tmp_path / "api.json").write_text(json.dumps({**_OPENAPI, "paths": _PING}))
    async with deployed.serving() as server:
        assert server.process.returncode is None

"""The commands as an operator runs them, from a document to a served call: real processes, a folder with a space in its name."""

import json
import re
import shlex
import signal
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from freehold.kit.migrate import HEAD
from tests.operators import ORDERS, aged, listed, refused
from tests.processes import Agent, Place, http

pytestmark = pytest.mark.anyio

SECRET = re.compile(r"mcp_(?:live|test)_[0-9A-Za-z]{65}")


# the way an operator goes


async def test_from_a_document_to_a_served_call(bare: Place) -> None:
    """init, doctor, tenant, key, serve: five commands after the document an agent's key lists and calls the API, and the book has it."""
    said = await bare.done("init", "--openapi", "orders.json")
    assert said.startswith("Wrote freehold.toml: 1 tool from http://127.0.0.1:9/v1.\n")
    assert (await bare.run("doctor")).code == 0
    assert not (bare.folder / ".freehold").exists()
    await bare.done("tenant", "create", "acme", "--plan", "pro")
    (secret,) = SECRET.findall(await bare.done("key", "create", "--tenant", "acme", "--scope", "mcp:read"))
    async with bare.serving() as server, http() as session:
        agent = Agent(session, server.url, secret)
        tools = (await agent.ask("tools/list")).json["result"]["tools"]
        assert [tool["name"] for tool in tools] == ["get_order", "read_more"]
        assert "cannot be reached" in (await agent.call("get_order")).text
        server.process.send_signal(signal.SIGTERM)
        ended = await server.ended()
    assert ended.code == 0
    assert "Traceback" not in ended.err
    assert "alembic" not in ended.err
    (entry,) = await bare.book("acme")
    assert (entry["what"], entry["refusal"], entry["units"]) == ("get_order", "upstream_unreachable", 0)
    assert secret not in json.dumps(entry)
    assert await bare.verified()


async def test_a_configuration_is_used_from_anywhere(here: Place, tmp_path: Path) -> None:
    """`-c` and FREEHOLD_CONFIG name the file from another folder, and what lies beside it is found beside it."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    config = str(here.folder / "freehold.toml")
    away, named = Place(elsewhere, {}), Place(elsewhere, {"FREEHOLD_CONFIG": config})
    expected = await listed(here, "tenant", "list")
    assert await listed(away, "tenant", "list", "-c", config) == expected
    assert await listed(named, "tenant", "list") == expected
    assert await named.done("source", "refresh", "api") == "api offers 1 tool (release 1).\n"
    assert list(elsewhere.iterdir()) == []
    refused(await Place(elsewhere, {"FREEHOLD_CONFIG": "nowhere.toml"}).run("tenant", "list"), "There is no nowhere.toml.")


async def test_python_tools_beside_the_configuration_are_served(bare: Place, tmp_path: Path) -> None:
    """`python = "module:name"` finds a module that lies beside freehold.toml, wherever the command is run."""
    (bare.folder / "shop.py").write_text(
        "from freehold import Freehold\napp = Freehold()\n\n@app.tool(read_only=True)\ndef hello() -> str:\n    return 'hello'\n"
    )
    (bare.folder / "freehold.toml").write_text('[sources.shop]\npython = "shop:app"\n')
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    away = Place(elsewhere, {**bare.variables, "FREEHOLD_CONFIG": str(bare.folder / "freehold.toml")})
    await away.done("tenant", "create", "acme")
    token = (await away.done("token", "mint", "--tenant", "acme", "--user", "ann")).strip()
    assert (await listed(away, "doctor"))["source shop"] == "ok"
    async with away.serving() as server, http() as session:
        assert "hello" in (await Agent(session, server.url, token).call("hello")).text


# init


async def test_init_says_what_comes_next_in_words_a_shell_takes(bare: Place) -> None:
    """The printed steps are commands that work as they stand, also for a folder with a space in its name."""
    said = await bare.done("init", "--openapi", "orders.json", "new folder")
    steps = [line.strip() for line in said.splitlines()[2:]]
    assert steps[0] == "cd 'new folder' && freehold tenant create acme --plan pro"
    words = shlex.split(steps[0].partition(" && ")[2])
    inside = Place(bare.folder / "new folder", bare.variables)
    for step in (words, shlex.split(steps[1])):
        await inside.done(*step[1:])
    assert steps[2] == "freehold serve"
    assert 'openapi = "' + str(bare.folder.resolve() / "orders.json") + '"' in (inside.folder / "freehold.toml").read_text()


async def test_init_keeps_what_is_there_and_writes_nothing_it_cannot_stand_for(bare: Place) -> None:
    """A document that does not import, a name that is none and a folder that is a file leave no freehold.toml; one that is there stays."""
    (bare.folder / "page.html").write_text("<html>")
    refused(await bare.run("init", "--openapi", "page.html"), "it is a web page")
    refused(await bare.run("init", "--openapi", "nowhere.json"), "nowhere.json cannot be read (No such file or directory)")
    refused(await bare.run("init", "--openapi", "orders.json", "--base-url", "nonsense"), "is not an http or https URL")
    refused(await bare.run("init", "--openapi", "http://127.0.0.1:99999/x"), "could not be fetched (address_refused)")
    refused(await bare.run("init", "--openapi", "orders.json", "--name", "My API"), "cannot be a source's name", 2)
    refused(await bare.run("init", "--openapi", "orders.json", "page.html"), "page.html/freehold.toml cannot be written")
    refused(await bare.run("init"), "Missing option '--openapi'", 2)
    assert sorted(path.name for path in bare.folder.iterdir()) == ["orders.json", "page.html"]
    await bare.done("init", "--openapi", "orders.json")
    before = (bare.folder / "freehold.toml").read_bytes()
    refused(await bare.run("init", "--openapi", "orders.json"), "freehold.toml is already there. Add another API")
    assert (bare.folder / "freehold.toml").read_bytes() == before


async def test_a_document_with_any_name_can_be_named(bare: Place) -> None:
    """Quotes, backslashes, other alphabets and emoji in a document's path survive the way through freehold.toml."""
    name = 'a "quoted" \\ naïve 注文 \U0001f600.json'
    (bare.folder / name).write_text(json.dumps(ORDERS))
    await bare.done("init", "--openapi", name)
    (source,) = await listed(bare, "source", "list")
    assert source["from"] == str(bare.folder.resolve() / name)
    assert await bare.done("source", "refresh", "api") == "api offers 1 tool (release 1).\n"


async def test_init_from_a_url_opens_the_document_and_the_api(bare: Place, on_the_web: str) -> None:
    """The host of the document and that of the API, two ports here, are both on the allow-list, so that serving works at once."""
    await bare.done("init", "--openapi", on_the_web)
    text = (bare.folder / "freehold.toml").read_text()
    host = on_the_web.removeprefix("http://").partition("/")[0]
    assert f'outbound_allow = ["127.0.0.1:9", "{host}"]' in text
    assert f'openapi = "{on_the_web}"' in text
    async with bare.serving():
        pass
    (source,) = await listed(bare, "source", "list")
    assert len(source["digest"]) == 12
    assert aged(source["read"]) < timedelta(minutes=1)


# doctor, migrate, and the commands as such


async def test_doctor_names_every_part_and_changes_nothing(bare: Place) -> None:
    """Before the first start all is well and nothing is made; then each part is named, and one that fails makes the exit code 1."""
    await bare.done("init", "--openapi", "orders.json")
    assert await listed(bare, "doctor") == {
        "settings": "ok",
        "database": "ok, none yet: the first start makes it",
        "state": "ok",
        "source api": "ok",
    }
    assert not (bare.folder / ".freehold").exists()
    await bare.done("tenant", "list")
    assert await listed(bare, "doctor") == dict.fromkeys(["settings", "database", "schema", "master key", "state", "source api"], "ok")
    (bare.folder / "orders.json").write_text("<html>")
    broken = Place(bare.folder, {**bare.variables, "FREEHOLD_STATE_URL": "redis://127.0.0.1:9"})
    finished = await broken.run("doctor", "--json")
    assert finished.code == 1
    said = json.loads(finished.out)
    assert "it is a web page" in said["source api"]
    assert said["state"] not in {"", "ok"}
    assert said["database"] == "ok"
    assert "Traceback" not in finished.err
    lines = (await broken.run("doctor")).out.splitlines()
    assert {line.split("  ")[0] for line in lines} == set(said)


async def test_migrate_may_be_run_again_and_refuses_a_newer_database(bare: Place) -> None:
    """It says where the schema stands, twice the same; a database of a newer Freehold is left alone; a folder that is a file is named."""
    (bare.folder / "freehold.toml").write_text("")
    for _ in range(2):
        assert await bare.done("migrate") == f"The schema is up to date ({HEAD}).\n"
    with sqlite3.connect(bare.folder / ".freehold" / "freehold.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    refused(await bare.run("migrate"), "it was made by a newer Freehold. Install that version")
    refused(await bare.run("tenant", "list"), "it was made by a newer Freehold.")
    (bare.folder / "freehold.toml").write_text('data_dir = "orders.json/data"\n')
    for command in (["migrate"], ["tenant", "list"]):
        refused(await bare.run(*command), "cannot be made (Not a directory). Set data_dir")


async def test_a_command_that_is_none_is_a_misuse(bare: Place) -> None:
    """Unknown commands and options exit 2 with the usage; --version and --help exit 0; groups list what they have."""
    for words in (["no-such"], ["tenant", "no-such"], ["tenant", "list", "--no-such"], ["key", "list"], ["serve", "--port", "65536"]):
        finished = await bare.run(*words)
        assert finished.code == 2, words
        assert finished.err.startswith("Usage: ")
        assert "Traceback" not in finished.err
    assert re.fullmatch(r"freehold \d+\.\d+\.\d+\n", await bare.done("--version"))
    said = await bare.done("--help")
    assert all(command in said for command in ("demo", "init", "serve", "migrate", "doctor", "tenant", "key", "token", "source", "ledger"))
    assert sorted(path.name for path in bare.folder.iterdir()) == ["orders.json"]

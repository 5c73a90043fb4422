"""The commands about customers: tenants, keys, tokens and the book, what they print once or never, and how they say no."""

import asyncio
import csv
import json
import os
import re
import sqlite3
import sys
from datetime import timedelta

import pytest

from freehold.kit.jose import parse
from tests.operators import aged, all_refused, listed, refused
from tests.processes import Place

pytestmark = pytest.mark.anyio

SECRET = re.compile(r"mcp_(?:live|test)_[0-9A-Za-z]{65}")


# tenants


async def test_tenants_are_created_listed_shown_suspended_and_resumed(here: Place) -> None:
    """Each command says what it did, in lines or as JSON, and what is not possible in one sentence."""
    both = await listed(here, "tenant", "list")
    assert [(one["tenant"], one["name"], one["plan"], one["status"]) for one in both] == [
        ("acme", "Acme Ltd.", "pro", "active"),
        ("globex", "globex", "free", "active"),
    ]
    assert all(aged(one["created"]) < timedelta(minutes=1) for one in both)
    table = (await here.done("tenant", "list")).splitlines()
    assert table[0].split() == ["tenant", "name", "plan", "status", "created"]
    assert table[1].split()[:5] == ["acme", "Acme", "Ltd.", "pro", "active"]
    assert await here.done("tenant", "suspend", "acme") == "acme is suspended.\n"
    assert (await listed(here, "tenant", "show", "acme"))["status"] == "suspended"
    assert await here.done("tenant", "resume", "acme") == "acme is active.\n"
    assert "status   active" in await here.done("tenant", "show", "acme")
    refused(await here.run("tenant", "create", "acme"), "There is already a tenant acme.")
    refused(await here.run("tenant", "create", "Bad Id"), "'Bad Id' cannot be a tenant id. Use 1 to 63 of")
    refused(await here.run("tenant", "create", "initech", "--plan", "gold"), "There is no plan gold. Use one of: free, pro, enterprise.")
    unknown = "There is no tenant nobody. See `freehold tenant list`."
    await all_refused(here, unknown, *(["tenant", command, "nobody"] for command in ("show", "suspend", "resume")))
    refused(await here.run("tenant", "create", "evil", "--name", "\x1b[31mred"), "A tenant's name is 0 to 100 printable", 2)
    assert await listed(here, "tenant", "list") == [{**both[0]}, both[1]]


async def test_empty_listings_say_how_to_begin(bare: Place) -> None:
    """Where there is nothing yet, people read what to do, and programs an empty list."""
    (bare.folder / "freehold.toml").write_text("port = 0\n")
    assert "freehold tenant create NAME" in await bare.done("tenant", "list")
    assert "freehold source add NAME" in await bare.done("source", "list")
    assert await listed(bare, "tenant", "list") == []
    assert await listed(bare, "source", "list") == []
    await bare.done("tenant", "create", "acme")
    assert "freehold key create --tenant acme" in await bare.done("key", "list", "--tenant", "acme")
    assert await listed(bare, "key", "list", "--tenant", "acme") == []


# users


async def test_users_are_added_listed_changed_and_removed(here: Place) -> None:
    """The password comes on standard input and is printed nowhere; each command says what it did, or no in one sentence."""
    add, password = ("user", "add", "ana@acme.example", "--tenant", "acme"), "correct horse battery"
    said = await here.done(*add, "--role", "owner", "--role", "auditor", typed=f"{password}\n")
    assert "auditor owner" in said
    assert password not in said
    every = ("user", "list", "--tenant", "acme")
    assert [(one["user"], one["roles"]) for one in await listed(here, *every)] == [("ana@acme.example", ["auditor", "owner"])]
    await here.done(*add, "--keep-password")
    assert [one["roles"] for one in await listed(here, *every)] == [["member"]]
    assert await listed(here, "user", "list", "--tenant", "globex") == []
    assert "freehold user add NAME --tenant globex" in await here.done("user", "list", "--tenant", "globex")
    refused(await here.run(*add, typed="short\n"), "This cannot be a password: it has 5 characters. Choose one of 12 to 256 characters.")
    new = ("user", "add", "bo@acme.example", "--tenant", "acme")
    refused(await here.run(*new, "--keep-password"), "This cannot be a password: this person is new here and has none yet.")
    refused(await here.run("user", "add", "Bo Acme", "--tenant", "acme", typed=f"{password}\n"), "'Bo Acme' cannot be a user's name.")
    refused(await here.run(*new, "--role", "big boss", typed=f"{password}\n"), "'big boss' cannot be a role.")
    gone = await here.done("user", "remove", "ana@acme.example", "--tenant", "acme")
    assert gone == "ana@acme.example is no member of acme any more; 0 connected agents are cut off.\n"
    refused(await here.run("user", "remove", "ana@acme.example", "--tenant", "acme"), "Tenant acme has no user ana@acme.example.")
    nobody = ("--tenant", "nobody")
    await all_refused(here, "There is no tenant nobody.", ["user", "list", *nobody], ["user", "remove", "ana@acme.example", *nobody])
    book = await here.done("ledger", "export", "--tenant", "acme")
    assert [json.loads(line)["what"] for line in book.splitlines()][-3:] == ["user.added", "user.added", "user.removed"]
    assert password not in book


# keys


async def test_a_keys_secret_is_shown_once(here: Place) -> None:
    """The secret is in the answer of `create` and nowhere afterwards: in no listing, not in the book, nor in the database (KEY-03)."""
    made = await listed(here, "key", "create", "--tenant", "acme", "--name", "ci", "--scope", "mcp:read", "--scope", "mcp:write", "--test")
    secret = made.pop("secret")
    assert secret.startswith("mcp_test_")
    shown = await here.run("key", "create", "--tenant", "acme")
    (other,) = SECRET.findall(shown.out)
    assert "cannot be shown again" in shown.err
    keys = await listed(here, "key", "list", "--tenant", "acme")
    assert keys[0] == made
    assert (made["scopes"], made["tools"], made["mode"], made["expires"], made["revoked"]) == (
        ["mcp:read", "mcp:write"],
        None,
        "test",
        None,
        None,
    )
    assert (keys[1]["name"], keys[1]["scopes"], keys[1]["mode"]) == ("", ["mcp:read"], "live")
    later = json.dumps(keys) + await here.done("key", "list", "--tenant", "acme") + await here.done("ledger", "export", "--tenant", "acme")
    stored = b"".join(path.read_bytes() for path in (here.folder / ".freehold").iterdir())
    for one in (secret, other):
        body = one[9 + 26 : -6]
        assert body not in later
        assert body.encode() not in stored
    assert not SECRET.search(later)
    assert await listed(here, "key", "list", "--tenant", "globex") == []


async def test_a_key_is_bound_listed_and_rotated(here: Place) -> None:
    """What a key is bound to is listed and passed on to its successor; the old one is shown to end, and its secret is not shown again."""
    bounds = ["--service", "billing", "--network", "192.0.2.0/24", "--network", "2001:db8::/32", "--per-minute", "60"]
    made = await listed(here, "key", "create", "--tenant", "acme", "--name", "ci", "--expires", "90d", *bounds)
    assert (made["service"], made["networks"], made["per_minute"]) == ("billing", ["192.0.2.0/24", "2001:db8::/32"], 60)
    assert (made["state"], made["last_used"]) == ("active", None)
    rotated = await here.run("key", "rotate", made["key"], "--tenant", "acme", "--overlap", "36h", "--json")
    successor = json.loads(rotated.out)
    assert successor.pop("secret") not in (made["secret"], "")
    old, new = await listed(here, "key", "list", "--tenant", "acme")
    assert new == successor
    assert {name for name in made if name != "secret" and made[name] != new[name]} <= {"key", "created", "expires"}
    assert (old["key"], old["state"], new["state"]) == (made["key"], "ends in 35 hours", "active")
    shown = await here.run("key", "rotate", new["key"], "--tenant", "acme")
    assert SECRET.search(shown.out)
    assert "cannot be shown again" in shown.err
    refused(await here.run("key", "rotate", made["key"], "--tenant", "globex"), f"Tenant globex has no key {made['key']}.")
    await here.done("key", "revoke", made["key"], "--tenant", "acme")
    refused(await here.run("key", "rotate", made["key"], "--tenant", "acme"), f"Key {made['key']} of tenant acme has ended.")
    create = ["key", "create", "--tenant", "acme"]
    refused(await here.run(*create, "--network", "192.0.2.1/24"), "'192.0.2.1/24' is not a network.")
    refused(await here.run(*create, "--service", "Billing"), "'Billing' cannot be a service account.")
    assert len(await listed(here, "key", "list", "--tenant", "acme")) == 3


async def test_a_key_lives_as_long_as_was_said_and_ends_when_revoked(here: Place) -> None:
    """`--expires 90d` is ninety days, `--tool` bounds what it may call, and a revoked key is listed with the time."""
    made = await listed(here, "key", "create", "--tenant", "acme", "--expires", "90d", "--tool", "get_order", "--tool", "other")
    assert abs(aged(made["expires"]) - timedelta(days=90)) < timedelta(minutes=1)
    assert made["tools"] == ["get_order", "other"]
    assert await here.done("key", "revoke", made["key"], "--tenant", "acme") == f"{made['key']} is revoked.\n"
    (key,) = await listed(here, "key", "list", "--tenant", "acme")
    assert aged(key["revoked"]) < timedelta(minutes=1)
    refused(await here.run("key", "revoke", made["key"], "--tenant", "globex"), f"Tenant globex has no key {made['key']}.")
    refused(await here.run("key", "create", "--tenant", "nobody"), "There is no tenant nobody.")
    refused(await here.run("key", "create", "--tenant", "acme", "--scope", "a b"), "'a b' cannot be a scope.")
    create = ["key", "create", "--tenant", "acme"]
    lives = [[*create, f"--expires={wrong}"] for wrong in ("90", "0d", "-1d", "1w", "1.5h", "", "9999999d")]
    await all_refused(here, "is not a duration. Write a number and s, m, h or d", *lives, code=2)
    names = [[*create, "--name", wrong] for wrong in ("two\nlines", "\x1b[31mred", "x" * 101)]
    await all_refused(here, "A key's name is 0 to 100 printable characters", *names, code=2)
    assert len(await listed(here, "key", "list", "--tenant", "acme")) == 1


# tokens


async def test_a_minted_token_says_what_was_asked(here: Place) -> None:
    """Tenant, user, scopes, tools, data scope and life are in the token; the default is ten minutes of reading."""
    plain = (await here.done("token", "mint", "--tenant", "acme", "--user", "ann")).strip()
    claims = parse(plain).claims()
    assert (claims["tenant_id"], claims["sub"], claims["scope"]) == ("acme", "ann", "mcp:read")
    assert claims["exp"] - claims["iat"] == 600
    assert not {"allowed_tools", "data_scope"} & set(claims)
    words = ["--scope", "mcp:write", "--tool", "get_order", "--data-scope", "region=eu", "--expires", "24h"]
    made = await listed(here, "token", "mint", "--tenant", "globex", "--user", "bob", *words)
    assert (made["token_type"], made["expires_in"]) == ("Bearer", 86_400)
    claims = parse(made["access_token"]).claims()
    assert (claims["tenant_id"], claims["scope"], claims["allowed_tools"], claims["data_scope"]) == (
        "globex",
        "mcp:write",
        ["get_order"],
        "region=eu",
    )
    assert claims["exp"] - claims["iat"] == 86_400


async def test_a_token_that_nobody_would_take_is_not_minted(here: Place) -> None:
    """Too long a life, an unprintable or empty user and an unknown tenant are refused, and no deed is recorded."""
    mint = ["token", "mint", "--tenant", "acme", "--user"]
    refused(await here.run(*mint, "ann", "--expires", "2d"), "'2d' is too long. A token lives at most 24h", 2)
    users = [[*mint, user] for user in ("", "two\nlines", "x" * 256)]
    await all_refused(here, "A user is 1 to 255 printable characters", *users, code=2)
    refused(await here.run(*mint, "ann", "--data-scope", "a\nb"), "A data scope is 0 to 255 printable characters", 2)
    refused(await here.run("token", "mint", "--tenant", "nobody", "--user", "ann"), "There is no tenant nobody.")
    assert "token.minted" not in await here.done("ledger", "export", "--tenant", "acme")


# the book


async def test_the_book_is_exported_for_people_and_programs(here: Place) -> None:
    """JSON lines carry values as they are, CSV quotes what a spreadsheet would run; no other tenant is in either (INJ-16)."""
    evil = "=cmd|' /C calc'!A0"
    await here.done("token", "mint", "--tenant", "acme", "--user", evil)
    await here.done("token", "mint", "--tenant", "globex", "--user", "canary")
    lines = [json.loads(line) for line in (await here.done("ledger", "export", "--tenant", "acme")).splitlines()]
    assert [(line["what"], line["on_what"]) for line in lines] == [("tenant.created", "acme"), ("token.minted", evil)]
    rows = list(csv.DictReader((await here.done("ledger", "export", "--tenant", "acme", "--format", "csv")).splitlines()))
    assert [row["on_what"] for row in rows] == ["acme", f"'{evil}"]
    assert {row["tenant_id"] for row in rows} == {"acme"}
    assert not any(value.startswith(("=", "+", "-", "@")) for row in rows for value in row.values())
    refused(await here.run("ledger", "export", "--tenant", "nobody"), "There is no tenant nobody.")
    refused(await here.run("ledger", "export", "--tenant", "acme", "--format", "xml"), "'xml' is not one of", 2)


async def test_a_reader_that_stops_early_is_no_fault(here: Place) -> None:
    """`freehold ledger export | head` ends quietly when head has seen enough."""
    read, write = os.pipe()
    command = [sys.executable, "-m", "freehold", "ledger", "export", "--tenant", "acme"]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=here.folder, env=here.environment, stdout=write, stderr=asyncio.subprocess.PIPE
    )
    os.close(write)
    os.close(read)
    _, err = await process.communicate()
    assert b"Traceback" not in err
    assert b"Exception" not in err


async def test_a_changed_entry_is_found(here: Place) -> None:
    """`ledger verify` counts what it checked; after one byte of one entry was changed it exits 1 and names where (VA-01)."""
    whole = await listed(here, "ledger", "verify")
    assert whole == {"verified": True, "entries": 2, "blocks": 2, "writers": 2}
    assert "verified  True" in await here.done("ledger", "verify")
    with sqlite3.connect(here.folder / ".freehold" / "freehold.db") as book:
        assert book.execute("UPDATE ledger_entries SET subject = 'nobody' WHERE tenant_id = 'acme'").rowcount == 1
    book.close()
    finished = await here.run("ledger", "verify", "--json")
    assert finished.code == 1
    found = json.loads(finished.out)
    assert found["verified"] is False
    assert found["fault"]
    assert "Traceback" not in finished.err

"""A process is killed while it writes: what it had acknowledged is in the book, once (law 2)."""

import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from freehold.domains.ledger.book import Book
from freehold.kit.db import Database
from tests import entries

pytestmark = pytest.mark.anyio

_PROGRAM = Path(__file__).with_name("write_until_killed.py")
_ROOT = Path(entries.__file__).parent.parent
_ROUNDS = {"sqlite": 6, "postgresql": 3}


def _acknowledged_until_killed(url: str, after: int) -> list[str]:
    """Ids the process said before it was killed, which happens as soon as it has said so many."""
    environment = {**os.environ, "PYTHONPATH": f"{_ROOT / 'src'}{os.pathsep}{_ROOT}"}
    with subprocess.Popen([sys.executable, _PROGRAM, url], stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(after)]
        process.kill()
        said += process.stdout.readlines()
    assert process.returncode == -9
    return [line.decode().rstrip("\n") for line in said if line.endswith(b"\n")]


async def test_a_kill_at_any_moment_loses_and_doubles_nothing_acknowledged(db: Database, database_url: str) -> None:
    """After each SIGKILL under load every acknowledged id is in the book exactly once, and the book holds (BILL-03)."""
    chance = random.Random(7)  # noqa: S311  picks moments, keeps no secret
    acknowledged: list[str] = []
    book = Book(db)
    rounds = _ROUNDS[db.dialect]
    for _ in range(rounds):
        acknowledged += _acknowledged_until_killed(database_url, chance.randint(1, 900))
    written = Counter(line["id"] for line in await entries.exported(book, "acme"))
    assert [one for one in acknowledged if written[one] != 1] == []
    assert max(written.values()) == 1
    found = await book.verify()
    assert (found.fault, found.writers, found.entries) == (None, rounds, written.total())

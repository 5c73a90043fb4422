"""A database by URL: which URLs work, and that nothing is opened or loaded before the first use."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from freehold.kit.db import connect
from freehold.kit.errors import Misconfigured


@pytest.mark.parametrize(
    "url",
    [
        "",
        "freehold.db",
        "sqlite://",
        "sqlite:///:memory:",
        "mysql://u:hunter2@h/d",
        "postgresql+psycopg://u:hunter2@h/d",
        "redis://h",
        "http://[",
    ],
)
def test_a_url_that_cannot_work_is_refused(url: str) -> None:
    """Another scheme, another driver or a database in memory is refused before anything is opened, without repeating the URL."""
    with pytest.raises(Misconfigured) as refused:
        connect(url)
    assert "sqlite:///freehold.db" in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_connecting_opens_nothing(tmp_path: Path) -> None:
    """`connect` makes no file and loads no driver; importing the database loads neither drivers nor Alembic."""
    program = (
        "import sys; from freehold.kit.db import connect; from freehold.kit import migrate\n"
        f"connect('sqlite:///{tmp_path}/freehold.db'), connect('postgresql://nobody@192.0.2.1/x')\n"
        "print(sorted({'aiosqlite', 'asyncpg', 'alembic', 'psycopg'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": "src"}
    )
    assert done.stdout == "[]\n"
    assert list(tmp_path.iterdir()) == []


def test_relative_and_absolute_files() -> None:
    """Three slashes are relative, four absolute, as everywhere."""
    assert connect("sqlite:///data/freehold.db").sqlite_path == Path("data/freehold.db")
    assert connect("sqlite:////data/freehold.db").sqlite_path == Path("/data/freehold.db")
    assert connect("postgresql://u@h/d").sqlite_path is None

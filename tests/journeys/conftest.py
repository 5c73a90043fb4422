"""Folders in which commands are run, and a document on a web server."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response

from tests.operators import ORDERS
from tests.processes import Place
from tests.served import listening


@pytest.fixture
def bare(tmp_path: Path) -> Place:
    """A folder with an API's document and nothing of ours yet; servers take a free port."""
    folder = tmp_path / "my API"
    folder.mkdir()
    (folder / "orders.json").write_text(json.dumps(ORDERS))
    return Place(folder, {"FREEHOLD_PORT": "0", "COLUMNS": "300"})


@pytest.fixture
async def here(bare: Place) -> Place:
    """The same after `freehold init`, with the tenants acme and globex."""
    await bare.done("init", "--openapi", "orders.json")
    await bare.done("tenant", "create", "acme", "--plan", "pro", "--name", "Acme Ltd.")
    await bare.done("tenant", "create", "globex")
    return bare


@pytest.fixture
async def on_the_web() -> AsyncIterator[str]:
    """The document on a loopback server of its own; its URL."""

    async def page(scope: Any, receive: Any, send: Any) -> None:
        await Response(json.dumps(ORDERS))(scope, receive, send)

    async with listening(page, lifespan="off") as url:
        yield f"{url}/orders.json"

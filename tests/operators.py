"""What the tests of the commands share: an API's document, and how a command is held to its words."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.documents import document
from tests.processes import Finished, Place

GET = {"operationId": "getOrder", "responses": {"200": {"description": "ok"}}}
ORDERS = document({"/orders": {"get": GET}}, servers=[{"url": "http://127.0.0.1:9/v1"}])


def refused(finished: Finished, sentence: str, code: int = 1) -> None:
    """Assert that it said no in one line on standard error, without a traceback, and printed nothing else."""
    assert finished.code == code, finished
    assert "Traceback" not in finished.err
    assert finished.out == ""
    if code == 1:
        assert finished.err.startswith("freehold: ")
        assert finished.err.count("\n") == 1, finished.err
    said = " ".join(re.sub(r"[│╭╮╰╯─\s]+", " ", finished.err).split())
    assert sentence in said, finished.err


async def all_refused(place: Place, sentence: str, *commands: list[str], code: int = 1) -> None:
    """Assert it of each command, run side by side."""
    for finished in await asyncio.gather(*(place.run(*words) for words in commands)):
        refused(finished, sentence, code)


async def listed(place: Place, *words: str) -> Any:
    """What a command prints as JSON."""
    return json.loads(await place.done(*words, "--json"))


def aged(text: str) -> timedelta:
    """How long ago, or until, a printed moment is."""
    return abs(datetime.now(UTC) - datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC))

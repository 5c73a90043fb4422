"""One replica's sources, put together as the roof does, and a web server whose one document a test changes."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from freehold.adapters.state_memory import MemoryState
from freehold.core.refusals import Refusal
from freehold.domains.sources.fetch import Documents
from freehold.domains.sources.functions import Functions
from freehold.domains.sources.load import Loader
from freehold.domains.sources.port import Source
from freehold.domains.sources.specs import OpenApiSpec
from freehold.kit.changes import Changes
from freehold.kit.db import Database
from freehold.kit.outbound import GuardedClient
from freehold.roster import InProcessApi, NamedSource, Roster
from tests.clocks import HandClock
from tests.documents import document
from tests.served import listening

OK = {"responses": {"200": {"description": "ok"}}}


def of(*operations: str) -> bytes:
    """A document of GET operations with these ids."""
    return json.dumps(document({f"/{name}": {"get": {**OK, "operationId": name}} for name in operations})).encode()


@dataclass
class Published:
    """A web server with one document, which the test changes; `meanwhile` runs before each answer."""

    body: bytes = b""
    status: int = 200
    asked: int = 0
    url: str = ""
    meanwhile: Callable[[], Any] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer with the document."""
        self.asked += 1
        assert Request(scope).headers.get("authorization") is None
        if self.meanwhile is not None:
            await self.meanwhile()
        moved = {"location": f"{self.url}/elsewhere"} if self.status == 302 else {}
        await Response(self.body, self.status, moved)(scope, receive, send)


@dataclass
class House:
    """One replica's sources over a database."""

    documents: Documents
    loader: Loader
    changes: Changes
    clock: HandClock
    outbound: GuardedClient
    heard: int = 0
    sources: list[Sequence[Source]] = field(default_factory=list)
    """Everything a roster of this house offered, one after another."""

    def roster(
        self, *named: NamedSource, functions: Sequence[Functions] = (), apis: Sequence[InProcessApi] = (), folder: Path = Path()
    ) -> Roster:
        """A roster of these sources; what it offers is kept as lists of tool names."""
        by_name = {spec.name: spec for spec in named}
        return Roster(
            self.loader,
            self.documents,
            named=by_name,
            functions=functions,
            apis=apis,
            offer=self.sources.append,
            cap=1_000_000,
            folder=folder,
        )

    @property
    def offered(self) -> list[list[str]]:
        """The names of the tools in each offer."""
        return [[tool.name for source in offer for tool in source.tools] for offer in self.sources]


@asynccontextmanager
async def replica(db: Database, *allowed: str) -> AsyncIterator[House]:
    """A process of its own over the database."""
    clock = HandClock()
    outbound = GuardedClient(allowed)
    changes = Changes(db, MemoryState(clock), poll_seconds=3600)
    documents = Documents(db, outbound, changes, clock)
    house = House(documents, Loader(documents, outbound, seconds=5, cap=1_000_000), changes, clock, outbound)

    def hear() -> None:
        house.heard += 1

    changes.watch(hear)
    yield house
    await outbound.close()


@asynccontextmanager
async def on_the_web(db: Database) -> AsyncIterator[tuple[Published, House, OpenApiSpec]]:
    """A document on a web server, a replica that may reach it, and its specification."""
    page = Published(of("one"))
    async with listening(page, lifespan="off") as url, replica(db, url.removeprefix("http://")) as made:
        page.url = url
        yield page, made, OpenApiSpec(name="shop", location=f"{url}/openapi.json")


async def why(work: Any) -> str:
    """The refusal's two sentences."""
    with pytest.raises(Refusal) as refused:
        await work
    assert refused.value.code == "document_invalid"
    return str(refused.value)

"""An API that keeps every request it got, and its OpenAPI document: what stands behind a served process."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.hostile import Line, Upstream, upstream, whole

_MARKED = b"GET /things/"


class Things:
    """`GET /things/{mark}`, answered at once unless `hold` was called."""

    def __init__(self) -> None:
        """Answering."""
        self._open = asyncio.Event()
        self._open.set()
        self.up: Upstream

    def hold(self) -> None:
        """Take requests and answer none until `release`."""
        self._open.clear()

    def release(self) -> None:
        """Answer those held and those to come."""
        self._open.set()

    def asked(self) -> Counter[str]:
        """How often each mark was asked for."""
        return Counter(_mark(request) for request in self.up.requests)

    def tokens(self) -> list[str]:
        """The service token of each request."""
        lines = b"".join(self.up.requests).decode().split("\r\n")
        return [line.rpartition(" ")[2] for line in lines if line.lower().startswith("authorization: bearer ")]

    async def answer(self, line: Line) -> None:
        """One connection."""
        while request := await line.request():
            await self._open.wait()
            await line.write(whole(json.dumps({"mark": _mark(request)}).encode(), b"Content-Type: application/json"))


@asynccontextmanager
async def things(folder: Path) -> AsyncIterator[tuple[Things, str]]:
    """The API on a free port, its document in the folder, and the lines of freehold.toml that offer it as `get_thing`."""
    api = Things()
    async with upstream(api.answer) as api.up:
        (folder / "things.json").write_text(json.dumps(_document(api.up.origin)))
        yield api, f'outbound_allow = ["127.0.0.1:{api.up.port}"]\n[sources.things]\nopenapi = "things.json"\n'


def _document(origin: str) -> dict[str, object]:
    mark = {"name": "mark", "in": "path", "required": True, "schema": {"type": "string"}}
    get = {"operationId": "getThing", "parameters": [mark], "responses": {"200": {"description": "the thing"}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Things", "version": "1"},
        "servers": [{"url": origin}],
        "paths": {"/things/{mark}": {"get": get}},
    }


def _mark(request: bytes) -> str:
    return request.removeprefix(_MARKED).partition(b" ")[0].decode()

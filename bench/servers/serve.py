"""How every server under test is served: uvicorn with uvloop and httptools, one process, no access log, a free port.

The peers get the same footing as Freehold. Once the app has started, one line of JSON says the port and what else a client needs."""

import asyncio
import json
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

BACKLOG = 2048


def listener() -> socket.socket:
    """A listening socket on a free port of loopback."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", 0))
    bound.listen(BACKLOG)
    return bound


async def nothing() -> dict[str, Any]:
    """What a client of an open server needs to know beside the port."""
    return {}


def serve(
    app: Callable[..., Awaitable[Any]],
    bound: socket.socket | None = None,
    *,
    facts: Callable[[], Awaitable[dict[str, Any]]] = nothing,
    http: Any = "httptools",
) -> None:
    """Serve an ASGI app on loopback until the process is ended; `facts` are asked for when it has started."""
    config = uvicorn.Config(app, loop="uvloop", http=http, access_log=False, log_level="error", lifespan="auto", proxy_headers=False)
    server = uvicorn.Server(config)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn raises it again when it has drained: leave by the front door
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_announce(server, bound or listener(), facts))


async def _announce(server: uvicorn.Server, bound: socket.socket, facts: Callable[[], Awaitable[dict[str, Any]]]) -> None:
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    while not server.started and not serving.done():  # noqa: ASYNC110  uvicorn has no event for this
        await asyncio.sleep(0.01)
    if server.started:
        print(json.dumps({"port": bound.getsockname()[1], **await facts()}), flush=True)
    await serving

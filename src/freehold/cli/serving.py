"""`freehold serve`: one uvicorn server around the application, drained on SIGTERM."""

import asyncio
import errno
import gc
import logging
import math
import signal
import socket
import sys
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

import typer

from freehold.app import Application, build
from freehold.cli.asking import REFUSED, settings_of
from freehold.core.refusals import Refusal
from freehold.kit.errors import Misconfigured, Unavailable
from freehold.kit.logs import configure

if TYPE_CHECKING:
    from uvicorn import Server

    from freehold.settings import Settings

_BACKLOG: Final = 2048
_COLLECTIONS: Final = (10_000, 20, 50)
"""How many new objects, small and middle collections make a collection of the next kind. A full one walks every open stream and cached
view, tens of milliseconds with thousands of them, and finds next to nothing: what a call makes is freed by counting."""
_LAST_WORDS: Final = 5.0
"""Seconds that calls cut off at the end of the drain have to write their entries and answers."""


def serve(config: Path | None, *, host: str | None, port: int | None) -> int:
    """Serve the configured sources; the exit code."""
    try:
        settings = settings_of(config, host=host, port=port)
        _note_other_address(config, settings)
        return listen(build(settings))
    except (Misconfigured, Unavailable, Refusal) as fault:
        typer.echo(f"freehold: {fault}", err=True)
        return REFUSED


def _note_other_address(config: Path | None, settings: "Settings") -> None:
    """Tokens minted beside a server that options moved would not be for it; a file that only the options make safe has no such tokens."""
    with suppress(Misconfigured):
        usual = settings_of(config).resource
        if settings.resource != usual:
            typer.echo(f"Access tokens of other commands are made out to {usual}; set port in freehold.toml. API keys work here.", err=True)


def listen(application: Application) -> int:
    """Listen until told to stop; 0 after a clean stop. A start that is refused raises `Misconfigured`, `Unavailable` or `Refusal`."""
    import uvicorn

    settings = application.settings
    configure(settings.log_level, sys.stderr)
    for vendor in ("uvicorn", "alembic"):
        logging.getLogger(vendor).setLevel(logging.WARNING)
    bound = bind(settings)
    config = uvicorn.Config(
        application.asgi,
        **connections(settings),
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=math.ceil(settings.drain_seconds),
        timeout_keep_alive=75,
        backlog=_BACKLOG,
    )
    application.on_ready(settle_memory)
    application.on_ready(lambda: typer.echo(f"Freehold serves {settings.resource} (listening on {_name(bound)}).", err=True))
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_until_told(application, uvicorn.Server(config), bound))
    return 0


def connections(settings: "Settings") -> dict[str, Any]:
    """How uvicorn is to take connections of either kind: with bounds."""
    from freehold.cli.heads import BoundedHeads, upgraded

    return {
        "http": BoundedHeads,
        "ws": upgraded,
        "proxy_headers": False,  # who calls is said by as many proxies as the settings name, not by whoever comes from this machine
        "ws_max_size": settings.body_cap,
        "ws_per_message_deflate": False,  # its windows would cost more memory than all else about a connection
    }


async def _until_told(application: Application, server: "Server", bound: socket.socket) -> None:
    """Start, serve, drain. A signal ends a start at once, for nothing was accepted yet; whoever serves already drains.

    Not by uvicorn's lifespan, which would turn the reason of a refused start into a log line.
    """
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        starting = loop.create_task(stack.enter_async_context(application.running()))
        leave = server.handle_exit

        def told(sig: int, frame: FrameType | None) -> None:
            leave(sig, frame)  # uvicorn's own; it raises the signal again when it has drained
            loop.call_soon_threadsafe(starting.cancel)
            loop.call_soon_threadsafe(application.drain)

        server.handle_exit = told  # while it serves uvicorn answers signals itself, with this
        signal.signal(signal.SIGTERM, told)
        signal.signal(signal.SIGINT, told)
        with suppress(asyncio.CancelledError):
            await starting
            await server.serve(sockets=[bound])
            if cut_off := server.server_state.tasks:
                await asyncio.wait(cut_off, timeout=_LAST_WORDS)


def settle_memory() -> None:
    """What the start made lives as long as the process: full collections need not walk it again, which would hold up every call."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTIONS)


def bind(settings: "Settings") -> socket.socket:
    """The listening socket, or `Misconfigured` in words."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # with proto 0 asyncio leaves Nagle's delay on
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((settings.host, settings.port))
        bound.listen(_BACKLOG)  # at once: only now is the port ours alone, and who comes while we start waits instead of being refused
    except OSError as fault:
        bound.close()
        if fault.errno == errno.EADDRINUSE:
            raise Misconfigured(f"Port {settings.port} is in use. Stop what listens there, or choose another with --port.") from None
        raise Misconfigured(
            f"{settings.host}:{settings.port} cannot be listened on ({fault.strerror}). Choose another with --host and --port."
        ) from None
    return bound


def _name(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"{host}:{port}"

"""`freehold serve`: one uvicorn server around the application, drained on SIGTERM."""

import errno
import gc
import logging
import signal
import socket
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import typer

from freehold.app import Application, build
from freehold.cli.asking import REFUSED, settings_of
from freehold.kit.errors import Misconfigured
from freehold.kit.logs import configure

if TYPE_CHECKING:
    from freehold.settings import Settings


def serve(config: Path | None, *, host: str | None, port: int | None) -> int:
    """Serve the configured sources; the exit code."""
    try:
        settings = settings_of(config, host=host, port=port)
        return listen(build(settings))
    except Misconfigured as fault:
        typer.echo(f"freehold: {fault}", err=True)
        return REFUSED


def listen(application: Application) -> int:
    """Listen until told to stop; 0 after a clean stop, 1 when the start was refused."""
    import uvicorn

    settings = application.settings
    configure(settings.log_level, sys.stderr)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    bound = bind(settings)
    config = uvicorn.Config(
        application.asgi,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=int(settings.drain_seconds) or None,
        timeout_keep_alive=75,
        backlog=2048,
    )
    server = uvicorn.Server(config)
    application.on_ready(settle_memory)
    application.on_ready(lambda: typer.echo(f"Freehold serves {settings.resource} (listening on {_name(bound)}).", err=True))
    # uvicorn raises the signal again once it has drained; by then it has done its work
    signal.signal(signal.SIGTERM, _done)
    signal.signal(signal.SIGINT, _done)
    server.run(sockets=[bound])
    return 0 if server.started else REFUSED


def settle_memory() -> None:
    """What the start made lives as long as the process: full collections need not walk it again, which would hold up every call."""
    gc.collect()
    gc.freeze()


def _done(number: int, frame: FrameType | None) -> None:
    """The signal was obeyed already."""


def bind(settings: "Settings") -> socket.socket:
    """The listening socket, or `Misconfigured` in words."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # with proto 0 asyncio leaves Nagle's delay on
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((settings.host, settings.port))
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

"""`freehold stdio`: the same calls over standard input and output, for an agent on the developer's own machine."""

import asyncio
import logging
import math
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

import typer

from freehold.app import Application, build
from freehold.cli.asking import REFUSED, settings_of
from freehold.cli.pipes import Reader, Streams, Writer, claim
from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.domains.tenancy.model import checked_id
from freehold.kit.errors import Misconfigured, Unavailable
from freehold.kit.logs import configure
from freehold.web.stdio import StdioDoor

if TYPE_CHECKING:
    from freehold.settings import Settings

SCOPES: Final = ("mcp:read", "mcp:write")
"""What the local user may do when no scope is named."""


def speak(config: Path | None, *, tenant: str, user: str, scopes: list[str] | None) -> int:
    """Speak MCP until standard input ends or SIGTERM comes; the exit code."""
    streams = claim()
    try:
        settings = settings_of(config)
        configure(settings.log_level, sys.stderr)
        logging.getLogger("alembic").setLevel(logging.WARNING)
        asyncio.run(_speak(settings, streams, tenant, user, frozenset(scopes or SCOPES)))
    except (Misconfigured, Unavailable, Refusal) as fault:
        typer.echo(f"freehold: {fault}", err=True)
        return REFUSED
    return 0


async def _speak(settings: "Settings", streams: Streams, tenant: str, user: str, scopes: frozenset[str]) -> None:
    told = _signals()
    principal = await _local(settings, tenant, user, scopes)
    application = build(settings, local=principal, listens=False)
    async with application.running():
        typer.echo(f"Freehold speaks MCP on standard input and output, as {user} of {tenant}.", err=True)
        await _converse(application, principal, streams, told)


async def _converse(application: Application, principal: Principal, streams: Streams, told: asyncio.Event) -> None:
    """Until input ends or a signal comes; then what is open is answered, as long as a drain may take."""
    settings = application.settings
    door = StdioDoor(application.doors.table, principal, Writer(streams.taken).write, body_cap=settings.body_cap)
    hearing = asyncio.create_task(door.hear(Reader(streams.given, cap=settings.body_cap).lines()))
    telling = asyncio.create_task(told.wait())
    await asyncio.wait([hearing, telling], return_when=asyncio.FIRST_COMPLETED)
    application.drain()
    await door.finish(settings.drain_seconds)
    telling.cancel()
    if not hearing.cancel():
        hearing.result()


async def _local(settings: "Settings", tenant: str, user: str, scopes: frozenset[str]) -> Principal:
    """Who acts: on the tenant's plan if there is such a tenant, else on the default plan."""
    application = build(settings)
    async with application.opened():
        found = await application.tenants.find(checked_id(tenant))
    if found is not None and found.status != "active":
        raise Misconfigured(f"Tenant {tenant} is suspended. Let it in again with `freehold tenant resume {tenant}`.")
    return Principal(
        tenant=tenant,
        subject=user,
        client="stdio",
        credential="local:stdio",
        scopes=scopes,
        plan=settings.default_plan if found is None else found.plan,
        expires_at=math.inf,
    )


def _signals() -> asyncio.Event:
    """Set by SIGTERM and Ctrl-C."""
    loop, told = asyncio.get_running_loop(), asyncio.Event()

    def tell(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(told.set)

    signal.signal(signal.SIGTERM, tell)
    signal.signal(signal.SIGINT, tell)
    return told

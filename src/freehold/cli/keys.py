"""`freehold key`: a customer's API keys."""

import math
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from freehold.cli.asking import Config, Json, Tenant, one, opened, printable, rows, run
from freehold.cli.moments import counted, duration, moment

if TYPE_CHECKING:
    from freehold.domains.oauth.store import ApiKey

_LONGEST_NAME: Final = 100
_HOUR: Final = 3_600
_DAY: Final = 86_400
_SOON: Final = 7 * _DAY

app = typer.Typer(help="API keys: create, list, rotate, revoke.", no_args_is_help=True)


def _shown(key: "ApiKey", now: float) -> dict[str, Any]:
    return {
        "key": key.key_id,
        "name": key.name,
        "state": _state(key, now),
        "service": key.service,
        "scopes": sorted(key.scopes),
        "tools": None if key.tools is None else sorted(key.tools),
        "networks": None if key.networks is None else sorted(key.networks),
        "per_minute": key.per_minute,
        "mode": "test" if key.test else "live",
        "created": moment(key.created_at),
        "expires": moment(key.expires_at),
        "revoked": moment(key.revoked_at),
        "last_used": moment(key.last_used_at),
    }


def _state(key: "ApiKey", now: float) -> str:
    """One word, and for a key that is about to end how long it still has."""
    if key.revoked_at is not None:
        return "revoked"
    left = math.inf if key.expires_at is None else key.expires_at - now
    if left <= 0:
        return "expired"
    if left > _SOON:
        return "active"
    return f"ends in {counted(int(left // _HOUR), 'hour')}" if left < 2 * _DAY else f"ends in {counted(int(left // _DAY), 'day')}"


@app.command()
def create(  # noqa: PLR0913  one option for each thing a key may be bound to
    *,
    tenant: Tenant,
    name: Annotated[str, typer.Option(help="What it is for.")] = "",
    scope: Annotated[list[str] | None, typer.Option(help="A scope it carries; mcp:read when none is named.")] = None,
    tool: Annotated[list[str] | None, typer.Option(help="A tool it may call; whatever the scopes allow when none is named.")] = None,
    expires: Annotated[str | None, typer.Option(help="How long it lives, like 90d; for ever otherwise.")] = None,
    test: Annotated[bool, typer.Option("--test", help="Make an mcp_test_ key.")] = False,
    service: Annotated[str | None, typer.Option(help="The service account it acts as; as itself when none is named.")] = None,
    network: Annotated[list[str] | None, typer.Option(help="An address or CIDR block it may be used from; anywhere by default.")] = None,
    per_minute: Annotated[int | None, typer.Option(min=1, help="Calls it may make a minute, beside what the plan allows.")] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Make an API key. Its secret is shown this once."""
    seconds = duration(expires)
    printable(name, what="A key's name", most=_LONGEST_NAME)

    async def act() -> None:
        async with opened(config) as application:
            secret, key = await application.administration.create_key(
                tenant,
                name=name,
                scopes=scope or (),
                tools=tool,
                expires_in=seconds,
                test=test,
                service=service,
                networks=network or None,
                per_minute=per_minute,
            )
            _told(secret, key, application.clock.now(), as_json=as_json)

    run(act())


def _told(secret: str, key: "ApiKey", now: float, *, as_json: bool) -> None:
    one({"secret": secret, **_shown(key, now)}, as_json=as_json)
    if not as_json:
        typer.echo("Keep the secret now: it is not stored and cannot be shown again.", err=True)


@app.command("list")
def every(*, tenant: Tenant, config: Config = None, as_json: Json = False) -> None:
    """A customer's keys, without their secrets."""

    async def act() -> None:
        async with opened(config) as application:
            now = application.clock.now()
            found = [_shown(key, now) for key in await application.administration.keys(tenant)]
            rows(found, as_json=as_json, empty=f"{tenant} has no API key. Make one with `freehold key create --tenant {tenant}`.")

    run(act())


@app.command()
def rotate(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key's id, as listed.")],
    *,
    tenant: Tenant,
    overlap: Annotated[str, typer.Option(help="How long the old key still works, like 24h.")] = "24h",
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Make a key that may do the same, and let the old one end after the overlap."""
    seconds = duration(overlap) or 0.0

    async def act() -> None:
        async with opened(config) as application:
            secret, successor = await application.administration.rotate_key(tenant, key, overlap=seconds)
            _told(secret, successor, application.clock.now(), as_json=as_json)

    run(act())


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key's id, as listed.")], *, tenant: Tenant, config: Config = None
) -> None:
    """Stop a key on every replica, within five seconds."""

    async def act() -> None:
        async with opened(config) as application:
            await application.administration.revoke_key(tenant, key)
        typer.echo(f"{key} is revoked.")

    run(act())

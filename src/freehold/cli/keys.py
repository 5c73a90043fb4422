"""`freehold key`: a customer's API keys."""

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from freehold.cli.asking import Config, Json, Tenant, one, opened, printable, rows, run
from freehold.cli.moments import duration, moment

if TYPE_CHECKING:
    from freehold.domains.oauth.store import ApiKey

_LONGEST_NAME: Final = 100

app = typer.Typer(help="API keys: create, list, revoke.", no_args_is_help=True)


def _shown(key: "ApiKey") -> dict[str, Any]:
    return {
        "key": key.key_id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "tools": None if key.tools is None else sorted(key.tools),
        "mode": "test" if key.test else "live",
        "created": moment(key.created_at),
        "expires": moment(key.expires_at),
        "revoked": moment(key.revoked_at),
    }


@app.command()
def create(
    *,
    tenant: Tenant,
    name: Annotated[str, typer.Option(help="What it is for.")] = "",
    scope: Annotated[list[str] | None, typer.Option(help="A scope it carries; mcp:read when none is named.")] = None,
    tool: Annotated[list[str] | None, typer.Option(help="A tool it may call; whatever the scopes allow when none is named.")] = None,
    expires: Annotated[str | None, typer.Option(help="How long it lives, like 90d; for ever otherwise.")] = None,
    test: Annotated[bool, typer.Option("--test", help="Make an mcp_test_ key.")] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Make an API key. Its secret is shown this once."""
    seconds = duration(expires)
    printable(name, what="A key's name", most=_LONGEST_NAME)

    async def act() -> None:
        async with opened(config) as application:
            secret, key = await application.administration.create_key(
                tenant, name=name, scopes=scope or (), tools=tool, expires_in=seconds, test=test
            )
        one({"secret": secret, **_shown(key)}, as_json=as_json)
        if not as_json:
            typer.echo("Keep the secret now: it is not stored and cannot be shown again.", err=True)

    run(act())


@app.command("list")
def every(*, tenant: Tenant, config: Config = None, as_json: Json = False) -> None:
    """A customer's keys, without their secrets."""

    async def act() -> None:
        async with opened(config) as application:
            found = [_shown(key) for key in await application.administration.keys(tenant)]
            rows(found, as_json=as_json, empty=f"{tenant} has no API key. Make one with `freehold key create --tenant {tenant}`.")

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

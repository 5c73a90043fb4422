"""`freehold token`: access tokens of the embedded issuer, for development and CI."""

from typing import Annotated, Final

import typer

from freehold.cli.asking import Config, Json, Tenant, one, opened, printable, run
from freehold.cli.moments import duration

_LONGEST: Final = 86_400.0

app = typer.Typer(help="Access tokens for development and CI.", no_args_is_help=True)


@app.callback()
def token() -> None:
    """Access tokens for development and CI."""


@app.command()
def mint(
    *,
    tenant: Tenant,
    user: Annotated[str, typer.Option(help="The user the token speaks for.")],
    scope: Annotated[list[str] | None, typer.Option(help="A scope it carries; mcp:read when none is named.")] = None,
    tool: Annotated[list[str] | None, typer.Option(help="A tool it may call; whatever the scopes allow when none is named.")] = None,
    role: Annotated[list[str] | None, typer.Option(help="What your product calls the user; some tools are for some roles.")] = None,
    data_scope: Annotated[str, typer.Option(help="Handed to your API to narrow what the token may see.")] = "",
    expires: Annotated[str, typer.Option(help="How long it lives, at most 24h.")] = "10m",
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Print an access token signed by the embedded issuer."""
    seconds = duration(expires) or 600.0
    if seconds > _LONGEST:
        raise typer.BadParameter(f"{expires!r} is too long. A token lives at most 24h; for more make an API key.")
    printable(user, what="A user", least=1)
    printable(data_scope, what="A data scope")

    async def act() -> None:
        async with opened(config) as application:
            made = await application.administration.mint_token(
                tenant, user, scopes=scope or ("mcp:read",), tools=tool, roles=role or (), data_scope=data_scope, expires_in=seconds
            )
        if as_json:
            one({"access_token": made, "token_type": "Bearer", "expires_in": int(seconds)}, as_json=True)
        else:
            typer.echo(made)

    run(act())

"""`freehold fixture`: servers that stand still for others' test programs, open to whoever is on this machine."""

import math
from typing import TYPE_CHECKING, Annotated, Final

import typer

from freehold.cli.asking import REFUSED, Config, settings_of

if TYPE_CHECKING:
    from freehold.core.principal import Principal
    from freehold.settings import Settings

app = typer.Typer(help="Servers for test programs, without credentials, for this machine only.", no_args_is_help=True)

_TENANT: Final = "conformance"
_PLAN: Final = "fixture"


@app.callback()
def fixture() -> None:
    """One word for each program."""


@app.command()
def conformance(
    *,
    config: Config = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on, in place of the settings'.")] = None,
) -> None:
    """Serve what the official MCP conformance suite looks for, until SIGTERM or Ctrl-C. Stores and address come from the settings."""
    from freehold.app import build
    from freehold.cli.serving import listen
    from freehold.core.refusals import Refusal
    from freehold.kit.errors import Misconfigured, Unavailable

    try:
        raise typer.Exit(listen(build(furnished(settings_of(config, port=port)), local=suite())))
    except (Misconfigured, Unavailable, Refusal) as fault:
        typer.echo(f"freehold: {fault}", err=True)
        raise typer.Exit(REFUSED) from None


@app.command()
def client(
    url: Annotated[str, typer.Argument(help="Address of the suite's server.")],
    *,
    context: Annotated[str, typer.Option(envvar="MCP_CONFORMANCE_CONTEXT", help="What the suite says is to be called, as JSON.")] = "",
) -> None:
    """Visit a server of the official MCP conformance suite on this machine, and use all it offers."""
    import asyncio

    from freehold.cli.visiting import visit
    from freehold.core.refusals import Refusal

    try:
        for line in asyncio.run(visit(url, context)):
            typer.echo(line)
    except Refusal as fault:
        typer.echo(f"freehold: {fault}", err=True)
        raise typer.Exit(REFUSED) from None


def furnished(settings: "Settings") -> "Settings":
    """The operator's settings with the fixture as the one source, no limits, and texts as the suite expects them, unmarked."""
    from freehold.settings import PlanSettings, SourceSettings

    return settings.model_copy(
        update={
            "boundary": False,
            "plans": {_PLAN: PlanSettings()},
            "default_plan": _PLAN,
            "sources": {_TENANT: SourceSettings(python="freehold.fixture.conformance:app")},
        }
    )


def suite() -> "Principal":
    """Who every request comes from: someone who may do everything."""
    from freehold.core.principal import Principal

    return Principal(
        tenant=_TENANT,
        subject="suite",
        client="suite",
        credential="local:suite",
        scopes=frozenset({"mcp:read", "mcp:write", "mcp:admin"}),
        plan=_PLAN,
        expires_at=math.inf,
    )

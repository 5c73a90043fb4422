"""The `freehold` command: its words and options. Each command's work is imported when it runs, so that --help is quick."""

from pathlib import Path
from typing import Annotated

import typer

from freehold.cli import catalog, fixture, keys, ledger, sources, tenants, tokens, users
from freehold.cli.asking import Config, Json, printable, run, source_name

app = typer.Typer(
    name="freehold",
    help="The multi-tenant MCP server a SaaS runs beside its API.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(tenants.app, name="tenant")
app.add_typer(users.app, name="user")
app.add_typer(keys.app, name="key")
app.add_typer(tokens.app, name="token")
app.add_typer(sources.app, name="source")
app.add_typer(catalog.app, name="catalog")
app.add_typer(ledger.app, name="ledger")
app.add_typer(fixture.app, name="fixture")


def main() -> None:
    """Entry point of the console script."""
    app()


def _version(asked: bool) -> None:  # noqa: FBT001  typer calls it with the flag
    if asked:
        from freehold import __version__

        typer.echo(f"freehold {__version__}")
        raise typer.Exit


@app.callback()
def freehold(
    *,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Exit codes: 0 done, 1 refused, 2 misused."""


@app.command()
def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="Exit after the table.")] = False,
    as_json: Json = False,
    port: Annotated[int | None, typer.Option(help="Port to serve on; a free one otherwise.")] = None,
) -> None:
    """Start a sample SaaS with Freehold in front of it, and let two customers' agents use it."""
    from freehold.demo.run import demo as show

    raise typer.Exit(run(show(once=once, as_json=as_json, port=port)))


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Where to write freehold.toml.")] = Path(),
    *,
    openapi: Annotated[str, typer.Option(help="The API's OpenAPI document: a file or a URL.")],
    base_url: Annotated[str | None, typer.Option(help="Where the API answers, if the document does not say.")] = None,
    name: Annotated[str, typer.Option(help="Name of the source.")] = "api",
) -> None:
    """Write freehold.toml for an API and say what to do next."""
    from freehold.cli.beginning import begin

    run(begin(folder, openapi=openapi, base_url=base_url, name=source_name(name)))


@app.command()
def serve(
    *,
    config: Config = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on, in place of the settings'.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on, in place of the settings'.")] = None,
) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    from freehold.cli.serving import serve as listen

    raise typer.Exit(listen(config, host=host, port=port))


@app.command()
def stdio(
    *,
    config: Config = None,
    tenant: Annotated[str, typer.Option("--tenant", "-t", help="The customer to act for; it need not exist.")] = "dev",
    user: Annotated[str, typer.Option("--user", "-u", help="Who acts.")] = "dev",
    scope: Annotated[list[str] | None, typer.Option(help="A scope the user has; mcp:read and mcp:write when none is named.")] = None,
) -> None:
    """Speak MCP on standard input and output, for an agent on this machine, without credentials."""
    from freehold.cli.stdio import speak

    raise typer.Exit(speak(config, tenant=tenant, user=printable(user, what="A user", least=1), scopes=scope))


@app.command()
def migrate(*, config: Config = None) -> None:
    """Bring the database's schema up to date."""
    from freehold.cli.checking import bring_up_to_date

    run(bring_up_to_date(config))


@app.command()
def doctor(*, config: Config = None, as_json: Json = False) -> None:
    """Run every part's check and say what each found. Exit 1 when one fails."""
    from freehold.cli.checking import diagnose

    raise typer.Exit(run(diagnose(config, as_json=as_json)))

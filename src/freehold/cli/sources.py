"""`freehold source`: where tools come from."""

import json
from pathlib import Path
from typing import Annotated, Final

import typer

from freehold.cli.asking import Config, Json, one, opened, rows, run, source_name
from freehold.cli.moments import counted, moment

app = typer.Typer(help="Sources of tools: add, list, preview, refresh.", no_args_is_help=True)

LEFT_OUT: Final = {
    "prose": "descriptions inside the arguments are shortened",
    "fields": "some nested fields are left out of the schema, and accepted all the same",
}
"""What a definition that was trimmed lacks."""


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Name of the source.")],
    *,
    openapi: Annotated[str | None, typer.Option(metavar="FILE|URL", help="An OpenAPI document.")] = None,
    graphql: Annotated[str | None, typer.Option(metavar="FILE|URL", help="A GraphQL schema, or the endpoint to ask for it.")] = None,
    mcp: Annotated[str | None, typer.Option(metavar="URL", help="The endpoint of another MCP server.")] = None,
    base_url: Annotated[str | None, typer.Option(help="Where the API answers, if the document does not say.")] = None,
    config: Config = None,
) -> None:
    """Add an API or another MCP server to freehold.toml. A running server offers it after its next start."""
    from freehold.cli.adding import Kind, add_source

    given: dict[Kind, str | None] = {"openapi": openapi, "graphql": graphql, "mcp": mcp}
    named: list[tuple[Kind, str]] = [(kind, location) for kind, location in given.items() if location is not None]
    if len(named) != 1 or (mcp is not None and base_url is not None):
        raise typer.BadParameter("Name one of --openapi, --graphql and --mcp; --base-url goes with the first two.")
    ((kind, location),) = named
    run(add_source(config or Path("freehold.toml"), source_name(name), kind, location, base_url))


@app.command("list")
def every(*, config: Config = None, as_json: Json = False) -> None:
    """The configured sources and when each one's document was last read."""

    async def act() -> None:
        async with opened(config) as application:
            found = [
                {
                    "source": known.name,
                    "from": known.location,
                    "kind": known.kind,
                    "read": moment(known.read_at),
                    "digest": known.digest[:12],
                }
                for known in await application.roster.known()
            ]
            rows(found, as_json=as_json, empty="There is no source yet. Add one with `freehold source add NAME --openapi FILE|URL`.")

    run(act())


@app.command()
def preview(
    document: Annotated[str, typer.Argument(metavar="FILE|URL", help="An OpenAPI document, or with --graphql a schema or an endpoint.")],
    *,
    graphql: Annotated[bool, typer.Option("--graphql", help="A GraphQL schema (SDL or introspection), or an endpoint to ask.")] = False,
    overlay: Annotated[list[str] | None, typer.Option(metavar="FILE|URL", help="An overlay to apply first; may be given again.")] = None,
    as_json: Json = False,
) -> None:
    """What a document would become: tools, skipped operations with reasons, size and cost."""
    from freehold.cli.previewing import preview as look

    report = run(look(document, graphql=graphql, overlays=overlay or ()))
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False))
        return
    skipped, trimmed, flagged, remarks = (report.get(part, ()) for part in ("skipped", "trimmed", "flagged", "remarks"))
    one({what: value if isinstance(value, int | float) else len(value) for what, value in report.items()}, as_json=False)
    for skip in skipped:
        typer.echo(f"  {skip['operation']}: {skip['why']}")
    for trim in trimmed:
        typer.echo(f"  {trim['tool']}: {LEFT_OUT[trim['what']]}")
    for flag in flagged:
        typer.echo(f"  {flag['tool']} is flagged: {flag['why']}")
    for remark in remarks:
        typer.echo(f"  {remark['where']}: {remark['what']}")


@app.command()
def refresh(name: Annotated[str, typer.Argument(help="Name of the source.")], *, config: Config = None) -> None:
    """Read a source's document again. Running servers follow within five seconds; a document that does not import changes nothing."""

    async def act() -> None:
        async with opened(config) as application:
            count = await application.roster.refresh(name)
        typer.echo(f"{name} offers {counted(count, 'tool')}.")

    run(act())

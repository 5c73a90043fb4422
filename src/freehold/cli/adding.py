"""`freehold source add`: a section appended to freehold.toml, after the API or server it names has proved to be there."""

from pathlib import Path
from typing import Final, Literal, NamedTuple

import typer

from freehold.cli.beginning import beside, imported, places, section, skips, write
from freehold.cli.moments import counted
from freehold.core.refusals import Refusal
from freehold.domains.sources.fetch import read
from freehold.domains.sources.load import is_endpoint
from freehold.domains.sources.openapi.tools import Compiled
from freehold.domains.sources.upstream.exchange import Bounds
from freehold.domains.sources.upstream.link import Link
from freehold.domains.sources.upstream.offered import offered
from freehold.domains.sources.upstream.snapshot import listed
from freehold.kit.errors import Misconfigured
from freehold.kit.outbound import GuardedClient
from freehold.settings import load

Kind = Literal["openapi", "graphql", "mcp"]

_SECONDS: Final = 30.0
_CAP: Final = 16 * 1024 * 1024


class Proved(NamedTuple):
    """What was found where the operator said."""

    location: str
    """As freehold.toml should name it."""
    said: str
    """Completes the sentence "Added NAME: ..."."""
    hosts: list[str]
    """Hosts it takes, for `outbound_allow`."""


async def add_source(config: Path, name: str, kind: Kind, location: str, base_url: str | None) -> None:
    """Append it; what cannot be had is refused, and the file stays as it is."""
    if name in load(config).sources:
        raise Misconfigured(f"{config} already has a source {name}. Choose another name, or edit the file.")
    match kind:
        case "openapi":
            proved = await _document(name, location, base_url, config.parent)
        case "graphql":
            proved = await _schema(name, location, base_url, config.parent)
        case "mcp":
            proved = await _server(name, location)
    text = config.read_text(encoding="utf-8")  # noqa: ASYNC240  nothing else runs on this loop
    made = section(name, kind, proved.location, base_url)
    write(config, text.rstrip("\n") + "\n" + made, else_by_hand=made)
    typer.echo(f"Added {name}: {proved.said}")
    typer.echo(f"Check that outbound_allow names {' and '.join(proved.hosts)} where that is a private host, then restart the server.")


async def _document(name: str, location: str, base_url: str | None, folder: Path) -> Proved:
    compiled, written = await imported(name, location, base_url, folder)
    return _proved(compiled, written)


async def _schema(name: str, location: str, base_url: str | None, folder: Path) -> Proved:
    from freehold.domains.sources.graphql.introspect import introspected
    from freehold.domains.sources.graphql.read import read as schema_of
    from freehold.domains.sources.graphql.tools import compile_schema

    endpoint = is_endpoint(location)
    if base_url is None and not endpoint:
        raise Misconfigured(f"{location} is a schema and not the endpoint. Name the endpoint with --base-url.")
    outbound = GuardedClient(places(location))
    try:
        schema = await (introspected if endpoint else read)(location, outbound)
    finally:
        await outbound.close()
    compiled = compile_schema(schema_of(schema), source=name, endpoint=base_url or location)
    return _proved(compiled, location if places(location) else beside(Path(location), folder))


async def _server(name: str, url: str) -> Proved:
    """One that wants a credential is there, too: its tools are seen once the operator has written it down."""
    if not places(url):
        raise Misconfigured(f"{url} is no address. Write the URL of the server's endpoint, https://.../mcp.")
    outbound = GuardedClient(places(url))
    link = Link(outbound, url, (), Bounds(_SECONDS, _CAP))
    try:
        tools = counted(len(offered((await listed(link)).snapshot, name).tools), "tool")
        return Proved(url, f"{tools} from {url}.", places(url))
    except Refusal as refusal:
        if refusal.code != "upstream_denied":
            raise Misconfigured(f"{url} cannot be listed ({refusal.code}). Check that an MCP server answers there.") from None
        mend = f'write headers = {{ Authorization = "Bearer ..." }} into [sources.{name}].'
        return Proved(url, f"{url} wants a credential; {mend}", places(url))
    finally:
        await link.close()
        await outbound.close()


def _proved(compiled: Compiled, location: str) -> Proved:
    said = f"{counted(len(compiled.tools), 'tool')} from {compiled.base_url}{skips(compiled)}"
    return Proved(location, said, places(compiled.base_url, location))

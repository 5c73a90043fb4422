"""`freehold init` and `freehold source add`: write freehold.toml so that the API can be served at once."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import typer

from freehold.domains.sources.fetch import read
from freehold.domains.sources.openapi.read import read as parse
from freehold.domains.sources.openapi.tools import Compiled, compile_tools
from freehold.kit.errors import Misconfigured
from freehold.kit.outbound import GuardedClient

_HEAD = """\
# Freehold. Every setting: docs/settings.md
port = 8080
# The address clients use once this is on the network, with TLS in front:
# public_url = "https://mcp.example.com"

# Hosts this server may reach although they are private: your own API.
outbound_allow = {allow}
"""

_SOURCE = """
[sources.{name}]
openapi = {openapi}
{base_url}"""


async def begin(folder: Path, *, openapi: str, base_url: str | None, name: str) -> None:
    """Write the file after the document has proved to import, and print the next steps."""
    target = folder / "freehold.toml"
    if target.exists():
        raise Misconfigured(f"{target} is already there. Add another API with `freehold source add`, or remove the file first.")
    compiled, location = await _imported(name, openapi, base_url, folder)
    text = _HEAD.format(allow=json.dumps([_place(compiled.base_url)])) + _section(name, location, base_url)
    _write(target, text)
    typer.echo(f"Wrote {target}: {len(compiled.tools)} tools from {compiled.base_url}" + _skips(compiled))
    typer.echo("Next:")
    inside = "" if folder == Path() else f"cd {folder} && "
    typer.echo(f"  {inside}freehold tenant create acme --plan pro")
    typer.echo("  freehold key create --tenant acme --scope mcp:read --scope mcp:write")
    typer.echo("  freehold serve")


async def add_source(config: Path, name: str, *, openapi: str, base_url: str | None) -> None:
    """Append a source to freehold.toml, after its document has proved to import."""
    if not config.exists():  # noqa: ASYNC240  nothing else runs on this loop
        raise Misconfigured(f"There is no {config}. Make one with `freehold init --openapi FILE|URL`.")
    compiled, location = await _imported(name, openapi, base_url, config.parent)
    text = config.read_text()  # noqa: ASYNC240  nothing else runs on this loop
    if f"[sources.{name}]" in text:
        raise Misconfigured(f"{config} already has a source {name}. Choose another name, or edit the file.")
    _write(config, text.rstrip("\n") + "\n" + _section(name, location, base_url))
    typer.echo(f"Added {name}: {len(compiled.tools)} tools from {compiled.base_url}" + _skips(compiled))
    typer.echo(f"Check that outbound_allow names {_place(compiled.base_url)} if that host is private, then restart the server.")


async def _imported(name: str, openapi: str, base_url: str | None, folder: Path) -> tuple[Compiled, str]:
    remote = openapi.startswith(("http://", "https://"))
    allow = [_place(openapi)] if remote else []
    outbound = GuardedClient(allow)
    try:
        document = await read(openapi, outbound)
    finally:
        await outbound.close()
    compiled = compile_tools(parse(document), source=name, base_url=base_url, location=openapi if remote else None)
    return compiled, openapi if remote else _beside(Path(openapi), folder)


def _beside(path: Path, folder: Path) -> str:
    """The document's path as freehold.toml should name it: relative when it lies beside or below, else absolute."""
    full, base = path.resolve(), folder.resolve()
    return str(full.relative_to(base)) if full.is_relative_to(base) else str(full)


def _place(url: str) -> str:
    parts = urlsplit(url)
    return parts.netloc if parts.port is not None else str(parts.hostname)


def _section(name: str, location: str, base_url: str | None) -> str:
    line = "" if base_url is None else f"base_url = {json.dumps(base_url)}\n"
    return _SOURCE.format(name=name, openapi=json.dumps(location), base_url=line)


def _skips(compiled: Compiled) -> str:
    return f"; {len(compiled.skipped)} operations cannot be offered, see `freehold source preview`." if compiled.skipped else "."


def _write(target: Path, text: str) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    except OSError as fault:
        raise Misconfigured(f"{target} cannot be written ({fault.strerror}). Choose a folder you may write to.") from None

"""`freehold init`: writes freehold.toml so that the API can be served at once, and how any source is written into it."""

import json
import shlex
import tomllib
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import typer

from freehold.cli.moments import counted
from freehold.core.tool import BYTES_PER_TOKEN
from freehold.domains.catalog.listing import encoded
from freehold.domains.sources.fetch import read
from freehold.domains.sources.openapi.preview import weighed
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

_LONG: Final = 25_000
_BUDGET: Final = 8_000
_BOUNDED: Final = f"""
# The whole list would take more tokens than most agents have room for. What is not listed is found with search_tools;
# `freehold catalog compile` shows what is listed, and tries other budgets.
catalog_tokens = {_BUDGET}
"""
"""Written where the list of all tools takes more than `_LONG` tokens."""

_SOURCE = """
[sources.{name}]
{kind} = {location}
{base_url}"""


async def begin(folder: Path, *, openapi: str, base_url: str | None, name: str) -> None:
    """Write the file after the document has proved to import, and print the next steps."""
    target = folder / "freehold.toml"
    if target.exists():
        raise Misconfigured(f"{target} is already there. Add another API with `freehold source add`, or remove the file first.")
    compiled, location = await imported(name, openapi, base_url, folder)
    allow = ", ".join(map(quoted, places(compiled.base_url, location)))
    tokens = weighed(compiled.tools, encoded)[0] // BYTES_PER_TOKEN
    bounded = _BOUNDED if tokens > _LONG else ""
    text = _HEAD.format(allow=f"[{allow}]") + bounded + section(name, "openapi", location, base_url)
    write(target, text)
    typer.echo(f"Wrote {target}: {counted(len(compiled.tools), 'tool')} from {compiled.base_url}" + skips(compiled))
    if bounded:
        typer.echo(f"Their list would take {tokens} tokens; catalog_tokens = {_BUDGET} lists a part, the others are found by searching.")
    typer.echo("Next:")
    inside = "" if folder == Path() else f"cd {shlex.quote(str(folder))} && "
    typer.echo(f"  {inside}freehold tenant create acme --plan pro")
    typer.echo("  freehold key create --tenant acme --scope mcp:read --scope mcp:write")
    typer.echo("  freehold serve")


async def imported(name: str, openapi: str, base_url: str | None, folder: Path) -> tuple[Compiled, str]:
    """What the document becomes, and its place as freehold.toml in `folder` should name it."""
    remote = openapi.startswith(("http://", "https://"))
    outbound = GuardedClient(places(openapi))
    try:
        document = await read(openapi, outbound)
    finally:
        await outbound.close()
    compiled = compile_tools(parse(document), source=name, base_url=base_url, location=openapi if remote else None)
    return compiled, openapi if remote else beside(Path(openapi), folder)


def beside(path: Path, folder: Path) -> str:
    """The document's path as freehold.toml should name it: relative when it lies beside or below, else absolute."""
    full, base = path.resolve(), folder.resolve()
    return str(full.relative_to(base)) if full.is_relative_to(base) else str(full)


def places(*urls: str) -> list[str]:
    """Host, or host and port, of each URL as `outbound_allow` writes it; files and what is no URL have none."""
    return list(dict.fromkeys(place for url in urls if (place := _place(url))))


def _place(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return host if port is None else f"{host}:{port}"


def section(name: str, kind: str, location: str, base_url: str | None) -> str:
    """A source as freehold.toml has it; `kind` is the setting that names its place."""
    line = "" if base_url is None else f"base_url = {quoted(base_url)}\n"
    return _SOURCE.format(name=name, kind=kind, location=quoted(location), base_url=line)


def quoted(text: str) -> str:
    """A TOML string: JSON's, but TOML knows no surrogate pairs and takes no DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def skips(compiled: Compiled) -> str:
    """The end of a sentence: what cannot be offered."""
    skipped = counted(len(compiled.skipped), "operation")
    return f"; {skipped} cannot be offered, see `freehold source preview`." if compiled.skipped else "."


def write(target: Path, text: str, *, else_by_hand: str = "") -> None:
    """Nothing is written that could not be read again."""
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise Misconfigured(f"{target} does not take another section at its end. Add by hand:{else_by_hand.rstrip()}") from None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    except OSError as fault:
        raise Misconfigured(f"{target} cannot be written ({fault.strerror}). Choose a folder you may write to.") from None
    except UnicodeEncodeError:
        raise Misconfigured(f"{target} cannot hold the document's path, which is not UTF-8. Rename the file.") from None

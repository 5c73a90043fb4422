"""What all commands share: the common options, running a coroutine, printing rows, and exit codes 0, 1 and 2."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar, cast

import typer

if TYPE_CHECKING:
    from freehold.app import Application
    from freehold.settings import Settings

Result = TypeVar("Result")

Config = Annotated[
    Path | None, typer.Option("--config", "-c", envvar="FREEHOLD_CONFIG", help="freehold.toml; the one in this folder otherwise.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Tenant = Annotated[str, typer.Option("--tenant", "-t", help="The tenant's id.")]

REFUSED = 1
MISUSED = 2

_SOURCE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


def printable(text: str, *, what: str, least: int = 0, most: int = 255) -> str:
    """The text as it is when a token, a table and a terminal can carry it; anything else is a misuse of the command."""
    if not least <= len(text) <= most or not text.isprintable():
        raise typer.BadParameter(f"{what} is {least} to {most} printable characters. Choose a shorter or plainer one.")
    return text


def source_name(text: str) -> str:
    """The text when a source may be named so; anything else is a misuse of the command."""
    if not _SOURCE.fullmatch(text):
        raise typer.BadParameter(f"{text!r} cannot be a source's name. Use 1 to 32 of a-z 0-9 and -, beginning with a letter or digit.")
    return text


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end. A refusal is printed as its sentences and exits 1."""
    from freehold.core.refusals import Refusal
    from freehold.kit.errors import Misconfigured, Unavailable

    try:
        return asyncio.run(work)
    except (Refusal, Misconfigured, Unavailable) as fault:
        typer.echo(f"freehold: {fault}", err=True)
        raise typer.Exit(REFUSED) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def settings_of(config: Path | None, **given: str | int | None) -> "Settings":
    """The settings of `--config`, of freehold.toml in this folder, or of FREEHOLD_* alone."""
    from freehold.settings import load

    if config is None and Path("freehold.toml").exists():
        config = Path("freehold.toml")
    return load(config, None, **given)


@asynccontextmanager
async def opened(config: Path | None) -> "AsyncGenerator[Application]":
    """The application with its stores open and nothing listening, for one administrative act."""
    from freehold.app import build

    application = build(settings_of(config))
    async with application.opened():
        yield application


def rows(listed: Sequence[Mapping[str, Any]], *, as_json: bool, empty: str) -> None:
    """A listing: a JSON array, or a table with the rows' keys as its head."""
    if as_json:
        typer.echo(json.dumps(list(listed), ensure_ascii=False))
        return
    if not listed:
        typer.echo(empty)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in listed[0]:
        table.add_column(head.replace("_", " "), overflow="fold")
    for row in listed:
        table.add_row(*(Text(_cell(value)) for value in row.values()))
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def one(shown: Mapping[str, Any], *, as_json: bool) -> None:
    """One thing: a JSON object, or a line a member."""
    if as_json:
        typer.echo(json.dumps(shown, ensure_ascii=False))
        return
    width = max(len(key) for key in shown)
    for key, value in shown.items():
        typer.echo(f"{key.replace('_', ' '):<{width}}  {_cell(value)}")


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, list):
        return " ".join(sorted(map(str, cast("list[object]", value)))) or "none"
    return str(value)

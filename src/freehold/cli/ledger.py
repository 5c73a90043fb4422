"""`freehold ledger`: the one book of calls and deeds."""

import sys
from typing import Annotated, Literal

import typer

from freehold.cli.asking import REFUSED, Config, Json, Tenant, one, opened, run

app = typer.Typer(help="The book of every call and deed: verify, export.", no_args_is_help=True)


@app.command()
def verify(*, config: Config = None, as_json: Json = False) -> None:
    """Recompute every digest, block and chain. Exit 1 at the first thing that does not fit."""

    async def act() -> bool:
        async with opened(config) as application:
            found = await application.book.verify()
        verified = found.fault is None
        shown = {"verified": verified, "entries": found.entries, "blocks": found.blocks, "writers": found.writers}
        one(shown if verified else {**shown, "fault": str(found.fault)}, as_json=as_json)
        return verified

    if not run(act()):
        raise typer.Exit(REFUSED)


@app.command()
def export(
    *,
    tenant: Tenant,
    form: Annotated[Literal["jsonl", "csv"], typer.Option("--format", help="jsonl or csv.")] = "jsonl",
    config: Config = None,
) -> None:
    """Write a customer's entries, oldest first, to standard output."""

    async def act() -> None:
        async with opened(config) as application:
            await application.administration.tenant(tenant)
            async for part in application.book.export(tenant, form):
                sys.stdout.buffer.write(part)
        sys.stdout.buffer.flush()

    run(act())

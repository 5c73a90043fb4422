"""`freehold catalog`: what each customer's agents see of the tools, edited, looked at and approved."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from freehold.cli.asking import Config, Json, Tenant, one, opened, rows, run

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from freehold.app import Application
    from freehold.domains.catalog.pins import Pending
    from freehold.domains.catalog.report import Seen

app = typer.Typer(help="What each customer's agents see: edit, reset, show, pending, approve.", no_args_is_help=True)

Tool = Annotated[str, typer.Option("--tool", help="The tool's name as listed, or a pattern of names like 'delete_*'.")]
Of = Annotated[str | None, typer.Option("--tenant", "-t", help="For this customer only; for all of them otherwise.")]


def _loaded(config: "Path | None") -> "AbstractAsyncContextManager[Application]":
    """The application with its sources read, nothing listening."""
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def loaded() -> "AsyncGenerator[Application]":
        async with opened(config) as application:
            try:
                await application.arranging.heed()
                await application.roster.load()
                yield application
            finally:
                await application.roster.close()

    return loaded()


@app.command()
def edit(  # noqa: PLR0913  an option each
    *,
    tool: Tool,
    tenant: Of = None,
    enable: Annotated[bool | None, typer.Option("--enable/--disable", help="Whether agents have it.")] = None,
    name: Annotated[str | None, typer.Option(help="Its new name; the old one no longer exists.")] = None,
    title: Annotated[str | None, typer.Option(help="Its new title.")] = None,
    description: Annotated[str | None, typer.Option(help="Its new description.")] = None,
    plan: Annotated[list[str] | None, typer.Option(help="A plan that has it; all plans when none is named.")] = None,
    role: Annotated[list[str] | None, typer.Option(help="A role that has it; every user when none is named.")] = None,
    scope: Annotated[list[str] | None, typer.Option(help="A scope it needs, in place of its own; with --tenant beside its own.")] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Change what a tool is to agents. What is not named stays as an earlier edit of the same tool or pattern said."""
    from freehold.domains.catalog.edits import Edit
    from freehold.domains.catalog.report import of_edit

    asked = Edit(
        pattern=tool,
        enabled=enable,
        name=name,
        title=title,
        description=description,
        plans=_set(plan),
        roles=_set(role),
        scopes=_set(scope),
    )

    async def act() -> None:
        async with _loaded(config) as application:
            one({"tenant": tenant or "all", **of_edit(await application.curation.edit(asked, tenant=tenant))}, as_json=as_json)

    run(act())


@app.command()
def reset(*, tool: Tool, tenant: Of = None, config: Config = None) -> None:
    """Take back the edit of exactly this tool or pattern."""

    async def act() -> None:
        async with opened(config) as application:
            await application.curation.reset(tool, tenant=tenant)
        typer.echo(f"{tool} is no longer edited for {tenant or 'all customers'}.")

    run(act())


@app.command()
def show(*, tenant: Tenant, config: Config = None, as_json: Json = False) -> None:
    """Every tool as one customer has it, where each edit stands, and the digest of the definition it came with."""

    async def act() -> None:
        async with _loaded(config) as application:
            found = [_shown(seen, as_json=as_json) for seen in await application.curation.seen(tenant)]
            rows(found, as_json=as_json, empty="No source has a tool.")

    run(act())


@app.command()
def pending(*, tenant: Of = None, config: Config = None, as_json: Json = False) -> None:
    """Definitions of connected servers that nobody approved, and what is different about them, word by word."""

    async def act() -> None:
        async with _loaded(config) as application:
            found = [_waiting(waiting, as_json=as_json) for waiting in await application.curation.pending(tenant)]
            rows(found, as_json=as_json, empty="Nothing waits for approval.")

    run(act())


@app.command()
def approve(
    *,
    tool: Annotated[str, typer.Option("--tool", help="The tool's name as `catalog pending` shows it.")],
    source: Annotated[str | None, typer.Option(help="The source, where several have a tool of this name.")] = None,
    digest: Annotated[str | None, typer.Option(help="Approve only this definition: the digest as `catalog pending` shows it.")] = None,
    tenant: Of = None,
    config: Config = None,
) -> None:
    """Let agents have the definition a connected server has now."""

    async def act() -> None:
        async with _loaded(config) as application:
            done = await application.curation.approve(tool, source=source, tenant=tenant, digest=digest)
        for approved in done:
            typer.echo(f"{approved.tool} of {approved.source} is approved for {tenant or 'all customers'}: {approved.digest}")

    run(act())


def _set(names: list[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)


def _shown(seen: "Seen", *, as_json: bool) -> dict[str, Any]:
    from freehold.domains.catalog.report import of_tool

    row = of_tool(seen)
    if as_json:
        return row
    kept = {member: row[member] or None for member in ("tool", "state", "source", "scopes", "plans", "roles")}
    return {**kept, "edited by": [f"{each['origin']}:{each['tool']}" for each in row["edits"]] or None, "digest": seen.digest[:12]}


def _waiting(waiting: "Pending", *, as_json: bool) -> dict[str, Any]:
    from freehold.domains.catalog.report import of_pending

    row = of_pending(waiting)
    return row if as_json else {**row, "difference": "\n".join(f"{member}: {text}" for member, text in waiting.difference.items())}

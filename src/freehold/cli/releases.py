"""`freehold source`, what is done with releases: compare, refresh, promote, roll back, and keep a tenant at one."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from freehold.cli.asking import Config, Json, Tenant, opened, rows, run
from freehold.cli.moments import counted, moment

if TYPE_CHECKING:
    from freehold.domains.sources.importing import Reread
    from freehold.releases import Seen, Version

app = typer.Typer()

Name = Annotated[str, typer.Argument(help="Name of the source.")]


@app.command()
def diff(name: Name, *, config: Config = None, as_json: Json = False) -> None:
    """What a refresh would change, tool by tool, and what of it would break calls. Changes nothing."""

    async def act() -> None:
        async with opened(config) as application:
            _tell(name, await application.releases.compare(name), as_json=as_json, done=False)

    run(act())


@app.command()
def refresh(
    name: Name,
    *,
    canary: Annotated[
        int | None,
        typer.Option(min=1, max=99, metavar="PERCENT", help="Serve it to so many tenants of a hundred for now."),
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Read a source's document again. Running servers follow within five seconds; a document that does not import changes nothing.

    A tool whose calls would break comes as NAME_v2 beside NAME, which stays until its sunset.
    """

    async def act() -> None:
        async with opened(config) as application:
            _tell(name, await application.releases.refresh(name, share=canary), as_json=as_json, done=True)

    run(act())


@app.command()
def releases(name: Name, *, config: Config = None, as_json: Json = False) -> None:
    """The releases of a source that are kept, who is served which, and who still calls earlier versions of its tools."""

    async def act() -> None:
        async with opened(config) as application:
            found = [_release(seen, as_json=as_json) for seen in await application.releases.seen(name)]
            rows(found, as_json=as_json, empty="No release is kept.")

    run(act())


@app.command()
def promote(
    name: Name,
    *,
    release: Annotated[int | None, typer.Option(help="Any release that is kept; the canary otherwise.")] = None,
    config: Config = None,
) -> None:
    """Serve the canary, or the named release, to every tenant that is not pinned."""

    async def act() -> None:
        async with opened(config) as application:
            chosen = await application.releases.promote(name, release=release)
        typer.echo(f"Release {chosen} of {name} is served to everybody who is not pinned.")

    run(act())


@app.command()
def rollback(name: Name, *, config: Config = None) -> None:
    """Take back the canary, or else the current release."""

    async def act() -> None:
        async with opened(config) as application:
            current = await application.releases.roll_back(name)
        typer.echo(f"Release {current} of {name} is served to everybody who is not pinned.")

    run(act())


@app.command()
def pin(
    name: Name,
    *,
    tenant: Tenant,
    release: Annotated[int | None, typer.Option(help="Any release that is kept; the current one otherwise.")] = None,
    config: Config = None,
) -> None:
    """Keep a tenant at a release, whatever is imported. Its tools run as what became of them, where that is certain."""

    async def act() -> None:
        async with opened(config) as application:
            chosen = await application.releases.pin(name, tenant, release=release)
        typer.echo(f"{tenant} stays with release {chosen} of {name}.")

    run(act())


@app.command()
def unpin(name: Name, *, tenant: Tenant, config: Config = None) -> None:
    """Let a pinned tenant go with the others again."""

    async def act() -> None:
        async with opened(config) as application:
            await application.releases.unpin(name, tenant)
        typer.echo(f"{tenant} is served what everybody is served of {name}.")

    run(act())


def _tell(name: str, reread: "Reread", *, as_json: bool, done: bool) -> None:
    told = [{"tool": one.tool, "what": one.kind, "breaks": one.breaking, "detail": one.detail} for one in reread.differences]
    retired = {one.name: one.successor for one in reread.naming.retiring}
    if as_json:
        said = {"release": reread.release, "tools": len(reread.tools), "changed": reread.kept, "retiring": retired, "differences": told}
        typer.echo(json.dumps(said, ensure_ascii=False))
        return
    for one in reread.differences:
        breaks, detail = " (breaks)" if one.breaking else "", f": {one.detail}" if one.detail else ""
        typer.echo(f"  {one.tool}: {one.kind}{breaks}{detail}")
    for tool, successor in retired.items():
        typer.echo(f"  {tool} stays beside {successor} until its sunset")
    breaking = sum(one.breaking for one in reread.differences)
    if not done and not told:
        typer.echo(f"The document of {name} asks for nothing else than before.")
    elif not done:
        typer.echo(f"{counted(len(told), 'difference')}, {breaking} of them breaking. `freehold source refresh {name}` makes it so.")
    else:
        news = f" (release {reread.release}{'' if reread.kept else ', as before'})" if reread.release else ""
        typer.echo(f"{name} offers {counted(len(reread.tools), 'tool')}{news}.")


def _release(seen: "Seen", *, as_json: bool) -> dict[str, Any]:
    release = seen.release
    row = {
        "release": release.number,
        "served": f"{seen.role} {seen.share}%" if seen.share else seen.role or None,
        "read": moment(release.fetched_at),
        "digest": release.digest if as_json else release.digest[:12],
        "pinned": list(seen.pinned),
    }
    versions = [_version(one) for one in seen.versions]
    if as_json:
        return {**row, "versions": versions}
    spoken = [f"{one['tool']} ({one['calls']} calls) -> {one['successor']} ({one['successor_calls']})" for one in versions]
    return {**row, "pinned": ", ".join(seen.pinned) or None, "versions, calls in 30 days": "; ".join(spoken) or None}


def _version(one: "Version") -> dict[str, Any]:
    calls = {"calls": one.calls, "successor_calls": one.successor_calls}
    return {"tool": one.tool, "successor": one.successor, "until": moment(one.until), **calls}

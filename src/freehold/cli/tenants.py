"""`freehold tenant`: the customers."""

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from freehold.cli.asking import Config, Json, one, opened, printable, rows, run
from freehold.cli.moments import moment

if TYPE_CHECKING:
    from freehold.domains.tenancy.tenants import Tenant

_LONGEST_NAME: Final = 100

app = typer.Typer(help="Customers: create, list, show, suspend, resume.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant's id.")]


def _shown(tenant: "Tenant") -> dict[str, Any]:
    return {"tenant": tenant.id, "name": tenant.name, "plan": tenant.plan, "status": tenant.status, "created": moment(tenant.created_at)}


@app.command()
def create(
    tenant: Id,
    *,
    name: Annotated[str | None, typer.Option(help="Name as people read it.")] = None,
    plan: Annotated[str | None, typer.Option(help="Plan; the default plan otherwise.")] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Add a customer."""
    printable(name or "", what="A tenant's name", most=_LONGEST_NAME)

    async def act() -> None:
        async with opened(config) as application:
            one(_shown(await application.administration.create_tenant(tenant, name=name, plan=plan)), as_json=as_json)

    run(act())


@app.command("list")
def every(*, config: Config = None, as_json: Json = False) -> None:
    """Every customer."""

    async def act() -> None:
        async with opened(config) as application:
            found = [_shown(tenant) for tenant in await application.administration.tenants()]
            rows(found, as_json=as_json, empty="There is no tenant yet. Add one with `freehold tenant create NAME`.")

    run(act())


@app.command()
def show(tenant: Id, *, config: Config = None, as_json: Json = False) -> None:
    """One customer."""

    async def act() -> None:
        async with opened(config) as application:
            one(_shown(await application.administration.tenant(tenant)), as_json=as_json)

    run(act())


@app.command()
def suspend(tenant: Id, *, config: Config = None) -> None:
    """Stop every credential of a customer, on every replica, within five seconds."""

    async def act() -> None:
        async with opened(config) as application:
            await application.administration.suspend_tenant(tenant)
        typer.echo(f"{tenant} is suspended.")

    run(act())


@app.command()
def resume(tenant: Id, *, config: Config = None) -> None:
    """Let a suspended customer in again."""

    async def act() -> None:
        async with opened(config) as application:
            await application.administration.resume_tenant(tenant)
        typer.echo(f"{tenant} is active.")

    run(act())

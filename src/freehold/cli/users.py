"""`freehold user`: the people of a customer, who sign in here to connect their agents."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from freehold.cli.asking import Config, Json, Tenant, one, opened, rows, run
from freehold.cli.moments import moment

if TYPE_CHECKING:
    from freehold.domains.tenancy.model import Member

app = typer.Typer(help="People who sign in here: add, list, remove.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="USER", help="An e-mail address, or another name in lower case.")]


def _shown(member: "Member") -> dict[str, Any]:
    return {"user": member.user, "roles": sorted(member.roles), "added": moment(member.added_at)}


@app.command()
def add(
    user: Name,
    *,
    tenant: Tenant,
    role: Annotated[list[str] | None, typer.Option(help="What the person is there: owner, admin, member...")] = None,
    keep_password: Annotated[bool, typer.Option("--keep-password", help="Leave the password as it is.")] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Make a person a member of a customer, or change the roles. The password is asked for, or read from standard input."""
    password = None if keep_password else _password()

    async def act() -> None:
        async with opened(config) as application:
            member = await application.authorizing.enrolling.add(tenant, user, roles=role or ("member",), password=password)
        one({"tenant": tenant, **_shown(member)}, as_json=as_json)

    run(act())


@app.command("list")
def every(*, tenant: Tenant, config: Config = None, as_json: Json = False) -> None:
    """A customer's people."""

    async def act() -> None:
        async with opened(config) as application:
            found = [_shown(member) for member in await application.authorizing.enrolling.members(tenant)]
            rows(found, as_json=as_json, empty=f"{tenant} has no user. Add one with `freehold user add NAME --tenant {tenant}`.")

    run(act())


@app.command()
def remove(user: Name, *, tenant: Tenant, config: Config = None) -> None:
    """End a membership, and on every replica within five seconds everything the person's agents may do there."""

    async def act() -> None:
        async with opened(config) as application:
            ended = await application.authorizing.enrolling.remove(tenant, user)
        typer.echo(f"{user} is no member of {tenant} any more; {ended} connected {'agent is' if ended == 1 else 'agents are'} cut off.")

    run(act())


def _password() -> str:
    """Never an option, which other users of the machine could read in the list of processes."""
    if sys.stdin.isatty():
        return typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return sys.stdin.readline().rstrip("\r\n")

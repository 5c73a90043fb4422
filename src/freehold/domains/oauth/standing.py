"""What this room needs of tenancy: whether a tenant may act, and on which plan."""

from typing import Protocol


class Standing(Protocol):
    """A tenant as far as identity is concerned."""

    @property
    def plan(self) -> str:
        """The name of its plan."""
        ...

    @property
    def status(self) -> str:
        """`active`, or anything else for a tenant in whose name nothing may be done."""
        ...


class Tenants(Protocol):
    """Whoever knows the tenants."""

    async def find(self, tenant: str, /) -> Standing | None:
        """The tenant, or None when there is none of that id."""
        ...

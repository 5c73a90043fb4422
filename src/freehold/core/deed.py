"""An administrative act: a key made, a tenant suspended. Recorded in the same book as calls."""

from msgspec import Struct


class Deed(Struct, frozen=True, kw_only=True):
    """Who did what to which thing of which tenant."""

    tenant: str
    act: str
    """Dotted, from a fixed list: `tenant.created`, `key.revoked`."""
    on: str
    """The id of the thing, never a secret."""
    actor: str
    """`cli:<os user>` for operators' commands, else a principal's subject."""
    at: float

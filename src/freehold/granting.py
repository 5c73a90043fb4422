"""What settings say about scopes and about clients the operator vouches for; part of `settings.py`, in a file of its own.

Known to whoever knows the settings."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ScopeSettings(_Frozen):
    """A scope that users can give to clients."""

    description: str
    """What a client may then do, as the consent page says it after "It may": `read your invoices`."""
    roles: tuple[str, ...] = ()
    """Roles of which a user needs one to give it away; empty means anyone."""


class ClientSettings(_Frozen):
    """A client that you vouch for; its client_id is NAME."""

    name: str
    """Its name as the consent page shows it."""
    redirect_uris: Annotated[tuple[str, ...], Field(min_length=1)]
    """Addresses its answers may go to, byte for byte; on loopback the port may differ."""
    secret: SecretStr = SecretStr("")
    """Its client secret, at least 32 characters, sent by HTTP Basic; empty for an application that cannot keep one."""


SHIPPED_SCOPES: Final = {
    "mcp:read": ScopeSettings(description="look at your data"),
    "mcp:write": ScopeSettings(description="add and change data in your name"),
    "mcp:admin": ScopeSettings(description="delete data and do what cannot be undone", roles=("owner", "admin")),
}

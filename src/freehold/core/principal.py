"""Who acts, and for whom. Built only from a verified credential (law 1)."""

from msgspec import Struct


class Principal(Struct, frozen=True, kw_only=True):
    """The verified caller of one request.

    `tools` is None when the scopes alone decide; an empty set means no tool at all.
    `credential` names what a revocation would name: `key:<id>` or `jti:<id>`.
    """

    tenant: str
    subject: str
    client: str
    credential: str
    scopes: frozenset[str]
    roles: frozenset[str] = frozenset()
    """What the SaaS calls this user: the token's claim `roles`; API keys have none."""
    tools: frozenset[str] | None = None
    data_scope: str = ""
    plan: str
    expires_at: float
    """Unix seconds; nothing may be begun in this principal's name after it."""
    per_minute: int | None = None
    """Calls a minute this credential itself may make, beside what the plan allows; None leaves it to the plan."""
    test: bool = False
    """True for `mcp_test_` keys: the same corridor; the ledger names the key."""

"""What one tenant's edits and approvals do never shows in what another tenant sees or calls."""

import pytest

from freehold.domains.catalog.edits import Edit
from tests.served import Served

pytestmark = pytest.mark.anyio

EDITS = {
    "disabled": Edit(pattern="*", enabled=False),
    "renamed": Edit(pattern="echo", name="say"),
    "reworded": Edit(pattern="echo", title="Other", description="Other."),
    "planned": Edit(pattern="*", plans=frozenset({"small"})),
    "for a role": Edit(pattern="*", roles=frozenset({"boss"})),
    "scoped": Edit(pattern="*", scopes=frozenset({"never"})),
}


async def seen(server: Served, token: str) -> list[bytes]:
    """Everything a caller sees of its catalog: the list, a call that works, one under a name of the other tenant's, one of no name."""
    calls = [await server.call(name, {"text": "hi"}, token=token) for name in ("say", "never")]
    works = (await server.call("add", {"a": 1}, token=token)).json["result"]["structuredContent"]
    return [(await server.modern("tools/list", token=token)).body, *(reply.body for reply in calls), repr(works).encode()]


@pytest.mark.parametrize("kind", EDITS)
async def test_an_edit_of_one_tenant_changes_nothing_for_another(server: Served, kind: str) -> None:
    """Byte for byte, whoever looked first, with the same text under other rights too."""
    token = server.tokens["globex"]
    before = await seen(server, token)
    mine = (await server.modern("tools/list", token=server.tokens["acme"])).body
    await server.application.curation.edit(EDITS[kind], tenant="acme")
    assert (await server.modern("tools/list", token=server.tokens["acme"])).body != mine, "the edit does something"
    assert await seen(server, token) == before
    await server.application.curation.reset(EDITS[kind].pattern, tenant="acme")
    assert (await server.modern("tools/list", token=server.tokens["acme"])).body == mine


async def test_equal_edits_are_shown_alike_and_taken_back_apart(server: Served) -> None:
    """Two tenants with equal edits see the same, and still neither has the other's edit when one is taken back."""
    curation = server.application.curation
    for tenant in ("acme", "globex"):
        await curation.edit(Edit(pattern="echo", enabled=False), tenant=tenant)
    bodies = [(await server.modern("tools/list", token=server.tokens[tenant])).body for tenant in ("acme", "globex")]
    assert bodies[0] == bodies[1]
    await curation.reset("echo", tenant="acme")
    after = [(await server.modern("tools/list", token=server.tokens[tenant])).body for tenant in ("acme", "globex")]
    assert after[0] != bodies[0]
    assert after[1] == bodies[1]

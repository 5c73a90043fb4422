"""Step: put the credential for the tool's API on the call, as late as can be.

Who makes the credential comes in as `Credentials`; the caller's own token is not known here."""

from typing import Protocol

from msgspec.structs import replace

from freehold.core.call import Call, Next, Outcome
from freehold.core.refusals import Refusal


class Credentials(Protocol):
    """Whoever can vouch for a call's principal toward an API."""

    async def header(self, call: Call, /) -> tuple[tuple[str, str], ...]:
        """Headers the API accepts as proof, or raise `Refusal`."""
        ...


class Vault:
    """The step. Tools without an audience get no credential; the others get one or are not called."""

    def __init__(self, credentials: Credentials) -> None:
        """Take the maker of credentials."""
        self._header = credentials.header

    async def __call__(self, call: Call, *, nxt: Next) -> Outcome:
        """Add the credential and go on. Raises `Refusal("credential_unavailable")` rather than call an API bare."""
        if call.tool.audience is None:
            return await nxt(call)
        credential = await self._header(call)
        if not credential:
            raise Refusal("credential_unavailable")
        return await nxt(replace(call, credential=credential))

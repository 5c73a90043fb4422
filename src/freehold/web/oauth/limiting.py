"""How often one visitor may ask the authorization server for something, over all replicas. Knows rates and addresses."""

from typing import Final, Literal

from freehold.kit.errors import Unavailable
from freehold.kit.state import Bucket, State
from freehold.web.edges import Scope, caller, headers_of, visitor

Act = Literal["authorize", "token", "register", "sign_in", "sign_in_as", "decide"]
RATES: Final[dict[Act, tuple[float, int]]] = {
    "authorize": (1.0, 60),
    "token": (50.0, 500),
    "register": (1 / 60, 30),
    "sign_in": (1 / 5, 30),
    "sign_in_as": (1 / 30, 10),
    "decide": (1.0, 60),
}
"""Per second and at once. `token` is high: one address may be that of a hosted client with many users."""
_AGAIN: Final = 5.0


class Slow(Exception):
    """Too many, or it cannot be counted at present. `seconds` is when to come back."""

    def __init__(self, seconds: float) -> None:
        """Say how long."""
        super().__init__(f"Wait {seconds:.0f} seconds.")
        self.seconds = seconds


class Limiting:
    """Counts. When it cannot, nobody gets in: these are the doors that guesses come to."""

    def __init__(self, state: State, hops: int) -> None:
        """Take what replicas share; `hops` are the proxies of ours in front."""
        self._state = state
        self._hops = hops

    async def visit(self, act: Act, scope: Scope) -> None:
        """One more from where this request comes from. Raises `Slow`."""
        await self.spend(act, visitor(caller(headers_of(scope), self._hops)))

    async def spend(self, act: Act, whose: str) -> None:
        """One more of that name. Raises `Slow`."""
        per_second, burst = RATES[act]
        try:
            verdict = await self._state.spend((Bucket(f"oauth:{act}:{whose}", per_second, burst),), ())
        except Unavailable as away:
            raise Slow(_AGAIN) from away
        if not verdict.allowed:
            raise Slow(verdict.retry_after)

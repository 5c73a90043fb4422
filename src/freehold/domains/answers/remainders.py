"""The rest of large answers, kept for a while where every replica finds it: sealed, within bounds, for the caller it was given to alone.

What is kept is what the upstream answered. Nothing is asked of it a second time."""

import asyncio
import base64
import binascii
import zlib
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import UNSET, Raw, Struct

from freehold.core.call import Call, Outcome
from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.domains.answers.pages import Page, told
from freehold.kit.clock import Clock
from freehold.kit.crypto import Seal, Unsealable
from freehold.kit.errors import Unavailable
from freehold.kit.state import Share, State

LASTS: Final = 600.0
"""Seconds a rest can be read."""
OF_ONE_CALLER: Final = 8 << 20
"""Bytes kept for one caller, packed and sealed; what was kept first gives way."""
OF_ONE_TENANT: Final = 16 << 20
"""Likewise, for all callers of a tenant together."""
IN_ALL: Final = 64 << 20
"""Likewise, for everybody; what does not fit is not kept."""
LARGEST: Final = 16 << 20
"""Bytes of a rest that are packed at all."""
_ID_BYTES: Final = 16
_LONGEST: Final = 512
"""Characters of a continuation that are looked at."""
_PLACED_FOR: Final = "continuation/1"
_KEPT_FOR: Final = "answer-page/1"
_QUICK: Final = 1
"""The compression level: a third of the time for nine tenths of the effect."""

_decode: Final = msgspec.msgpack.Decoder(Page).decode


class _Place(Struct, frozen=True, array_like=True):
    """What a continuation stands for."""

    id: bytes
    at: int
    """Which of the kept pages."""
    expires_at: float


_placed: Final = msgspec.msgpack.Decoder(_Place).decode


class Remainders:
    """Gives out continuations and takes them back. Each may be used until it expires, so that a lost page can be read again."""

    def __init__(self, state: State, seal: Seal, *, clock: Clock, randomness: Callable[[int], bytes]) -> None:
        """All replicas share the state and the master key behind the seal."""
        self._state = state
        self._seal = seal
        self._clock = clock
        self._randomness = randomness

    async def keep(self, principal: Principal, pages: Sequence[Page]) -> str | None:
        """The continuation of the first of these pages; None when they cannot be kept."""
        place = _Place(self._randomness(_ID_BYTES), 0, self._clock.now() + LASTS)
        plain = [msgspec.msgpack.encode(page) for page in pages]
        if sum(map(len, plain)) > LARGEST:
            return None
        owner = _owner(principal)
        values = await asyncio.to_thread(self._packed, plain, place, owner)
        shares = (Share(owner.hex(), OF_ONE_CALLER), Share(principal.tenant, OF_ONE_TENANT))
        try:
            kept = await self._state.keep(place.id.hex(), values, seconds=LASTS, shares=shares, room=IN_ALL)
        except Unavailable:
            return None
        return self._continuation(place, owner) if kept else None

    async def read(self, call: Call) -> Outcome:
        """The page that the call's continuation stands for. Refuses `unknown_continuation`, or `state_unavailable`."""
        owner = _owner(call.principal)
        place = self._place(call.arguments["continuation"], owner)
        try:
            kept = await self._state.kept(place.id.hex(), place.at)
        except Unavailable:
            raise Refusal("state_unavailable", retry_after=1) from None
        if kept is None:
            raise Refusal("unknown_continuation")
        page = self._unpacked(kept, place, owner)
        structured = Raw(page.content[0]["text"].encode()) if page.json else UNSET
        following = None if page.ends else self._continuation(_Place(place.id, place.at + 1, place.expires_at), owner)
        return told(Outcome(status="ok", content=page.content, structured=structured), page, following)

    def _continuation(self, place: _Place, owner: bytes) -> str:
        return base64.urlsafe_b64encode(self._seal.seal(_PLACED_FOR, msgspec.msgpack.encode(place), owner)).decode()

    def _place(self, continuation: str, owner: bytes) -> _Place:
        """What is not ours, not this caller's, changed or over is refused alike."""
        if len(continuation) > _LONGEST:
            raise Refusal("unknown_continuation")
        try:
            sealed = base64.b64decode(continuation, altchars=b"-_", validate=True)
            place = _placed(self._seal.open(_PLACED_FOR, sealed, owner))
        except (binascii.Error, ValueError, Unsealable, msgspec.MsgspecError):
            raise Refusal("unknown_continuation") from None
        if place.expires_at <= self._clock.now() or base64.urlsafe_b64encode(sealed).decode() != continuation:
            raise Refusal("unknown_continuation")
        return place

    def _packed(self, plain: Sequence[bytes], place: _Place, owner: bytes) -> list[str]:
        """Runs in a thread: compressing and sealing millions of bytes would hold up everybody."""
        bound = [_bound(place.id, at, owner) for at in range(len(plain))]
        sealed = [self._seal.seal(_KEPT_FOR, zlib.compress(page, _QUICK), to) for page, to in zip(plain, bound, strict=True)]
        return [base64.b64encode(each).decode() for each in sealed]

    def _unpacked(self, kept: str, place: _Place, owner: bytes) -> Page:
        try:
            sealed = self._seal.open(_KEPT_FOR, base64.b64decode(kept), _bound(place.id, place.at, owner))
        except (binascii.Error, ValueError, Unsealable):
            raise Refusal("unknown_continuation") from None
        return _decode(zlib.decompress(sealed))


def _owner(principal: Principal) -> bytes:
    """Whose it is: this user of this tenant, by this client, seeing this part of its data."""
    who = (principal.tenant, principal.subject, principal.client, principal.data_scope)
    return sha256(msgspec.msgpack.encode(who)).digest()


def _bound(place: bytes, at: int, owner: bytes) -> bytes:
    return place + at.to_bytes(4, "big") + owner

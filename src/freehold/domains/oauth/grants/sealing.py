"""Codes and refresh tokens: opaque values sealed by the master key that say whose row to look at, and prove that we made them.

The tenant is read from what we sealed ourselves (law 1); what was never ours costs no database. Beside the seal each has 256 random
bits of its own, and only its SHA-256 is kept, so neither the database nor the master key alone makes one."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Final, Literal

import msgspec
from msgspec import Struct

from freehold.kit.crypto import Seal, Unsealable

Kind = Literal["code", "refresh"]
_PREFIX: Final[dict[Kind, str]] = {"code": "mcp_code_", "refresh": "mcp_refresh_"}
_RANDOM_BYTES: Final = 32
_LONGEST: Final = 1_024


class Inside(Struct, frozen=True, array_like=True):
    """What is sealed into one."""

    tenant: str
    row: str
    """The id of the code or the grant."""
    generation: int
    random: bytes


class Presented(Struct, frozen=True):
    """One that is ours: what it says, and what it is recognised by."""

    tenant: str
    row: str
    generation: int
    digest: bytes


class Sealing:
    """Makes and opens both kinds; neither passes for the other."""

    def __init__(self, seal: Seal, randomness: Callable[[int], bytes]) -> None:
        """`randomness` is `os.urandom` outside tests."""
        self._seal = seal
        self._randomness = randomness

    def make(self, kind: Kind, tenant: str, row: str, generation: int = 0) -> str:
        """A new value."""
        inside = msgspec.msgpack.encode(Inside(tenant, row, generation, self._randomness(_RANDOM_BYTES)))
        return _PREFIX[kind] + urlsafe_b64encode(self._seal.seal(f"oauth-{kind}", inside)).rstrip(b"=").decode()

    def open(self, kind: Kind, value: str) -> Presented | None:
        """What it says; None for anything we did not make."""
        if not value.startswith(_PREFIX[kind]) or len(value) > _LONGEST or not value.isascii():
            return None
        body = value.removeprefix(_PREFIX[kind])
        try:
            sealed = urlsafe_b64decode(body + "=" * (-len(body) % 4))
            inside = msgspec.msgpack.decode(self._seal.open(f"oauth-{kind}", sealed), type=Inside)
        except (ValueError, Unsealable):
            return None
        return Presented(inside.tenant, inside.row, inside.generation, digest_of(value))

    def keep(self, value: str, row: str) -> bytes:
        """A value as it may lie in its own row, to be given again."""
        return self._seal.seal("oauth-successor", value.encode(), row.encode())

    def kept(self, sealed: bytes, row: str) -> str:
        """The value again. Raises `Unsealable`."""
        return self._seal.open("oauth-successor", sealed, row.encode()).decode()


def digest_of(value: str) -> bytes:
    """What a value is recognised by."""
    return sha256(value.encode()).digest()

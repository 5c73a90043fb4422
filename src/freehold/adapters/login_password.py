"""Passwords by argon2id, in two threads of their own: a flood of sign-ins cannot take more memory and processors than that."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_THREADS: Final = 2
_NOBODYS: Final = "Nobody has this password."


class Argon2Passwords:
    """The library's own parameters (RFC 9106, low memory): 64 MiB and tens of milliseconds a hash."""

    def __init__(self) -> None:
        """Starts no thread before the first use."""
        self._hasher = PasswordHasher()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="passwords")

    async def hashed(self, password: str) -> str:
        """The hash, with its salt and parameters."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._hasher.hash, password)

    async def fits(self, password: str, kept: str | None) -> bool:
        """Compares with a hash of nobody's when there is none, so that both take the same time."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._fits, password, kept) and kept is not None

    def is_old(self, kept: str) -> bool:
        """Whether the library's parameters have grown since."""
        return self._hasher.check_needs_rehash(kept)

    @cached_property
    def _nobodys(self) -> str:
        return self._hasher.hash(_NOBODYS)

    def _fits(self, password: str, kept: str | None) -> bool:
        try:
            return self._hasher.verify(kept or self._nobodys, password)
        except (VerificationError, InvalidHashError):
            return False


def argon2_passwords(_url: str) -> Argon2Passwords:
    """For `plugs.py`."""
    return Argon2Passwords()

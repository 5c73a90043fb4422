"""What a browser keeps for us, sealed so that any replica can open it: who is signed in, and which page of ours it is looking at.

A page is bound to the browser it was made for; a session is a person's, and ends when the person signs out anywhere."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from freehold.kit.clock import Clock
from freehold.kit.crypto import Seal, Unsealable
from freehold.web.edges import Scope
from freehold.web.oauth.reading import cookie

SESSION_SECONDS: Final = 12 * 3_600.0
PAGE_SECONDS: Final = 600.0
_ID_BYTES: Final = 16
_ID: Final = re.compile(r"[0-9a-f]{32}")
_LONGEST: Final = 32_768


class Session(Struct, frozen=True, array_like=True):
    """A person who signed in."""

    id: str
    user: str
    at: float


class Page(Struct, frozen=True, array_like=True):
    """A page we showed: for which request, to which browser or session, and when."""

    id: str
    query: str
    bound_to: str
    at: float


_Sealed = TypeVar("_Sealed", Session, Page)


class Browsers:
    """Makes and reads what browsers keep."""

    def __init__(self, seal: Seal, *, clock: Clock, randomness: Callable[[int], bytes], secure: bool) -> None:
        """`secure`: the public address is https, so cookies can be kept from plain http and from other hosts of the domain."""
        self._seal = seal
        self._clock = clock
        self._randomness = randomness
        prefix = "__Host-" if secure else ""
        self._session, self._browser = f"{prefix}freehold-session", f"{prefix}freehold-browser"
        self._attributes = "Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")

    def session(self, scope: Scope) -> Session | None:
        """The session this browser shows; whether the person has signed out since is for the caller to see."""
        session = self._opened("oauth-session", cookie(scope["headers"], self._session), Session)
        return session if session is not None and session.at <= self._clock.now() < session.at + SESSION_SECONDS else None

    def begin(self, user: str) -> tuple[bytes, bytes]:
        """A new session of that person, as a header for the browser."""
        session = Session(self._new(), user, self._clock.now())
        return self._set(self._session, self._sealed("oauth-session", session), int(SESSION_SECONDS))

    def end(self) -> tuple[bytes, bytes]:
        """A header that makes the browser forget its session."""
        return self._set(self._session, "", 0)

    def known(self, scope: Scope) -> str:
        """Which browser this is, by what it was given before anybody signed in; empty for one we have not seen."""
        value = cookie(scope["headers"], self._browser)
        return value if _ID.fullmatch(value) else ""

    def met(self, scope: Scope) -> tuple[str, tuple[tuple[bytes, bytes], ...]]:
        """Which browser this is, and a header that tells it so where it does not know."""
        known = self.known(scope)
        if known:
            return known, ()
        new = self._new()
        return new, (self._set(self._browser, new, int(SESSION_SECONDS)),)

    def page(self, query: str, bound_to: str) -> str:
        """A new page's own word, for its form to say."""
        return self._sealed("oauth-page", Page(self._new(), query, bound_to, self._clock.now()))

    def shown(self, said: str, bound_to: str) -> Page | None:
        """The page a form comes from; None when it is not one of this browser's, or was shown too long ago."""
        page = self._opened("oauth-page", said, Page)
        return page if page is not None and bound_to and page.bound_to == bound_to and self._clock.now() < page.at + PAGE_SECONDS else None

    def _new(self) -> str:
        return self._randomness(_ID_BYTES).hex()

    def _sealed(self, purpose: str, value: Session | Page) -> str:
        return urlsafe_b64encode(self._seal.seal(purpose, msgspec.msgpack.encode(value))).rstrip(b"=").decode()

    def _opened(self, purpose: str, text: str, kind: type[_Sealed]) -> _Sealed | None:
        if not text or len(text) > _LONGEST or not text.isascii():
            return None
        try:
            return msgspec.msgpack.decode(self._seal.open(purpose, urlsafe_b64decode(text + "=" * (-len(text) % 4))), type=kind)
        except (ValueError, Unsealable):
            return None

    def _set(self, name: str, value: str, seconds: int) -> tuple[bytes, bytes]:
        return b"set-cookie", f"{name}={value}; Max-Age={seconds}; {self._attributes}".encode()

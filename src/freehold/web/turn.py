"""One request on its way through a door: what is known of it so far, and its way back."""

from collections.abc import Iterable
from typing import Any, Final, Protocol

from freehold.protocol import capabilities, revisions, wire
from freehold.protocol.capabilities import Capabilities
from freehold.protocol.session import Session
from freehold.web.edges import Headers

_TRACEPARENT: Final = 55
"""Characters of a version 00 traceparent (W3C Trace Context)."""


class Back(Protocol):
    """Where messages to the client go before the answer does."""

    async def emit(self, message: bytes) -> None:
        """Send one whole JSON-RPC message."""
        ...

    async def alive(self) -> None:
        """Show that somebody is still here, where the transport has a way to."""
        ...


class Stream(Back, Protocol):
    """A way back that stays open when there is nothing to answer."""

    async def start(self) -> None:
        """Show that it is open before the first message."""
        ...


class Turn:
    """Filled in step by step: headers first, the body's message last."""

    __slots__ = (
        "back",
        "begun",
        "bytes_in",
        "capabilities_",
        "headers",
        "identity",
        "meta",
        "modern",
        "name",
        "raw",
        "revision",
        "session",
    )

    def __init__(self, headers: Headers, raw: Iterable[tuple[bytes, bytes]] | None, back: Back | None, *, name: str) -> None:
        """Nothing but headers has been read yet. `raw` is None where a message has no headers of its own, `back` where the client
        takes nothing but the answer; `name` is the caller's own id of the request, or empty."""
        self.headers = headers
        self.raw = raw
        self.back = back
        self.bytes_in = 0
        self.identity: wire.Id | None = None
        self.revision = revisions.MODERN
        self.modern = True
        """Whether 2026-07-28 rules hold."""
        self.name = name
        self.session: Session | None = None
        self.begun = ""
        """Id of the session this request began."""
        self.meta: dict[str, Any] = {}
        self.capabilities_: Capabilities | None = None

    def serve(self, revision: str) -> None:
        """Its era is decided: one of the handshake's revisions."""
        self.revision = revision
        self.modern = False

    @property
    def capabilities(self) -> Capabilities:
        """What the client declared: with this request (2026-07-28), or when its session began."""
        if self.capabilities_ is None:
            declared = capabilities.read(self.meta.get(revisions.CAPABILITIES_KEY)) if self.modern else capabilities.NONE
            self.capabilities_ = declared if self.session is None else self.session.capabilities
        return self.capabilities_

    @property
    def traceparent(self) -> str:
        """The caller's trace context, or empty."""
        value: object = self.meta.get("traceparent")
        return value if type(value) is str and len(value) == _TRACEPARENT else ""

    def read(self, message: wire.Message) -> None:
        """Take what the message's parameters say about the request itself."""
        meta: object = message.params.get("_meta")
        if wire.is_object(meta):
            self.meta = meta

    def again(self) -> "Turn":
        """A turn for another message of the same body."""
        turn = Turn(self.headers, self.raw, self.back, name=self.name)
        turn.bytes_in, turn.session = self.bytes_in, self.session
        turn.serve(self.revision)
        return turn

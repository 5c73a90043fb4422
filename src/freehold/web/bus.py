"""What replicas tell each other about open streams and waiting calls: sealed messages over `State`'s broadcast.

Lossy as that is; whoever uses it says what a lost message costs."""

import base64
import binascii
import logging
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from freehold.kit.crypto import Seal, Unsealable
from freehold.kit.state import State

_log = logging.getLogger("freehold.web")
_PURPOSE: Final = "bus"
M = TypeVar("M")


class Bus:
    """Messages carry what customers' agents say, so the server between replicas sees only sealed bytes, bound to their topic."""

    def __init__(self, state: State, seal: Seal) -> None:
        """Take the broadcast and the seal all replicas share."""
        self._state = state
        self._seal = seal

    async def publish(self, topic: str, message: Any) -> None:
        """Tell every replica, this one too. Raises `Unavailable` when the broadcast cannot be reached."""
        sealed = self._seal.seal(_PURPOSE, msgspec.json.encode(message), topic.encode())
        await self._state.publish(topic, base64.b64encode(sealed).decode())

    def subscribe(self, topic: str, kind: type[M], heard: Callable[[M], None]) -> Callable[[], None]:
        """Call `heard` on the event loop for each message; returns the way to stop. What no replica of ours said is dropped."""
        decode = msgspec.json.Decoder(kind).decode

        def opened(text: str) -> None:
            try:
                message = decode(self._seal.open(_PURPOSE, base64.b64decode(text), topic.encode()))
            except (Unsealable, msgspec.MsgspecError, binascii.Error, ValueError):
                _log.warning("bus message dropped", extra={"code": "bus_message_dropped"})
                return
            heard(message)

        return self._state.subscribe(topic, opened)

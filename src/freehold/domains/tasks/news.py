"""Tells every replica which task changed, by broadcast. Lossy: whoever must know also looks at the rows now and then."""

import base64
import binascii
import logging
from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct

from freehold.domains.tasks.model import Changed
from freehold.kit.crypto import Seal, Unsealable
from freehold.kit.errors import Unavailable
from freehold.kit.state import State

_TOPIC: Final = "freehold.tasks"
_PURPOSE: Final = "task news"

_log = logging.getLogger("freehold.tasks")


class _Message(Struct, frozen=True, array_like=True):
    """What goes over the wire, sealed: it names who works for which customer."""

    by: str
    changed: Changed


_read: Final = msgspec.msgpack.Decoder(_Message).decode


class News:
    """One process's ear and voice. This process hears at once and once, the others when the broadcast arrives."""

    def __init__(self, state: State, seal: Seal, runner: str) -> None:
        """`runner` names this process, so that it does not hear itself twice."""
        self._state = state
        self._seal = seal
        self._runner = runner
        self._watchers: list[Callable[[Changed], None]] = []
        self._stop: Callable[[], None] | None = None

    def watch(self, heard: Callable[[Changed], None]) -> None:
        """Call `heard` on the event loop for every change of any replica. It must not raise."""
        self._watchers.append(heard)

    async def tell(self, changed: Changed) -> None:
        """After the commit. A broadcast that cannot be sent is no error."""
        self._tell(changed)
        sealed = self._seal.seal(_PURPOSE, msgspec.msgpack.encode(_Message(self._runner, changed)))
        try:
            await self._state.publish(_TOPIC, base64.b64encode(sealed).decode())
        except Unavailable:
            _log.warning("task news not spread", extra={"code": "task_news_not_spread"})

    def start(self) -> None:
        """Begin to hear."""
        self._stop = self._state.subscribe(_TOPIC, self._hear)

    def close(self) -> None:
        """Hear no more."""
        stop, self._stop = self._stop, None
        if stop is not None:
            stop()

    def _hear(self, text: str) -> None:
        try:
            message = _read(self._seal.open(_PURPOSE, base64.b64decode(text)))
        except (Unsealable, msgspec.MsgspecError, binascii.Error, ValueError):
            _log.warning("task news dropped", extra={"code": "task_news_dropped"})
            return
        if message.by != self._runner:
            self._tell(message.changed)

    def _tell(self, changed: Changed) -> None:
        for heard in self._watchers:
            heard(changed)

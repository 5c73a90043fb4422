"""Who in this process listens to which topic. The part of broadcast that every `State` adapter shares."""

import asyncio
from collections.abc import Callable
from functools import partial


class Topics:
    """Subscribers by topic. For one event loop."""

    def __init__(self) -> None:
        """Nobody listens yet."""
        self._heard: dict[str, dict[object, Callable[[str], None]]] = {}

    def __bool__(self) -> bool:
        """Whether anybody listens to anything."""
        return bool(self._heard)

    def add(self, topic: str, heard: Callable[[str], None]) -> Callable[[], None]:
        """Listen until the returned function is called; calling it twice does no harm."""
        ticket = object()
        self._heard.setdefault(topic, {})[ticket] = heard
        return partial(self._drop, topic, ticket)

    def tell(self, topic: str, message: str) -> None:
        """Call every subscriber soon, each on its own: one that raises stops neither the others nor the teller."""
        loop = asyncio.get_running_loop()
        for heard in self._heard.get(topic, {}).values():
            loop.call_soon(heard, message)

    def clear(self) -> None:
        """Forget everybody."""
        self._heard.clear()

    def _drop(self, topic: str, ticket: object) -> None:
        listening = self._heard.get(topic, {})
        listening.pop(ticket, None)
        if not listening:
            self._heard.pop(topic, None)

"""A server's event stream read part by part (HTML, server-sent events): what its events carry, and where to go on after a break."""

from typing import Final

from freehold.protocol.client import Garbled

_MOST_RETRY: Final = 60_000


class Events:
    """One stream. Remembers `last_id` and `retry` (milliseconds) for whoever opens it again."""

    def __init__(self, *, longest: int) -> None:
        """`longest` bounds the bytes of one event."""
        self._longest = longest
        self._line = bytearray()
        self._after_cr = False
        self._data: list[bytes] = []
        self._size = 0
        self.last_id: str | None = None
        self.retry: int | None = None

    def feed(self, part: bytes) -> list[bytes]:
        """The data of every event that is whole now, in order; events without data are left out. Raises `Garbled` for one too long."""
        if not part:
            return []
        begun, self._after_cr = self._after_cr, part.endswith(b"\r")
        if begun and part.startswith(b"\n"):
            part = part[1:]
        *lines, rest = part.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        found: list[bytes] = []
        for line in lines:
            self._line += line
            data = self._took(bytes(self._line))
            self._line.clear()
            if data is not None:
                found.append(data)
        self._line += rest
        if len(self._line) + self._size > self._longest:
            raise Garbled("an event is too long")
        return found

    def _took(self, line: bytes) -> bytes | None:
        if not line:
            data, self._data, self._size = b"\n".join(self._data), [], 0
            return data or None
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            self._size += len(value)
        elif name == b"id" and b"\0" not in value:
            self.last_id = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit():
            self.retry = min(int(value[:9]), _MOST_RETRY)
        return None

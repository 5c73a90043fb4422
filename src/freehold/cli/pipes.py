"""Standard input and output as lines, whatever they are: a pipe, a terminal or a file. Reading and writing block threads of their own."""

import asyncio
import os
import queue
import threading
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Final, NamedTuple

_AT_ONCE: Final = 65_536
_AHEAD: Final = 4
"""Lines read before the first of them was taken."""
_INPUT, _OUTPUT, _ERRORS = 0, 1, 2


class Streams(NamedTuple):
    """Descriptors only this process holds."""

    given: int
    taken: int


def claim() -> Streams:
    """Keep input and output for messages: whatever else the process reads is empty, and whatever else it prints goes to the errors."""
    streams = Streams(os.dup(_INPUT), os.dup(_OUTPUT))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, _INPUT)
    os.close(nothing)
    os.dup2(_ERRORS, _OUTPUT)
    return streams


class Reader:
    """Lines of a descriptor, without their ends; None for one longer than `cap` bytes, which is passed over."""

    def __init__(self, descriptor: int, *, cap: int) -> None:
        """Nothing is read before the first line is asked for."""
        self._descriptor = descriptor
        self._cap = cap
        self._held = bytearray()
        self._skipping = False

    async def lines(self) -> AsyncIterator[bytes | None]:
        """To the end. A last line needs no line end."""
        loop = asyncio.get_running_loop()
        found: asyncio.Queue[tuple[bytes | None] | None] = asyncio.Queue(_AHEAD)
        threading.Thread(target=self._read, args=(loop, found), name="stdin", daemon=True).start()
        while (line := await found.get()) is not None:
            yield line[0]

    def _read(self, loop: asyncio.AbstractEventLoop, found: "asyncio.Queue[tuple[bytes | None] | None]") -> None:
        """In the thread. It waits until there is room, and ends when the loop has."""

        def put(line: tuple[bytes | None] | None) -> None:
            asyncio.run_coroutine_threadsafe(found.put(line), loop).result()

        with suppress(RuntimeError, CancelledError, OSError):
            while data := os.read(self._descriptor, _AT_ONCE):
                for line in self._split(data):
                    put((line,))
            if self._held or self._skipping:
                put((None if self._skipping else bytes(self._held),))
        with suppress(RuntimeError, CancelledError):
            put(None)

    def _split(self, data: bytes) -> list[bytes | None]:
        *whole, rest = data.split(b"\n")
        lines = [self._ended(part) for part in whole]
        self._hold(rest)
        return lines

    def _ended(self, part: bytes) -> bytes | None:
        self._hold(part)
        line = None if self._skipping else bytes(self._held)
        self._held.clear()
        self._skipping = False
        return line

    def _hold(self, part: bytes) -> None:
        if self._skipping or len(self._held) + len(part) > self._cap:
            self._skipping = True
            self._held.clear()
        else:
            self._held += part


class Writer:
    """Bytes to a descriptor, in order. Once nobody reads them they go nowhere."""

    def __init__(self, descriptor: int) -> None:
        """Nothing is written yet."""
        self._descriptor = descriptor
        self._waiting: queue.SimpleQueue[tuple[bytes, asyncio.Future[None]]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def write(self, data: bytes) -> None:
        """Return when the system has taken all of it."""
        loop = asyncio.get_running_loop()
        if self._thread is None:
            self._thread = threading.Thread(target=self._write, args=(loop,), name="stdout", daemon=True)
            self._thread.start()
        written: asyncio.Future[None] = loop.create_future()
        self._waiting.put((data, written))
        await written

    def _write(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            data, written = self._waiting.get()
            with suppress(OSError):
                _write_all(self._descriptor, data)
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_done, written)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _done(written: "asyncio.Future[None]") -> None:
    if not written.done():
        written.set_result(None)

"""The load: N keep-alive connections, each sending its next request when its answer is complete. Runs in a process of its own.

Reads one JSON order from standard input and writes one JSON measurement. The clock starts on idle connections after a warm-up and
stops when the last answer is in, so the server's CPU time between the two belongs to exactly the answers counted."""

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass, replace
from typing import cast

import httptools
import uvloop

from bench.listeners import listening
from bench.machine import LOAD_CORE, cpu_seconds, pin
from bench.requests import MODERN, OK, Exchange, Target, begun, echo_calls, item_calls, lists

PATIENCE = 60.0


@dataclass(frozen=True)
class Order:
    """One measurement to take."""

    kind: str
    target: Target
    pid: int
    tools: int
    connections: int
    seconds: float
    warm_up: float
    streams: int = 0


@dataclass(frozen=True)
class Measurement:
    """What came of it. `cpu_us` is the server's, per request; None where the system cannot say."""

    requests: int
    errors: int
    seconds: float
    rps: float
    cpu_us: float | None
    p50_ms: float
    p99_ms: float
    bytes_out: int
    sample: str


class Tally:
    """What all connections of one phase have seen."""

    def __init__(self, seconds: float) -> None:
        """Counting starts now and no request is sent after `seconds`."""
        self.until = time.perf_counter() + seconds
        self.took: list[float] = []
        self.errors = 0
        self.sample = ""
        self.bytes_out = 0

    def note(self, took: float, wrong: bytes | None, size: int) -> None:
        """One answer, with its text when it was not the right one."""
        self.took.append(took)
        self.bytes_out = size
        if wrong is not None:
            self.errors += 1
            self.sample = self.sample or wrong[:300].decode("utf-8", "replace")


class Connection(asyncio.Protocol):
    """One keep-alive connection; knows one request at a time."""

    def __init__(self, exchanges: list[Exchange], first: int, stride: int) -> None:
        """Take every `stride`-th exchange from `first` on, round and round."""
        self._exchanges = exchanges
        self._next = first
        self._stride = stride
        self._tally = Tally(0)
        self._idle: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._expected = b""
        self._sent = 0.0
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready, but silent until told to run."""
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpResponseParser(self)

    def run(self, tally: Tally) -> asyncio.Future[None]:
        """Send until the tally's time is over; done when the last answer is in."""
        self._tally = tally
        self._idle = asyncio.get_running_loop().create_future()
        self._send()
        return self._idle

    def _send(self) -> None:
        if time.perf_counter() >= self._tally.until:
            self._idle.set_result(None)
            return
        exchange = self._exchanges[self._next % len(self._exchanges)]
        self._next += self._stride
        self._expected = exchange.expected
        self._body.clear()
        self._sent = time.perf_counter()
        self._transport.write(exchange.request)

    def data_received(self, data: bytes) -> None:
        """Feed the parser."""
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """A piece of the answer."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """A whole answer: judge it and go on."""
        body = b"".join(self._body)
        right = self._parser.get_status_code() == OK and self._expected in body
        self._tally.note(time.perf_counter() - self._sent, None if right else body, len(body))
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        """A server that hangs up while asked has failed."""
        if not self._idle.done():
            self._tally.note(time.perf_counter() - self._sent, b"the connection was closed", 0)
            self._idle.set_result(None)


async def measure(order: Order) -> Measurement:
    """Connect, warm up, measure."""
    exchanges = exchanges_of(order)
    loop = asyncio.get_running_loop()
    connections: list[Connection] = []
    for number in range(order.connections):
        made = await loop.create_connection(
            lambda first=number: Connection(exchanges, first, order.connections), "127.0.0.1", order.target.port
        )
        connections.append(made[1])
    async with listening(order.target, order.streams, order.pid):
        warm_up = Tally(order.warm_up)
        await asyncio.wait_for(asyncio.gather(*(one.run(warm_up) for one in connections)), PATIENCE)
        return await _count(order, connections)


async def _count(order: Order, connections: list[Connection]) -> Measurement:
    cpu, start = cpu_seconds(order.pid), time.perf_counter()
    tally = Tally(order.seconds)
    await asyncio.wait_for(asyncio.gather(*(one.run(tally) for one in connections)), PATIENCE)
    seconds, cpu_after = time.perf_counter() - start, cpu_seconds(order.pid)
    took, count = sorted(tally.took), len(tally.took)
    return Measurement(
        requests=count,
        errors=tally.errors,
        seconds=seconds,
        rps=count / seconds,
        cpu_us=None if cpu is None or cpu_after is None else (cpu_after - cpu) / count * 1e6,
        p50_ms=took[count // 2] * 1e3,
        p99_ms=took[min(count - 1, count * 99 // 100)] * 1e3,
        bytes_out=tally.bytes_out,
        sample=tally.sample,
    )


def exchanges_of(order: Order) -> list[Exchange]:
    """The requests an order asks for."""
    if order.kind == "list":
        return lists(order.target, order.tools)
    return item_calls(order.target) if order.kind == "item" else echo_calls(order.target, f"echo_{order.tools - 1:04d}")


def main() -> None:
    """One order in, one measurement out."""
    said = json.load(sys.stdin)
    order = Order(target=Target(**said.pop("target")), **said)
    if order.target.version != MODERN:
        order = replace(order, target=begun(order.target))
    pin(LOAD_CORE)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(asdict(runner.run(measure(order)))))


if __name__ == "__main__":
    main()

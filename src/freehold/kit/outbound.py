"""`Outbound` over sockets of our own: one HTTP/1.1 connection pool per origin, every address judged before it is connected.

Framing is `kit/connection.py`'s, judgement `kit/addresses.py`'s."""

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from freehold.kit.addresses import allowed, canonical_host, read_exceptions, read_port, split_port
from freehold.kit.clock import Clock, SystemClock
from freehold.kit.connection import Connection, Ended, Flow
from freehold.kit.http import BODILESS, Answer, Flowing, Request, SendFailed, as_answer, as_headers, with_defaults

_Address = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
_MOST_ORIGINS: Final = 1024
_REPEATABLE: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
"""Methods that may be sent again when a kept connection died under them (RFC 9110 9.2.2)."""


class GuardedClient:
    """`Outbound` over sockets. Built without side effects.

    Every connection's address is judged by `kit/addresses.py` after DNS, whatever named it; of a name that leads to several
    addresses each must be allowed. A request is sent at most once, unless its method may be repeated and a kept connection
    died before a byte of the answer. Requests to one origin beyond `connections_per_host` wait for their turn.
    """

    def __init__(
        self,
        outbound_allow: Sequence[str] = (),
        *,
        clock: Clock | None = None,
        connections_per_host: int = 100,
        connect_seconds: float = 5.0,
        keepalive_seconds: float = 15.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Open what `outbound_allow` lists and nothing private besides. `tls` must verify; without one the system's roots do.

        Raises `Misconfigured` for an entry that cannot be read.
        """
        self._exceptions = read_exceptions(outbound_allow)
        self._monotonic = (clock or SystemClock()).monotonic
        self._per_host = connections_per_host
        self._connect_seconds = connect_seconds
        self._keepalive_seconds = keepalive_seconds
        self._tls = tls
        self._pools: dict[str, _Pool] = {}
        self._sweeping: asyncio.TimerHandle | None = None

    async def send(self, request: Request, *, seconds: float, cap: int) -> Answer:
        """Send and read the whole answer within `seconds` and `cap` bytes of body (also after decoding), or raise `SendFailed`.

        Raises ValueError for a method that is no token and for a header that belongs to the connection or is not one line.
        """
        origin, target = _split(request.url)
        pool = self._pools.get(origin) or self._pool(origin)
        deadline = pool.loop.time() + seconds
        errand = _Errand(_compose(request, target, pool.authority), request.method, deadline, cap)
        await pool.enter(deadline)
        try:
            return await self._run(pool, errand)
        except Ended as ended:
            raise SendFailed(ended.how, delivered=True) from None
        finally:
            pool.leave()

    @asynccontextmanager
    async def stream(self, request: Request, *, seconds: float, cap: int) -> AsyncGenerator[Flowing]:
        """Likewise, but give the answer once its head is there; see `StreamingOutbound`. A connection of its own, sent once."""
        origin, target = _split(request.url)
        pool = self._pools.get(origin) or self._pool(origin)
        deadline = pool.loop.time() + seconds
        data, bodiless = _compose(request, target, pool.authority), request.method == "HEAD"
        await pool.enter(deadline)
        try:
            connection = await self._connect(pool, deadline)
            flow, waiter = Flow(pool.loop), pool.loop.create_future()
            timer = pool.loop.call_at(deadline, connection.fail, "timeout")
            try:
                connection.begin(data, waiter, cap=cap, bodiless=bodiless, flow=flow)
                await waiter
                timer.cancel()
                yield Flowing(status=connection.status, headers=as_headers(connection.headers), parts=_parts(flow, seconds))
            except Ended as ended:
                raise SendFailed(ended.how, delivered=True) from None
            finally:
                timer.cancel()
                pool.drop(connection)
        finally:
            pool.leave()

    async def close(self) -> None:
        """Close every connection; a call under way fails."""
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.shut()
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None

    async def _run(self, pool: "_Pool", errand: "_Errand") -> Answer:
        kept = pool.kept(not_before=self._monotonic() - self._keepalive_seconds)
        if kept is not None:
            try:
                return await self._exchange(pool, kept, errand)
            except Ended as ended:
                if ended.how != "broken" or kept.heard or errand.method not in _REPEATABLE:
                    raise
        return await self._exchange(pool, await self._connect(pool, errand.deadline), errand)

    async def _exchange(self, pool: "_Pool", connection: Connection, errand: "_Errand") -> Answer:
        waiter: asyncio.Future[None] = pool.loop.create_future()
        timer = pool.loop.call_at(errand.deadline, connection.fail, "timeout")
        connection.begin(errand.data, waiter, cap=errand.cap, bodiless=errand.method == "HEAD")
        try:
            await waiter
        except BaseException:
            pool.drop(connection)
            raise
        finally:
            timer.cancel()
        status, headers, body = connection.status, connection.headers, connection.body
        self._keep(pool, connection)
        return as_answer(status, headers, body, errand.cap)

    def _keep(self, pool: "_Pool", connection: Connection) -> None:
        """Keep a connection for the next request, if it can carry one."""
        if pool.over or not connection.reusable or connection.gone:
            pool.drop(connection)
            return
        connection.idle_since = self._monotonic()
        pool.idle.append(connection)
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(self._keepalive_seconds, self._sweep)

    def _sweep(self) -> None:
        """Close what has been idle for too long, and come back while anything is."""
        oldest = self._monotonic() - self._keepalive_seconds
        for pool in self._pools.values():
            for connection in [each for each in pool.idle if each.gone or each.idle_since <= oldest]:
                pool.idle.remove(connection)
                pool.drop(connection)
        again = any(pool.idle for pool in self._pools.values())
        self._sweeping = asyncio.get_running_loop().call_later(self._keepalive_seconds, self._sweep) if again else None

    def _pool(self, origin: str) -> "_Pool":
        """The pool of an origin not met before; raises `SendFailed` when nothing is ever sent there."""
        scheme, _, authority = origin.partition("://")
        written, digits = split_port(authority)
        host = canonical_host(written)
        port = {"http": 80, "https": 443}.get(scheme) if digits is None else read_port(digits)
        if scheme not in ("http", "https") or host is None or port is None:
            raise SendFailed("address_refused", delivered=False)
        if len(self._pools) >= _MOST_ORIGINS:
            self._forget_unused()
        pool = self._pools[origin] = _Pool(host, port, authority, tls=scheme == "https", most=self._per_host)
        return pool

    def _forget_unused(self) -> None:
        for origin in [origin for origin, pool in self._pools.items() if not pool.busy]:
            self._pools.pop(origin).shut()

    async def _connect(self, pool: "_Pool", deadline: float) -> Connection:
        """A new connection; raises `SendFailed` with `delivered=False`."""
        soonest = min(deadline, asyncio.get_running_loop().time() + self._connect_seconds)
        try:
            async with asyncio.timeout_at(soonest):
                connection = await self._reach(pool, soonest)
        except TimeoutError:
            raise SendFailed("timeout", delivered=False) from None
        except OSError:
            raise SendFailed("unreachable", delivered=False) from None
        pool.open.add(connection)
        return connection

    async def _reach(self, pool: "_Pool", deadline: float) -> Connection:
        """Resolve, judge every address, then try them in order; each gets its share of the time that is left."""
        loop = asyncio.get_running_loop()
        places = await loop.getaddrinfo(pool.host, pool.port, type=socket.SOCK_STREAM)
        for place in places:
            self._judge(pool, place[4][0])
        failed = OSError()
        for left, (family, kind, protocol, _, address) in zip(range(len(places), 0, -1), places, strict=True):
            try:
                async with asyncio.timeout((deadline - loop.time()) / left):
                    return await self._dial(pool, socket.socket(family, kind, protocol), address)
            except OSError as why:
                failed = why
        raise failed

    def _judge(self, pool: "_Pool", ip: str | int) -> None:
        """Raise `SendFailed` unless this pool may lead there; asked before the connection, and again of the socket itself."""
        if not allowed(str(ip), pool.port, exceptions=self._exceptions, host=pool.host):
            raise SendFailed("address_refused", delivered=False)

    async def _dial(self, pool: "_Pool", sock: socket.socket, address: _Address) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            sock.setblocking(False)  # noqa: FBT003  the socket's own signature
            await loop.sock_connect(sock, address)
            self._judge(pool, sock.getpeername()[0])
            tls, name = (self._context(), pool.host) if pool.tls else (None, None)
            return (await loop.create_connection(Connection, sock=sock, ssl=tls, server_hostname=name))[1]
        except BaseException:
            sock.close()
            raise

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls


async def _parts(flow: Flow, seconds: float) -> AsyncIterator[bytes]:
    """The body, part by part, none of them waited for longer than `seconds`."""
    while True:
        try:
            async with asyncio.timeout(seconds):
                part = await flow.take()
        except TimeoutError:
            raise SendFailed("timeout", delivered=True) from None
        except Ended as ended:
            raise SendFailed(ended.how, delivered=True) from None
        if part is None:
            return
        yield part


class _Errand(NamedTuple):
    data: bytes
    method: str
    deadline: float
    """On the event loop's clock."""
    cap: int


class _Pool:
    """The connections to one origin, and the queue for them."""

    __slots__ = ("_most", "_waiting", "authority", "busy", "host", "idle", "loop", "open", "over", "port", "tls")

    def __init__(self, host: str, port: int, authority: str, *, tls: bool, most: int) -> None:
        self.host, self.port, self.authority, self.tls = host, port, authority, tls
        self.loop = asyncio.get_running_loop()  # kept: asking for it costs a system call before Python 3.12
        self.busy = 0
        self.over = False
        self.idle: list[Connection] = []
        self.open: set[Connection] = set()
        self._most = most
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self, deadline: float) -> None:
        """Take one of the places, waiting for it if need be; raises `SendFailed` when the time is over first."""
        if self.busy < self._most:
            self.busy += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout_at(deadline):
                await turn
        except BaseException as why:
            if turn.done() and not turn.cancelled():
                self.leave()
            if isinstance(why, TimeoutError):
                raise SendFailed("timeout", delivered=False) from None
            raise

    def leave(self) -> None:
        """Give the place back, to whoever has waited longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.busy -= 1

    def kept(self, *, not_before: float) -> Connection | None:
        """The connection used last, if one is alive and was used since then."""
        while self.idle:
            connection = self.idle.pop()
            if connection.idle_since > not_before and connection.quiet:
                return connection
            self.drop(connection)
        return None

    def shut(self) -> None:
        """Close every connection; what is still being connected is not kept."""
        self.over = True
        self.idle.clear()
        for connection in tuple(self.open):
            self.drop(connection)

    def drop(self, connection: Connection) -> None:
        """Close a connection for good; an exchange on it fails."""
        self.open.discard(connection)
        connection.fail("broken")


def _split(url: str) -> tuple[str, str]:
    """Origin and request target, as spelled; raises `SendFailed` for what is not wholly encoded."""
    if not (url.isascii() and url.isprintable()) or " " in url or "#" in url or "\\" in url:
        raise SendFailed("address_refused", delivered=False)
    authority = url.find("://") + 3
    path, query = url.find("/", authority), url.find("?", authority)
    if path < 0 or 0 <= query < path:
        return (url, "/") if query < 0 else (url[:query], "/" + url[query:])
    return url[:path], url[path:]


def _compose(request: Request, target: str, authority: str) -> bytes:
    body = request.body
    lines = [f"{request.method} {target} HTTP/1.1\r\nHost: {authority}\r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in with_defaults(request)]
    if body is not None or request.method not in BODILESS:
        lines.append(f"Content-Length: {len(body or b'')}\r\n")
    lines.append("\r\n")
    head = "".join(lines).encode()
    return head + body if body else head

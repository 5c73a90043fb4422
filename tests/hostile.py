"""An upstream on a raw socket that does exactly what its script says, well or badly.

A script is an async function of a `Line`; the ones at the end are the usual ways an upstream goes wrong."""

import asyncio
import gzip
import ipaddress
import socket
import ssl
import struct
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Line:
    """One connection as the upstream sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, news: asyncio.Condition) -> None:
        """Wrap what the server accepted; `news` is told of every request."""
        self._news = news
        self._reader = reader
        self._writer = writer
        self.requests: list[bytes] = []
        """Every request as it came, head and body."""
        self.ended = asyncio.Event()
        """Set once either side has closed it."""

    async def request(self) -> bytes:
        """Read one whole request; empty when the client closed instead."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            self.ended.set()
            return b""
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
        whole = head + await self._reader.readexactly(length)
        self.requests.append(whole)
        async with self._news:
            self._news.notify_all()
        return whole

    async def write(self, data: bytes) -> None:
        """Send bytes and wait until the kernel has taken most of them."""
        self._writer.write(data)
        await self._writer.drain()

    async def until_eof(self) -> None:
        """Wait until the client closes, reading on."""
        try:
            while await self._reader.read(65536):
                pass
        except ConnectionError:
            pass
        self.ended.set()

    def reset(self) -> None:
        """Break the connection with a TCP reset."""
        sock: socket.socket = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def close(self) -> None:
        """Close it in good order."""
        self._writer.close()


Script = Callable[[Line], Awaitable[None]]


class Upstream:
    """A listening upstream: its address, and every connection it has had."""

    def __init__(self, script: Script, scheme: str) -> None:
        """Follow `script` on each connection."""
        self._script = script
        self._news = asyncio.Condition()
        self.scheme = scheme
        self.port = 0
        self.lines: list[Line] = []

    @property
    def origin(self) -> str:
        """The origin by its IPv4 literal."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[bytes]:
        """Every request of every connection, in the order of the connections."""
        return [request for line in self.lines for request in line.requests]

    async def until_asked(self, times: int = 1) -> None:
        """Wait until that many requests have come."""
        async with self._news:
            await self._news.wait_for(lambda: len(self.requests) >= times)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Run the script for one connection, then close it."""
        line = Line(reader, writer, self._news)
        self.lines.append(line)
        try:
            await self._script(line)
        except ConnectionError:
            pass
        finally:
            writer.close()
            with suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()
            line.ended.set()


@asynccontextmanager
async def upstream(script: Script, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[Upstream]:
    """Listen on a loopback address, by default on a free port, for as long as the block runs."""
    up = Upstream(script, "https" if tls else "http")
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(up.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, host, port, ssl=tls)
    up.port = server.sockets[0].getsockname()[1]
    try:
        yield up
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def answers(data: bytes = OK) -> Script:
    """Give the same bytes to every request, keeping the connection."""

    async def script(line: Line) -> None:
        while await line.request():
            await line.write(data)

    return script


def once(data: bytes) -> Script:
    """Give these bytes to the first request, then close."""

    async def script(line: Line) -> None:
        await line.request()
        await line.write(data)

    return script


def whole(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    """An answer with its right Content-Length."""
    return b"\r\n".join([b"HTTP/1.1 " + status, *headers, b"Content-Length: %d" % len(body), b"", body])


async def hangs(line: Line) -> None:
    """Take the request and never answer."""
    await line.request()
    await line.until_eof()


async def resets(line: Line) -> None:
    """Take the request and break the connection."""
    await line.request()
    line.reset()


async def hangs_in_body(line: Line) -> None:
    """Begin an answer and never end it."""
    await line.request()
    await line.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    await line.until_eof()


async def endless_chunks(line: Line) -> None:
    """Send chunk after chunk for as long as somebody reads."""
    await line.request()
    await line.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not line.ended.is_set():
        await line.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")


async def endless_trailers(line: Line) -> None:
    """End the body, then send trailer after trailer for as long as somebody reads."""
    await line.request()
    await line.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n")
    while not line.ended.is_set():
        await line.write(b"X-Trailer: " + b"x" * 1000 + b"\r\n")


async def slow_drip(line: Line) -> None:
    """Send one byte of the body every hundredth of a second."""
    await line.request()
    await line.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        await line.write(b".")
        await asyncio.sleep(0.01)  # real time: being slow is what it is for


async def flood_of_interim_answers(line: Line) -> None:
    """Send 103 Early Hints for as long as somebody reads, and no answer."""
    await line.request()
    while True:
        await line.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 64)


HALF_A_BODY = once(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
HALF_A_CHUNK = once(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf")
HALF_A_HEAD = once(b"HTTP/1.1 200 OK\r\nContent-Ty")
NO_HTTP = once(b"SSH-2.0-OpenSSH_9.6\r\n")
TEN_MEGABYTES = answers(whole(b"x" * 10_000_000))
TEN_MEGABYTES_CHUNKED = answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n989680\r\n" + b"x" * 10_000_000 + b"\r\n0\r\n\r\n")
HTML = answers(whole(b"<h1>502 Bad Gateway</h1>", b"Content-Type: text/html", status=b"502 Bad Gateway"))
SAYS_TOO_LITTLE = answers(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"else"')
TWO_LENGTHS = once(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}")
NEGATIVE_LENGTH = once(b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}")
HEADER_BOMB = once(b"HTTP/1.1 200 OK\r\n" + b"X-Padding: " + b"x" * 1_000_000 + b"\r\n\r\n")
MANY_HEADERS = once(b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(50_000)) + b"Content-Length: 0\r\n\r\n")
GZIP_BOMB = answers(whole(gzip.compress(b"\0" * 50_000_000), b"Content-Encoding: gzip"))
SWITCHES = once(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")


def redirect(location: str) -> Script:
    """Send everybody on to another place."""
    return answers(whole(b"", b"Location: " + location.encode(), status=b"302 Found"))


class Authority:
    """A certificate authority nobody else trusts."""

    def __init__(self) -> None:
        """Make its key and certificate."""
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test Authority")])
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        builder = self._builder(self._name, self._key, days=1).add_extension(constraints, critical=True)
        builder = builder.add_extension(_signs_certificates(), critical=True)
        self._certificate = builder.sign(self._key, hashes.SHA256())

    def trusting(self) -> ssl.SSLContext:
        """A client's context that trusts this authority alone."""
        return ssl.create_default_context(cadata=self._certificate.public_bytes(Encoding.PEM).decode())

    def serving(self, *names: str, expired: bool = False, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
        """A server's context with a certificate for these names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
        alternatives = x509.SubjectAlternativeName([_general(name) for name in names])
        builder = self._builder(subject, key, days=-1 if expired else 1).add_extension(alternatives, critical=False)
        pem = builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if newest < ssl.TLSVersion.TLSv1_2:
            with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # old on purpose
                context.minimum_version = context.maximum_version = newest
            context.set_ciphers("ALL:@SECLEVEL=0")
        with TemporaryDirectory() as place:
            file = Path(place, "server.pem")
            file.write_bytes(pem + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            context.load_cert_chain(file)
        return context

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, days: int) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=2))
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        return builder.not_valid_after(now + timedelta(days=days))


def _signs_certificates() -> x509.KeyUsage:
    signs = {"key_cert_sign": True, "crl_sign": True}
    other = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    return x509.KeyUsage(**signs, **dict.fromkeys((*other, "encipher_only", "decipher_only"), False))


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)

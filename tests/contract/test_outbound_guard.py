"""What the guarded client refuses to connect to, whatever the name, the spelling or the environment says."""

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from freehold.kit.errors import Misconfigured
from tests import hostile
from tests.hostile import answers, once, upstream, whole
from tests.outbound import ask, client

pytestmark = pytest.mark.anyio


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """What the test opened, closed after it."""
    async with AsyncExitStack() as opened:
        yield opened


def names_lead_to(monkeypatch: pytest.MonkeyPatch, *turns: list[str]) -> list[str]:
    """A resolver that gives these addresses, the next list at each question and the last one ever after; returns who asked."""
    asked: list[str] = []

    def resolve(host: str, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
        if host.startswith("127."):
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]
        asked.append(host)
        ips = turns[min(len(asked), len(turns)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in ips]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::]", "0.0.0.1"])
async def test_loopback_is_refused_by_literal_and_by_name(host: str) -> None:
    """Without an exception nothing on this machine is reached, however it is written (EG-01, EG-02, EG-13)."""
    async with upstream(answers()) as up, client() as guarded:
        assert await ask(guarded, f"http://{host}:{up.port}/") == "address_refused not delivered"
        assert up.lines == []


@pytest.mark.parametrize(
    "authority",
    [
        *("2130706433", "0x7f000001", "0x7f.1", "017700000001", "127.1", "①②⑦.⓪.⓪.①", "localhost.", "127.0.0.1.", "localhost%00.example"),
        *(
            "user@127.0.0.1",
            "user:pw@127.0.0.1",
            "example.com@127.0.0.1",
            "127.0.0.1\\@example.com",
            "127.0.0.1\t",
            "127.0.0.1\n",
            " 127.0.0.1",
            "",
        ),
        *("metadata.google.internal", "169.254.169.254", "[fe80::1%25lo]", "[::1"),
    ],
)
async def test_odd_authorities_are_refused_even_beside_a_wide_exception(authority: str) -> None:
    """Forms that parsers read differently never reach a resolver or a socket (EG-03, EG-04)."""
    async with upstream(answers()) as up, client("127.0.0.0/8", "::/0", "localhost") as guarded:
        for url in (f"http://{authority}:{up.port}/", f"http://{authority}/"):
            assert await ask(guarded, url) == "address_refused not delivered"
        assert up.lines == []


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "ftp://h/",
        "ws://h/",
        "data:,x",
        "unix:/tmp/x",
        "//h/",
        "h/",
        "",
        "HTTP//h",
        "http:/h",
        "http:h",
        "javascript://h/",
    ],
)
async def test_other_schemes_are_refused(url: str) -> None:
    """Only http and https leave (EG-07)."""
    async with client("127.0.0.0/8") as guarded:
        assert await ask(guarded, url) == "address_refused not delivered"


@pytest.mark.parametrize("tail", ["/a b", "/a\r\nX: y", "/a\tb", "/ä", "/a#b", "/a\\b", "/\x7f", "/\0"])
async def test_a_url_that_is_not_encoded_is_refused(tail: str) -> None:
    """What could end the request line or be read as something else is not sent (OA-01)."""
    async with upstream(answers()) as up, client(f"127.0.0.1:{up.port}") as guarded:
        assert await ask(guarded, up.origin + tail) == "address_refused not delivered"
        assert up.requests == []


@pytest.mark.parametrize("port", ["", "0", "65536", "80a", "\uff18\uff10", "-1", "1 ", "+80"])
async def test_odd_ports_are_refused(port: str) -> None:
    """A port is one to five ASCII digits and exists."""
    async with client("127.0.0.0/8", "localhost") as guarded:
        assert await ask(guarded, f"http://localhost:{port}/") == "address_refused not delivered"


async def test_a_port_of_another_service_is_refused() -> None:
    """Not even a host that may be private is spoken to on the port of a database (EG-08)."""
    async with client("127.0.0.1", "127.0.0.0/8") as guarded:
        for port in (22, 25, 5432, 6379):
            assert await ask(guarded, f"http://127.0.0.1:{port}/") == "address_refused not delivered"


async def test_an_exception_opens_exactly_what_it_says() -> None:
    """`host:port` opens that port under that spelling; the same place by another name stays closed."""
    async with upstream(answers()) as up, upstream(answers()) as other, client(f"127.0.0.1:{up.port}") as guarded:
        assert await ask(guarded, up.origin + "/") == "200 {}"
        assert await ask(guarded, f"http://localhost:{up.port}/") == "address_refused not delivered"
        assert await ask(guarded, other.origin + "/") == "address_refused not delivered"
        assert (len(up.lines), len(other.lines)) == (1, 0)


async def test_a_named_exception_may_be_private(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator's own API is reached by its name wherever the name leads; another name leading there is refused (EG-05)."""
    names_lead_to(monkeypatch, ["127.0.0.1"])
    async with upstream(answers()) as up, client("API.internal") as guarded:
        assert await ask(guarded, f"http://api.internal:{up.port}/") == "200 {}"
        assert await ask(guarded, f"http://Api.Internal:{up.port}/") == "200 {}"
        assert await ask(guarded, f"http://evil.example:{up.port}/") == "address_refused not delivered"
        assert all(b"evil" not in request for request in up.requests)


async def test_no_name_may_lead_to_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even a named exception reaches a cloud's credentials (EG-04, EG-05)."""
    names_lead_to(monkeypatch, ["169.254.169.254"])
    async with client("api.internal", "0.0.0.0/0") as guarded:
        assert await ask(guarded, "http://api.internal/") == "address_refused not delivered"


async def test_a_rebinding_name_reaches_only_what_was_checked(monkeypatch: pytest.MonkeyPatch, stack: AsyncExitStack) -> None:
    """A name that changes its address between two questions never gets a connection to the denied one (EG-05)."""
    good = await stack.enter_async_context(upstream(once(whole(b"{}", b"Connection: close")), host="127.0.0.2"))
    bad = await stack.enter_async_context(upstream(answers(), port=good.port))
    for first, then in ((["127.0.0.2"], ["127.0.0.1"]), (["127.0.0.1"], ["127.0.0.2"])):
        names_lead_to(monkeypatch, first, then)
        guarded = await stack.enter_async_context(client("127.0.0.2/32"))
        outcomes = [await ask(guarded, f"http://rebinding.example:{good.port}/", method="POST") for _ in range(3)]
        assert set(outcomes) <= {"200 {}", "address_refused not delivered"}
    assert good.lines
    assert bad.lines == []


@pytest.mark.parametrize("ips", [["127.0.0.2", "127.0.0.1"], ["127.0.0.1", "127.0.0.2"]])
async def test_one_denied_address_among_good_ones_is_never_connected(
    monkeypatch: pytest.MonkeyPatch, stack: AsyncExitStack, ips: list[str]
) -> None:
    """A mixed answer of the resolver gives no way in (EG-05)."""
    good = await stack.enter_async_context(upstream(answers(), host="127.0.0.2"))
    bad = await stack.enter_async_context(upstream(answers(), port=good.port))
    names_lead_to(monkeypatch, ips)
    guarded = await stack.enter_async_context(client("127.0.0.2/32"))
    assert await ask(guarded, f"http://mixed.example:{good.port}/") in ("200 {}", "address_refused not delivered")
    assert bad.lines == []


async def test_the_environment_sends_nothing_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Proxies and .netrc of the environment are ignored (EG-09)."""
    async with (
        upstream(answers()) as proxy,
        upstream(answers()) as up,
        client(f"127.0.0.1:{up.port}", f"127.0.0.1:{proxy.port}") as guarded,
    ):
        (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"):
            monkeypatch.setenv(name, proxy.origin)
        assert await ask(guarded, up.origin + "/x") == "200 {}"
        assert proxy.lines == []
        assert b"authorization" not in up.requests[0].lower()


async def test_a_name_without_an_address_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS that fails is not a refusal, and nothing was delivered."""

    def nowhere(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "nobody")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    async with client() as guarded:
        assert await ask(guarded, "http://nowhere.example/") == "unreachable not delivered"


async def test_a_closed_port_is_unreachable() -> None:
    """Nothing was delivered where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with client("127.0.0.1") as guarded:
        assert await ask(guarded, f"http://127.0.0.1:{port}/") == "unreachable not delivered"


async def test_an_unreadable_exception_stops_the_start() -> None:
    """A mistyped `outbound_allow` is refused when the client is built."""
    with pytest.raises(Misconfigured, match=r"http://api\.internal"):
        async with client("http://api.internal"):
            pass


@pytest.fixture(scope="module")
def authority() -> hostile.Authority:
    """A certificate authority of our own."""
    return hostile.Authority()


async def test_tls_is_verified_by_name(authority: hostile.Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate of a trusted authority for that very name is taken, for the name and for a literal."""
    names_lead_to(monkeypatch, ["127.0.0.1"])
    tls = authority.serving("api.internal", "127.0.0.1")
    async with upstream(answers(), tls=tls) as up, client("api.internal", "127.0.0.1", tls=authority.trusting()) as guarded:
        assert await ask(guarded, f"https://api.internal:{up.port}/") == "200 {}"
        assert await ask(guarded, up.origin + "/") == "200 {}"


@pytest.mark.parametrize("case", ["unknown authority", "another name", "expired", "TLS 1.1"])
async def test_bad_tls_is_unreachable(authority: hostile.Authority, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    """Nothing is sent to a server that cannot show who it is, though the address itself is right (EG-10)."""
    names_lead_to(monkeypatch, ["127.0.0.1"])
    name = "other.internal" if case == "another name" else "api.internal"
    tls = authority.serving(name, expired=case == "expired")
    if case == "TLS 1.1":
        tls = authority.serving(name, newest=ssl.TLSVersion.TLSv1_1)
    trusting = None if case == "unknown authority" else authority.trusting()
    async with upstream(answers(), tls=tls) as up, client("api.internal", tls=trusting) as guarded:
        assert await ask(guarded, f"https://api.internal:{up.port}/") == "unreachable not delivered"
        assert up.requests == []

"""What every request passes first: headers gathered once, host and origin, the body within its cap, a harmless request id."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.refusals import Refusal
from freehold.web.edges import REPEATED, Disconnected, Edges, gather, request_id

pytestmark = pytest.mark.anyio

PUBLIC = Edges(hosts=["mcp.example.com", "mcp.example.com:443"], origins=["https://mcp.example.com"], loopback=False, body_cap=100)
LOCAL = Edges(hosts=["127.0.0.1:8080"], origins=["http://127.0.0.1:8080"], loopback=True, body_cap=100)
JSON = {b"content-type": b"application/json"}


def code(edges: Edges, **headers: bytes) -> str:
    """The refusal's code, or nothing."""
    try:
        edges.admit({name.encode(): value for name, value in headers.items()})
    except Refusal as refusal:
        return refusal.code
    return ""


class Received:
    """A request body in parts; a None among them is a client that went away. Remembers how much was taken."""

    def __init__(self, *parts: bytes | None) -> None:
        """Nothing read yet."""
        self.left = list(parts)
        self.taken = 0

    async def __call__(self) -> dict[str, Any]:
        """The next message."""
        part = self.left.pop(0)
        if part is None:
            return {"type": "http.disconnect"}
        self.taken += len(part)
        return {"type": "http.request", "body": part, "more_body": bool(self.left)}


async def refused(received: Received, **headers: bytes) -> str:
    """The code the body is refused with."""
    with pytest.raises(Refusal) as refusal:
        await PUBLIC.body({**JSON, **{name.replace("_", "-").encode(): value for name, value in headers.items()}}, received)
    return refusal.value.code


# headers

WANTED = [b"host", b"origin", b"authorization", b"x-api-key", b"content-type", b"content-length", b"mcp-protocol-version", b"mcp-method"]
NAMES = [*WANTED, b"mcp-name", b"x-request-id", b"accept", b"x-forwarded-for", b"cookie", b"x-tenant-id"]


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.binary(max_size=5)), max_size=8))
def test_a_header_that_counts_is_there_once_or_the_request_is_refused(raw: list[tuple[bytes, bytes]]) -> None:
    """No header that is acted on may be given twice, equal or not, so two readers cannot see different values; others are not kept.

    A routing header given twice is only marked: the refusal of it carries the message's id, which is not read yet."""
    twice = {name for name, _ in raw if name in {*WANTED, b"mcp-name", b"x-request-id"} and [seen for seen, _ in raw].count(name) > 1}
    routing = {name for name in twice if name.startswith(b"mcp-")}
    if twice - routing:
        with pytest.raises(Refusal) as refusal:
            gather(raw)
        assert refusal.value.code == "invalid_request"
        assert str(refusal.value.facts["why"]).split()[1].encode() in twice - routing
        return
    found = gather(raw)
    assert (REPEATED in found) == bool(routing)
    assert found.pop(REPEATED, b"mcp-name") in {*routing, b"mcp-name"}
    assert not {b"cookie", b"x-tenant-id"} & set(found)
    hops = found.pop(b"x-forwarded-for", None)
    assert hops == (b",".join(value for name, value in raw if name == b"x-forwarded-for") if hops is not None else None)
    assert all((name, value) in raw for name, value in found.items())
    assert {name for name, _ in raw} - {b"cookie", b"x-tenant-id", b"x-forwarded-for"} == set(found)
    assert (hops is not None) == (b"x-forwarded-for" in {name for name, _ in raw})


# host and origin


@pytest.mark.parametrize("host", [b"mcp.example.com", b"MCP.example.COM", b"mcp.example.com:443"])
def test_our_own_host_is_answered(host: bytes) -> None:
    """The public name in any case, with its port or without."""
    assert code(PUBLIC, host=host) == ""


HOSTS = [
    b"",
    b"evil.example",
    b"mcp.example.com.evil.example",
    b"mcp.example.com:444",
    b"mcp.example.com.",
    b" mcp.example.com",
    b"xmcp.example.com",
]
LOCALS = [b"localhost", b"localhost:8080", b"127.0.0.1", b"127.0.0.1:1", b"[::1]", b"[::1]:99"]
FALSE_LOCALS = [
    b"localhost.evil.example",
    b"127.0.0.1.evil.example",
    b"127.0.0.2",
    b"localhost:80x",
    b"localhost:",
    b"[::1",
    b"::1",
    b"[::2]:80",
    b"localhost:80:80",
    b"0.0.0.0",
    b"127.1",
]


@pytest.mark.parametrize("host", [*HOSTS, *LOCALS, *FALSE_LOCALS])
def test_a_public_server_answers_for_no_other_host(host: bytes) -> None:
    """Every other host is refused on a public server, names of the machine itself included (TR-24)."""
    assert code(PUBLIC, host=host) == "host_not_allowed"


def test_a_local_server_answers_for_the_machine_only() -> None:
    """On loopback the machine's own names pass with any port, and nothing that merely begins like them (TR-24)."""
    assert {code(LOCAL, host=host) for host in LOCALS} == {""}
    assert {code(LOCAL, host=host) for host in [*HOSTS, *FALSE_LOCALS]} == {"host_not_allowed"}


def test_an_origin_is_ours_or_refused() -> None:
    """Without an origin a request passes; a foreign page is refused, and on a public server a page of the machine too (TR-23)."""
    host = b"mcp.example.com"
    assert code(PUBLIC, host=host) == ""
    assert code(PUBLIC, host=host, origin=b"https://mcp.example.com") == ""
    foreign = [b"", b"null", b"http://mcp.example.com", b"https://mcp.example.com:444", b"https://mcp.example.com.evil.example", b"file://"]
    pages = [b"http://localhost:3000", b"https://127.0.0.1", b"http://[::1]:80"]
    assert {code(PUBLIC, host=host, origin=origin) for origin in [*foreign, *pages]} == {"origin_not_allowed"}
    assert {code(LOCAL, host=b"localhost", origin=origin) for origin in pages} == {""}
    other = [*foreign, b"ftp://localhost", b"http://localhost.evil.example", b"localhost", b"http://localhost/", b"http://user@localhost"]
    assert {code(LOCAL, host=b"localhost", origin=origin) for origin in other} == {"origin_not_allowed"}


@given(st.binary(max_size=30))
def test_no_host_or_origin_breaks_the_door(value: bytes) -> None:
    """Whatever bytes a header holds, they pass or are refused; nothing else is raised."""
    assert code(LOCAL, host=value) in {"", "host_not_allowed"}
    assert code(LOCAL, host=b"localhost", origin=value) in {"", "origin_not_allowed"}


# the body


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=6))
async def test_a_body_is_whole_or_refused(parts: list[bytes]) -> None:
    """However a body is cut into parts it is read whole up to the cap, and refused above it (TR-16)."""
    whole = b"".join(parts)
    if len(whole) <= 100:
        assert await PUBLIC.body(JSON, Received(*parts)) == whole
    else:
        assert await refused(Received(*parts)) == "body_too_large"


async def test_reading_stops_at_the_cap() -> None:
    """Of an endless body no more is read than one part beyond the cap, whatever its length says (TR-16)."""
    endless = Received(*[b"x" * 60] * 1_000)
    assert await refused(endless, content_length=b"10") == "body_too_large"
    assert endless.taken <= 180


@pytest.mark.parametrize("length", [b"101", b"9" * 5_000, b"-1", b"1e2", b"", b" 5", b"0x5", b"+5", b"1_0", "\u0665".encode()])
async def test_a_declared_length_is_believed_only_to_refuse(length: bytes) -> None:
    """A length over the cap, or none at all, is refused before anything is read, of any number of digits (TR-16)."""
    received = Received(b"{}")
    assert await refused(received, content_length=length) == "body_too_large"
    assert received.taken == 0


@pytest.mark.parametrize(
    "kind",
    [
        b"",
        b"text/plain",
        b"application/jsonp",
        b"application/json; charset=utf-16",
        b"application/json, text/plain",
        b"multipart/form-data",
    ],
)
async def test_only_json_is_read(kind: bytes) -> None:
    """Another media type is refused before anything is read (TR-11)."""
    received = Received(b"{}")
    assert await refused(received, content_type=kind) == "media_type_not_json"
    assert received.taken == 0


@pytest.mark.parametrize(
    "kind", [b"application/json", b"Application/JSON", b"application/json; charset=utf-8", b"application/json;charset=UTF-8"]
)
async def test_json_is_read_however_it_is_spelled(kind: bytes) -> None:
    """The media type counts without its case, alone or with UTF-8 beside it."""
    assert await PUBLIC.body({b"content-type": kind}, Received(b"{}")) == b"{}"


async def test_compressed_bodies_are_refused() -> None:
    """Nothing is decompressed, so nothing can grow (TR-17)."""
    for encoding in (b"gzip", b"br", b"deflate", b"identity, gzip", b""):
        assert await refused(Received(b"{}"), content_encoding=encoding) == "media_type_not_json"
    assert await PUBLIC.body({**JSON, b"content-encoding": b"Identity"}, Received(b"{}")) == b"{}"


@pytest.mark.parametrize("parts", [[None], [b"{", None], [b"{", b"}", None]])
async def test_a_client_that_goes_away_early_is_not_answered(parts: Iterable[bytes | None]) -> None:
    """A body that ends with its client is nobody's request any more."""
    with pytest.raises(Disconnected):
        await PUBLIC.body(JSON, Received(*parts))


# the request id


@given(st.binary(max_size=70))
def test_a_request_id_is_harmless_or_left_out(given_: bytes) -> None:
    """A caller's own id is kept when it is short and of plain characters, so it can stand in logs and headers (LOG-01)."""
    kept = request_id({b"x-request-id": given_})
    plain = set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-")
    assert kept == (given_.decode() if 0 < len(given_) <= 64 and set(given_) <= plain else "")
    assert request_id({}) == ""

"""The rules of a 2026-07-28 request: its metadata, and headers that must repeat the body."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.protocol import revisions, stateless
from freehold.protocol.stateless import name_of
from freehold.protocol.wire import Fault, Message

META = {revisions.VERSION_KEY: revisions.MODERN, revisions.CAPABILITIES_KEY: {}}
VECTORS = {
    "=?base64?SGVsbG8sIOS4lueVjA==?=": "Hello, 世界",
    "=?base64?IHBhZGRlZCA=?=": " padded ",
    "=?base64?bGluZTEKbGluZTI=?=": "line1\nline2",
    "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=": "=?base64?literal?=",
}
"""The examples of the specification (Value Encoding)."""


def encoded(value: str) -> bytes:
    """A header value as a client must write it: as it is when it can be, else as a base64 sentinel."""
    visible = all(character == "\t" or " " <= character <= "~" for character in value)
    if visible and value == value.strip(" \t") and not (value.startswith("=?base64?") and value.endswith("?=")):
        return value.encode()
    return b"=?base64?" + base64.b64encode(value.encode()) + b"?="


def asked(method: str = "tools/call", **params: Any) -> Message:
    """A modern request."""
    return Message(method, {"_meta": META, **params}, 1)


def headers(version: bytes | None = b"2026-07-28", method: bytes | None = b"tools/call", name: bytes | None = b"echo") -> dict[str, Any]:
    """Its mirrored headers."""
    return {"version": version, "method": method, "name": name}


def fault(message: Message, **given_: Any) -> tuple[str, str]:
    """Kind and reason of the refusal."""
    with pytest.raises(Fault) as refused:
        stateless.check(message, **given_)
    return refused.value.kind, refused.value.why


@pytest.mark.parametrize("header", VECTORS)
def test_the_specifications_vectors_decode(header: str) -> None:
    """Every example of the specification stands for its value, with blanks around it too, and is what a client would write."""
    assert name_of(header.encode()) == VECTORS[header]
    assert name_of(b" \t" + header.encode() + b"\t ") == VECTORS[header]
    assert encoded(VECTORS[header]) == header.encode()


@given(st.text())
def test_every_value_survives_the_way_through_a_header(value: str) -> None:
    """Whatever text a client encodes, the same text is read."""
    assert name_of(encoded(value)) == value


@given(st.binary(max_size=12).map(base64.b64encode), st.integers(0, 15), st.sampled_from(b"ABZaz09+/=-_ *\n"))
def test_only_the_canonical_sentinel_is_read(payload: bytes, at: int, put: int) -> None:
    """A sentinel is read when its base64 is canonical and holds UTF-8; every other payload is -32020, never another value (TR-13)."""
    changed = payload[:at] + bytes([put]) + payload[at + 1 :]
    read = value_or_fault(b"=?base64?" + changed + b"?=")
    assert isinstance(read, str) == _canonical(changed)
    if isinstance(read, str):
        assert base64.b64encode(read.encode()) == changed
    else:
        assert read is not None
        assert read.kind == "header_mismatch"


def value_or_fault(header: bytes) -> str | Fault | None:
    """What the header stands for, or the fault that was raised; nothing else is caught."""
    try:
        return name_of(header)
    except Fault as fault:
        return fault


def _canonical(payload: bytes) -> bool:
    try:
        raw = base64.b64decode(payload, validate=True)
        raw.decode()
    except ValueError:
        return False
    return base64.b64encode(raw) == payload


@pytest.mark.parametrize(
    "payload", [b"ZWNobw", b"ZWNobw=", b"ZWNobw===", b"ZWNobx==", b"ZWNo bw==", b"ZWNobw==\n", b"-_-_", b"/w==", b"*", b"=", b"7aCA"]
)
def test_payloads_that_decode_loosely_are_refused(payload: bytes) -> None:
    """Missing or surplus padding, unused bits, white space, the URL alphabet, and what is not UTF-8 are refused (TR-13)."""
    with pytest.raises(Fault) as refused:
        name_of(b"=?base64?" + payload + b"?=")
    assert refused.value.kind == "header_mismatch"
    assert payload.decode("latin-1") not in refused.value.why.replace("base64", "")


def test_what_only_looks_like_a_sentinel_is_text() -> None:
    """The markers are exact and lower case; without both, or overlapping, the value is itself. An empty payload is the empty text."""
    for value in ("=?BASE64?ZWNobw==?=", "=?base64?ZWNobw==", "ZWNobw==?=", "=?base64?=", "=?base64", "?=", "=?base32?MVRWQ3Y=?="):
        assert name_of(value.encode()) == value
    assert name_of(b"=?base64??=") == ""
    assert name_of(b"") == ""
    assert name_of(None) is None


def test_bytes_beyond_ascii_must_be_encoded() -> None:
    """A header with raw bytes beyond ASCII is refused rather than guessed at."""
    for value in (b"\xe9", "é".encode(), b"a\x80"):
        with pytest.raises(Fault):
            name_of(value)


def test_a_request_whose_headers_repeat_it_passes() -> None:
    """Version, method and name repeated, plain or encoded, with blanks around: nothing is refused."""
    stateless.check(asked(name="echo"), **headers())
    stateless.check(asked(name="echo"), **headers(b" 2026-07-28\t", b"\ttools/call ", b"  =?base64?ZWNobw==?= "))
    stateless.check(asked("server/discover"), **headers(method=b"server/discover", name=None))
    stateless.check(asked("resources/read", uri="a://é"), **headers(method=b"resources/read", name=encoded("a://é")))


@pytest.mark.parametrize(
    ("given_", "why"),
    [
        (headers(version=None), "MCP-Protocol-Version"),
        (headers(version=b"2025-11-25"), "MCP-Protocol-Version"),
        (headers(version=b""), "MCP-Protocol-Version"),
        (headers(method=None), "Mcp-Method"),
        (headers(method=b"TOOLS/CALL"), "Mcp-Method"),
        (headers(method=b"=?base64?dG9vbHMvY2FsbA==?="), "Mcp-Method"),
        (headers(name=None), "Mcp-Name"),
        (headers(name=b"ECHO"), "Mcp-Name"),
        (headers(name=b""), "Mcp-Name"),
    ],
)
def test_a_header_that_does_not_repeat_the_body_is_a_mismatch(given_: dict[str, Any], why: str) -> None:
    """Missing, different, re-cased and wrongly encoded headers are `header_mismatch`, naming the header (TR-13, TR-14)."""
    kind, said = fault(asked(name="echo"), **given_)
    assert kind == "header_mismatch"
    assert why in said


def test_the_order_of_the_checks_is_the_specifications() -> None:
    """Metadata before headers, a version that differs before one that is unknown, and both before anything of the method."""
    lacking = Message("tools/call", {}, 1)
    assert fault(lacking, **headers(None, None, None))[0] == "invalid_params"
    unknown = Message("tools/call", {"_meta": {**META, revisions.VERSION_KEY: "2099-01-01"}, "name": "echo"}, 1)
    assert fault(unknown, **headers())[0] == "header_mismatch"
    assert fault(unknown, **headers(version=b"2099-01-01", method=b"x"))[0] == "header_mismatch"
    assert fault(unknown, **headers(version=b"2099-01-01"))[0] == "unsupported_version"


@given(st.text())
def test_an_unknown_version_names_those_there_are(version: str) -> None:
    """A version that header and body agree on but we do not serve is -32022 with what is supported; a long one is not repeated whole."""
    if version in revisions.SUPPORTED:
        return
    unsupported = stateless.unsupported(version)
    assert unsupported.kind == "unsupported_version"
    assert unsupported.data == {"supported": [revisions.MODERN], "requested": version[:64]}


@pytest.mark.parametrize(
    "meta",
    [
        None,
        [],
        "x",
        {},
        {revisions.VERSION_KEY: revisions.MODERN},
        {revisions.CAPABILITIES_KEY: {}},
        {**META, revisions.VERSION_KEY: 1},
        {**META, revisions.VERSION_KEY: None},
        {**META, revisions.CAPABILITIES_KEY: []},
        {**META, revisions.CAPABILITIES_KEY: None},
    ],
)
def test_metadata_has_two_required_members_of_their_type(meta: Any) -> None:
    """Without a version string and a capabilities object the request is -32602, whatever its headers say."""
    kind, said = fault(Message("server/discover", {"_meta": meta}, 1), **headers(method=b"server/discover", name=None))
    assert kind == "invalid_params"
    assert "_meta" in said

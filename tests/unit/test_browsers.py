"""What a browser keeps: cookies of a public server, what is sealed into them, and the address that limits go by."""

import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.kit.crypto import Seal
from freehold.web.edges import caller, headers_of, visitor
from freehold.web.oauth.browser import PAGE_SECONDS, SESSION_SECONDS, Browsers
from freehold.web.oauth.reading import cookie
from tests.clocks import HandClock


def browsers(clock: HandClock, master: bytes = bytes(32), *, secure: bool = True) -> Browsers:
    """Of a server whose address is https."""
    return Browsers(Seal(master), clock=clock, randomness=os.urandom, secure=secure)


def request(*cookies: str, client: str = "192.0.2.1", **headers: str) -> Any:
    """An ASGI scope with these cookies."""
    given = [(b"cookie", line.encode("latin-1")) for line in cookies]
    return {
        "headers": given + [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        "client": (client, 1),
    }


def test_cookies_of_a_public_server_are_bound_to_its_host() -> None:
    """Over https they are `__Host-` cookies: secure, for the whole host, of no domain, not for scripts (CONS-14)."""
    made = browsers(HandClock())
    for _, told in (made.begin("ana"), *made.met(request())[1]):
        name, _, attributes = told.decode().partition("=")
        assert name in {"__Host-freehold-session", "__Host-freehold-browser"}
        assert attributes.endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")
        assert "Domain" not in attributes


def test_a_session_is_of_its_time_and_this_servers() -> None:
    """It names its person for twelve hours; later, changed, doubled, of another kind or under another key it is none (CONS-08)."""
    clock = HandClock()
    made = browsers(clock)
    word = made.begin("ana")[1].decode().partition(";")[0]
    opened = made.session(request(word))
    assert opened is not None
    assert (opened.user, opened.at) == ("ana", clock.now())
    name, _, value = word.partition("=")
    page = made.page("x", "browser:y")
    others = [f"{word}; {word}", f"{name}={value[:-4]}AAAA", f"{name}={page}", f"{name}=", f"freehold-session={value}", f"{name}=\u00e9"]
    assert all(made.session(request(other)) is None for other in others)
    assert browsers(clock, b"x" * 32).session(request(word)) is None
    clock.advance(SESSION_SECONDS)
    assert made.session(request(word)) is None


def test_a_page_counts_for_ten_minutes_and_one_browser() -> None:
    """Bound to whom it was shown; an empty name binds nothing (CONS-01)."""
    clock = HandClock()
    made = browsers(clock)
    word = made.page("client_id=x", "session:1")
    shown = made.shown(word, "session:1")
    assert shown is not None
    assert shown.query == "client_id=x"
    assert made.shown(word, "session:2") is None
    assert made.shown(made.page("q", ""), "") is None
    clock.advance(PAGE_SECONDS)
    assert made.shown(word, "session:1") is None


@given(st.text(max_size=80))
def test_no_text_is_a_session_or_a_page(text: str) -> None:
    """Whatever a cookie or a field says, what we did not seal is nothing, and no fault."""
    made = browsers(HandClock())
    line = f"__Host-freehold-session={text}".encode("utf-8", "replace").decode("latin-1")
    assert made.session({"headers": [(b"cookie", line.encode("latin-1"))]}) is None
    assert made.shown(text, "session:1") is None


@pytest.mark.parametrize(
    ("lines", "value"),
    [
        (["a=1; b=2"], "2"),
        (["b=2"], "2"),
        (["a=1", "b=2"], "2"),
        (["b=2; b=3"], ""),
        (["b=2", "b=2"], ""),
        (["ab=2"], ""),
        (["b"], ""),
        ([], ""),
    ],
)
def test_a_cookie_that_comes_twice_is_none(lines: list[str], value: str) -> None:
    """Somebody on a sibling host may have set the second (CONS-08)."""
    assert cookie(request(*lines)["headers"], "b") == value


@pytest.mark.parametrize(
    ("hops", "client", "forwarded", "known"),
    [
        (0, "192.0.2.1", "198.51.100.7", "192.0.2.1"),
        (1, "10.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),
        (2, "10.0.0.1", "203.0.113.9, 198.51.100.7", "203.0.113.9"),
        (3, "10.0.0.1", "203.0.113.9, 198.51.100.7", "unknown"),
        (1, "10.0.0.1", "not an address", "unknown"),
        (0, "2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::/64"),
        (0, "testclient", "", "unknown"),
    ],
)
def test_whom_limits_count(hops: int, client: str, forwarded: str, known: str) -> None:
    """The peer; behind proxies of ours what the outermost of them saw, never what the caller says itself; too few say nothing (RL-07)."""
    assert visitor(caller(headers_of(request(client=client, x_forwarded_for=forwarded)), hops)) == known

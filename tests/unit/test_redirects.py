"""Which redirect addresses may be registered and which requested one is a registered one; the tables are the cases of RDR-01 to RDR-06."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.domains.oauth.clients.redirects import is_local, registered, registrable, shown

GOOD = [
    "https://claude.ai/api/mcp/auth_callback",
    "https://ok.example",
    "https://ok.example/cb?x=1",
    "https://ok.example:8443/cb",
    "https://[2001:db8::1]/cb",
    "http://127.0.0.1/cb",
    "http://127.0.0.1:3000/cb",
    "http://[::1]:3000/cb",
    "http://localhost:3000/cb",
    "http://localhost",
    "com.example.app:/cb",
    "com.example.app://oauth/cb",
    "cursor://anysphere.cursor-mcp/oauth/callback",
    "vscode://vscode.github-authentication/did-authenticate",
]
BAD = [
    *("javascript:alert(1)", "JavaScript:alert(1)", "java\tscript:alert(1)", "data:text/html,x", "vbscript:x", "blob:https://ok.example/1"),
    *(
        "file:///etc/passwd",
        "about:blank",
        "intent://x#Intent;end",
        "ws://ok.example/cb",
        "ftp://ok.example/cb",
        "mailto:a@ok.example",
        "app:/cb",
    ),
    *("http://evil.example/cb", "http://localhost@evil.example/cb", "http://localhost.evil.example/cb", "http://app.localhost/cb"),
    *("http://LOCALHOST/cb", "http://localhost./cb", "http://127.0.0.2/cb", "http://127.1/cb", "http://0.0.0.0/cb", "http://2130706433/cb"),
    *(
        "http://[::ffff:127.0.0.1]/cb",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:99999999/cb",
        "http://127.0.0.1:/cb",
    ),
    *("https://user@evil.example/cb", "https://ok.example@evil.example/cb", "https://ok.example:443@evil.example/cb", "https://a@b@c/cb"),
    *("https://ok.example\\@evil.example/cb", "https://ok.example/cb#frag", "https://ok.example/cb#", "https://*.example/cb"),
    *("https://ok.example/a/../cb", "https://ok.example/a/..;/cb", "https://ok.example/%2e%2e/cb", "https://ok.example/./cb"),
    *(
        "https://ok.example/c%00b",
        "https://ok.example/c%0db",
        "https://ok.example/c%5cb",
        "https://ok.example/c%2fb",
        "https://ok.example/c\\b",
    ),
    *(
        "https://ok.example/c\nb",
        " https://ok.example/cb",
        "https://ok.example/cb ",
        "https://ok.example/%zz",
        "https://ok\u3002example/cb",
    ),
    *(
        "https://\u0440aypal.example/cb",
        "https://",
        "https:///cb",
        "https:ok.example",
        "//ok.example/cb",
        "",
        "cb",
        "com.example.app://a@b/cb",
    ),
    *("https://ok.example/cb?code=1", "https://ok.example/cb?state=", "https://ok.example/cb?x=1&iss=2", "HTTPS://ok.example/cb"),
    "https://ok.example/" + "a" * 2_050,
]
REGISTERED = "https://ok.example/cb"
OTHERS = [
    *(
        "https://OK.example/cb",
        "https://ok.example:443/cb",
        "https://ok.example/cb/",
        "https://ok.example/a/../cb",
        "https://ok.example/%63b",
    ),
    *(
        "https://ok.example/cb?x=1",
        "https://ok.example/cb#x",
        "https://ok.example/cb;x",
        "https://ok.example/..;/cb",
        "https://ok.example\\cb",
    ),
    *(
        "https://ok.example/cb%00",
        "https://ok.example/cb\r\nx",
        " https://ok.example/cb",
        "http://ok.example/cb",
        "https://ok.example.evil.com/cb",
    ),
    *("https://evilok.example/cb", "https://ok.example@evil.com/cb", "https://a.ok.example/cb", "https://ok.example", ""),
]


@pytest.mark.parametrize("uri", GOOD)
def test_addresses_that_answers_can_go_to(uri: str) -> None:
    """Https, http to this machine's loopback and applications' own schemes can be registered, and match themselves."""
    assert registrable(uri)
    assert registered(uri, [uri])


@pytest.mark.parametrize("uri", BAD, ids=ascii)
def test_addresses_that_answers_never_go_to(uri: str) -> None:
    """What could run, read a file, go to another host than it seems or be written in two ways is not registered (RDR-02, -03, -06)."""
    assert not registrable(uri)


@pytest.mark.parametrize("uri", OTHERS, ids=ascii)
def test_a_requested_address_is_compared_byte_for_byte(uri: str) -> None:
    """Nothing is normalised, folded or completed before it is compared (RDR-01, RDR-02, RDR-03)."""
    assert registered(REGISTERED, [REGISTERED])
    assert not registered(uri, [REGISTERED])


@pytest.mark.parametrize(
    ("asked", "known", "same"),
    [
        ("http://127.0.0.1:51004/cb", "http://127.0.0.1/cb", True),
        ("http://127.0.0.1/cb", "http://127.0.0.1:3000/cb", True),
        ("http://[::1]:51004/cb", "http://[::1]:1/cb", True),
        ("http://localhost:51004/cb?x=1", "http://localhost:3000/cb?x=1", True),
        ("http://localhost:51004/cb", "http://127.0.0.1:51004/cb", False),
        ("http://127.0.0.1:51004/cb", "http://localhost:51004/cb", False),
        ("http://127.0.0.1:51004/cb/", "http://127.0.0.1/cb", False),
        ("http://127.0.0.1:51004/cb?x=1", "http://127.0.0.1/cb", False),
        ("https://127.0.0.1:51004/cb", "https://127.0.0.1:3000/cb", False),
        ("http://127.0.0.1:0/cb", "http://127.0.0.1:3000/cb", False),
        ("http://127.0.0.1:70000/cb", "http://127.0.0.1:3000/cb", False),
        ("http://127.0.0.1:51004@evil.example/cb", "http://127.0.0.1:3000/cb", False),
        ("http://127.0.0.2:3000/cb", "http://127.0.0.1:3000/cb", False),
        ("http://127.1:3000/cb", "http://127.0.0.1:3000/cb", False),
        ("http://[::ffff:127.0.0.1]:3000/cb", "http://[::1]:3000/cb", False),
        ("http://localhost.:3000/cb", "http://localhost:3000/cb", False),
        ("com.example.app:/other", "com.example.app:/cb", False),
    ],
)
def test_on_loopback_the_port_is_free_and_nothing_else(asked: str, known: str, same: bool) -> None:  # noqa: FBT001  a column of the table
    """Http to 127.0.0.1, [::1] and localhost may come with any port; scheme, host, path and query stay exact (RDR-04, RDR-05)."""
    assert registered(asked, [known]) is same


@given(st.text(max_size=60))
def test_no_text_is_both_foreign_and_registered(text: str) -> None:
    """Whatever is asked for, it is the registered address itself or not registered."""
    assert registered(text, [REGISTERED]) is (text == REGISTERED)


@given(st.from_regex(r"(https?|com\.example\.app):[/\[\]:@%.a-f0-9*#?&=\\\\]{0,30}", fullmatch=True))
def test_what_is_registrable_has_one_reading(uri: str) -> None:
    """Anything of an address's characters is judged without a fault, and what is taken has no user, fragment, wildcard or way up."""
    if registrable(uri):
        assert "@" not in urlsplit(uri).netloc
        assert not {"#", "*", "\\"} & set(uri)
        assert ".." not in urlsplit(uri).path.split("/")


@given(st.integers(-10, 100_000), st.sampled_from(["127.0.0.1", "[::1]", "localhost"]))
def test_every_port_there_is_and_no_other(port: int, host: str) -> None:
    """On loopback exactly the ports 1 to 65535 are taken."""
    assert registered(f"http://{host}:{port}/cb", [f"http://{host}/cb"]) is (0 < port < 65_536)


def test_what_a_person_is_shown_of_an_address() -> None:
    """The host, or the application's scheme; what stays on the machine is known as such."""
    assert [shown(uri) for uri in ("https://ok.example:8443/cb?x", "http://127.0.0.1:3/cb", "cursor://a/cb")] == [
        "ok.example:8443",
        "127.0.0.1:3",
        "cursor:",
    ]
    assert [is_local(uri) for uri in GOOD] == [not uri.startswith("https://") for uri in GOOD]

"""Where requests go: decided by document and operator at import, by nobody later."""

from typing import Any

import pytest

from freehold.core.refusals import Refusal
from freehold.domains.sources.openapi.tools import Compiled, compile_tools
from tests.documents import document, request


def made(servers: object, item: dict[str, Any] | None = None, **more: Any) -> Compiled:
    """A document of one GET with these servers."""
    raw = {**document({"/a": item or {"get": {}}}), "servers": servers}
    return compile_tools(raw, source="api", **more)


@pytest.mark.parametrize(
    ("servers", "more", "base"),
    [
        ([{"url": "https://api.example.com/v1/"}], {}, "https://api.example.com/v1"),
        ([{"url": "http://API.Example.com:80"}], {}, "http://api.example.com"),
        (
            [{"url": "https://{r}.example.com:{p}/x", "variables": {"r": {"default": "eu"}, "p": {"enum": ["8443", "1"]}}}],
            {},
            "https://eu.example.com:8443/x",
        ),
        ([{"url": "//api.example.com"}], {}, "https://api.example.com"),
        ([{"url": "/v2"}], {"location": "https://docs.example.com/openapi.json"}, "https://docs.example.com/v2"),
        ([], {"location": "http://127.0.0.1:9/openapi.json"}, "http://127.0.0.1:9"),
        ([{"url": "https://doc.example"}], {"base_url": "http://127.0.0.1:9/p"}, "http://127.0.0.1:9/p"),
        ([{"url": "https://[::1]:8443/x"}], {}, "https://[::1]:8443/x"),
    ],
)
def test_the_base_url_is_the_operators_or_the_documents(servers: object, more: dict[str, Any], base: str) -> None:
    """`base_url` wins; variables take their defaults; relative servers start from where the document was."""
    assert made(servers, **more).base_url == base


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x.example",
        "file:///etc/passwd",
        "https://user:secret@x.example",
        "https://",
        "https://a b.example",
        "https://x.example\\@evil.example",
        "https://x.example:port",
        "https://é.example",
        "javascript:alert(1)",
        "/v1",
        "https://x.example/a/../b",
        "https://{where}.example",
    ],
)
def test_a_server_that_is_no_plain_http_url_is_refused(url: str) -> None:
    """With what to do, and never with the password in it (OA-02)."""
    with pytest.raises(Refusal) as refused:
        made([{"url": url}])
    assert refused.value.code == "document_invalid"
    assert "--base-url" in refused.value.mend
    assert "secret" not in str(refused.value)


def test_a_document_without_servers_needs_a_base_url() -> None:
    """Nothing is guessed."""
    with pytest.raises(Refusal):
        made([])
    assert made([], base_url="https://x.example").base_url == "https://x.example"


def test_an_operations_own_server_is_used() -> None:
    """The innermost owner that names one decides, and the token is made out to it."""
    item = {"servers": [{"url": "https://uploads.example.com/u"}], "get": {}, "post": {"servers": [{"url": "/v2"}]}}
    get, post = made([{"url": "https://api.example.com/v1"}], item).tools
    assert request(get).url == "https://uploads.example.com/u/a"
    assert get.audience == "https://uploads.example.com"
    assert request(post).url == "https://api.example.com/v2/a"
    assert post.audience == "https://api.example.com"


def test_a_fixed_base_url_takes_the_documents_own_host_along() -> None:
    """Operations on the described host move with it; those on a third host are skipped rather than sent there (OA-02)."""
    item = {
        "get": {"servers": [{"url": "https://api.example.com/v2"}]},
        "post": {"servers": [{"url": "https://api.example.com/v1/deep"}]},
        "put": {"servers": [{"url": "https://third.example"}]},
    }
    compiled = made([{"url": "https://api.example.com/v1"}], item, base_url="http://127.0.0.1:9/base")
    assert [request(tool).url for tool in compiled.tools] == ["http://127.0.0.1:9/v2/a", "http://127.0.0.1:9/base/deep/a"]
    assert "third.example" in compiled.skipped[0].why


def test_a_server_named_only_by_the_operations_serves_as_the_documents() -> None:
    """Some generators write it nowhere else."""
    item = {"get": {"servers": [{"url": "https://only.example/v1"}]}}
    assert request(made([], item).tools[0]).url == "https://only.example/v1/a"
    assert request(made([], item, base_url="http://127.0.0.1:9/p").tools[0]).url == "http://127.0.0.1:9/p/a"

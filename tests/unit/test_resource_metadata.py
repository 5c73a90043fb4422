"""Protected-resource metadata and challenges, as clients read them."""

import msgspec
import pytest

from freehold.domains.oauth.metadata import challenge, challenge_invalid, challenge_scope, metadata_path, metadata_url, protected_resource

RESOURCE = "https://mcp.example.com/mcp"


def test_the_document_says_what_rfc_9728_and_mcp_ask_for() -> None:
    """It repeats the resource exactly, names the issuers, takes tokens from the header only, and never asks for offline access."""
    document = protected_resource(RESOURCE, issuers=["https://login.example"], scopes=["mcp:write", "mcp:read", "offline_access"])
    assert msgspec.json.decode(msgspec.json.encode(document)) == {
        "resource": RESOURCE,
        "authorization_servers": ["https://login.example"],
        "scopes_supported": ["mcp:read", "mcp:write"],
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": ["ES256", "EdDSA", "RS256"],
    }
    named = protected_resource(RESOURCE, issuers=["https://a"], scopes=[], name="Trackline", documentation="https://docs.example")
    assert (named.resource_name, named.resource_documentation) == ("Trackline", "https://docs.example")


def test_a_resource_without_an_issuer_is_no_resource() -> None:
    """At least one authorization server is named, or there is no document."""
    with pytest.raises(ValueError, match="at least one"):
        protected_resource(RESOURCE, issuers=[], scopes=[])


def test_the_document_is_where_the_path_says() -> None:
    """The well-known part stands before the path, host and port stay, and a root resource has the bare well-known path."""
    assert metadata_path(RESOURCE) == "/.well-known/oauth-protected-resource/mcp"
    assert metadata_path("https://mcp.example.com/t/a/mcp") == "/.well-known/oauth-protected-resource/t/a/mcp"
    assert metadata_path("https://mcp.example.com") == metadata_path("https://mcp.example.com/") == "/.well-known/oauth-protected-resource"
    assert metadata_url("http://127.0.0.1:8000/mcp") == "http://127.0.0.1:8000/.well-known/oauth-protected-resource/mcp"


def test_who_presents_nothing_is_told_where_to_go_and_of_no_error() -> None:
    """A challenge without a credential carries the metadata's address and the scopes, and no `error` (RS-01)."""
    expected = 'Bearer resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp", scope="mcp:read"'
    assert challenge(RESOURCE, ["mcp:read", "offline_access"]) == expected
    assert challenge(RESOURCE, []) == expected.partition(", scope")[0]


def test_an_invalid_credential_is_told_no_more_than_that() -> None:
    """The challenge says invalid_token, the same for every reason (RS-02)."""
    value = challenge_invalid(RESOURCE, ["mcp:read"])
    assert value.startswith('Bearer error="invalid_token", error_description="The credential is not valid.", resource_metadata="https://')
    assert value.endswith('scope="mcp:read"')


def test_missing_scopes_are_named_all_at_once() -> None:
    """A 403's challenge lists every scope the operation needs, in one order (RS-10)."""
    value = challenge_scope(RESOURCE, {"mcp:write", "mcp:read"})
    assert 'error="insufficient_scope"' in value
    assert 'scope="mcp:read mcp:write"' in value
    assert 'resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp"' in value

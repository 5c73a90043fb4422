"""The eras: which revision a request is served under, decided by header and body together, and what `initialize` answers."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.protocol import revisions
from freehold.protocol.handshake import era, initialized, negotiate
from freehold.protocol.methods import Offered
from freehold.protocol.wire import Fault

MODERN_META = {"_meta": {revisions.VERSION_KEY: "anything"}}
OFFERED = Offered()
some_header = st.none() | st.binary(max_size=20) | st.sampled_from([version.encode() for version in (*revisions.LEGACY, revisions.MODERN)])


@given(some_header, st.dictionaries(st.text(), st.text()))
def test_modern_metadata_makes_a_request_modern_whatever_the_header_says(version: bytes | None, more: dict[str, str]) -> None:
    """No header can turn a request with modern metadata into a legacy one, so nothing is downgraded silently (TR-14)."""
    assert era(version, {"params": {**more, **MODERN_META}}) is None


@given(some_header)
def test_without_modern_metadata_the_header_decides_and_only_known_revisions_are_legacy(version: bytes | None) -> None:
    """A legacy revision named exactly is served as itself, none as the assumed one, ours leads to the modern rules, any other nowhere."""
    named = "" if version is None else version.strip(b" \t").decode("latin-1")
    if version is None:
        assert era(version, {"params": {}}) == revisions.ASSUMED
    elif named in revisions.LEGACY:
        assert era(version, {"params": {}}) == named
    elif named == revisions.MODERN:
        assert era(version, {"params": {}}) is None
    else:
        with pytest.raises(Fault) as refused:
            era(version, {"params": {}})
        assert refused.value.kind == "unsupported_version"


@pytest.mark.parametrize("body", [None, [], "x", 5, {}, {"params": None}, {"params": [MODERN_META]}, [{"params": MODERN_META}]])
def test_what_is_no_request_has_an_era_too(body: Any) -> None:
    """Only the metadata of one object counts; the header decides for whatever else a body holds."""
    assert era(None, body) == revisions.ASSUMED
    assert era(b"2025-06-18", body) == "2025-06-18"


@pytest.mark.parametrize("meta", [None, [], "x", 5, {}, {"progressToken": 1}])
def test_other_metadata_is_not_modern(meta: Any) -> None:
    """What 2025 clients put into `_meta` does not make a request modern, and nothing ill-typed breaks the decision."""
    assert era(b"2025-06-18", {"params": {"_meta": meta}}) == "2025-06-18"
    assert era(None, {"params": {"_meta": meta}}) == revisions.ASSUMED


@given(st.text())
def test_initialize_answers_a_version_we_speak(wanted: str) -> None:
    """The version asked for when it is one of ours, else our newest handshake revision; never the modern one."""
    answered = negotiate({"protocolVersion": wanted})
    assert answered == (wanted if wanted in revisions.LEGACY else revisions.LEGACY[0])
    assert answered != revisions.MODERN
    assert list(revisions.LEGACY) == sorted(revisions.LEGACY, reverse=True)


@pytest.mark.parametrize("params", [{}, {"protocolVersion": None}, {"protocolVersion": 20251125}, {"protocolVersion": ["2025-11-25"]}])
def test_initialize_without_a_version_is_refused(params: dict[str, Any]) -> None:
    """A missing or ill-typed version is -32602, not a guess."""
    with pytest.raises(Fault) as refused:
        initialized(params, offered=OFFERED, server={}, instructions="")
    assert refused.value.kind == "invalid_params"


def test_the_answer_promises_what_is_served() -> None:
    """Server identity, capabilities by what is offered, instructions only when there are some, and no member of the modern era."""
    server = {"name": "freehold", "version": "1"}
    made = initialized({"protocolVersion": "2025-06-18"}, offered=OFFERED, server=server, instructions="")
    little = {"tools": {"listChanged": True}, "logging": {}}
    assert made == {"protocolVersion": "2025-06-18", "capabilities": little, "serverInfo": server}
    everything = Offered(resources=True, prompts=True, completions=True, tasks=True)
    more = initialized({"protocolVersion": "x"}, offered=everything, server=server, instructions="Use it.")
    assert more["instructions"] == "Use it."
    assert set(more["capabilities"]) == {"tools", "logging", "resources", "prompts", "completions"}

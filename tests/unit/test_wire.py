"""JSON-RPC envelopes: what is one request, what is not, and that nothing else than a `Fault` ever comes of a body."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.kit.json import NotStrict, strict
from freehold.protocol import wire
from freehold.protocol.wire import MAX_ID, MAX_METHOD, Fault, message, readable_id

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12)
members = st.sampled_from(["jsonrpc", "method", "params", "id", "result", "error"])
near = st.dictionaries(members, values | st.sampled_from(["2.0", "tools/call", {}]), max_size=6)
"""Objects that look like a request more often than chance would have it."""


def read(body: Any) -> wire.Message | Fault:
    """The message, or the fault that was raised; nothing else is caught."""
    try:
        return message(body)
    except Fault as fault:
        return fault


@given(values | near)
def test_any_json_value_is_a_message_or_a_fault(body: Any) -> None:
    """Whatever JSON a body is, `message` gives a message or raises `Fault`, and the fault repeats nothing of it (TR-09)."""
    identity = readable_id(body)
    assert identity is None or type(identity) in {str, int}
    asked = read(body)
    if isinstance(asked, Fault):
        assert asked.kind == "invalid_request"
        assert asked.data is None
        assert asked.why in WHYS
    else:
        assert body["jsonrpc"] == "2.0"
        assert asked.method == body["method"]
        assert asked.params == body.get("params", {})
        assert (asked.id is None) == ("id" not in body)


WHYS = {
    "it is not one JSON object",
    'member "jsonrpc" must be "2.0"',
    'member "method" must be a short string',
    'member "params" must be an object',
    'member "id" must be a short string or an integer',
    "it is both a request and a response",
}


@given(st.binary(max_size=60))
def test_any_bytes_are_a_message_a_fault_or_not_strict(data: bytes) -> None:
    """From bytes to message there are two ways to say no, and no third exception (TR-06, TR-09)."""
    with suppress(NotStrict):
        asked = read(strict(data))
        assert isinstance(asked, (wire.Message, Fault))


GOOD = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"jsonrpc": 2.0}, "jsonrpc"),
        ({"jsonrpc": "1.0"}, "jsonrpc"),
        ({"jsonrpc": None}, "jsonrpc"),
        ({"method": ""}, "method"),
        ({"method": 1}, "method"),
        ({"method": None}, "method"),
        ({"method": "x" * (MAX_METHOD + 1)}, "method"),
        ({"params": [1]}, "params"),
        ({"params": None}, "params"),
        ({"params": "x"}, "params"),
        ({"id": None}, "id"),
        ({"id": True}, "id"),
        ({"id": 1.0}, "id"),
        ({"id": []}, "id"),
        ({"id": 1 << 63}, "id"),
        ({"id": -(1 << 63)}, "id"),
        ({"id": "x" * (MAX_ID + 1)}, "id"),
        ({"result": {}}, "both"),
        ({"error": None}, "both"),
    ],
)
def test_what_is_not_one_request_is_refused_by_its_member(changed: dict[str, Any], why: str) -> None:
    """Each ill-typed member is refused by name; a response is no request (TR-07, TR-08, TR-09)."""
    with pytest.raises(Fault, match="invalid_request") as fault:
        message({**GOOD, **changed})
    assert why in fault.value.why


@pytest.mark.parametrize("identity", [0, -1, (1 << 63) - 1, "", "0", "é", "x" * MAX_ID])
def test_an_id_keeps_its_value_and_type(identity: str | int) -> None:
    """Every id that is taken comes back as it was, in results and in errors alike (TR-07)."""
    asked = message({**GOOD, "id": identity})
    assert asked.id == identity
    assert type(asked.id) is type(identity)
    assert json.loads(wire.result(identity, b"{}")) == {"jsonrpc": "2.0", "id": identity, "result": {}}
    assert json.loads(wire.error(identity, -1, "t", None))["id"] == identity


def test_a_notification_has_no_id() -> None:
    """Without an id it is a notification, and posted responses without a method are none."""
    assert message({"jsonrpc": "2.0", "method": "notifications/cancelled"}).id is None
    for body in ({"jsonrpc": "2.0", "id": 1, "result": {}}, {"jsonrpc": "2.0", "error": {}}, [GOOD], []):
        with pytest.raises(Fault):
            message(body)


@given(st.none() | st.text(max_size=MAX_ID) | st.integers(-(2**62), 2**62), st.integers(-40_000, 40_000), st.text(), st.none() | near)
def test_an_error_is_always_valid_json(identity: str | int | None, code: int, text: str, data: dict[str, Any] | None) -> None:
    """An error has its code and text, its data only when there is some, and no id rather than a null one."""
    said = json.loads(wire.error(identity, code, text, data))
    assert said["error"]["code"] == code
    assert said["error"]["message"] == text
    assert ("data" in said["error"]) == (data is not None)
    assert said.get("id") == identity
    assert "id" in said or identity is None
    assert "result" not in said

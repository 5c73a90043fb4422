"""The report of `freehold source preview`: what an import would come to, without a server."""

import json
from typing import Any

import msgspec
import pytest

from freehold.core.refusals import Refusal
from freehold.domains.catalog.listing import encoded
from freehold.domains.sources.openapi.preview import Preview
from freehold.domains.sources.openapi.preview import preview as report_of
from freehold.domains.sources.openapi.read import File
from freehold.domains.sources.openapi.tools import compile_tools
from tests.clocks import HandClock
from tests.documents import document, parameter

PATHS = {"/a/{id}": {"get": {"parameters": [parameter("id", "path")]}, "trace": {}}, "/b": {"post": {"summary": "Make a b"}}}


def preview(data: bytes, **more: Any) -> Preview:
    """The report, with the catalog's own encoder."""
    return report_of(data, clock=HandClock(), encoded=encoded, **more)


def test_the_report_has_every_field() -> None:
    """Named as the command prints them, with sizes of the real list."""
    raw = document(PATHS)
    report = preview(json.dumps(raw).encode())
    made = json.loads(msgspec.json.encode(report))
    assert list(made) == [
        "operations",
        "tools",
        "skipped",
        "trimmed",
        "flagged",
        "remarks",
        "list_bytes",
        "list_tokens",
        "largest_tool_bytes",
        "seconds",
        "rss_mib",
    ]
    shown = [json.loads(encoded(tool)) for tool in compile_tools(raw, source="preview").tools]
    assert (report.operations, report.tools) == (3, 2)
    assert made["skipped"] == [{"operation": "TRACE /a/{id}", "why": "TRACE would show the agent the credentials Freehold sends"}]
    assert report.list_bytes == len(msgspec.json.encode({"tools": shown}))
    assert report.list_tokens == -(-report.list_bytes // 4)
    assert report.largest_tool_bytes == max(len(msgspec.json.encode(tool)) for tool in shown)
    assert report.rss_mib > 1
    assert report.seconds == 0


def test_a_preview_needs_no_host() -> None:
    """Nothing is sent, so a document without servers is shown too."""
    raw: dict[str, Any] = {**document(PATHS), "servers": []}
    assert preview(json.dumps(raw).encode()).tools == 2
    assert preview(json.dumps({**raw, "servers": [{"url": "/v1"}]}).encode()).tools == 2


def test_what_is_no_document_is_refused() -> None:
    """With the same words as at import."""
    with pytest.raises(Refusal) as refused:
        preview(b"<html>")
    assert refused.value.code == "document_invalid"


def test_overlays_are_applied_and_what_they_miss_is_shown() -> None:
    """The report counts what the overlaid document has, and remarks on actions that met nothing."""
    actions = [{"target": "$.paths['/b']", "remove": True}, {"target": "$.paths['/z']", "remove": True}]
    files = [File("o.json", json.dumps({"overlay": "1.0.0", "actions": actions}).encode())]
    report = preview(json.dumps(document(PATHS)).encode(), overlays=files)
    assert (report.tools, [remark.where for remark in report.remarks]) == (1, ["o.json, action 2"])

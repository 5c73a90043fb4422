"""What the recorder answers with, and whether that reached the agent whole: objects, lists, bare values, text, bytes, nothing at all.

No document promises these answers. One that the API gave with a 2xx must arrive all the same."""

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jsonschema_rs

from bench.documents.written import Unfaithful

if TYPE_CHECKING:
    from mcp.types import CallToolResult


@dataclass(frozen=True)
class Reply:
    """One good answer of an API."""

    body: bytes
    kind: str = "application/json"
    status: str = "200 OK"

    def written(self, *, head: bool) -> bytes:
        """As HTTP/1.1 has it; the answer to HEAD has no body."""
        kind = f"content-type: {self.kind}\r\n" if self.kind else ""
        lines = f"HTTP/1.1 {self.status}\r\n{kind}content-length: {0 if head else len(self.body)}\r\n\r\n"
        return lines.encode() + (b"" if head else self.body)


PLAIN = Reply(b'{"ok":true}')
REPLIES = (
    PLAIN,
    Reply(b'{"id":null,"name":7,"items":[{"id":"a","more":null}],"undeclared":{"deep":[1,2.5,"\xc3\xa9"]}}', status="201 Created"),
    Reply(b'[{"id":1},null,"two"]', "application/problem+json; charset=utf-8"),
    Reply(b"null"),
    Reply(b'"only a word"'),
    Reply("plain words, é\nand a second line".encode(), "text/plain; charset=utf-8"),
    Reply(b"id,name\n1,a\n", "text/csv"),
    Reply(b"<a><b>1</b></a>", "application/xml"),
    Reply(b"\x89PNG\r\n\x1a\n\x00\x01", "image/png"),
    Reply(b"\x00\x01\xfe\xff", "application/octet-stream"),
    Reply(b"no type at all", ""),
    Reply(b"", "", "204 No Content"),
)


def check_answer(reply: Reply, result: "CallToolResult", promised: dict[str, Any] | None, *, head: bool) -> None:
    """Return if the tool's result holds the whole reply; raise `Unfaithful` if not. `promised` is the tool's output schema."""
    said = "\n".join(block.text for block in result.content if block.type == "text")
    if result.is_error:
        raise Unfaithful("answer_lost", f"{reply.status} with {reply.kind or 'no type'} became an error: {said}")
    if head or not reply.body:
        return
    if "json" in reply.kind:
        _same_value(json.loads(reply.body), result.structured_content, promised, said)
    elif reply.kind.startswith("text/") or reply.kind in {"", "application/xml"}:
        if reply.body.decode() not in said:
            raise Unfaithful("answer_changed", f"{reply.body!r} became {said!r}")
    elif base64.b64encode(reply.body).decode() not in _attached(result):
        raise Unfaithful("answer_changed", f"{reply.kind} is not among the attachments")


def _same_value(value: Any, structured: Any, promised: dict[str, Any] | None, said: str) -> None:
    """Where the value is not what the tool promised, only the text can hold it."""
    broken = promised is not None and not any(_fits(promised, each) for each in (value, {"result": value}))
    if structured not in ([{}] if broken else [value, {"result": value}]):
        raise Unfaithful("answer_changed", f"{value!r} became {structured!r}")
    if json.dumps(value, separators=(",", ":"), ensure_ascii=False) not in said:
        raise Unfaithful("answer_changed", f"{value!r} is not in the text {said!r}")


def _fits(schema: dict[str, Any], value: Any) -> bool:
    try:
        return jsonschema_rs.Draft202012Validator(schema, offline=True).is_valid(value)
    except ValueError as fault:
        raise Unfaithful("schema", f"the output schema is none: {fault}") from None


def _attached(result: "CallToolResult") -> list[str]:
    """The base64 of every image, sound and file."""
    shown = [block.model_dump() for block in result.content]
    return [str(block.get("data") or (block.get("resource") or {}).get("blob")) for block in shown]

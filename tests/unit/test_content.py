"""Content of answers: what each kind looks like on the wire, and what a tool may give in which form."""

from base64 import b64encode
from typing import Any

import pytest
from msgspec import UNSET

from freehold.core.content import Audio, Content, Embedded, Image, Link, Message, Text
from tests.functions import giving, offered, outcome, structured, text

pytestmark = pytest.mark.anyio

PIXEL = b"\x89PNG\xff\x00"
BASE64 = b64encode(PIXEL).decode()
LINK: dict[str, Any] = {"type": "resource_link", "uri": "a://b", "name": "b"}


@pytest.mark.parametrize(
    ("content", "block"),
    [
        (Text("é"), {"type": "text", "text": "é"}),
        (Image(PIXEL, "image/png"), {"type": "image", "data": BASE64, "mimeType": "image/png"}),
        (Audio(b"", "audio/wav"), {"type": "audio", "data": "", "mimeType": "audio/wav"}),
        (Embedded("a://b", text="x"), {"type": "resource", "resource": {"uri": "a://b", "text": "x"}}),
        (
            Embedded("a://b", data=PIXEL, mime_type="image/png"),
            {"type": "resource", "resource": {"uri": "a://b", "blob": BASE64, "mimeType": "image/png"}},
        ),
        (Link("a://b", "b"), LINK),
        (
            Link("a://b", "b", title="T", description="D", mime_type="m/t", size=0),
            {**LINK, "title": "T", "description": "D", "mimeType": "m/t", "size": 0},
        ),
    ],
)
async def test_each_kind_of_content_is_a_block_of_its_own(content: Any, block: dict[str, Any]) -> None:
    """The block has exactly the members the specification names, whether the annotation promises it or not, alone or in a list."""
    for annotation in (type(content), Content, Any, type(content) | None):
        made = await outcome(giving(annotation, content))
        assert made.content == (block,)
        assert made.structured is UNSET
    for annotation in (list[Content], Any):
        made = await outcome(giving(annotation, ["a", content]))
        assert made.content == ({"type": "text", "text": "a"}, block)
        assert made.structured is UNSET


def test_a_tool_that_gives_content_promises_no_schema() -> None:
    """An annotation that names a kind of content, however deep, makes no output schema; one that does not still does."""
    for annotation in (Image, list[Content], list[Image | Text], Image | None, dict[str, int] | Image):
        (tool,) = offered(giving(annotation, None)).tools
        assert tool.output_schema is None
    (tool,) = offered(giving(dict[str, int], None)).tools
    assert tool.output_schema is not None


async def test_beside_content_plain_values_stay_what_they_are() -> None:
    """A tool that may give content may give data instead; a list of texts alone is data, and an empty list of content is empty data."""
    assert structured(await outcome(giving(dict[str, int] | Image, {"a": 1}))) == {"a": 1}
    assert text(await outcome(giving(list[Content], ["a", "b"]))) == '["a","b"]'
    with pytest.raises(ValueError, match="serial"):
        await outcome(giving(Any, [Text("a"), {"a": 1}]))
    assert text(await outcome(giving(list[Content], []))) == "[]"
    assert text(await outcome(giving(Image | None, None))) == "Done."


@pytest.mark.parametrize("annotation", [list[str], list[dict[str, int]], dict[str, int]])
async def test_content_that_was_not_promised_is_a_failed_call(annotation: Any) -> None:
    """A return annotation that names no content holds: content in its place raises and reaches nobody."""
    with pytest.raises(ValueError, match="valid"):
        await outcome(giving(annotation, [Image(PIXEL, "image/png")]))


def test_embedded_contents_are_text_or_bytes() -> None:
    """Both or neither is refused with a sentence."""
    for given in ({}, {"text": "", "data": b""}):
        with pytest.raises(ValueError, match="needs either text or data"):
            Embedded("a://b", **given)


def test_a_message_has_one_of_two_roles() -> None:
    """Text becomes a block; another role is refused."""
    assert Message("assistant", "x").shown() == {"role": "assistant", "content": {"type": "text", "text": "x"}}
    assert Message("user", Text("x")).shown() == {"role": "user", "content": {"type": "text", "text": "x"}}
    with pytest.raises(ValueError, match="'system' is not a role"):
        Message("system", "x")  # type: ignore[arg-type]  the point of the test

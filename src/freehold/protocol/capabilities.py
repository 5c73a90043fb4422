"""What a client declares it can do, and what a question to it needs. Pure."""

from typing import Any, Final

from msgspec import Struct

from freehold.protocol.wire import is_object

TASKS: Final = "io.modelcontextprotocol/tasks"
"""Id of the tasks extension."""


class Capabilities(Struct, frozen=True, array_like=True):
    """A client's capabilities, as far as this server uses them. The order is part of the sealed session value."""

    form: bool = False
    """elicitation.form; an empty `elicitation` means it (client/elicitation, Capabilities)."""
    url: bool = False
    """elicitation.url."""
    sampling: bool = False
    sampling_tools: bool = False
    """sampling.tools."""
    roots: bool = False
    tasks: bool = False
    """extensions["io.modelcontextprotocol/tasks"]."""

    def lacks(self, method: str, params: dict[str, Any]) -> dict[str, Any] | None:
        """The capabilities a question needs and this client does not declare, as -32021 names them; None when it may be asked."""
        if method == "elicitation/create":
            mode = "url" if params.get("mode") == "url" else "form"
            return None if (self.url if mode == "url" else self.form) else {"elicitation": {mode: {}}}
        if method == "roots/list":
            return None if self.roots else {"roots": {}}
        if "tools" in params or "toolChoice" in params:
            return None if self.sampling_tools else {"sampling": {"tools": {}}}
        return None if self.sampling else {"sampling": {}}


def named(required: dict[str, Any], *before: str) -> str:
    """A ClientCapabilities object in words: `elicitation.form`, or an extension's id."""
    names = [named(inner, *before, name) if inner else ".".join((*before, name)) for name, inner in required.items()]
    return ", ".join(names).removeprefix("extensions.")


NONE: Final = Capabilities()


def read(declared: object) -> Capabilities:
    """A ClientCapabilities object as received; whatever is not an object declares nothing."""
    if not is_object(declared) or not declared:
        return NONE
    elicitation: object = declared.get("elicitation")
    sampling: object = declared.get("sampling")
    extensions: object = declared.get("extensions")
    asks_url = is_object(elicitation) and is_object(elicitation.get("url"))
    return Capabilities(
        form=is_object(elicitation) and (not asks_url or is_object(elicitation.get("form"))),
        url=asks_url,
        sampling=is_object(sampling),
        sampling_tools=is_object(sampling) and is_object(sampling.get("tools")),
        roots=is_object(declared.get("roots")),
        tasks=is_object(extensions) and is_object(extensions.get(TASKS)),
    )

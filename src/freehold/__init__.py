"""Freehold: the multi-tenant MCP server a SaaS runs beside its API.

The names below are the public Python API; everything else may change between minor versions."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from freehold.core.channel import Unanswered
    from freehold.core.content import Audio, Content, Embedded, Image, Link, Message, Text
    from freehold.domains.sources.context import Caller, Context, ToolError
    from freehold.domains.sources.questions import Answer, Elicit, ElicitUrl, Roots, Sample
    from freehold.embed import Freehold
    from freehold.kit.errors import Misconfigured

__all__ = [
    "Answer",
    "Audio",
    "Caller",
    "Content",
    "Context",
    "Elicit",
    "ElicitUrl",
    "Embedded",
    "Freehold",
    "Image",
    "Link",
    "Message",
    "Misconfigured",
    "Roots",
    "Sample",
    "Text",
    "ToolError",
    "Unanswered",
    "__version__",
]

__version__ = "0.1.0"

_HOMES = {
    "Freehold": "freehold.embed",
    "Misconfigured": "freehold.kit.errors",
    "Unanswered": "freehold.core.channel",
    **dict.fromkeys(("Audio", "Content", "Embedded", "Image", "Link", "Message", "Text"), "freehold.core.content"),
    **dict.fromkeys(("Caller", "Context", "ToolError"), "freehold.domains.sources.context"),
    **dict.fromkeys(("Answer", "Elicit", "ElicitUrl", "Roots", "Sample"), "freehold.domains.sources.questions"),
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `freehold --help` stays quick."""
    if name not in _HOMES:
        raise AttributeError(f"module 'freehold' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)

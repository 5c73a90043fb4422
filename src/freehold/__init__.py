"""Freehold: the multi-tenant MCP server a SaaS runs beside its API.

The names below are the public Python API; everything else may change between minor versions."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from freehold.domains.sources.functions import Caller, ToolError
    from freehold.embed import Freehold
    from freehold.kit.errors import Misconfigured

__all__ = ["Caller", "Freehold", "Misconfigured", "ToolError", "__version__"]

__version__ = "0.1.0"

_HOMES = {
    "Caller": "freehold.domains.sources.functions",
    "Freehold": "freehold.embed",
    "Misconfigured": "freehold.kit.errors",
    "ToolError": "freehold.domains.sources.functions",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `freehold --help` stays quick."""
    if name not in _HOMES:
        raise AttributeError(f"module 'freehold' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)

"""A resource and a prompt as agents see them. Each is run by a `Tool` of its own, so that both go down the one corridor."""

from msgspec import Struct

from freehold.core.tool import Tool


class Resource(Struct, frozen=True, kw_only=True, eq=False):
    """Something an agent can read by its URI (server/resources)."""

    uri: str
    """The URI, or with `template` a URI template of RFC 6570 level 1 and 2: `{name}` one segment, `{+name}` several."""
    name: str
    """Unique among resources of the catalog."""
    tool: Tool
    """Reads it; its arguments are the template's variables. Named `resource:<name>`, a name no tool can have."""
    template: bool = False
    title: str | None = None
    description: str = ""
    mime_type: str | None = None
    size: int | None = None
    completing: Tool | None = None
    """Completes a variable: arguments `argument`, `value` and `given` (an object); gives an array of strings."""


class PromptArgument(Struct, frozen=True, kw_only=True):
    """One argument of a prompt; its value is always text."""

    name: str
    description: str = ""
    required: bool = True


class Prompt(Struct, frozen=True, kw_only=True, eq=False):
    """Messages an agent's user can ask for by name (server/prompts)."""

    name: str
    """Unique among prompts of the catalog."""
    tool: Tool
    """Makes the messages. Named `prompt:<name>`."""
    title: str | None = None
    description: str = ""
    arguments: tuple[PromptArgument, ...] = ()
    completing: Tool | None = None
    """As a resource's."""

"""A function becomes a resource or a resource template: what its URI asks of it, and the tool that reads it."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from freehold.core.content import Embedded
from freehold.core.resource import Resource
from freehold.domains.sources.completing import completing
from freehold.domains.sources.offering import INJECTED, Said, planned, reader
from freehold.domains.sources.returned import of_resource
from freehold.domains.sources.signatures import read
from freehold.domains.sources.textual import as_text, choices
from freehold.kit.uri_template import UriTemplate

PREFIX: Final = "resource:"


def resource(
    function: Callable[..., Any], uri: str, said: Said, *, mime_type: str | None, complete: Mapping[str, Callable[..., Any]]
) -> Resource:
    """Raises ValueError when the URI is none, or the function's parameters are not its variables."""
    found = UriTemplate(uri).variables
    signature = read(function, name=said.name, injected=INJECTED, content=(Embedded,), plain=(str,))
    _check(found, signature.input_schema, f"{said.name} ({uri})")
    plan = planned(function, signature, said.name, partial(of_resource, signature.result, mime_type))
    tool = reader(said, PREFIX, _only(found, as_text(signature.input_schema, said.name)), plan)
    return Resource(
        uri=uri,
        name=said.name,
        tool=tool,
        template=bool(found),
        title=said.title,
        description=said.description,
        mime_type=mime_type,
        completing=completing(tool, complete, choices(signature.input_schema), found),
    )


def _check(found: tuple[str, ...], schema: dict[str, Any], name: str) -> None:
    for variable in found:
        if variable not in schema["properties"]:
            raise ValueError(f"{name} has a variable {variable!r} that is no parameter of its function. Add it, with an annotation.")
    for key in schema.get("required", []):
        if key not in found:
            raise ValueError(f"Parameter {key!r} of {name} is no variable of its URI. Write it as {{{key}}} there, or give it a default.")


def _only(found: tuple[str, ...], schema: dict[str, Any]) -> dict[str, Any]:
    """A URI always has all of its variables and nothing else."""
    return {**schema, "properties": {key: schema["properties"][key] for key in found}, "required": list(found)}

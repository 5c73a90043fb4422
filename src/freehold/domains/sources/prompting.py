"""A function becomes a prompt: its parameters are the prompt's arguments, and what it gives its messages."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from freehold.core.content import CONTENT, Message
from freehold.core.resource import Prompt, PromptArgument
from freehold.domains.sources.completing import completing
from freehold.domains.sources.offering import INJECTED, Said, planned, reader
from freehold.domains.sources.returned import of_prompt
from freehold.domains.sources.signatures import read
from freehold.domains.sources.textual import as_text, choices

PREFIX: Final = "prompt:"


def prompt(function: Callable[..., Any], said: Said, *, complete: Mapping[str, Callable[..., Any]]) -> Prompt:
    """Raises ValueError for a parameter that text cannot carry, or a completion of one there is not."""
    signature = read(function, name=said.name, injected=INJECTED, content=(*CONTENT, Message), plain=(str,))
    schema = as_text(signature.input_schema, said.name)
    tool = reader(said, PREFIX, schema, planned(function, signature, said.name, partial(of_prompt, said.description)))
    arguments = tuple(
        PromptArgument(name=key, description=one.get("description", ""), required=key in schema["required"])
        for key, one in schema["properties"].items()
    )
    return Prompt(
        name=said.name,
        tool=tool,
        title=said.title,
        description=said.description,
        arguments=arguments,
        completing=completing(tool, complete, choices(signature.input_schema), [one.name for one in arguments]),
    )

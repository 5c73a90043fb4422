"""Source: typed Python functions, offered as tools, resources and prompts. The schema comes from the annotations.

How a function is read and run is its neighbours' part; this is the list of what there is."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from types import CoroutineType
from typing import Any, Final, Literal, get_args

from msgspec.structs import replace

from freehold.core.call import Call, Outcome
from freehold.core.resource import Prompt, Resource
from freehold.core.tool import Tool
from freehold.domains.sources.offering import INJECTED, READ, described, named, planned, said, scoped
from freehold.domains.sources.returned import of_tool
from freehold.domains.sources.threads import Threads
from freehold.protocol import mirrors

_SOURCE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")

Function = Callable[..., Any]
Task = Literal["never", "optional", "required"]


class Functions:
    """A source of functions registered by the SaaS's own code before the start."""

    def __init__(self, name: str = "python") -> None:
        """Starts without any. `name` is what an operator could have written: 1 to 32 of a-z 0-9 and -."""
        if not _SOURCE.fullmatch(name):
            raise ValueError(f"{name!r} cannot be a source's name: use 1 to 32 of a-z 0-9 and -, beginning with a letter or digit.")
        self.name = name
        self._tools: dict[str, Tool] = {}
        self._resources: dict[str, Resource] = {}
        self._prompts: dict[str, Prompt] = {}
        self._threads = Threads()

    @property
    def tools(self) -> Sequence[Tool]:
        """In order of registration."""
        return tuple(self._tools.values())

    @property
    def resources(self) -> Sequence[Resource]:
        """In order of registration."""
        return tuple(self._resources.values())

    @property
    def prompts(self) -> Sequence[Prompt]:
        """In order of registration."""
        return tuple(self._prompts.values())

    @property
    def empty(self) -> bool:
        """Whether nothing is offered at all."""
        return not (self._tools or self._resources or self._prompts)

    def add(  # noqa: PLR0913  everything `@app.tool` may say
        self,
        function: Function,
        *,
        name: str | None = None,
        description: str | None = None,
        title: str | None = None,
        read_only: bool = False,
        destructive: bool = False,
        idempotent: bool = False,
        scopes: Collection[str] | None = None,
        task: Task = "never",
        asks_first: bool = False,
        input_schema: dict[str, Any] | None = None,
    ) -> Tool:
        """Offer a function as a tool. Raises ValueError when its name, annotations, hints, schema or scopes cannot make one."""
        chosen = named(function, name, "tool", self._tools)
        from freehold.domains.sources.signatures import read

        signature = read(function, name=chosen, injected=INJECTED, given=input_schema)
        if faults := mirrors.faults(signature.input_schema):
            raise ValueError(f"The schema of {chosen} has a header no client would take, so none would show the tool: {faults[0]}")
        if task not in get_args(Task):
            raise ValueError(f"{task!r} does not say whether {chosen} may be a task. Use never, optional or required.")
        default = _default_scopes(chosen, read_only=read_only, destructive=destructive)
        tool = Tool(
            name=chosen,
            title=title,
            description=described(function, description),
            input_schema=signature.input_schema,
            output_schema=signature.output_schema,
            source=self.name,
            read_only=read_only,
            destructive=destructive,
            idempotent=idempotent or read_only,
            open_world=False,
            scopes=scoped(scopes, chosen, default),
            task=task,
            asks_first=asks_first,
            operation=planned(function, signature, chosen, partial(of_tool, signature.result, signature.content)),
        )
        self._tools[chosen] = tool
        return tool

    def add_resource(
        self,
        function: Function,
        uri: str,
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        mime_type: str | None = None,
        scopes: Collection[str] | None = None,
        complete: Mapping[str, Function] | None = None,
    ) -> Resource:
        """Offer a function as the resource at `uri`, or as a template when that has variables. Raises ValueError as `add` does."""
        chosen = named(function, name, "resource", self._resources)
        if any(uri == one.uri for one in self._resources.values()):
            raise ValueError(f"There is already a resource {uri!r}. Give one of them another URI.")
        from freehold.domains.sources.reading import resource

        words = said(function, self.name, chosen, title, description, scopes)
        made = self._resources[chosen] = resource(function, uri, words, mime_type=mime_type, complete=complete or {})
        return made

    def add_prompt(
        self,
        function: Function,
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        scopes: Collection[str] | None = None,
        complete: Mapping[str, Function] | None = None,
    ) -> Prompt:
        """Offer a function as a prompt. Raises ValueError as `add` does."""
        chosen = named(function, name, "prompt", self._prompts)
        from freehold.domains.sources.prompting import prompt

        words = said(function, self.name, chosen, title, description, scopes)
        made = self._prompts[chosen] = prompt(function, words, complete=complete or {})
        return made

    def invoke(self, call: Call) -> "CoroutineType[Any, Any, Outcome]":
        """Run the function; its own `ToolError` is the tool's answer. Not `async` itself: the call's own coroutine is given back."""
        return call.tool.operation.run(call, self._threads)

    def named(self, name: str) -> "Functions":
        """The same, under another source's name."""
        renamed = Functions(name)
        renamed._tools = {key: replace(tool, source=name) for key, tool in self._tools.items()}
        renamed._resources = {key: _moved(one, name) for key, one in self._resources.items()}
        renamed._prompts = {key: _moved(one, name) for key, one in self._prompts.items()}
        return renamed

    async def check(self) -> None:
        """Nothing outside this process is needed."""

    async def close(self) -> None:
        """Let go of the threads."""
        self._threads.close()


def _default_scopes(name: str, *, read_only: bool, destructive: bool) -> frozenset[str]:
    if read_only and destructive:
        raise ValueError(f"{name} cannot be read_only and destructive at once. Keep the one that is true.")
    return READ if read_only else frozenset({"mcp:admin" if destructive else "mcp:write"})


def _moved(one: Any, source: str) -> Any:
    """A resource or a prompt whose tools belong to another source."""
    completing = one.completing and replace(one.completing, source=source)
    return replace(one, tool=replace(one.tool, source=source), completing=completing)

"""A snapshot becomes what agents see: namespaced, cleaned and checked, one entry at a time, so that a bad one costs itself only.

What an upstream says of its own harmlessness counts when the operator trusts it, and not otherwise."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, TypeVar, cast

import jsonschema_rs
from msgspec import Raw, Struct

from freehold.core.resource import Prompt, PromptArgument, Resource
from freehold.core.tool import Tool
from freehold.domains.sources.upstream import naming
from freehold.domains.sources.upstream.schemas import cleaned, fault, general_fault
from freehold.domains.sources.upstream.snapshot import Snapshot
from freehold.domains.sources.upstream.words import attributed, hides, shown, titled
from freehold.kit.json import NotStrict, strict
from freehold.kit.uri_template import UriTemplate
from freehold.protocol import mirrors
from freehold.protocol.mirrors import Mirrored
from freehold.protocol.wire import is_object

_LARGEST: Final = 262_144
"""Bytes of one entry."""
_LONGEST: Final = 1_024
"""Characters of a name or URI."""
_READ: Final = frozenset({"mcp:read"})
_WRITE: Final = frozenset({"mcp:write"})
_ADMIN: Final = frozenset({"mcp:admin"})
_COMPLETING: Final = {
    "type": "object",
    "properties": {"argument": {"type": "string"}, "value": {"type": "string"}, "given": {"type": "object"}},
    "required": ["argument", "value"],
}

Kind = Literal["tool", "resource", "prompt", "completion"]


Made = TypeVar("Made")


class Remote(Struct, frozen=True, kw_only=True):
    """What is asked of the upstream."""

    kind: Kind
    name: str
    """Their name of the tool or prompt; of a completion, what is completed. A resource's URI comes with the call."""
    plan: tuple[Mirrored, ...] = ()
    """Arguments repeated in headers."""
    promised: jsonschema_rs.Draft202012Validator | None = None
    """What structured content is held to."""
    ref: Mapping[str, str] = {}
    """Of a completion."""


class Skipped(Struct, frozen=True):
    """An entry that is not offered, and why."""

    name: str
    why: str


class Offered(Struct, frozen=True, kw_only=True):
    """What one upstream offers here."""

    tools: tuple[Tool, ...]
    resources: tuple[Resource, ...]
    prompts: tuple[Prompt, ...]
    skipped: tuple[Skipped, ...]


class Unfit(ValueError):
    """An entry that cannot be offered; the message is the reason."""


def offered(snapshot: Snapshot, source: str, *, trusted: bool = False, scopes: Mapping[str, Sequence[str]] | None = None) -> Offered:
    """Everything that can be offered of a snapshot. `scopes` by our tool name take the place of what a tool's kind needs."""
    skipped: list[Skipped] = []
    tools = _each(snapshot.tools, "name", skipped)
    prompts = _each(snapshot.prompts, "name", skipped)
    resources, templates = _each(snapshot.resources, "uri", skipped), _each(snapshot.templates, "uriTemplate", skipped)
    made = _Made(source, trusted=trusted, scopes=scopes or {}, completes=snapshot.completes)
    ours, prompted = naming.names(source, tools), naming.names(source, prompts)
    found_tools = _kept(tools, lambda name, one: made.tool(ours[name], name, one), skipped)
    found_prompts = _kept(prompts, lambda name, one: made.prompt(prompted[name], name, one), skipped)
    called = _resource_names(source, {**resources, **templates})
    found_resources = [
        *_kept(resources, lambda uri, one: made.resource(called[uri], uri, one), skipped),
        *_kept(templates, lambda text, one: made.template(called[text], text, one), skipped),
        *([made.anything()] if snapshot.reads else []),
    ]
    return Offered(tools=tuple(found_tools), resources=tuple(found_resources), prompts=tuple(found_prompts), skipped=tuple(skipped))


def _each(entries: Sequence[Raw], member: str, skipped: list[Skipped]) -> dict[str, dict[str, Any]]:
    """Entries by what identifies them, in the order of it; of two with one name neither can be told from the other, and one is left."""
    found: dict[str, dict[str, Any]] = {}
    for raw in entries:
        try:
            identity, entry = _read(raw, member)
        except Unfit as why:
            skipped.append(Skipped("(unnamed)", str(why)))
            continue
        if identity in found:
            skipped.append(Skipped(shown(identity, 80), "another entry is called the same"))
        else:
            found[identity] = entry
    return dict(sorted(found.items()))


def _read(raw: Raw, member: str) -> tuple[str, dict[str, Any]]:
    data = bytes(raw)
    if len(data) > _LARGEST:
        raise Unfit("it is too large")
    try:
        entry: object = strict(data)
    except (NotStrict, RecursionError) as why:
        raise Unfit(f"it cannot be read ({why})") from None
    identity: object = entry.get(member) if is_object(entry) else None
    if not is_object(entry) or not isinstance(identity, str) or not 0 < len(identity) <= _LONGEST:
        raise Unfit(f"it has no {member} that could be used")
    if hides(identity):
        raise Unfit(f"its {member} has characters nobody sees")
    return identity, entry


def _kept(entries: Mapping[str, dict[str, Any]], make: Callable[[str, dict[str, Any]], Made], skipped: list[Skipped]) -> list[Made]:
    made: list[Made] = []
    for identity, entry in entries.items():
        try:
            made.append(make(identity, entry))
        except Unfit as why:
            skipped.append(Skipped(shown(identity, 80), str(why)))
    return made


def _resource_names(source: str, entries: Mapping[str, dict[str, Any]]) -> dict[str, str]:
    """By URI; two resources may be called the same there, but not here."""
    said = {uri: shown(entry.get("name"), 60) or uri for uri, entry in entries.items()}
    every = list(said.values())
    told = {uri: name if every.count(name) == 1 else f"{name} {uri}" for uri, name in said.items()}
    ours = naming.names(source, told.values())
    return {uri: ours[name] for uri, name in told.items()}


class _Made:
    """Makes entries of one source."""

    def __init__(self, source: str, *, trusted: bool, scopes: Mapping[str, Sequence[str]], completes: bool) -> None:
        self._source = source
        self._trusted = trusted
        self._scopes = scopes
        self._completes = completes

    def tool(self, name: str, theirs: str, entry: dict[str, Any]) -> Tool:
        schema: Any = entry.get("inputSchema")
        wrong = fault(schema) or next(iter(mirrors.faults(schema)), None)
        if wrong:
            raise Unfit(wrong)
        found: object = entry.get("annotations")
        hints: dict[str, Any] = found if is_object(found) else {}
        read_only = self._trusted and hints.get("readOnlyHint") is True
        destructive = not read_only and not (self._trusted and hints.get("destructiveHint") is False)
        promised: Any = entry.get("outputSchema")
        held = is_object(promised) and promised.get("type") == "object" and general_fault(promised) is None
        remote = Remote(
            kind="tool",
            name=theirs,
            plan=mirrors.plan(schema),
            promised=jsonschema_rs.Draft202012Validator(promised, offline=True) if held else None,
        )
        return Tool(
            name=name,
            title=titled(entry.get("title")) or titled(hints.get("title")),
            description=attributed(self._source, entry.get("description")),
            input_schema=cleaned(schema),
            output_schema=cleaned(promised) if held else None,
            source=self._source,
            read_only=read_only,
            destructive=destructive,
            idempotent=self._trusted and hints.get("idempotentHint") is True,
            open_world=not (self._trusted and hints.get("openWorldHint") is False),
            scopes=frozenset(self._scopes.get(name, self._needed(hints, read_only=read_only))),
            trusted=self._trusted,
            operation=remote,
        )

    def _needed(self, hints: dict[str, Any], *, read_only: bool) -> frozenset[str]:
        """A tool that says it destroys is believed."""
        if read_only:
            return _READ
        return _ADMIN if self._trusted and hints.get("destructiveHint") is True else _WRITE

    def resource(self, name: str, uri: str, entry: dict[str, Any]) -> Resource:
        size: object = entry.get("size")
        return Resource(
            uri=naming.uri(self._source, uri),
            name=name,
            tool=self._reader(f"resource:{name}", {}, Remote(kind="resource", name=uri)),
            title=titled(entry.get("title")) or titled(entry.get("name")),
            description=attributed(self._source, entry.get("description")),
            mime_type=titled(entry.get("mimeType")),
            size=size if type(size) is int and size >= 0 else None,
        )

    def template(self, name: str, text: str, entry: dict[str, Any]) -> Resource:
        ours = naming.uri(self._source, text)
        try:
            variables = UriTemplate(ours).variables
        except ValueError:
            raise Unfit("its URI template has other forms than {name} and one {+name}; read its URIs through the general one") from None
        return Resource(
            uri=ours,
            name=name,
            tool=self._reader(f"resource:{name}", dict.fromkeys(variables, ""), Remote(kind="resource", name=text)),
            template=bool(variables),
            title=titled(entry.get("title")) or titled(entry.get("name")),
            description=attributed(self._source, entry.get("description")),
            mime_type=titled(entry.get("mimeType")),
            completing=self._completing(name, {"type": "ref/resource", "uri": text}),
        )

    def anything(self) -> Resource:
        """Whatever else the upstream reads: tools may answer with links to what no list has."""
        name = f"{self._source}_any-resource"
        remote = Remote(kind="resource", name="")
        return Resource(
            uri=naming.uri(self._source, "{+uri}"),
            name=name,
            tool=self._reader(f"resource:{name}", {"uri": ""}, remote),
            template=True,
            description=f"Any resource of {self._source}, by its own URI.",
        )

    def prompt(self, name: str, theirs: str, entry: dict[str, Any]) -> Prompt:
        found: object = entry.get("arguments")
        arguments = tuple(_argument(one) for one in cast("list[object]", found)) if isinstance(found, list) else ()
        described = {one.name: one.description for one in arguments}
        required = [one.name for one in arguments if one.required]
        return Prompt(
            name=name,
            tool=self._reader(f"prompt:{name}", described, Remote(kind="prompt", name=theirs), required),
            title=titled(entry.get("title")),
            description=attributed(self._source, entry.get("description")),
            arguments=arguments,
            completing=self._completing(name, {"type": "ref/prompt", "name": theirs}) if arguments else None,
        )

    def _completing(self, name: str, ref: dict[str, str]) -> Tool | None:
        if not self._completes:
            return None
        return self._read_only(f"complete:{name}", _COMPLETING, Remote(kind="completion", name="", ref=ref))

    def _reader(self, name: str, texts: Mapping[str, str], remote: Remote, required: Sequence[str] | None = None) -> Tool:
        properties = {key: {"type": "string", **({"description": said} if said else {})} for key, said in texts.items()}
        needed = list(texts) if required is None else list(required)
        schema = {"type": "object", "properties": properties, "required": needed, "additionalProperties": False}
        return self._read_only(name, schema, remote)

    def _read_only(self, name: str, schema: dict[str, Any], remote: Remote) -> Tool:
        return Tool(
            name=name,
            description="",
            input_schema=schema,
            source=self._source,
            read_only=True,
            destructive=False,
            idempotent=True,
            scopes=_READ,
            operation=remote,
        )


def _argument(entry: object) -> PromptArgument:
    name: object = entry.get("name") if is_object(entry) else None
    if not is_object(entry) or not isinstance(name, str) or not name or len(name) > _LONGEST or hides(name):
        raise Unfit("one of its arguments has no name that could be used")
    return PromptArgument(name=name, description=shown(entry.get("description")), required=entry.get("required") is True)

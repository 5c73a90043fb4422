"""What of a type is worth asking for, by name alone: ids, names, states and addresses, then counts and times, long texts last."""

from typing import Final

from graphql import GraphQLField

from freehold.domains.sources.graphql.kinds import Named, fields, is_leaf, named, node_of
from freehold.domains.sources.openapi.names import words_of

_FIRST: Final = ["id", "name", "title", "key", "slug", "number", "code", "login", "email", "state", "status", "type", "url", "message"]
_RANKS: Final = {name: rank for rank, name in enumerate(_FIRST)}
_COUNT, _TIME, _OTHER, _ADDRESS, _BLOB = range(len(_FIRST), len(_FIRST) + 5)
_TIMES: Final = frozenset({"at", "date", "time"})
_ADDRESSES: Final = frozenset({"url", "uri", "path", "href", "link"})
_BLOBS: Final = frozenset(
    ["base64", "blob", "body", "content", "contents", "diff", "html", "markdown", "patch", "raw", "svg", "text", "xml"]
)
_BLOB_TYPES: Final = frozenset({"HTML", "JSON", "JSONObject", "Base64String"})


def rank(name: str, field: GraphQLField) -> int:
    """The place of a scalar in line, smaller is sooner."""
    if name in _RANKS:
        return _RANKS[name]
    last = (words_of(name) or [""])[-1]
    if last in _BLOBS or named(field).name in _BLOB_TYPES:
        return _BLOB
    if last == "count":
        return _COUNT
    if last in _TIMES:
        return _TIME
    return _ADDRESS if last in _ADDRESSES else _OTHER


def is_blob(name: str, field: GraphQLField) -> bool:
    """Whether it is a text or a value of any length."""
    return rank(name, field) == _BLOB


def richness(kind: Named) -> int:
    """How much a type says; what an API is about says most."""
    return len(fields(kind))


def page_rank(name: str, field: GraphQLField) -> tuple[int, int]:
    """The place of a connection in line: one called like what it holds (`issues` of Issue) before `watchers` of User, rich before poor."""
    node = node_of(named(field))
    if node is None or is_leaf(node):
        return (3, 0)
    said, held = _singular(words_of(name)), words_of(node.name)
    return (0 if said == held else 1 if held[-len(said) :] == said else 2, -richness(node))


def _singular(words: list[str]) -> list[str]:
    last = words[-1] if words else ""
    for plural, singular in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("s", "")):
        if last.endswith(plural):
            return [*words[:-1], last.removesuffix(plural) + singular]
    return words

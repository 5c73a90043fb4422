"""Whether a schema still accepts whatever another one accepted, and if not, where it does not. Pure.

Errs on one side only: what cannot be compared is told as changed. Members a schema does not declare are not looked at."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

import jsonschema_rs
import msgspec

Json = dict[str, Any]

_KINDS: Final = ("array", "boolean", "integer", "null", "number", "object", "string")
_ANNOTATIONS: Final = (
    "title description default examples example deprecated readOnly writeOnly format contentEncoding contentMediaType "
    "$comment $defs $id $schema $anchor xml externalDocs discriminator"
)
_SAYS_NOTHING: Final = frozenset(_ANNOTATIONS.split())
"""Keywords no value is refused for."""
_LEAST: Final = {"minimum": "number", "exclusiveMinimum": "number", "minLength": "string", "minItems": "array", "minProperties": "object"}
_MOST: Final = {"maximum": "number", "exclusiveMaximum": "number", "maxLength": "string", "maxItems": "array", "maxProperties": "object"}
_OPENS: Final = {"minimum": "exclusiveMinimum", "maximum": "exclusiveMaximum"}
_LOOKED_INTO: Final = "type enum const required properties additionalProperties items anyOf pattern multipleOf"
_COMPARED: Final = frozenset((*_LOOKED_INTO.split(), *_LEAST, *_MOST))


_DEEPEST: Final = 60
_MOST_COMPARED: Final = 50_000


class Narrowing(NamedTuple):
    """What is no longer accepted."""

    path: str
    """Dotted, from the whole value; empty for the whole."""
    why: str
    """Completes the sentence "PATH ..."."""


def narrowings(old: Json, new: Json) -> list[Narrowing]:
    """Every place where `new` refuses what `old` accepted; none at all when it accepts all of it."""
    return list(dict.fromkeys(_Comparison(old, new).compare(old, new, "")))


class _Comparison:
    """Two schemas with the definitions each refers to."""

    def __init__(self, old: Json, new: Json) -> None:
        self._old = cast("Json", old.get("$defs", {}))
        self._new = cast("Json", new.get("$defs", {}))
        self._same = self._old == self._new
        self._begun: dict[tuple[int, int], str] = {}
        self._branches: set[tuple[int, int]] = set()
        self._kept: list[object] = []

    def compare(self, old: object, new: object, path: str) -> Iterator[Narrowing]:
        if old is False or new is True or new == {} or self._alike(old, new):
            return
        if new is False:
            yield Narrowing(path, "is no longer accepted")
            return
        begun = self._begun.get((id(old), id(new)))
        if begun is not None and len(begun) < len(path):  # a recursive schema: what is being compared is not compared inside itself
            return
        if begun is not None or path.count(".") > _DEEPEST or len(self._kept) > _MOST_COMPARED:
            yield Narrowing(path, "cannot be compared")
            return
        self._begun[id(old), id(new)] = path
        before, after = _resolved(old, self._old), _resolved(new, self._new)
        self._kept += [old, new, before, after]  # so that their ids stay theirs
        if before is None or after is None:
            yield Narrowing(path, "has changed")
        else:
            yield from self._values(before, after, path) if "enum" in before or "const" in before else self._schemas(before, after, path)

    def _alike(self, old: object, new: object) -> bool:
        """Whether both say the same, and mean the same by it."""
        same = old == new and msgspec.json.encode(old) == msgspec.json.encode(new)  # for Python alone, false is 0
        return same and (self._same or not _refers(old))

    def _values(self, old: Json, new: Json, path: str) -> Iterator[Narrowing]:
        """The old one lists its values: each is tried."""
        values = cast("list[Any]", old["enum"]) if "enum" in old else [old["const"]]
        accepts = jsonschema_rs.validator_for({**new, "$defs": self._new}, offline=True).is_valid
        lost = [value for value in values if not accepts(value)]
        if lost:
            yield Narrowing(path, f"no longer accepts {', '.join(map(repr, lost[:3]))}")

    def _schemas(self, old: Json, new: Json, path: str) -> Iterator[Narrowing]:
        if "anyOf" in new and not self._alike(new["anyOf"], old.get("anyOf")):
            yield from self._choices(old, new, path)
            return
        if "anyOf" in old and not self._alike(old["anyOf"], new.get("anyOf")):
            rest = {word: said for word, said in old.items() if word != "anyOf"}
            for branch in old["anyOf"]:
                yield from self._branch(rest, branch, new, path)
            return
        kinds, allowed = _kinds(old), _kinds(new)
        lost = sorted(kind for kind in kinds if kind not in allowed and not (kind == "integer" and "number" in allowed))
        if lost:
            yield Narrowing(path, f"is no longer accepted as {' or '.join(lost)}")
        yield from self._bounds(old, new, kinds, path)
        yield from self._objects(old, new, path) if "object" in kinds else ()
        if "items" in new and "array" in kinds:
            yield from self.compare(old.get("items", True), new["items"], f"{path}[]")

    def _branch(self, rest: Json, branch: object, new: Json, path: str) -> Iterator[Narrowing]:
        """One alternative of the old one, with what holds for all of them."""
        pair = (id(branch), id(new))
        if pair in self._branches:  # it is an alternative of itself
            yield Narrowing(path, "cannot be compared")
            return
        self._branches.add(pair)
        said = _resolved(branch, self._old)
        yield from self.compare(True if said is None else {**rest, **said}, new, path)
        self._branches.discard(pair)

    def _choices(self, old: Json, new: Json, path: str) -> Iterator[Narrowing]:
        """Some branch has to accept all of the old one, or all of each of its kinds."""
        rest = {word: said for word, said in new.items() if word != "anyOf"}
        yield from self.compare(dict(old), rest, path) if rest.keys() - _SAYS_NOTHING else ()
        olds = [{**_without(old, "anyOf"), **(_resolved(each, self._old) or {})} for each in old["anyOf"]] if "anyOf" in old else [old]
        for each in olds:
            parts = [{**each, "type": kind} for kind in _kinds(each)] if "type" in each else [each]
            if not self._fits(each, new["anyOf"]) and not all(self._fits(part, new["anyOf"]) for part in parts):
                yield Narrowing(path, "has fewer alternatives")
                return

    def _fits(self, old: Json, branches: Sequence[object]) -> bool:
        return any(not list(_Comparison(_rooted(old, self._old), self._new_root()).compare(old, branch, "")) for branch in branches)

    def _new_root(self) -> Json:
        return {"$defs": self._new}

    def _bounds(self, old: Json, new: Json, kinds: Sequence[str], path: str) -> Iterator[Narrowing]:
        for word, said in new.items():
            if word in _LEAST or word in _MOST:
                if _tighter(word, old, said) and _concerned(word, kinds):
                    yield Narrowing(path, f"has a tighter {word}: {said}")
            elif word == "multipleOf":
                if _concerned(word, kinds) and (word not in old or old[word] % said):
                    yield Narrowing(path, f"has to be a multiple of {said}")
            elif self._refuses(word, said, old, kinds):
                yield Narrowing(path, "accepts only listed values now" if word in {"enum", "const"} else f"has another {word}")

    def _refuses(self, word: str, said: object, old: Json, kinds: Sequence[str]) -> bool:
        """Whether a keyword nobody looks into may refuse what was accepted."""
        if word == "pattern":
            return "string" in kinds and old.get(word) != said
        if word in {"enum", "const"}:
            return True
        compared = word in _COMPARED or word in _SAYS_NOTHING or word.startswith("x-")
        return not compared and not self._alike(old.get(word), said)

    def _objects(self, old: Json, new: Json, path: str) -> Iterator[Narrowing]:
        for name in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
            yield Narrowing(_below(path, name), "is required now")
        before, after = cast("Json", old.get("properties", {})), cast("Json", new.get("properties", {}))
        open_before: object = old.get("additionalProperties", True)
        open_after: object = new.get("additionalProperties", True)
        for name, said in before.items():
            yield from self.compare(said, after.get(name, open_after), _below(path, name))
        for name in sorted(after.keys() - before.keys()) if isinstance(open_before, dict) else ():
            yield from self.compare(cast("Json", open_before), after[name], _below(path, name))
        if open_after is False and open_before is not False:
            yield Narrowing(path, "accepts no other members now")
        elif isinstance(open_after, dict) and open_before is not False:
            yield from self.compare(cast("object", open_before), cast("Json", open_after), _below(path, "*"))


def _rooted(schema: Json, definitions: Json) -> Json:
    return {**schema, "$defs": definitions}


def _without(schema: Json, word: str) -> Json:
    return {key: said for key, said in schema.items() if key != word}


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _resolved(schema: object, definitions: Mapping[str, Any]) -> Json | None:
    """Without references; None where one leads nowhere, round in a circle, or past what is said beside it."""
    said: object = {} if schema is True else schema
    for _ in range(32):
        if not isinstance(said, dict):
            return None
        given = cast("Json", said)
        if "$ref" not in given:
            return given
        meant: object = definitions.get(str(given["$ref"]).removeprefix("#/$defs/"))
        meant = {} if meant is True else meant
        beside = {word: value for word, value in given.items() if word != "$ref" and word not in _SAYS_NOTHING}
        if not isinstance(meant, dict) or beside:
            return None
        said = cast("Json", meant)
    return None


def _refers(schema: object) -> bool:
    """Whether it leans on definitions."""
    if isinstance(schema, dict):
        given = cast("Json", schema)
        return "$ref" in given or any(_refers(each) for each in given.values())
    return isinstance(schema, list) and any(_refers(each) for each in cast("list[object]", schema))


def _kinds(schema: Json) -> Sequence[str]:
    said = schema.get("type", _KINDS)
    return (said,) if isinstance(said, str) else tuple(said)


def _concerned(word: str, kinds: Sequence[str]) -> bool:
    """Whether a value the old schema accepts can be of the kind that the keyword is about."""
    about = {**_LEAST, **_MOST}.get(word, "number")
    return about in kinds or (about == "number" and "integer" in kinds)


def _tighter(word: str, old: Json, said: float) -> bool:
    """Whether the new bound refuses what the old one let through."""
    bounds = [old[each] for each in (word, _OPENS.get(word, word)) if isinstance(old.get(each), int | float)]
    return not any(bound >= said if word in _LEAST else bound <= said for bound in bounds)

"""YAML as JSON would have said it: the parser's events become values here, so nothing is constructed that a bomb could use.

Tags are refused, aliases count what they repeat, dates and `yes`/`no` stay text, keys are text as written (`200`, `no`)."""

import math
import re
from typing import Any, Final, cast

from freehold.core.refusals import Refusal
from freehold.domains.sources.openapi.document import Json

_NODES: Final = 5_000_000
_REPEATED: Final = 2_000_000
"""Nodes that aliases may stand for in total."""
_DEEPEST: Final = 200
_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,38})")
_FLOAT: Final = re.compile(r"[-+]?(?:(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)")
_WORDS: Final[dict[str, Any]] = {"": None, "~": None, **dict.fromkeys(("null", "Null", "NULL"))}
_WORDS.update({**dict.fromkeys(("true", "True", "TRUE"), True), **dict.fromkeys(("false", "False", "FALSE"), False)})
_JSON_TAGS: Final = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "map", "seq"))


def load(data: bytes) -> object:
    """The first document's value, or `Refusal("document_invalid")`."""
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(data)
    try:
        return _Builder(loader).value()
    except yaml.YAMLError as fault:
        if "nesting depth" in str(fault):  # some parsers refuse it themselves, before our own bound
            raise _invalid(f"it is nested deeper than {_DEEPEST} levels") from None
        mark = getattr(fault, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark is not None else ""
        raise _invalid(f"it is not valid YAML{where}") from None
    except UnicodeDecodeError:
        raise _invalid("it is not UTF-8") from None
    finally:
        loader.dispose()


def _invalid(why: str) -> Refusal:
    return Refusal("document_invalid", why=why, mend="Check the file with a YAML parser, or give the document as JSON.")


class _Builder:
    """One pass over the events with a stack of open collections."""

    def __init__(self, loader: Any) -> None:
        self._event = loader.get_event
        self._stack: list[tuple[Any, str | None, int]] = []
        self._keys: list[Any] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._nodes = 0
        self._repeated = 0

    def value(self) -> object:
        """Read up to the end of the first document; None when there is none."""
        done: list[Any] = []
        while (event := self._event()) is not None:
            kind = type(event).__name__
            if kind == "ScalarEvent":
                self._add(self._scalar(event), done)
            elif kind in {"MappingStartEvent", "SequenceStartEvent"}:
                self._open(event, {} if kind == "MappingStartEvent" else [])
            elif kind in {"MappingEndEvent", "SequenceEndEvent"}:
                self._close(done)
            elif kind == "AliasEvent":
                self._repeat(event.anchor, done)
            elif kind == "DocumentEndEvent":
                break
        return done[0] if done else None

    def _open(self, event: Any, empty: Any) -> None:
        _refuse_tag(event.tag)
        self._count()
        if len(self._stack) >= _DEEPEST:
            raise _invalid(f"it is nested deeper than {_DEEPEST} levels")
        if self._stack and isinstance(self._stack[-1][0], dict) and self._keys[-1] is _NO_KEY:
            raise _invalid("a mapping has a key that is not text")
        self._stack.append((empty, event.anchor, self._nodes + self._repeated))
        self._keys.append(_NO_KEY)

    def _close(self, done: list[Any]) -> None:
        value, anchor, began = self._stack.pop()
        self._keys.pop()
        if anchor is not None:
            self._anchors[anchor] = (value, self._nodes + self._repeated - began + 1)
        self._add(value, done)

    def _repeat(self, anchor: str, done: list[Any]) -> None:
        if anchor not in self._anchors:
            raise _invalid(f"it has an alias, *{anchor[:40]}, to nothing complete")
        value, size = self._anchors[anchor]
        self._repeated += size
        if self._repeated > _REPEATED:
            raise _invalid(f"its aliases repeat more than {_REPEATED} nodes")
        self._add(value, done)

    def _add(self, value: Any, done: list[Any]) -> None:
        if not self._stack:
            done.append(value)
            return
        holder = self._stack[-1][0]
        if isinstance(holder, list):
            cast("list[Any]", holder).append(value)
        elif self._keys[-1] is _NO_KEY:
            self._keys[-1] = value
        else:
            _put(cast("Json", holder), self._keys[-1], value)
            self._keys[-1] = _NO_KEY

    def _count(self) -> None:
        self._nodes += 1
        if self._nodes > _NODES:
            raise _invalid(f"it has more than {_NODES} nodes")

    def _scalar(self, event: Any) -> Any:
        _refuse_tag(event.tag)
        self._count()
        is_key = bool(self._stack) and isinstance(self._stack[-1][0], dict) and self._keys[-1] is _NO_KEY
        value = event.value if is_key or not event.implicit[0] else _plain(event.value)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, 1)
        return value


_NO_KEY: Final = object()


def _refuse_tag(tag: str | None) -> None:
    if tag is not None and tag != "!" and tag not in _JSON_TAGS:
        raise _invalid(f"it has a tag, {tag[:40]!r}, and tags are not allowed")


def _put(holder: Json, key: object, value: Any) -> None:
    if key == "<<":  # merge: what stands in the mapping itself wins
        for each in cast("list[object]", value) if isinstance(value, list) else [cast("object", value)]:
            if isinstance(each, dict):
                for inner, inherited in cast("Json", each).items():
                    holder.setdefault(inner, inherited)
        return
    holder[key if isinstance(key, str) else str(key)] = value


def _plain(value: str) -> Any:
    """An unquoted scalar by YAML 1.2's JSON-like rules."""
    if value in _WORDS:
        return _WORDS[value]
    if value[0] in "-+.0123456789":
        if _INTEGER.fullmatch(value):
            return int(value)
        if _FLOAT.fullmatch(value):
            return float(value) if math.isfinite(float(value)) else value
    return value

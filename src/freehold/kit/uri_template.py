"""URI templates of RFC 6570, level 1 and `{+name}` of level 2, read backwards: from a URI to the values.

Time grows with the length of the URI and never faster, whatever the template: there is no regular expression that could go back."""

import re
from typing import Final, NamedTuple

LONGEST: Final = 8_192
"""Characters of a URI; a longer one matches nothing."""

_VARIABLE: Final = re.compile(r"\{([^{}]*)\}")
_NAME: Final = re.compile(r"\+?[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*")
_LITERAL: Final = re.compile(r"(?:[!#$&-;=?-Z\[\]_a-z~]|%[0-9A-Fa-f]{2})*")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_SEPARATOR: Final = re.compile(r"[/?#]")
_ESCAPED: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_BYTES: Final = 0xDC00
"""An escaped byte is held as this code point and those behind it: lone surrogates, which no text can hold."""


class _Step(NamedTuple):
    """A variable of one segment, and the literal behind it."""

    name: str
    literal: str
    cut: int
    """Where in the literal the segment ends; -1: not in it."""


class _Walk(NamedTuple):
    """A stretch of a template in which no variable spans segments."""

    begins: str
    steps: tuple[_Step, ...]

    def along(self, text: str, *, whole: bool) -> tuple[dict[str, str], int] | None:
        """The values and where the stretch ends; `whole`: it must end where the text does.

        Each variable takes as little as it can. Where this fails no other choice would do: what the next variable is
        given instead of this one, it can hold as well, and a literal with a separator in it fits at one place only.
        """
        if not text.startswith(self.begins):
            return None
        values: dict[str, str] = {}
        at = len(self.begins)
        for step in self.steps:
            end = _end(text, at, step, last=whole and step is self.steps[-1])
            if end <= at or not text.startswith(step.literal, end):
                return None
            values[step.name] = text[at:end]
            at = end + len(step.literal)
        return None if whole and at != len(text) else (values, at)


class UriTemplate:
    """One template, compiled."""

    def __init__(self, text: str) -> None:
        """Raises ValueError, in a sentence, for a template whose URIs could not be told apart or that is none."""
        pieces = _VARIABLE.split(text)
        literals, named = pieces[::2], pieces[1::2]
        _check(text, literals, named)
        self.text = text
        self.variables = tuple(name.removeprefix("+") for name in named)
        self.rank = (-sum(map(len, literals)), len([name for name in named if name.startswith("+")]))
        """Sorts the more telling template first: more literal characters, then fewer variables of any length."""
        folded = [_folded(literal) for literal in literals]
        spanning = [at for at, name in enumerate(named) if name.startswith("+")]
        first = spanning[0] if spanning else len(named)
        self._head = _walk(folded[: first + 1], named[:first])
        self._spanning = self.variables[first] if spanning else None
        self._tail = _walk([literal[::-1] for literal in folded[:first:-1]], named[:first:-1]) if spanning else None

    def match(self, uri: str) -> dict[str, str] | None:
        """The values, percent-decoded, none of them empty; None when the URI is not one of this template's.

        A value of `{name}` is cut at `/`, `?` and `#`; escaped (`%2F`) they are part of it. An escape that is malformed, or
        that decodes to what is not UTF-8, matches nothing.
        """
        if len(uri) > LONGEST:
            return None
        text = _folded(uri)
        found = None if "%" in text else self._found(text)
        return None if found is None else _decoded(found)

    def _found(self, text: str) -> dict[str, str] | None:
        walked = self._head.along(text, whole=self._tail is None)
        if walked is None or self._tail is None or self._spanning is None:
            return walked and walked[0]
        back = self._tail.along(text[::-1], whole=False)
        if back is None or walked[1] + back[1] >= len(text):
            return None
        middle = text[walked[1] : len(text) - back[1]]
        return walked[0] | {self._spanning: middle} | {name: value[::-1] for name, value in back[0].items()}


def _check(text: str, literals: list[str], named: list[str]) -> None:
    if not _SCHEME.match(literals[0]):
        raise ValueError(f"The URI template {text!r} does not begin with a scheme. Begin it like invoice:// or docs:.")
    if not all(map(_LITERAL.fullmatch, literals)):
        raise ValueError(f"The URI template {text!r} has characters no URI can have. Percent-encode them, and close every brace.")
    if not all(map(_NAME.fullmatch, named)):
        raise ValueError(f"The URI template {text!r} has a variable that is neither {{name}} nor {{+name}}. Use those two forms.")
    if not all(literals[1:-1]):
        raise ValueError(f"The URI template {text!r} has two variables side by side. Put something between them, such as a slash.")
    names = [name.removeprefix("+") for name in named]
    if len(set(names)) < len(names) or sum(name.startswith("+") for name in named) > 1:
        raise ValueError(f"The URI template {text!r} names a variable twice, or has two of the form {{+name}}. Use each once.")


def _walk(literals: list[str], named: list[str]) -> _Walk:
    return _Walk(literals[0], tuple(_Step(name, literal, _cut(literal)) for name, literal in zip(named, literals[1:], strict=True)))


def _cut(literal: str) -> int:
    found = _SEPARATOR.search(literal)
    return -1 if found is None else found.start()


def _end(text: str, at: int, step: _Step, *, last: bool) -> int:
    """Where the value that begins at `at` may end; that the literal follows there is still to be seen."""
    separator = _SEPARATOR.search(text, at)
    edge = len(text) if separator is None else separator.start()
    if step.cut >= 0:
        return edge - step.cut
    return edge - len(step.literal) if last else text.find(step.literal, at + 1, edge)


def _folded(text: str) -> str:
    """Each escaped byte as one character of its own, so that a literal never matches half an escape."""
    return _ESCAPED.sub(lambda byte: chr(_BYTES + int(byte[1], 16)), text) if "%" in text else text


def _decoded(values: dict[str, str]) -> dict[str, str] | None:
    try:
        return {name: value if value.isascii() else _text(value) for name, value in values.items()}
    except UnicodeError:
        return None


def _text(value: str) -> str:
    return b"".join(_bytes(character) for character in value).decode()


def _bytes(character: str) -> bytes:
    byte = ord(character) - _BYTES
    return bytes([byte]) if byte in range(256) else character.encode()

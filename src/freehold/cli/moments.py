"""Times, durations and numbers as operators write and read them."""

import re
from datetime import UTC, datetime
from typing import Final

import typer

_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION: Final = re.compile(r"(\d{1,6})([smhd])")


def moment(at: float | None) -> str | None:
    """Unix seconds as UTC to the second."""
    return None if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def duration(text: str | None) -> float | None:
    """`90d`, `12h`, `10m` or `30s` in seconds; anything else is a misuse of the command."""
    if text is None:
        return None
    found = _DURATION.fullmatch(text)
    if found is None or not int(found[1]):
        raise typer.BadParameter(f"{text!r} is not a duration. Write a number and s, m, h or d, like 90d.")
    return float(int(found[1]) * _UNITS[found[2]])


def counted(number: int, thing: str) -> str:
    """`1 tool`, `2 tools`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"

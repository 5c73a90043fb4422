"""Which part serves a URL: scheme -> "module:factory", the same table for our own parts and for installed ones.

Nothing is imported before a URL asks for it. Third parties join through the entry point group `freehold.<kind>`,
named by the scheme; they cannot take a scheme of ours."""

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Final, cast

from freehold.domains.tenancy.members import Passwords
from freehold.kit.clock import Clock
from freehold.kit.errors import Misconfigured
from freehold.kit.state import State

PARTS: Final[Mapping[str, Mapping[str, str]]] = {
    "state": {
        "memory": "freehold.adapters.state_memory:memory_state",
        "redis": "freehold.adapters.state_redis:redis_state",
        "rediss": "freehold.adapters.state_redis:redis_state",
    },
    "passwords": {"argon2": "freehold.adapters.login_password:argon2_passwords"},
}

EXTRAS: Final[Mapping[str, str]] = {"redis": "redis"}
"""Top-level module -> the extra of ours that installs it."""


def state(url: str, *, clock: Clock) -> State:
    """The state a URL names: `memory:`, `redis://` or `rediss://`, or an installed one."""
    return cast("State", load("state", url, clock=clock))


def passwords() -> Passwords:
    """What hashes the passwords of people who sign in here; its library is loaded with it."""
    return cast("Passwords", load("passwords", "argon2:"))


def load(kind: str, url: str, **given: object) -> object:
    """Build the part of this kind that serves the URL's scheme, as `factory(url, **given)`.

    Raises `Misconfigured` for a scheme nobody serves and for a part whose package is not installed. The URL may hold
    a password, so no message repeats more of it than its scheme.
    """
    scheme, colon, _ = url.partition(":")
    table = schemes(kind)
    if not colon or scheme not in table:
        raise Misconfigured(_nobody(kind, scheme if colon and scheme.isidentifier() else "", table))
    try:
        return _factory(table[scheme])(url, **given)
    except ModuleNotFoundError as missing:
        raise Misconfigured(_not_installed(kind, scheme, missing.name or "")) from missing


def schemes(kind: str) -> dict[str, str]:
    """Every scheme of this kind and where its factory is."""
    installed = {entry.name: entry.value for entry in entry_points(group=f"freehold.{kind}")}
    return {**installed, **PARTS.get(kind, {})}


def _factory(target: str) -> Callable[..., object]:
    module, _, name = target.partition(":")
    return cast("Callable[..., object]", getattr(import_module(module), name))


def _nobody(kind: str, scheme: str, table: Mapping[str, str]) -> str:
    known = ", ".join(f"{name}:" for name in sorted(table))
    said = f"Nothing here serves {kind} URLs that begin with {scheme}:" if scheme else f"The {kind} URL does not begin with a scheme"
    return f"{said}; use one of {known}, or install the package that brings another."


def _not_installed(kind: str, scheme: str, module: str) -> str:
    extra = EXTRAS.get(module.partition(".")[0])
    mend = f"pip install 'freehold[{extra}]'" if extra else "install the package that brings it"
    return f"The {kind} {scheme}: needs the Python module {module}, which is not installed; {mend}."

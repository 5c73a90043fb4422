"""Where an authorization response may go: what may be registered, and whether a requested address is a registered one. Pure."""

import re
from collections.abc import Collection
from typing import Final
from urllib.parse import parse_qsl, urlsplit

LONGEST: Final = 2048
APPS: Final = frozenset({"cursor", "vscode", "vscode-insiders", "windsurf"})
"""Schemes of well-known editors that are no reversed domain names."""

_ORDINARY: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?\[\]-]|%(?![01]|2[fF]|5[cC]|7[fF])[0-9A-Fa-f]{2})+")
"""Characters of a URI (RFC 3986) without fragment; no encoded control character, slash or backslash."""
_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*):")
_HTTPS: Final = re.compile(r"https://(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?(?:[/?].*)?", re.IGNORECASE)
_LOOPBACK: Final = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]|localhost))(?::([0-9]{1,5}))?((?:/.*)?)")
_REVERSED_DOMAIN: Final = re.compile(r"[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+")
_DOTS: Final = re.compile(r"(?:/|%2f)(?:\.|%2e){1,2}(?:[/?;]|$)", re.IGNORECASE)
_OURS: Final = frozenset({"code", "state", "iss", "error", "error_description", "error_uri"})
"""Parameters of a response, each of which may occur once in it."""
_HIGHEST_PORT: Final = 65_535


def registrable(uri: str) -> bool:
    """Whether a client may name this address: https, http on this machine's loopback, or a scheme of an application's own.

    `localhost` is taken although RFC 8252 advises against it: clients in use have nothing else.
    """
    scheme = _SCHEME.match(uri)
    if scheme is None or len(uri) > LONGEST or not _ORDINARY.fullmatch(uri) or "*" in uri or _DOTS.search(uri):
        return False
    try:
        return not _is_taken(uri) and _goes_somewhere(scheme[1], uri)
    except ValueError:  # brackets that are no address
        return False


def _goes_somewhere(scheme: str, uri: str) -> bool:
    match scheme:
        case "https":
            return "@" not in urlsplit(uri).netloc and _HTTPS.fullmatch(uri) is not None
        case "http":
            return _loopback(uri) is not None
        case own:
            return (own in APPS or _REVERSED_DOMAIN.fullmatch(own) is not None) and "@" not in uri


def registered(requested: str, uris: Collection[str]) -> bool:
    """Whether the requested address is one of them byte for byte; on loopback by http the port may be any (RFC 8252 section 7.3)."""
    if requested in uris:
        return True
    wanted = _loopback(requested)
    return wanted is not None and registrable(requested) and any(_loopback(uri) == wanted for uri in uris)


def is_local(uri: str) -> bool:
    """Whether whatever listens there is a program on the user's own machine."""
    return _loopback(uri) is not None or not uri.startswith("https://")


def shown(uri: str) -> str:
    """The part of the address by which a person can know who gets the answer."""
    parts = urlsplit(uri)
    return parts.netloc if parts.scheme in {"https", "http"} else f"{parts.scheme}:"


def _loopback(uri: str) -> tuple[str, str] | None:
    """Scheme with host, and what comes after the port, when this is http to this machine."""
    found = _LOOPBACK.fullmatch(uri)
    if found is None or (found[2] is not None and not 0 < int(found[2]) <= _HIGHEST_PORT):
        return None
    return found[1], found[3]


def _is_taken(uri: str) -> bool:
    return not _OURS.isdisjoint(name for name, _ in parse_qsl(urlsplit(uri).query, keep_blank_values=True))

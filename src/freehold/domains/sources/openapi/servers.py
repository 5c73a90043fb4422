"""Where a document's API lives. The origin is decided at import; nothing a caller sends can move it (OA-02)."""

import re
from typing import Final
from urllib.parse import quote, unquote, urljoin, urlsplit

from freehold.domains.sources.openapi.document import Inexpressible, Json, mapping, sequence, text

_HOST: Final = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
_VARIABLE: Final = re.compile(r"\{([^{}]*)\}")
_KEPT: Final = "/:@!$&'()*+,;=~%"


class Origins:
    """The base URL of a document and of those operations that name their own server."""

    def __init__(self, raw: Json, *, base_url: str | None, location: str | None) -> None:
        """`base_url` wins over the document; `location` is where the document came from, for relative servers."""
        described = _first(raw.get("servers")) or _only(raw)
        described = f"https:{described}" if described.startswith("//") else described
        try:
            self._described = absolute(urljoin(location or "", described or "/")) if _is_url(described) or _is_url(location) else None
        except Inexpressible:
            if base_url is None:
                raise
            self._described = None
        self._fixed = base_url is not None
        self.base = absolute(base_url) if base_url is not None else self._from_document()

    def _from_document(self) -> str:
        if self._described is None:
            raise Inexpressible("it names no server with a host")
        return self._described

    def prefix(self, *owners: Json) -> str:
        """The URL an operation's path is put behind; the innermost owner that names a server decides."""
        own = next((found for owner in owners if (found := _first(owner.get("servers")))), "")
        if not own:
            return self.base
        around = self._described or self.base
        named = absolute(urljoin(f"{around}/", own))
        if named == around or named.startswith(f"{around}/"):
            return self.base + named[len(around) :]
        if origin(named) == origin(around):
            return origin(self.base) + named[len(origin(named)) :]
        if self._fixed:
            raise Inexpressible(f"it has a server of its own, {origin(named)}, while the base URL is fixed to {origin(self.base)}")
        return named


def origin(url: str) -> str:
    """Scheme, host and port of an absolute URL made by `absolute`."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def absolute(url: str) -> str:
    """The URL without query, fragment and last slash, or `Inexpressible` when it cannot be a base."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Inexpressible(f"{url[:80]!r} is not a URL") from None
    host = parts.netloc.rpartition("@")[2].removesuffix(f":{port}").removesuffix(":")
    if parts.scheme not in {"http", "https"} or "@" in parts.netloc or not _HOST.fullmatch(host):
        raise Inexpressible(f"its server {_shown(url)!r} is not an http or https URL of a plain host")
    path = quote(parts.path, safe=_KEPT).rstrip("/")
    if has_dots(path):
        raise Inexpressible("its server's path holds a . or .. segment")
    default = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host.lower()}{'' if port in (None, default) else f':{port}'}{path}"


def has_dots(path: str) -> bool:
    """Whether a path has a segment a client or server may resolve upwards."""
    return "." in unquote(path) and any(unquote(segment) in {".", ".."} for segment in path.split("/"))


def _shown(url: str) -> str:
    """The URL without anything that may be a password."""
    scheme, found, rest = url.partition("://")
    return f"{scheme}{found}{rest.rpartition('@')[2]}"[:80]


def _is_url(url: str | None) -> bool:
    return url is not None and "://" in url


def _first(servers: object) -> str:
    """The first server with its variables' defaults filled in; empty when there is none."""
    for each in sequence(servers):
        server = mapping(each)
        url = text(server.get("url")).strip()
        if url:
            return _filled_in(url, mapping(server.get("variables")))
    return ""


def _filled_in(url: str, variables: Json) -> str:
    return _VARIABLE.sub(lambda found: _default(mapping(variables.get(found[1])), found[1]), url)


def _only(raw: Json) -> str:
    """The one server all operations name when the document itself names none."""
    items = [mapping(item) for item in mapping(raw.get("paths")).values()]
    owners = [*items, *(mapping(each) for item in items for each in item.values())]
    named = {mapping(server).get("url") for owner in owners for server in sequence(owner.get("servers"))[:1]}
    return next((_first(owner.get("servers")) for owner in owners if owner.get("servers")), "") if len(named) == 1 else ""


def _default(variable: Json, name: str) -> str:
    choices = [variable.get("default"), *sequence(variable.get("enum"))]
    value = next((str(each) for each in choices if isinstance(each, str | int | float)), None)
    if value is None:
        raise Inexpressible(f"its server's variable {name[:40]!r} has no default")
    return value

"""The API's door: edges, the operator's secret, which path and method mean what, and problems in words.

The secret is the operator's own, so the path may name the tenant; nobody else's credential is taken here."""

import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from freehold.core.refusals import Refusal
from freehold.kit.errors import Misconfigured, Unavailable
from freehold.kit.json import NotStrict, strict
from freehold.protocol import wire
from freehold.protocol.wire import is_object
from freehold.web.answers import send
from freehold.web.api.description import DOCUMENT
from freehold.web.api.problems import send_problem
from freehold.web.edges import Disconnected, Edges, Headers, Receive, Scope, Send, gather, request_id

_log = logging.getLogger("freehold.api")
PREFIX: Final = "/api/"
_DOCUMENT: Final = "/api/openapi.json"
_TAKING: Final = frozenset({"PUT", "POST"})
"""Methods that come with a body."""
_AGAIN: Final = 5.0


class Request:
    """What a handler is given: the path's names and the body, which is an object."""

    def __init__(self, names: Mapping[str, str], body: Mapping[str, Any], *, bytes_in: int, request_id: str) -> None:
        """`names` by the template's words."""
        self.names = names
        self.body = body
        self.bytes_in = bytes_in
        self.request_id = request_id


Handler = Callable[[Request], Awaitable[bytes]]
"""Gives the answer's body. Raises `Refusal`."""


class ApiDoor:
    """Answers everything below `/api/`."""

    def __init__(self, routes: Mapping[str, Mapping[str, Handler]], *, edges: Edges, token: str) -> None:
        """`routes` are handlers by path template and method."""
        self._routes = [(template.split("/"), methods) for template, methods in routes.items()]
        self._edges = edges
        self._expected = b"Bearer " + token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send_: Send) -> None:
        """One request."""
        methods: Mapping[str, Handler] = {}
        try:
            headers = gather(scope["headers"])
            self._edges.admit(headers)
            path = _path(scope)
            if path == _DOCUMENT and scope["method"] == "GET":
                return await send(send_, 200, wire.encode(DOCUMENT))
            self._admit(headers)
            names, methods = self._found(path)
            handler = methods.get(scope["method"], _not_allowed)
            answer = await handler(await self._read(scope, headers, receive, names))
        except Refusal as refusal:
            allowed = ", ".join(sorted(methods)) if refusal.code == "method_not_allowed" else ""
            return await send_problem(send_, refusal, allowed=allowed)
        except (Unavailable, Misconfigured) as fault:
            _log.warning("request not served", extra={"code": "state_unavailable", "error": type(fault).__name__})
            return await send_problem(send_, Refusal("state_unavailable", retry_after=_AGAIN))
        except Disconnected:
            return None
        return await send(send_, 200, answer)

    def _admit(self, headers: Headers) -> None:
        given = headers.get(b"authorization")
        if given is None:
            raise Refusal("unauthenticated")
        if not hmac.compare_digest(given, self._expected):
            raise Refusal("invalid_token")

    def _found(self, path: str) -> tuple[dict[str, str], Mapping[str, Handler]]:
        parts = path.split("/")
        for template, methods in self._routes:
            if len(template) == len(parts):
                pairs = list(zip(template, parts, strict=True))
                if all(word == part or (word[:1] == "{" and part) for word, part in pairs):
                    return {word[1:-1]: part for word, part in pairs if word[:1] == "{"}, methods
        raise Refusal("not_found", endpoint="/mcp")

    async def _read(self, scope: Scope, headers: Headers, receive: Receive, names: Mapping[str, str]) -> Request:
        if scope["method"] not in _TAKING:
            return Request(names, {}, bytes_in=0, request_id=request_id(headers))
        body = await self._edges.body(headers, receive)
        try:
            found: object = strict(body)
        except NotStrict as fault:
            raise Refusal("parse_error", why=str(fault)) from None
        if not is_object(found):
            raise Refusal("invalid_params", why="the body must be an object")
        return Request(names, found, bytes_in=len(body), request_id=request_id(headers))


async def _not_allowed(_request: Request) -> bytes:
    raise Refusal("method_not_allowed")


def _path(scope: Scope) -> str:
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path[len(root) :] if root and path.startswith(root) else path

"""Trackline's HTTP API: one line per route in `routes`, and what every request goes through.

Who the caller is is settled before a route runs: it gets the caller's `Workspace`, the id in the path and the decoded body or query."""

import logging
from collections.abc import Callable
from typing import TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from freehold.demo.trackline.data import Archived, BadCursor, Missing, Row, Store, Workspace
from freehold.demo.trackline.model import (
    Assignment,
    NewComment,
    NewProject,
    NewTask,
    Nothing,
    Page,
    ProjectChange,
    ProjectQuery,
    SearchQuery,
    TaskChange,
    TaskQuery,
)
from freehold.demo.trackline.openapi import document
from freehold.demo.trackline.tokens import KeysUnavailable, NotVerified, ServiceTokens

MAX_BODY_BYTES = 65_536

log = logging.getLogger("trackline")

Given = TypeVar("Given", bound=msgspec.Struct)
Answer = Callable[[Workspace, str, Given], Row | None]


def trackline(store: Store, tokens: ServiceTokens, *, url: str) -> Starlette:
    """The whole API. `url` is the origin it is reached at, named in its OpenAPI document."""
    described = document(url)

    async def openapi(_: Request) -> Response:
        return JSONResponse(described)

    return Starlette(
        routes=[Route("/openapi.json", openapi, methods=["GET"]), *routes(store, tokens)],
        exception_handlers=dict.fromkeys(REFUSALS, refuse),
    )


def routes(store: Store, tokens: ServiceTokens) -> list[Route]:
    """Every operation of the OpenAPI document."""

    def route(method: str, path: str, shape: type[Given], answer: Answer[Given], status: int = 200) -> Route:
        async def endpoint(request: Request) -> Response:
            workspace = store.workspace(await tokens.caller(request.headers.get("authorization")))
            given = asked(request, shape) if method == "GET" else await sent(request, shape)
            row = answer(workspace, next(iter(request.path_params.values()), ""), given)
            return Response(status_code=status) if row is None else JSONResponse(row, status)

        return Route(path, endpoint, methods=[method])

    return [
        route("GET", "/me", Nothing, lambda space, _, __: space.me()),
        route("GET", "/report", Nothing, lambda space, _, __: space.report(None)),
        route("GET", "/search", SearchQuery, lambda space, _, query: space.search(query)),
        route("GET", "/members", Page, lambda space, _, query: space.members(query)),
        route("GET", "/members/{member_id}", Nothing, lambda space, ident, _: space.member(ident)),
        route("GET", "/projects", ProjectQuery, lambda space, _, query: space.projects(query)),
        route("POST", "/projects", NewProject, lambda space, _, new: space.add_project(new), 201),
        route("GET", "/projects/{project_id}", Nothing, lambda space, ident, _: space.project(ident)),
        route("PATCH", "/projects/{project_id}", ProjectChange, lambda space, ident, change: space.change_project(ident, change)),
        route("GET", "/projects/{project_id}/report", Nothing, lambda space, ident, _: space.report(ident)),
        route("GET", "/tasks", TaskQuery, lambda space, _, query: space.tasks(query)),
        route("POST", "/tasks", NewTask, lambda space, _, new: space.add_task(new), 201),
        route("GET", "/tasks/{task_id}", Nothing, lambda space, ident, _: space.task(ident)),
        route("PATCH", "/tasks/{task_id}", TaskChange, lambda space, ident, change: space.change_task(ident, change)),
        route("DELETE", "/tasks/{task_id}", Nothing, lambda space, ident, _: space.remove_task(ident), 204),
        route("POST", "/tasks/{task_id}/complete", Nothing, lambda space, ident, _: space.change_task(ident, TaskChange(status="done"))),
        route("POST", "/tasks/{task_id}/reopen", Nothing, lambda space, ident, _: space.change_task(ident, TaskChange(status="todo"))),
        route("PUT", "/tasks/{task_id}/assignee", Assignment, lambda space, ident, given: space.assign(ident, given.assignee_id)),
        route("GET", "/tasks/{task_id}/comments", Page, lambda space, ident, query: space.comments(ident, query)),
        route("POST", "/tasks/{task_id}/comments", NewComment, lambda space, ident, new: space.add_comment(ident, new.body), 201),
    ]


def asked(request: Request, shape: type[Given]) -> Given:
    """The query string as `shape`; of a name given twice the last value counts."""
    return msgspec.convert(dict(request.query_params), shape, strict=False)


async def sent(request: Request, shape: type[Given]) -> Given:
    """The JSON body as `shape`; no body is an empty object."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(413)
    return msgspec.json.decode(bytes(body) or b"{}", type=shape)


async def refuse(_: Request, error: Exception) -> Response:
    """An error, as every error of this API looks. Why a token was refused goes to the log only."""
    if isinstance(error, NotVerified):
        log.info("token refused: %s", error)
    status, code, message = next(REFUSALS[kind] for kind in type(error).mro() if kind in REFUSALS)
    if isinstance(error, HTTPException):
        status = error.status_code
    return JSONResponse({"error": {"code": code, "message": message.format(why=error)}}, status, HEADERS.get(status))


HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "5"}}
REFUSALS: dict[type, tuple[int, str, str]] = {
    NotVerified: (401, "unauthenticated", "This API needs a service token made out to it."),
    KeysUnavailable: (503, "keys_unavailable", "The token cannot be checked right now; try again in a few seconds."),
    Missing: (404, "not_found", "There is nothing with that id."),  # the same for another customer's id and for nobody's
    Archived: (409, "project_archived", "The project is archived; set its status to active before adding tasks."),
    BadCursor: (400, "invalid_cursor", "The cursor is not one this list gave; start again without one."),
    msgspec.DecodeError: (422, "invalid", "The request does not fit: {why}."),
    HTTPException: (404, "not_served", "This API does not serve that request."),
}

"""Trackline through real HTTP: the sample SaaS must be as careful with customers as the product in front of it."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema_rs
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from freehold.demo.loopback import address, serving, take
from freehold.demo.trackline import CUSTOMERS, PublishedKeys, ServiceTokens, Store, seed, trackline
from freehold.demo.trackline.app import routes
from freehold.demo.trackline.openapi import document
from tests.clocks import HandClock

pytestmark = pytest.mark.anyio

ISSUER = "https://freehold.example"
NOBODYS = "tsk_000000000000"


@dataclass
class Published:
    """A key server whose keys can be changed, and which counts how often it is asked."""

    keys: KeySet
    asked: int = 0
    up: bool = True

    async def answer(self, _: Request) -> Response:
        """The public halves, as JWKS."""
        self.asked += 1
        return JSONResponse(self.keys.as_dict(private=False)) if self.up else Response(status_code=502)


@dataclass
class Bench:
    """A running Trackline, a client, and the key that signs good tokens."""

    url: str
    http: aiohttp.ClientSession
    key: ECKey
    published: Published
    clock: HandClock

    def token(self, *, key: ECKey | OctKey | None = None, algorithm: str = "ES256", **claims: object) -> str:
        """A token like Freehold's, but for what `claims` change; a claim of None is left out."""
        now = time.time()
        said = {"iss": ISSUER, "aud": self.url, "sub": "user-1", "tenant_id": "acme", "act": {"sub": "agent-1"}, "exp": now + 120} | claims
        key = key or self.key
        return jwt.encode({"alg": algorithm, "kid": key.kid}, {k: v for k, v in said.items() if v is not None}, key, [algorithm])

    async def ask(self, method: str, path: str, *, bearer: str | None = None, json: object = None, **claims: Any) -> tuple[int, Any]:
        """Status and JSON body of one request, in the name of acme unless `claims` or `bearer` say otherwise."""
        headers = {"authorization": f"Bearer {self.token(**claims) if bearer is None else bearer}"}
        async with self.http.request(method, self.url + path, headers=headers, json=json) as answer:
            return answer.status, await answer.json() if answer.content_type == "application/json" else None


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """A freshly seeded Trackline behind a key server, both on loopback."""
    key, clock = new_key(), HandClock()
    published = Published(KeySet([key]))
    async with AsyncExitStack() as stack:
        origin = await stack.enter_async_context(serving(Starlette(routes=[Route("/jwks.json", published.answer)]), take()))
        store = Store(tmp_path / "trackline.db", time.time)
        stack.callback(store.close)
        seed(store, time.time())
        socket = take()
        keys = PublishedKeys(f"{origin}/jwks.json", monotonic=clock.monotonic)
        tokens = ServiceTokens(issuer=ISSUER, audience=address(socket), keys=keys)
        url = await stack.enter_async_context(serving(trackline(store, tokens, url=address(socket)), socket))
        yield Bench(url, await stack.enter_async_context(aiohttp.ClientSession()), key, published, clock)


def new_key() -> ECKey:
    """A fresh P-256 key with an id."""
    return ECKey.generate_key("P-256", auto_kid=True)


async def all_tasks(bench: Bench, limit: int = 7, **claims: Any) -> list[dict[str, Any]]:
    """Every task, page by page until there is no next cursor."""
    tasks: list[dict[str, Any]] = []
    cursor = ""
    while True:
        _, page = await bench.ask("GET", f"/tasks?limit={limit}{cursor}", **claims)
        tasks += page["items"]
        if page["next_cursor"] is None:
            return tasks
        cursor = f"&cursor={page['next_cursor']}"


async def test_a_good_token_shows_its_own_workspace(bench: Bench) -> None:
    """The tenant in the token decides which workspace is shown, and the caller is who the token says."""
    acme, globex = await bench.ask("GET", "/me"), await bench.ask("GET", "/me", tenant_id="globex")
    assert acme == (
        200,
        {"user": "user-1", "agent": "agent-1", "project_id": None, "url": "https://trackline.example/acme-saltmarsh"},
    )
    assert globex[1]["url"].endswith("/globex-quillwort")


def bad_claims(ours: str) -> dict[str, dict[str, Any]]:
    """Claims by what is wrong with them; times are as of now, for a test run takes longer than some of them last."""
    return {
        "wrong audience": {"aud": "https://api.other.example"},
        "our audience and another": {"aud": ["https://api.other.example", ours]},
        "no audience": {"aud": None},
        "expired": {"exp": time.time() - 60},
        "never expires": {"exp": None},
        "not yet valid": {"nbf": time.time() + 600},
        "wrong issuer": {"iss": "https://freehold.example.evil"},
        "no issuer": {"iss": None},
        "no user": {"sub": None},
        "no tenant": {"tenant_id": None},
        "empty tenant": {"tenant_id": ""},
        "several tenants": {"tenant_id": ["acme", "globex"]},
        "unknown narrowing": {"data_scope": "only-the-good-ones"},
        "narrowing to nothing": {"data_scope": "project:"},
    }


async def test_a_token_with_a_wrong_claim_opens_nothing(bench: Bench) -> None:
    """Every claim is checked, and the refusal says neither which one failed nor anything of the workspace (RS-04)."""
    for wrong, claims in bad_claims(bench.url).items():
        status, answer = await bench.ask("GET", "/tasks", **claims)
        assert (status, answer["error"]["code"]) == (401, "unauthenticated"), wrong
        assert "items" not in answer


async def test_a_token_signed_by_anyone_else_opens_nothing(bench: Bench) -> None:
    """Neither a stranger's key, nor a stranger's key under our id, nor a shared secret, nor no signature is accepted (RS-02)."""
    stranger = new_key()
    impostor = ECKey.import_key(stranger.as_pem(private=True), {"kid": bench.key.kid or ""})
    secret = OctKey.import_key({"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA", "kid": bench.key.kid or ""})
    forged = [bench.token(key=stranger), bench.token(key=impostor), bench.token(key=secret, algorithm="HS256")]
    unsigned = "eyJhbGciOiJub25lIn0." + bench.token().split(".")[1] + "."
    for bearer in (*forged, unsigned, "", "not.a.token", "ä.b.c", "x" * 9000):
        assert (await bench.ask("GET", "/me", bearer=bearer))[0] == 401
    assert (await bench.ask("GET", "/me"))[0] == 200


async def test_a_new_key_is_fetched_when_a_token_names_it(bench: Bench) -> None:
    """Rotation needs no restart: the first token of a new key causes one fetch, the next none."""
    assert (await bench.ask("GET", "/me"))[0] == 200
    bench.clock.advance(6)
    newer = new_key()
    bench.published.keys = KeySet([bench.key, newer])
    assert (await bench.ask("GET", "/me", bearer=bench.token(key=newer)))[0] == 200
    assert (await bench.ask("GET", "/me", bearer=bench.token(key=newer)))[0] == 200
    assert bench.published.asked == 2


async def test_unknown_keys_cannot_flood_the_key_server(bench: Bench) -> None:
    """A hundred forged key ids cause no fetch within five seconds of the last one."""
    await bench.ask("GET", "/me")
    for _ in range(100):
        assert (await bench.ask("GET", "/me", bearer=bench.token(key=new_key())))[0] == 401
    assert bench.published.asked == 1


async def test_a_withdrawn_key_is_forgotten_within_ten_minutes(bench: Bench) -> None:
    """A token of a key that is no longer published stops working when the cached keys are ten minutes old."""
    assert (await bench.ask("GET", "/me"))[0] == 200
    bench.published.keys = KeySet([new_key()])
    bench.clock.advance(601)
    assert (await bench.ask("GET", "/me"))[0] == 401


async def test_without_the_key_server_nothing_opens(bench: Bench) -> None:
    """A token that cannot be checked is answered 503 with a time to come back, not let through."""
    bench.published.up = False
    status, answer = await bench.ask("GET", "/tasks")
    assert (status, answer["error"]["code"]) == (503, "keys_unavailable")
    assert "items" not in answer


async def test_every_operation_needs_a_token(bench: Bench) -> None:
    """No operation answers without a token; the document itself is public."""
    for method, path, _ in operations():
        async with bench.http.request(method, bench.url + path.replace("{", "").replace("}", "")) as answer:
            assert answer.status == 401
    async with bench.http.get(f"{bench.url}/openapi.json") as answer:
        assert answer.status == 200


async def test_another_customers_id_is_nobodys_id(bench: Bench) -> None:
    """On every operation that takes an id, globex's id gives acme byte for byte the answer of an id that does not exist."""
    theirs = {
        "task_id": (await all_tasks(bench, tenant_id="globex"))[0]["id"],
        "project_id": (await bench.ask("GET", "/projects", tenant_id="globex"))[1]["items"][0]["id"],
        "member_id": (await bench.ask("GET", "/members", tenant_id="globex"))[1]["items"][0]["id"],
    }
    before = await all_tasks(bench, tenant_id="globex")
    probed = 0
    for method, path, operation in operations():
        name = path[path.find("{") + 1 : path.find("}")]
        if "{" not in path:
            continue
        probed += 1
        sent = BODIES.get(operation["operationId"])
        real = await bench.ask(method, path.replace("{" + name + "}", theirs[name]), json=sent)
        assert real == await bench.ask(method, path.replace("{" + name + "}", "tsk_000000000000"), json=sent)
        assert real == (404, {"error": {"code": "not_found", "message": "There is nothing with that id."}})
    assert probed == 12
    assert await all_tasks(bench, tenant_id="globex") == before


async def test_another_customers_id_in_a_body_or_filter_is_nobodys_id(bench: Bench) -> None:
    """A task can be neither put into another customer's project, nor given to its member, nor found through its ids and words."""
    _, projects = await bench.ask("GET", "/projects", tenant_id="globex")
    _, members = await bench.ask("GET", "/members", tenant_id="globex")
    project, member = projects["items"][0]["id"], members["items"][0]["id"]
    mine = (await all_tasks(bench))[0]
    assert (await bench.ask("POST", "/tasks", json={"project_id": project, "title": "x"}))[0] == 404
    assert (await bench.ask("POST", "/tasks", json={"project_id": mine["project_id"], "title": "x", "assignee_id": member}))[0] == 404
    assert (await bench.ask("PUT", f"/tasks/{mine['id']}/assignee", json={"assignee_id": member}))[0] == 404
    for query in (f"/tasks?project_id={project}", f"/tasks?assignee_id={member}", "/search?q=quillwort"):
        assert await bench.ask("GET", query) == (200, {"items": [], "next_cursor": None})


async def test_a_cursor_opens_no_other_workspace(bench: Bench) -> None:
    """Globex's cursor only says where to begin in acme's own list; a cursor nobody gave is refused."""
    _, page = await bench.ask("GET", "/tasks?limit=1", tenant_id="globex")
    _, answer = await bench.ask("GET", f"/tasks?cursor={page['next_cursor']}")
    assert all("acme-saltmarsh" in task["url"] for task in answer["items"])
    for made_up in ("x", "e30", "WzFd", "bnVsbA"):
        status, answer = await bench.ask("GET", f"/tasks?cursor={made_up}")
        assert (status, answer["error"]["code"]) == (400, "invalid_cursor")


@pytest.mark.parametrize("limit", [1, 7, 50])
async def test_pages_hold_every_task_once_in_order(bench: Bench, limit: int) -> None:
    """Paging to the end gives all tasks, none twice, oldest first, whatever the page size."""
    tasks = await all_tasks(bench, limit)
    assert len(tasks) == sum(len(project.titles) for project in CUSTOMERS["acme"].projects)
    assert len({task["id"] for task in tasks}) == len(tasks)
    assert [task["created_at"] for task in tasks] == sorted(task["created_at"] for task in tasks)


async def test_a_token_narrowed_to_a_project_sees_only_that_project(bench: Bench) -> None:
    """`data_scope` of `project:<id>` hides every other project, its tasks and its comments, also from writing."""
    _, projects = await bench.ask("GET", "/projects")
    one, other = projects["items"][0]["id"], projects["items"][1]["id"]
    narrow: dict[str, Any] = {"data_scope": f"project:{one}"}
    tasks = await all_tasks(bench, **narrow)
    assert {task["project_id"] for task in tasks} == {one}
    assert [project["id"] for project in (await bench.ask("GET", "/projects", **narrow))[1]["items"]] == [one]
    hidden = next(task["id"] for task in await all_tasks(bench) if task["project_id"] == other)
    assert (await bench.ask("GET", f"/tasks/{hidden}", **narrow))[0] == 404
    assert (await bench.ask("DELETE", f"/tasks/{hidden}", **narrow))[0] == 404
    assert (await bench.ask("POST", "/tasks", json={"project_id": other, "title": "x"}, **narrow))[0] == 404
    assert (await bench.ask("POST", "/projects", json={"name": "x"}, **narrow))[0] == 404
    assert (await bench.ask("GET", "/report", **narrow))[1]["tasks"] == len(tasks)


async def test_the_life_of_a_task(bench: Bench) -> None:
    """A task is added, changed, assigned, commented on, completed, reopened, found by its comment, and deleted with it."""
    _, projects = await bench.ask("GET", "/projects")
    _, members = await bench.ask("GET", "/members")
    member = members["items"][0]["id"]
    status, task = await bench.ask(
        "POST", "/tasks", json={"project_id": projects["items"][0]["id"], "title": "Sharpen", "due_on": "2030-01-31"}
    )
    assert (status, task["status"], task["created_by"], task["due_on"]) == (201, "todo", "user-1", "2030-01-31")
    at = f"/tasks/{task['id']}"
    _, changed = await bench.ask("PATCH", at, json={"due_on": None, "priority": "urgent"})
    assert (changed["due_on"], changed["priority"], changed["title"]) == (None, "urgent", "Sharpen")
    assert (await bench.ask("PUT", f"{at}/assignee", json={"assignee_id": member}))[1]["assignee_id"] == member
    assert (await bench.ask("POST", f"{at}/comments", json={"body": "Mind the zanzibar edge"}))[0] == 201
    assert [found["id"] for found in (await bench.ask("GET", "/search?q=ZANZIBAR"))[1]["items"]] == [task["id"]]
    done = (await bench.ask("POST", f"{at}/complete"))[1]
    assert done["status"] == "done"
    assert done["completed_at"] is not None
    assert (await bench.ask("POST", f"{at}/reopen"))[1]["completed_at"] is None
    assert await bench.ask("DELETE", at) == (204, None)
    assert (await bench.ask("GET", at))[0] == 404
    assert (await bench.ask("GET", "/search?q=zanzibar"))[1]["items"] == []


async def test_an_archived_project_takes_no_new_tasks(bench: Bench) -> None:
    """Adding to an archived project is a conflict with a sentence, until it is active again."""
    _, projects = await bench.ask("GET", "/projects")
    project = projects["items"][0]["id"]
    await bench.ask("PATCH", f"/projects/{project}", json={"status": "archived"})
    status, answer = await bench.ask("POST", "/tasks", json={"project_id": project, "title": "x"})
    assert (status, answer["error"]["code"]) == (409, "project_archived")
    await bench.ask("PATCH", f"/projects/{project}", json={"status": "active"})
    assert (await bench.ask("POST", "/tasks", json={"project_id": project, "title": "x"}))[0] == 201


MISFITS: list[tuple[str, str, object]] = [
    ("GET", "/tasks?limit=0", None),
    ("GET", "/tasks?limit=51", None),
    ("GET", "/tasks?status=later", None),
    ("GET", "/tasks?tenant_id=globex", None),
    ("GET", "/search", None),
    ("POST", "/tasks", {"title": "no project"}),
    ("POST", "/tasks", {"project_id": "p", "title": "x", "tenant": "globex"}),
    ("POST", "/tasks", {"project_id": "p", "title": ""}),
    ("POST", "/tasks", ["no", "object"]),
]


async def test_what_does_not_fit_the_document_is_refused(bench: Bench) -> None:
    """An unknown, missing or wrong parameter is answered 422 in the one shape all errors have, and nothing is added."""
    for method, path, sent in MISFITS:
        status, answer = await bench.ask(method, path, json=sent)
        assert (status, answer["error"]["code"]) == (422, "invalid"), path
    assert len(await all_tasks(bench)) == 59


async def test_the_document_names_exactly_the_routes_there_are() -> None:
    """Every operation of the document has a route and every route an operation, each with a unique id and words of its own."""
    unused: Any = None
    served = {(method, route.path) for route in routes(unused, unused) for method in (route.methods or set()) - {"HEAD"}}
    described = operations()
    assert {(method, path) for method, path, _ in described} == served
    assert len({operation["operationId"] for *_, operation in described}) == len(described) == 20
    assert all(operation["summary"] and operation["description"] for *_, operation in described)


async def test_every_answer_is_of_the_shape_the_document_promises(bench: Bench) -> None:
    """Calling every operation with good values gives its documented status and a body its schema accepts."""
    _, project = await bench.ask("POST", "/projects", json={"name": "Trial"})
    _, task = await bench.ask("POST", "/tasks", json={"project_id": project["id"], "title": "Trial"})
    _, members = await bench.ask("GET", "/members")
    values = {"project_id": project["id"], "task_id": task["id"], "member_id": members["items"][0]["id"]}
    for method, path, operation in sorted(operations(), key=lambda one: one[0] == "DELETE"):
        sent = BODIES.get(operation["operationId"])
        if operation["operationId"] == "createTask":
            sent = {"project_id": project["id"], "title": "Another"}
        asked = path.format(**values) + ("?q=trial" if path == "/search" else "")
        status, answer = await bench.ask(method, asked, json=sent)
        good = next(iter(operation["responses"]))
        assert str(status) == good, operation["operationId"]
        content = operation["responses"][good].get("content")
        if content is not None:
            validator(content["application/json"]["schema"]).validate(answer)


async def test_two_seeds_of_one_day_are_alike_and_share_no_word(tmp_path: Path) -> None:
    """Seeding is deterministic, and each customer's marker word stands in its own data only."""
    dumps: list[list[str]] = []
    for name in ("one.db", "two.db"):
        store = Store(tmp_path / name, time.time)
        seed(store, 1_800_000_000.0)
        dumps.append([line.lower() for line in store.db.iterdump() if line.startswith("INSERT")])
        store.close()
    assert dumps[0] == dumps[1]
    for tenant, customer in CUSTOMERS.items():
        assert [line for line in dumps[0] if customer.marker in line]
        assert [line for line in dumps[0] if customer.marker in line and f"'{tenant}'" not in line] == []


BODIES: dict[str, object] = {
    "createProject": {"name": "Trial"},
    "createTask": {"project_id": "prj_000000000000", "title": "Trial"},
    "updateProject": {"description": "changed"},
    "updateTask": {"priority": "high"},
    "assignTask": {"assignee_id": None},
    "addComment": {"body": "A word about it"},
}


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path and node of every operation in the document."""
    paths: Any = document("http://trackline.example")["paths"]
    return [(method.upper(), path, node) for path, item in paths.items() for method, node in item.items() if method != "parameters"]


def validator(schema: dict[str, Any]) -> jsonschema_rs.Validator:
    """A validator of one schema of the document."""
    return jsonschema_rs.Draft202012Validator({**schema, "components": document("http://x.example")["components"]}, offline=True)

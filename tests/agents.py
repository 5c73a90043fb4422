"""An MCP client and a person's browser, scripted: they follow addresses and forms as they come, and know nothing of the server's inside."""

import hashlib
import json
import secrets
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from tests.served import Reply, Served

REDIRECT = "http://127.0.0.1:43117/callback"
FORM = "application/x-www-form-urlencoded"
GONE = "The code is not valid, expired, used, or was given to another client or address."
DEAD = "The refresh token is not valid, expired, revoked, or another client's."
USER, PASSWORD = "ana@acme.example", "correct horse battery"


class Form(HTMLParser):
    """The one form of a page: where it goes, its fields as a browser would send them untouched, its buttons, and all text."""

    def __init__(self, html: str) -> None:
        """Read it."""
        super().__init__()
        self.action, self.method = "", ""
        self.fields: dict[str, str] = {}
        self.choices: dict[str, list[str]] = {}
        self.buttons: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self._hidden = False
        self.feed(html)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Fields and buttons."""
        given = {name: value or "" for name, value in attrs}
        self._hidden = tag == "style"
        if tag == "form":
            self.action, self.method = given["action"], given["method"]
        elif tag == "a":
            self.links.append(given["href"])
        elif tag == "button":
            self.buttons.append(given.get("value", ""))
        elif tag == "input":
            self._input(given)

    def _input(self, given: Mapping[str, str]) -> None:
        kind = given.get("type", "text")
        if kind == "radio":
            self.choices.setdefault(given["name"], []).append(given["value"])
        if kind in {"text", "password", "hidden"} or "checked" in given:
            self.fields[given["name"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        """Style is no text."""
        self._hidden = self._hidden and tag != "style"

    def handle_data(self, data: str) -> None:
        """What a person reads."""
        if not self._hidden:
            self.text += f" {data}"


@dataclass
class Browser:
    """Keeps cookies, sends what a browser sends."""

    server: Served
    cookies: dict[str, str] = field(default_factory=dict)

    async def get(self, address: str, **headers: str) -> Reply:
        """Follow a link from elsewhere."""
        return await self._ask("GET", address, None, {"sec-fetch-site": "cross-site", **headers})

    async def post(self, path: str, fields: Mapping[str, str], **headers: str) -> Reply:
        """Send a form of the page that is shown."""
        said = {"content-type": FORM, "origin": self.server.url, "sec-fetch-site": "same-origin", **headers}
        return await self._ask("POST", path, urlencode(fields).encode(), said)

    async def _ask(self, method: str, address: str, data: bytes | None, headers: Mapping[str, str]) -> Reply:
        kept = {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} if self.cookies else {}
        reply = await self.server.request(method, address.removeprefix(self.server.url), data=data, headers={**kept, **headers})
        if told := reply.headers.get("set-cookie"):
            name, _, value = told.partition(";")[0].partition("=")
            self.cookies = {**self.cookies, name: value} if value else {key: kept for key, kept in self.cookies.items() if key != name}
        return reply

    async def sign_in(self, address: str, user: str = USER, password: str = PASSWORD) -> Reply:
        """From the application's link to the page behind the sign-in form, or that form again."""
        shown = Form((await self.get(address)).body.decode())
        reply = await self.post(shown.action, {**shown.fields, "user": user, "password": password})
        return await self.get(reply.headers["location"]) if reply.status == 303 else reply

    async def decide(self, page: Reply, decision: str = "allow", leave: tuple[str, ...] = (), **chosen: str) -> Reply:
        """Press a button of the consent page, leaving out some of its scopes."""
        shown = Form(page.body.decode())
        fields = {name: value for name, value in shown.fields.items() if name.removeprefix("scope.") not in leave}
        return await self.post(shown.action, {**fields, **chosen, "decision": decision})


@dataclass
class Agent:
    """A client: registered, with a verifier of its own for each authorization."""

    server: Served
    client_id: str = ""
    redirect_uri: str = REDIRECT
    secret: str = ""
    verifier: str = ""
    state: str = "af0ifjsldkj"

    @property
    def resource(self) -> str:
        """The server's canonical resource."""
        return self.server.application.settings.resource

    async def register(self, **said: Any) -> Reply:
        """RFC 7591."""
        body = {"client_name": "Chat", "redirect_uris": [self.redirect_uri], "token_endpoint_auth_method": "none", **said}
        reply = await self.server.post({name: value for name, value in body.items() if value is not None}, path="/register")
        if reply.status == 201:
            self.client_id, self.secret = reply.json["client_id"], reply.json.get("client_secret", "")
        return reply

    def link(self, **changed: str | None) -> str:
        """The address the person is sent to; None leaves a parameter out."""
        self.verifier = secrets.token_urlsafe(48)
        said: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": "mcp:read mcp:write",
            "state": self.state,
            "code_challenge": challenge(self.verifier),
            "code_challenge_method": "S256",
            "resource": self.resource,
        }
        return "/authorize?" + urlencode({name: value for name, value in {**said, **changed}.items() if value is not None})

    async def allowed(self, browser: Browser | None = None, **changed: str | None) -> str:
        """The code, after the person has signed in and pressed the button."""
        browser = browser or Browser(self.server)
        page = await browser.sign_in(self.link(**changed))
        return answer(await browser.decide(page))["code"]

    async def ask(self, fields: Mapping[str, str | None], *, path: str = "/token", basic: bool = False) -> Reply:
        """POST a form to an endpoint."""
        said = {name: value for name, value in {"client_id": self.client_id, **fields}.items() if value is not None}
        return await self.server.request(
            "POST", path, data=urlencode(said).encode(), headers={"content-type": FORM, **(self.basic if basic else {})}
        )

    @property
    def basic(self) -> dict[str, str]:
        """HTTP Basic as RFC 6749 wants it."""
        pair = f"{quote(self.client_id, safe='')}:{quote(self.secret, safe='')}"
        return {"authorization": f"Basic {b64encode(pair.encode()).decode()}"}

    async def exchange(self, code: str | None, **changed: str | None) -> Reply:
        """The code for tokens."""
        said = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect_uri, "code_verifier": self.verifier}
        return await self.ask({**said, "resource": self.resource, **changed})

    async def refresh(self, token: str, **changed: str | None) -> Reply:
        """New tokens."""
        return await self.ask({"grant_type": "refresh_token", "refresh_token": token, "resource": self.resource, **changed})

    async def tokens(self, **changed: str | None) -> dict[str, Any]:
        """From nothing to tokens."""
        if not self.client_id:
            await self.register()
        return (await self.exchange(await self.allowed(**changed))).json


def challenge(verifier: str) -> str:
    """S256."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def answer(reply: Reply) -> dict[str, str]:
    """The parameters of a redirect to the application, each of which occurs once."""
    assert reply.status == 303, reply
    found = parse_qs(urlsplit(reply.headers["location"]).query, keep_blank_values=True, strict_parsing=True)
    assert all(len(values) == 1 for values in found.values()), found
    return {name: values[0] for name, values in found.items()}


def denied(reply: Reply, error: str, description: str | None = None) -> None:
    """Assert that it is an OAuth error by the book."""
    assert (reply.status, reply.json["error"]) == (401 if error == "invalid_client" else 400, error), reply
    assert set(reply.json) == {"error", "error_description"}
    assert description is None or reply.json["error_description"] == description
    assert (reply.headers["cache-control"], reply.headers["content-type"]) == ("no-store", "application/json")


async def enrol(server: Served, tenant: str = "acme", user: str = USER, roles: tuple[str, ...] = ("member",)) -> None:
    """Make a person a member of a tenant."""
    await server.application.authorizing.enrolling.add(tenant, user, roles=roles, password=PASSWORD)


async def deeds(server: Served, tenant: str = "acme") -> list[tuple[str, str]]:
    """Act and actor of every deed in the tenant's book but those of operators, oldest first."""
    lines = b"".join([part async for part in server.application.book.export(tenant, "jsonl")]).splitlines()
    return [
        (entry["what"], entry["subject"]) for entry in map(json.loads, lines) if entry["kind"] == "deed" and "cli:" not in entry["subject"]
    ]

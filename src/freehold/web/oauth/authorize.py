"""The authorization endpoint and its two pages: who are you, and may this application do that (RFC 6749 section 4.1, RFC 9207, RFC 9700).

Every step is derived again from the request that began it, which the page carries sealed; so nothing can be changed between question and
answer. There is no code without a click, whatever was allowed before."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol
from urllib.parse import urlencode

from msgspec import Struct

from freehold.core.refusals import Refusal
from freehold.domains.oauth.clients import redirects
from freehold.domains.oauth.clients.model import Client
from freehold.domains.oauth.denied import Denied, Unanswerable
from freehold.domains.oauth.grants import request
from freehold.domains.oauth.grants.metadata import AUTHORIZE
from freehold.domains.oauth.grants.model import Asked
from freehold.domains.oauth.grants.request import Parameters, Terms
from freehold.domains.oauth.grants.rights import Catalogue, givable
from freehold.kit.errors import Misconfigured, Unavailable
from freehold.web.edges import Disconnected, Edges, Headers, Receive, Scope, Send, gather
from freehold.web.oauth import pages, reading
from freehold.web.oauth.browser import Browsers, Page, Session
from freehold.web.oauth.limiting import Limiting, Slow
from freehold.web.oauth.markup import Html, Look, redirect
from freehold.web.oauth.pages import Choice, Place

_log = logging.getLogger("freehold.oauth")
_AGAIN: Final = "Go back to the application and connect again."
_SCOPE_FIELD: Final = "scope."
_WRONG_PASSWORD: Final = "The name or the password is not right."  # noqa: S105  it is a sentence
_BROKEN: Final = "This does not work"
_LONGEST_NAME: Final = 128
_STATUS: Final = {"host_not_allowed": 421, "origin_not_allowed": 403, "invalid_request": 400}
_SAME_SITE: Final = frozenset({None, b"same-origin"})


class People(Protocol):
    """What the pages need of whoever knows the people."""

    async def signs_in(self, user: str, password: str) -> str | None:
        """The person's id, when that is their password."""
        ...

    async def signed_out_at(self, user: str) -> float | None:
        """Until when sessions of the person are over; None when there is no such person."""
        ...

    async def sign_out(self, user: str) -> None:
        """End the person's sessions."""
        ...

    async def places(self, user: str) -> Sequence[Place]:
        """The active tenants the person is a member of."""
        ...


class Finds(Protocol):
    """Who knows the clients."""

    async def find(self, client_id: str) -> Client | None:
        """The client of that id."""
        ...


class Allows(Protocol):
    """Who turns a yes into a code."""

    async def give(self, asked: Asked, *, page: str, tenant: str, subject: str, scopes: frozenset[str]) -> str | None:
        """The code; None when that page was answered before."""
        ...

    async def deny(self, asked: Asked, *, tenant: str, subject: str) -> None:
        """Note a no."""
        ...


class Keeps(Protocol):
    """Who keeps registrations that are in use."""

    async def used(self, client_id: str) -> None:
        """A user allowed this client something."""
        ...


class Offer(Struct, frozen=True, kw_only=True):
    """What can be allowed here, in whose name, and where answers say they come from."""

    issuer: str
    terms: Terms
    scopes: Catalogue
    tools: Callable[[str, Sequence[str]], Sequence[str]]
    """Titles of the tools that a scope opens in any of these tenants."""


class _Begun(Struct, frozen=True):
    """A request whose answer may be sent."""

    query: str
    parameters: Parameters
    client: Client
    redirect_uri: str


class Authorize:
    """ASGI endpoints of `/authorize`, `/login` and `/consent`."""

    def __init__(
        self,
        *,
        edges: Edges,
        limiting: Limiting,
        browsers: Browsers,
        look: Look,
        clients: Finds,
        people: People,
        codes: Allows,
        registration: Keeps,
        offer: Offer,
    ) -> None:
        """Everything they call, ready to use."""
        self._edges = edges
        self._limiting = limiting
        self._browsers = browsers
        self._look = look
        self._clients = clients
        self._people = people
        self._codes = codes
        self._registration = registration
        self._offer = offer

    async def authorize(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Where an application sends the user: the sign-in page, or for who is signed in the consent page."""

        async def begin(headers: Headers) -> None:
            self._edges.admit_host(headers)
            await self._limiting.visit("authorize", scope)
            begun = await self._begun(scope.get("query_string", b"").decode("latin-1"))
            try:
                asked = self._asked(begun)
            except Denied as denied:
                return await self._send_error(send, begun, denied)
            session = await self._session(scope)
            if session is None:
                return await self._ask_who(scope, send, begun, asked)
            return await self._ask_whether(send, begun, asked, session)

        await self._shown(scope, send, "GET", begin)

    async def login(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The sign-in form: on to the consent page, or the form again."""

        async def sign_in(headers: Headers) -> None:
            form = await self._form(scope, headers, receive)
            page = self._browsers.shown(form.get("page", ""), _of_browser(self._browsers.known(scope)))
            if page is None:
                raise _old_page()
            user, password = form.get("user", ""), form.get("password", "")
            await self._limiting.visit("sign_in", scope)
            await self._limiting.spend("sign_in_as", user.strip().lower()[:_LONGEST_NAME])
            known = await self._people.signs_in(user, password) if user and password else None
            if known is not None:
                return await redirect(send, f"{AUTHORIZE}?{page.query}", (self._browsers.begin(known),))
            begun = await self._begun(page.query)
            return await self._ask_who(scope, send, begun, self._asked(begun), user=user, wrong=_WRONG_PASSWORD)

        await self._shown(scope, send, "POST", sign_in)

    async def consent(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The consent form: the answer to the application, or the form again."""

        async def decide(headers: Headers) -> None:
            form = await self._form(scope, headers, receive)
            await self._limiting.visit("decide", scope)
            session = await self._session(scope)
            page = None if session is None else self._browsers.shown(form.get("page", ""), _of_session(session))
            if session is None or page is None:
                raise _old_page()
            begun = await self._begun(page.query)
            asked = self._asked(begun)
            match form.get("decision"):
                case "allow":
                    return await self._allow(send, begun, asked, session, page, form)
                case "switch":
                    await self._people.sign_out(session.user)
                    return await redirect(send, f"{AUTHORIZE}?{page.query}", (self._browsers.end(),))
                case _:
                    return await self._deny(send, begun, asked, session, form)

        await self._shown(scope, send, "POST", decide)

    # the request

    async def _begun(self, query: str) -> _Begun:
        try:
            parameters = reading.parameters(query.encode("latin-1"))
        except Denied:
            raise Unanswerable("The link that sent you here is broken.", _AGAIN) from None
        client = await self._clients.find(request.client_of(parameters))
        redirect_uri = request.addressee(parameters, client)
        if client is None or not query.isascii():  # addressee has refused it already; a browser sends ASCII
            raise Unanswerable("The link that sent you here is broken.", _AGAIN)
        return _Begun(query, parameters, client, redirect_uri)

    def _asked(self, begun: _Begun) -> Asked:
        return request.asked(begun.parameters, begun.client, begun.redirect_uri, self._offer.terms)

    async def _session(self, scope: Scope) -> Session | None:
        session = self._browsers.session(scope)
        if session is None:
            return None
        over = await self._people.signed_out_at(session.user)
        return session if over is not None and session.at > over else None

    async def _form(self, scope: Scope, headers: Headers, receive: Receive) -> dict[str, str]:
        """A form of our own pages, sent by one of them."""
        self._edges.admit(headers)
        if reading.header(scope["headers"], b"sec-fetch-site") not in _SAME_SITE:
            raise Refusal("origin_not_allowed")
        try:
            return await reading.form(headers, receive)
        except Denied:
            raise Unanswerable("The form could not be read.", _AGAIN) from None

    # the pages

    async def _ask_who(self, scope: Scope, send: Send, begun: _Begun, asked: Asked, *, user: str = "", wrong: str = "") -> None:
        browser, told = self._browsers.met(scope)
        product = self._look.product
        word = self._browsers.page(begun.query, _of_browser(browser))
        body = pages.login(asked, product=product, page=word, user=user, wrong=wrong)
        await self._look.send(send, 400 if wrong else 200, self._look.page(f"Sign in to {product}", body), told)

    async def _ask_whether(self, send: Send, begun: _Begun, asked: Asked, session: Session, wrong: str = "") -> None:
        places = await self._people.places(session.user)
        choices = self._choices(asked, places)
        if not places or not choices:
            who = "is not a member of any organisation here" if not places else "may not allow what the application asks for"
            body = pages.ended(f"{session.user} {who}.", "Ask your administrator, or connect again and sign in as somebody else.")
            return await self._look.send(send, 403, self._look.page("Nothing to allow", body), (self._browsers.end(),))
        word = self._browsers.page(begun.query, _of_session(session))
        product, client = self._look.product, asked.client.name or asked.client.client_id
        body = pages.consent(asked, product=product, page=word, user=session.user, places=places, choices=choices, wrong=wrong)
        return await self._look.send(send, 400 if wrong else 200, self._look.page(f"Allow {client} to use {product}?", body))

    def _choices(self, asked: Asked, places: Sequence[Place]) -> list[Choice]:
        """Each scope that can be given in one of the places, in the order the operator has them."""
        offer, tenants = self._offer, [place.tenant for place in places]
        can = frozenset[str]().union(*(givable(asked.scopes, place.roles, offer.scopes) for place in places))
        return [Choice(name, terms.words, offer.tools(name, tenants), chosen=True) for name, terms in offer.scopes.items() if name in can]

    # the answers

    async def _allow(self, send: Send, begun: _Begun, asked: Asked, session: Session, page: Page, form: Mapping[str, str]) -> None:
        places = {place.tenant: place for place in await self._people.places(session.user)}
        place = places.get(form.get("tenant", ""))
        if place is None:
            return await self._ask_whether(send, begun, asked, session, wrong="Choose the organisation this is for.")
        chosen = frozenset(name for name in asked.scopes if form.get(_SCOPE_FIELD + name) == "on")
        scopes = givable(chosen, place.roles, self._offer.scopes)
        if not scopes:
            return await self._ask_whether(send, begun, asked, session, wrong="Choose at least one thing that you may allow, or cancel.")
        code = await self._codes.give(asked, page=page.id, tenant=place.tenant, subject=session.user, scopes=scopes)
        if code is None:
            raise Unanswerable("This page was answered already.", _AGAIN)
        await self._registration.used(asked.client.client_id)
        return await redirect(send, self._answer(begun, code=code))

    async def _deny(self, send: Send, begun: _Begun, asked: Asked, session: Session, form: Mapping[str, str]) -> None:
        places = [place.tenant for place in await self._people.places(session.user)]
        if form.get("tenant") in places:
            await self._codes.deny(asked, tenant=form["tenant"], subject=session.user)
        return await redirect(send, self._answer(begun, error="access_denied", error_description="The user said no."))

    async def _send_error(self, send: Send, begun: _Begun, denied: Denied) -> None:
        """To the application; where nobody knows who that is, by the user's own click, or people could be sent anywhere (RFC 9700 4.11)."""
        location = self._answer(begun, error=denied.error, error_description=denied.description)
        if begun.client.vouched or redirects.is_local(begun.redirect_uri):
            return await redirect(send, location)
        body = pages.ended(f"The application asked for something that is not possible: {denied.description}", _AGAIN, back=location)
        return await self._look.send(send, 400, self._look.page(_BROKEN, body))

    def _answer(self, begun: _Begun, **said: str) -> str:
        """The address of the answer, with the state as it came and who answers."""
        state = request.state_of(begun.parameters)
        members = {**said, **({} if state is None else {"state": state}), "iss": self._offer.issuer}
        return f"{begun.redirect_uri}{'&' if '?' in begun.redirect_uri else '?'}{urlencode(members)}"

    async def _shown(self, scope: Scope, send: Send, method: str, work: Callable[[Headers], Awaitable[None]]) -> None:
        """Do it, or show a page that says why not."""
        try:
            if scope["method"] == method:
                return await work(gather(scope["headers"]))
            status, heading, fault = 405, "Not here", Unanswerable("This address is part of a form.", _AGAIN)
        except Disconnected:
            return None
        except (Unanswerable, Denied, Slow, Refusal, Unavailable, Misconfigured) as raised:
            status, heading, fault = _explained(raised)
        return await self._end(send, status, heading, fault)

    async def _end(self, send: Send, status: int, heading: str, fault: Unanswerable) -> None:
        body: Html = pages.ended(fault.why, fault.mend)
        await self._look.send(send, status, self._look.page(heading, body))


def _explained(raised: Exception) -> tuple[int, str, Unanswerable]:
    """Status, heading and sentences of a page. What is our own fault says only that it may be over soon."""
    match raised:
        case Unanswerable():
            return 400, _BROKEN, raised
        case Denied():  # it was good when the page was made; the operator has changed something since
            return 400, _BROKEN, Unanswerable(raised.description, _AGAIN)
        case Slow():
            return 429, "Too many tries", Unanswerable("There were too many tries.", f"Wait {raised.seconds:.0f} seconds and try again.")
        case Refusal() if raised.code in _STATUS:
            return _STATUS[raised.code], _BROKEN, Unanswerable(raised.sentence, raised.mend)
        case _:
            _log.warning("authorization_unavailable", extra={"code": "authorization_unavailable", "error": type(raised).__name__})
            return 503, "Not right now", Unanswerable("This is not available right now.", "Try again in a few seconds.")


def _old_page() -> Unanswerable:
    return Unanswerable("This page is too old, or was not made for this browser.", _AGAIN)


def _of_browser(browser: str) -> str:
    return f"browser:{browser}" if browser else ""


def _of_session(session: Session) -> str:
    return f"session:{session.id}"

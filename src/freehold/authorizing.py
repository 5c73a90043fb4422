"""The roof's wing for authorization: builds the authorization server's parts and says which path leads to which of its doors.

Part of the roof: sees the settings. Without sign-in here there are no doors, and tokens come from elsewhere."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from hashlib import sha256
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from freehold import plugs
from freehold.administration import Recorder
from freehold.core.tool import Tool
from freehold.domains.catalog.resolve import Catalog
from freehold.domains.oauth.clients import redirects
from freehold.domains.oauth.clients.clients import Clients
from freehold.domains.oauth.clients.documents import ClientDocuments
from freehold.domains.oauth.clients.model import Client
from freehold.domains.oauth.clients.register import Registration
from freehold.domains.oauth.grants import metadata
from freehold.domains.oauth.grants.codes import Codes
from freehold.domains.oauth.grants.introspect import Introspection
from freehold.domains.oauth.grants.minting import Minting
from freehold.domains.oauth.grants.refresh import Refreshing
from freehold.domains.oauth.grants.request import Terms
from freehold.domains.oauth.grants.rights import Catalogue, ScopeTerms
from freehold.domains.oauth.grants.sealing import Sealing
from freehold.domains.oauth.grants.withdraw import Withdrawal
from freehold.domains.oauth.issuer import Issuer
from freehold.domains.oauth.keys import SigningKeys
from freehold.domains.oauth.resource import Resource
from freehold.domains.tenancy.members import Members
from freehold.domains.tenancy.tenants import Tenants
from freehold.enrolling import Enrolling, People
from freehold.granting import ClientSettings
from freehold.kit.changes import Changes
from freehold.kit.clock import Clock
from freehold.kit.crypto import Seal
from freehold.kit.db import Database
from freehold.kit.errors import Misconfigured
from freehold.kit.http import Outbound
from freehold.kit.ids import Ids
from freehold.kit.state import State
from freehold.settings import LOOPBACK, Settings
from freehold.web.edges import Edges
from freehold.web.oauth import pages
from freehold.web.oauth.authorize import Authorize, Offer
from freehold.web.oauth.browser import Browsers
from freehold.web.oauth.endpoints import Endpoints
from freehold.web.oauth.limiting import Limiting
from freehold.web.oauth.markup import Look
from freehold.web.wellknown import published

_SHORTEST_SECRET: Final = 32
_KEYS_SECONDS: Final = 300
"""How long anyone may keep the keys: less than a rotation's overlap."""
_DARKEST_CURVED: Final = 0.04045
_CONTRAST: Final = 4.5
"""Of text against its ground (WCAG 2.2, 1.4.3)."""


class Parts(Protocol):
    """What of the application this stands on."""

    @property
    def settings(self) -> Settings: ...  # noqa: D102  named by their types
    @property
    def db(self) -> Database: ...  # noqa: D102  same
    @property
    def seal(self) -> Seal: ...  # noqa: D102  same
    @property
    def state(self) -> State: ...  # noqa: D102  same
    @property
    def changes(self) -> Changes: ...  # noqa: D102  same
    @property
    def outbound(self) -> Outbound: ...  # noqa: D102  same
    @property
    def clock(self) -> Clock: ...  # noqa: D102  same
    @property
    def ids(self) -> Ids: ...  # noqa: D102  same
    @property
    def tenants(self) -> Tenants: ...  # noqa: D102  same
    @property
    def issuer(self) -> Issuer: ...  # noqa: D102  same
    @property
    def resource(self) -> Resource: ...  # noqa: D102  same
    @property
    def signing_keys(self) -> SigningKeys: ...  # noqa: D102  same
    @property
    def catalog(self) -> Catalog: ...  # noqa: D102  same
    @property
    def ledger(self) -> Recorder: ...  # noqa: D102  same


class Authorizing:
    """The authorization server of one application. Nothing is opened here."""

    def __init__(self, parts: Parts, randomness: Callable[[int], bytes]) -> None:
        """Raises `Misconfigured`."""
        settings, clock, recorder = parts.settings, parts.clock, parts.ledger
        self._parts = parts
        self._randomness = randomness
        self._scopes: Catalogue = {name: ScopeTerms(one.description, frozenset(one.roles)) for name, one in settings.scopes.items()}
        named = [_client(name, one) for name, one in settings.clients.items()]
        self._look = Look(settings.title, _readable(settings.color))
        members = Members(parts.db, plugs.passwords(), parts.changes, clock=clock)
        self.people = People(members, parts.tenants, recorder, clock=clock)
        sealing = Sealing(parts.seal, randomness)
        minting = Minting(parts.issuer, self._scopes)
        self.withdrawal = Withdrawal(parts.db, sealing, parts.changes, recorder, clock=clock)
        self.enrolling = Enrolling(members, parts.tenants, self.withdrawal, recorder, clock=clock)
        self.introspection = Introspection(
            parts.db, sealing, parts.resource.principal, issuer=settings.base, resource=settings.resource, clock=clock
        )
        documents = ClientDocuments(parts.outbound, clock.monotonic, local=here_only(settings))
        self.clients = Clients(parts.db, documents, named, clock=clock)
        self.registration = Registration(parts.db, clock=clock, ids=parts.ids, randomness=randomness)
        self.codes = Codes(parts.db, sealing, minting, members, self.withdrawal, recorder, clock=clock, ids=parts.ids)
        self.refreshing = Refreshing(parts.db, sealing, minting, members, self.withdrawal, recorder, clock=clock)

    def routes(self, edges: Edges) -> Mapping[str, Any]:
        """Path to endpoint; none when users do not sign in here."""
        settings = self._parts.settings
        if settings.sign_in == "off":
            return {}
        limiting = Limiting(self._parts.state, settings.proxy_hops)
        endpoints = self._endpoints(edges, limiting)
        browser = self._authorize(edges, limiting)
        about = metadata.authorization_server(settings.base, scopes=self._scopes, registers=settings.registration)
        return {
            **dict.fromkeys(metadata.DOCUMENTS, published(_always(about))),
            metadata.KEYS: published(partial(self._parts.signing_keys.published, "access"), seconds=_KEYS_SECONDS),
            metadata.AUTHORIZE: browser.authorize,
            metadata.TOKEN: endpoints.token,
            metadata.REGISTER: endpoints.register,
            metadata.REVOKE: endpoints.revoke,
            metadata.INTROSPECT: endpoints.introspect,
            pages.LOGIN: browser.login,
            pages.CONSENT: browser.consent,
        }

    def _endpoints(self, edges: Edges, limiting: Limiting) -> Endpoints:
        settings = self._parts.settings
        return Endpoints(
            edges=edges,
            limiting=limiting,
            clients=self.clients,
            registration=self.registration if settings.registration else None,
            withdrawal=self.withdrawal,
            introspection=self.introspection,
            grant_types={"authorization_code": self.codes.exchange, "refresh_token": self.refreshing.refresh},
        )

    def _authorize(self, edges: Edges, limiting: Limiting) -> Authorize:
        settings, clock = self._parts.settings, self._parts.clock
        first = frozenset(name for name, terms in self._scopes.items() if not terms.roles)
        terms = Terms(resource=settings.resource, scopes=frozenset(self._scopes), first=first)
        return Authorize(
            edges=edges,
            limiting=limiting,
            browsers=Browsers(self._parts.seal, clock=clock, randomness=self._randomness, secure=settings.base.startswith("https:")),
            look=self._look,
            clients=self.clients,
            people=self.people,
            codes=self.codes,
            registration=self.registration,
            offer=Offer(issuer=settings.base, terms=terms, scopes=self._scopes, tools=self._tools),
        )

    def _tools(self, scope: str, tenants: Sequence[str]) -> Sequence[str]:
        """Titles of the tools that a scope opens in any of these tenants, each once, in listing order."""
        found = [tool for tenant in tenants for tool in self._parts.catalog.edition(tenant).tools.values() if scope in tool.scopes]
        return list(dict.fromkeys(_title(tool) for tool in found))


def here_only(settings: Settings) -> bool:
    """Whether only this machine reaches the server."""
    return settings.host in LOOPBACK and urlsplit(settings.base).hostname in LOOPBACK


def _always(document: object) -> Callable[[], Awaitable[object]]:
    async def it() -> object:
        return document

    return it


def _title(tool: Tool) -> str:
    return tool.title or tool.name


def _client(client_id: str, one: ClientSettings) -> Client:
    """A client the operator vouches for. Raises `Misconfigured`."""
    secret = one.secret.get_secret_value()
    if secret and len(secret) < _SHORTEST_SECRET:
        raise Misconfigured(f"clients.{client_id}.secret is too short. Use at least 32 characters; make one with `openssl rand -hex 32`.")
    for uri in one.redirect_uris:
        if not redirects.registrable(uri):
            raise Misconfigured(
                f"clients.{client_id}.redirect_uris has an address that answers cannot go to. Use https, http on loopback, or the"
                " application's own scheme like com.example.app:/, without fragment or user name."
            )
    return Client(
        client_id=client_id,
        name=one.name,
        redirect_uris=one.redirect_uris,
        auth_method="client_secret_basic" if secret else "none",
        secret=sha256(secret.encode()).digest() if secret else None,
        vouched=True,
    )


def _readable(color: str) -> str:
    """The colour, or `Misconfigured` when white and it cannot be told apart well enough."""
    red, green, blue = (_linear(int(color[at : at + 2], 16) / 255) for at in (1, 3, 5))
    if 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05) < _CONTRAST:
        raise Misconfigured(f"color {color} is too light to be read on white. Choose a darker one (contrast 4.5 to 1).")
    return color


def _linear(part: float) -> float:
    return part / 12.92 if part <= _DARKEST_CURVED else ((part + 0.055) / 1.055) ** 2.4

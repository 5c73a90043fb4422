"""The roof's front: builds every door of one server and says which path leads to which.

Part of the roof: sees the settings; `app.py` passes in the rooms."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from msgspec import Struct

from freehold import __version__
from freehold.authorizing import Authorizing, here_only
from freehold.core.principal import Principal
from freehold.domains.calls.run import Calls
from freehold.domains.catalog.resolve import Catalog
from freehold.domains.oauth.keys import SigningKeys
from freehold.domains.oauth.metadata import metadata_url, protected_resource
from freehold.domains.oauth.proofs import Proofs
from freehold.domains.oauth.resource import Resource
from freehold.domains.tasks.tasks import Tasks
from freehold.kit.clock import Clock
from freehold.kit.crypto import Seal
from freehold.kit.errors import Misconfigured
from freehold.kit.ids import Ids
from freehold.kit.overdue import Overdue
from freehold.kit.state import State
from freehold.kit.telemetry import Metrics
from freehold.protocol.description import DESCRIPTION, FOR_MODELS, REGISTRY_ENTRY, About
from freehold.protocol.methods import Results
from freehold.settings import Settings
from freehold.web.answers import Answers
from freehold.web.api import door as api
from freehold.web.api.catalog import CatalogApi
from freehold.web.api.catalog import Curation as CatalogAdministration
from freehold.web.bus import Bus
from freehold.web.calling import Calling
from freehold.web.channels import Ways
from freehold.web.conversation import Table
from freehold.web.edges import Edges
from freehold.web.identity import Anyone, Identity
from freehold.web.leaks import PATH as LEAKS
from freehold.web.leaks import LeaksDoor
from freehold.web.mcp import McpDoor
from freehold.web.methods import Methods
from freehold.web.notices import Notices
from freehold.web.ops import OpsDoor
from freehold.web.parked import Parked
from freehold.web.sessions import Sessions
from freehold.web.streams import Streams
from freehold.web.tasks import TaskMethods
from freehold.web.websocket import WebSocketDoor
from freehold.web.wellknown import WellKnown

SCOPES: Final = ("mcp:read", "mcp:write")
"""What a first-time client should ask for."""


class Rooms(Struct, frozen=True, kw_only=True):
    """What the doors lead to, and what they stand on."""

    authorizing: Authorizing
    calls: Calls
    catalog: Catalog
    curation: CatalogAdministration
    resource: Resource
    signing_keys: SigningKeys
    state: State
    tasks: Tasks
    admit: Callable[[Principal], Awaitable[None]]
    """Holds requests that are no calls to the plan's rate."""
    seal: Seal
    ids: Ids
    metrics: Metrics
    overdue: Overdue
    clock: Clock
    randomness: Callable[[int], bytes]
    checks: Mapping[str, Callable[[], Any]]
    ready: Callable[[], bool]
    upstreams: Callable[[], Mapping[str, Mapping[str, object]]]
    """How other MCP servers are, by source name."""
    end_leaked_key: Callable[[str], Awaitable[None]]


class Doors:
    """Every door of one server."""

    def __init__(self, settings: Settings, rooms: Rooms, *, local: Principal | None, listens: bool) -> None:
        """`local` is who every request comes from, without any credential: for a server only this machine can reach, or nobody."""
        self._settings = settings
        self._rooms = rooms
        self._asks_who = local is None
        if local is not None and listens and not here_only(settings):
            raise Misconfigured(
                "A server without credentials answers on this machine only. Set host to 127.0.0.1 and leave public_url out."
            )
        self.results = Results(name=settings.name, version=__version__, title=settings.title, instructions=settings.instructions)
        proofs = Proofs(rooms.state, resource=settings.resource, clock=rooms.clock)
        self._identity = (
            Identity(rooms.resource, resource=settings.resource, scopes=SCOPES, proofs=proofs, hops=settings.proxy_hops)
            if local is None
            else Anyone(local, resource=settings.resource)
        )
        tasks = TaskMethods(rooms.tasks, self.results, admit=rooms.admit)
        self._between()
        self.streams = self._streams(tasks)
        self.methods = Methods(
            catalog=rooms.catalog,
            results=self.results,
            sessions=self.sessions,
            calling=self._calling(tasks),
            more=(self.streams, tasks),
            tasks=True,
        )
        self._edges = Edges(
            hosts=_hosts(settings),
            origins=[settings.base, *settings.allowed_origins],
            loopback=here_only(settings),
            body_cap=settings.body_cap,
        )
        self.table = Table(methods=self.methods, sessions=self.sessions, parked=self.parked, streams=self.streams, meter=rooms.metrics)
        self._websocket = WebSocketDoor(self.table, edges=self._edges, identity=self._identity, most=settings.stream_cap)

    def _between(self) -> None:
        """What replicas tell each other, and who listens to it."""
        rooms, bus = self._rooms, Bus(self._rooms.state, self._rooms.seal)
        replica = rooms.randomness(8).hex()
        self.notices = Notices(bus)
        self.sessions = Sessions(rooms.seal, bus, clock=rooms.clock, randomness=rooms.randomness)
        self.parked = Parked(bus, rooms.seal, replica=replica, randomness=rooms.randomness, seconds=self._settings.answer_seconds)
        self.sessions.on_end(lambda _tenant, session: self.parked.give_up(session))

    def _streams(self, tasks: TaskMethods) -> Streams:
        rooms = self._rooms
        streams = Streams(
            catalog=rooms.catalog,
            identity=self._identity,
            notices=self.notices,
            sessions=self.sessions,
            results=self.results,
            clock=rooms.clock,
            most=self._settings.stream_cap,
            tasks=tasks,
        )
        rooms.metrics.gauge("freehold_open_streams", "Streams open for clients.", lambda: float(streams.count))
        rooms.tasks.watch(lambda changed: streams.task_changed(changed.tenant, changed.task_id))
        return streams

    def _calling(self, tasks: TaskMethods) -> Calling:
        rooms = self._rooms
        ways = Ways(
            parked=self.parked,
            sessions=self.sessions,
            notices=self.notices,
            monotonic=rooms.clock.monotonic,
            seen=rooms.state.seen,
        )
        return Calling(
            calls=rooms.calls,
            catalog=rooms.catalog,
            results=self.results,
            ways=ways,
            tasks=tasks,
            seal=rooms.seal,
            clock=rooms.clock,
            ids=rooms.ids,
            task_seconds=self._settings.task_seconds,
        )

    @property
    def sockets(self) -> Mapping[str, Any]:
        """Path to endpoint of WebSockets."""
        return {"/mcp": self._websocket}

    @property
    def routes(self) -> Mapping[str, Any]:
        """Path to endpoint."""
        settings, rooms = self._settings, self._rooms
        mcp = McpDoor(
            edges=self._edges,
            identity=self._identity,
            methods=self.methods,
            sessions=self.sessions,
            parked=self.parked,
            streams=self.streams,
            meter=rooms.metrics,
            overdue=rooms.overdue,
            monotonic=rooms.clock.monotonic,
        )
        issuers = [settings.base, *(one.issuer for one in settings.issuers.values())]
        document = protected_resource(settings.resource, issuers=issuers, scopes=(*SCOPES, "mcp:admin"), name=settings.title)
        about = About(
            name=settings.name,
            version=__version__,
            title=settings.title,
            instructions=settings.instructions,
            base=settings.base,
            endpoint=settings.resource,
            metadata_url=metadata_url(settings.resource) if self._asks_who else None,
            scopes=SCOPES,
        )
        well_known = WellKnown(metadata=document, keys=lambda: rooms.signing_keys.published("service"), about=about)
        ops = OpsDoor(
            checks=rooms.checks,
            ready=rooms.ready,
            metrics=rooms.metrics,
            metrics_token=settings.metrics_token.get_secret_value(),
            monotonic=rooms.clock.monotonic,
            upstreams=rooms.upstreams,
        )
        return {
            **self._api,
            **(rooms.authorizing.routes(self._edges) if self._asks_who else {}),
            "/mcp": mcp,
            LEAKS: LeaksDoor(rooms.end_leaked_key, rooms.state, edges=self._edges, hops=settings.proxy_hops),
            "/.well-known/oauth-protected-resource": well_known.protected_resource,
            "/.well-known/oauth-protected-resource/mcp": well_known.protected_resource,
            "/.well-known/jwks.json": well_known.jwks,
            DESCRIPTION: well_known.described,
            REGISTRY_ENTRY: well_known.registry_entry,
            FOR_MODELS: well_known.for_models,
            "/livez": ops.livez,
            "/readyz": ops.readyz,
            "/health": ops.health,
            "/metrics": ops.metrics,
        }

    @property
    def _api(self) -> dict[str, Any]:
        """The administrative API, where there is a secret for it."""
        rooms, token = self._rooms, self._settings.api_token.get_secret_value()
        answer = Answers(self.results, modern=True).tool
        catalog = CatalogApi(rooms.curation, rooms.catalog, rooms.calls, plan=rooms.resource.plan, now=rooms.clock.now, answer=answer)
        return {api.PREFIX: api.ApiDoor(catalog.routes, edges=self._edges, token=token)} if token else {}

    def open(self) -> None:
        """Listen to what other replicas say."""
        self.notices.open()
        self.sessions.open()
        self.parked.open()
        self.streams.open()
        self._websocket.open()

    def drain(self, patience: float) -> None:
        """End the open streams, and connections once what is open on them is answered; take no more of either.

        After `patience` seconds, calls that wait for their client are told that it will not answer.
        """
        self.streams.close()
        self._websocket.drain()
        asyncio.get_running_loop().call_later(patience, self.parked.close)

    def close(self) -> None:
        """Listen no more; calls that wait for their client are told that it will not answer."""
        self.parked.close()
        self.sessions.close()
        self.notices.close()


def _hosts(settings: Settings) -> list[str]:
    public = urlsplit(settings.base)
    default = {"http": 80, "https": 443}[public.scheme]
    named = [public.netloc.lower()]
    if public.port in {None, default}:
        named += [str(public.hostname), f"{public.hostname}:{default}"]
    return [*named, *(host.lower() for host in settings.allowed_hosts)]

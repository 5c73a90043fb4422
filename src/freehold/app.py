"""The roof: builds every part once, lists the steps of the corridor in order, starts and stops the whole.

The only module that sees both the settings and the parts; constructors below get plain values."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Final

from freehold import plugs
from freehold.administration import Administration
from freehold.arranging import Arranging
from freehold.authorizing import Authorizing
from freehold.core.plan import Plan
from freehold.core.principal import Principal
from freehold.curation import Curation
from freehold.domains.answers.step import Answers
from freehold.domains.calls.observed import Observed
from freehold.domains.calls.run import Calls
from freehold.domains.guard.step import Guard
from freehold.domains.ledger.book import Book
from freehold.domains.ledger.writer import Ledger
from freehold.domains.limits.step import Limits
from freehold.domains.oauth.apikeys import ApiKeys
from freehold.domains.oauth.expiring import Expiring
from freehold.domains.oauth.issuer import Issuer
from freehold.domains.oauth.keys import SigningKeys
from freehold.domains.oauth.resource import Resource
from freehold.domains.oauth.service_tokens import ServiceTokens
from freehold.domains.oauth.tokens import AccessTokens, embedded, external
from freehold.domains.resilience.step import Resilience
from freehold.domains.sources.fetch import Documents
from freehold.domains.sources.functions import Functions
from freehold.domains.sources.invoke import Sources
from freehold.domains.sources.load import Loader
from freehold.domains.sources.port import Source
from freehold.domains.sources.upstream.upstreams import Upstreams
from freehold.domains.tasks.model import Terms
from freehold.domains.tasks.tasks import Tasks
from freehold.domains.tenancy.tenants import Tenants
from freehold.domains.vault.step import Vault
from freehold.doors import Doors, Rooms
from freehold.exporting import Exporting
from freehold.kit import migrate
from freehold.kit.changes import Changes
from freehold.kit.clock import Clock, SystemClock
from freehold.kit.crypto import Seal, master_key, private_folder
from freehold.kit.db import Database, connect
from freehold.kit.db_seals import check_master_key
from freehold.kit.http import StreamingOutbound
from freehold.kit.ids import Ids
from freehold.kit.outbound import GuardedClient
from freehold.kit.overdue import Overdue
from freehold.kit.randomness import Pool
from freehold.kit.state import State
from freehold.kit.telemetry import Metrics, OpenTelemetry, Spans, otlp
from freehold.named import exports, named, shortlist, trusted
from freehold.releases import DAY, Releases
from freehold.roster import InProcessApi, Roster
from freehold.settings import Settings
from freehold.speaking import Speaking
from freehold.tending import HOUR, MINUTE, Chore, Tending, of_keys
from freehold.web.asgi import Asgi
from freehold.web.ops import explain

CORRIDOR: Final = ("observed", "limits", "guard", "answers", "resilience", "vault")
"""The steps of a call, outermost first."""


def build(
    settings: Settings,
    *,
    functions: Sequence[Functions] = (),
    apis: Sequence[InProcessApi] = (),
    clock: Clock | None = None,
    randomness: Callable[[int], bytes] = os.urandom,
    local: Principal | None = None,
    listens: bool = True,
) -> "Application":
    """Every part, built without side effects; nothing is opened before `running` or `opened`.

    `functions` and `apis` are the sources a SaaS brings in its own process. With `local`, every request is that principal's and
    no credential is asked for, which only a server on a loopback address may do, or one that does not listen. Raises `Misconfigured`.
    """
    return Application(
        settings, functions=functions, apis=apis, clock=clock or SystemClock(), randomness=randomness, local=local, listens=listens
    )


class Application:
    """One Freehold server: its parts under their names, and their life from start to drain."""

    def __init__(
        self,
        settings: Settings,
        *,
        functions: Sequence[Functions],
        apis: Sequence[InProcessApi],
        clock: Clock,
        randomness: Callable[[int], bytes],
        local: Principal | None,
        listens: bool,
    ) -> None:
        """Use `build`."""
        self.settings = settings
        self.functions = tuple(functions)
        self.apis = tuple(apis)
        self.clock = clock
        self.ids = Ids(clock, randomness)
        self._randomness = randomness
        self._stores()
        self._identities()
        self._tools()
        self._corridor()
        self.doors = self._doors(local, listens=listens)
        self.arranging.watch(self.doors.streams.catalog_changed)
        self.asgi = Asgi(self.doors.routes, sockets=self.doors.sockets, running=self.running, start=self._start)
        self._ready = False
        self._when_ready: list[Callable[[], None]] = []

    # the parts, ground floor first

    def _stores(self) -> None:
        settings = self.settings
        self.db: Database = connect(settings.database)
        self.state: State = plugs.state(settings.state_url.get_secret_value(), clock=self.clock)
        self.changes = Changes(self.db, self.state)
        self.seal = Seal(self._master_key, self._randomness)
        self.outbound: StreamingOutbound = GuardedClient(settings.outbound_allow)
        self.metrics = Metrics()
        self.metrics.gauge("freehold_ready", "1 while the server takes new work.", lambda: float(self._ready))
        self.overdue = Overdue(self.clock.monotonic)
        self._spans: Spans | None = otlp(settings.otlp_endpoint, settings.name) if settings.otlp_endpoint else None

    def _identities(self) -> None:
        settings = self.settings
        self.tenants = Tenants(self.db, self.changes, self.clock)
        self.signing_keys = SigningKeys(self.db, self.seal, self.changes, clock=self.clock)
        self.issuer = Issuer(self.signing_keys, issuer=settings.base, resource=settings.resource, clock=self.clock, ids=self.ids)
        self.api_keys = ApiKeys(self.db, self.tenants, self.changes, clock=self.clock, ids=self.ids, randomness=self._randomness)
        issuers = [embedded(settings.base, self.signing_keys)]
        issuers += [external(trusted(one), self.outbound, self.clock) for one in settings.issuers.values()]
        tokens = AccessTokens(issuers, resource=settings.resource, clock=self.clock)
        self.resource = Resource(self.db, tokens, self.tenants, plans=settings.plans, clock=self.clock)
        self.service_tokens = ServiceTokens(self.signing_keys, issuer=settings.base, clock=self.clock, ids=self.ids)

    def _tools(self) -> None:
        settings = self.settings
        self.sources = Sources()
        self.answers = Answers(self.state, self.seal, clock=self.clock, randomness=self._randomness, cap=settings.answer_cap)
        listed, fresh, read = shortlist(settings), settings.pin_new, self.answers.read
        self.arranging = Arranging(
            self.db, self.changes, self.seal, self.clock, listed, read=read, folder=settings.folder, page_size=settings.page_size, new=fresh
        )
        self.catalog = self.arranging.catalog
        self.exporting = Exporting(
            self.db, self.seal, self.catalog, lambda: self.calls, terms=exports(settings), clock=self.clock, randomness=self._randomness
        )
        self.documents = Documents(self.db, self.outbound, self.changes, self.clock)
        self.upstreams = Upstreams(
            self.documents,
            self.outbound,
            seconds=settings.call_seconds + settings.answer_seconds,  # an answer may wait for a person; the corridor has the deadline
            cap=settings.upstream_cap,
            clock=self.clock,
            randomness=self._randomness,
        )
        loader = Loader(
            self.documents,
            self.outbound,
            seconds=settings.call_seconds,
            cap=settings.upstream_cap,
            upstreams=self.upstreams,
            sunset=settings.sunset_days * DAY,
        )
        self.roster = Roster(
            loader,
            self.documents,
            named=named(settings),
            functions=self.functions,
            apis=self.apis,
            offer=self._offer,
            imported=self.arranging.imported,
            cap=settings.upstream_cap,
            folder=settings.folder,
            upstreams=self.upstreams,
        )

    def _offer(self, sources: Sequence[Source]) -> None:
        self.sources.replace([*sources, self.exporting.beside(self.arranging.standing)])
        self.arranging.offer(self.exporting.offered(sources))

    def _corridor(self) -> None:
        settings = self.settings
        self.ledger = Ledger(self.db, clock=self.clock, ids=self.ids, durability=settings.ledger_durability)
        self.book = Book(self.db)
        self.metrics.gauge("freehold_ledger_waiting", "Entries not yet on their way into the book.", lambda: float(self.ledger.waiting))
        plans = {name: Plan(name=name, **one.model_dump()) for name, one in settings.plans.items()}
        limits = Limits(self.state, plans=plans, usage=self.book, clock=self.clock)
        self.admit = limits.admit
        steps = {
            "observed": Observed(self.metrics, clock=self.clock, tracer=OpenTelemetry(self._spans) if self._spans is not None else None),
            "limits": limits,
            "guard": Guard(randomness=Pool(self._randomness), cap=settings.answer_cap, boundary=settings.boundary),
            "answers": self.answers,
            "resilience": Resilience(self.overdue, in_flight=settings.source_in_flight, seconds=settings.call_seconds),
            "vault": Vault(self.service_tokens),
        }
        self.calls = Calls(
            self.catalog,
            [steps[name] for name in CORRIDOR],
            innermost=self.sources.invoke,
            recorder=self.ledger,
            clock=self.clock,
            ids=self.ids,
            seconds=settings.call_seconds,
        )
        self.speaking = Speaking(self.calls, self.sources, self.catalog, self.tenants, request=self.ids.new)
        self.tasks = Tasks(
            self.db,
            self.state,
            self.seal,
            record=self.ledger.deed,
            clock=self.clock,
            randomness=self._randomness,
            runner=self.ids.new(),
            terms=Terms(ttl_ms=int((settings.task_seconds + HOUR) * 1000), per_principal=settings.tasks_per_caller),
        )
        self.administration = Administration(
            tenants=self.tenants,
            keys=self.api_keys,
            issuer=self.issuer,
            recorder=self.ledger,
            clock=self.clock,
            plans=tuple(plans),
            default_plan=settings.default_plan,
        )
        known = self.administration.tenant
        self.curation = Curation(self.arranging, tenant=known, recorder=self.ledger, clock=self.clock, plans=tuple(plans))
        self.releases = Releases(self.roster, self.documents, tenant=known, usage=self.book, recorder=self.ledger, clock=self.clock)
        self.authorizing = Authorizing(self, self._randomness)
        chores = of_keys(self.signing_keys, self.resource.last_used, Expiring(self.db, self.state, clock=self.clock))
        self._tending = Tending([*chores, Chore("exports", self.exporting.room.sweep, MINUTE)])

    def _doors(self, local: Principal | None, *, listens: bool) -> Doors:
        rooms = Rooms(
            authorizing=self.authorizing,
            calls=self.calls,
            catalog=self.catalog,
            curation=self.curation,
            resource=self.resource,
            signing_keys=self.signing_keys,
            state=self.state,
            tasks=self.tasks,
            admit=self.admit,
            seal=self.seal,
            ids=self.ids,
            metrics=self.metrics,
            overdue=self.overdue,
            clock=self.clock,
            randomness=self._randomness,
            checks=self.checks,
            ready=lambda: self._ready,
            upstreams=self.upstreams.told,
            end_leaked_key=self.administration.end_leaked_key,
        )
        return Doors(self.settings, rooms, local=local, listens=listens)

    @property
    def checks(self) -> Mapping[str, Callable[[], Any]]:
        """Every part's check, by the part's name."""
        return {"database": self.db.check, "state": self.state.check, "ledger": self.ledger.check, "keys": self.signing_keys.check}

    # their life

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Serving: everything started on entry; on exit no new work, calls in flight finished, everything closed."""
        await self._start()
        try:
            yield
        finally:
            await self.stop()

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[None]:
        """Stores and ledger only, for one administrative act."""
        try:
            await self._open()
            yield
        finally:
            await self._close()

    def on_ready(self, tell: Callable[[], None]) -> None:
        """Call `tell` once when the server takes requests."""
        self._when_ready.append(tell)

    async def diagnose(self) -> dict[str, str]:
        """`ok` or a sentence for each part, however many fail; changes nothing."""
        said = {"settings": "ok"}
        if self.db.sqlite_path is not None and not self.db.sqlite_path.exists():
            waiting = "ok, none yet: the first start makes it"
            said["database"] = waiting if self._migrates else "There is no database yet. Run `freehold migrate`."
        else:
            checks = {"database": self.db.check, "schema": partial(migrate.require_current, self.db), "master key": self._check_key}
            said |= {name: await explain(check) for name, check in checks.items()}
        said["state"] = await explain(self.state.check)
        said |= {f"source {name}": await explain(partial(self.roster.check, name)) for name in self.settings.sources}
        await self._close()
        return said

    async def _start(self) -> None:
        if self._ready:
            return
        try:
            await self._open()
            await self.arranging.heed()
            await self.roster.load()
            await self.state.check()
            self.changes.watch(self._changed)
            await self.changes.start()
        except BaseException:
            await self.changes.close()
            await self.roster.close()
            await self._close()
            raise
        self._tending.start()
        self.calls.open()
        self.doors.open()
        await self.tasks.start()
        self.roster.watch()
        self._ready = True
        for tell in self._when_ready:
            tell()

    async def _open(self) -> None:
        settings = self.settings
        if self.db.dialect == "sqlite" or not settings.master_key.get_secret_value():
            private_folder(settings.data)
        if self._migrates:
            await migrate.migrate(settings.database)
        await migrate.require_current(self.db)
        await self._check_key()
        await self.ledger.start()

    def drain(self) -> None:
        """Say that no new work is wanted and end the open streams; what else is in flight goes on until `stop`."""
        self._ready = False
        self.doors.drain(self.settings.drain_seconds / 2)

    async def stop(self) -> None:
        """Take no new calls, finish those in flight within `drain_seconds`, close everything.

        To be called by the host of a mounted application that has no lifespan for it.
        """
        self.drain()
        await asyncio.gather(self._finish_calls(self.settings.drain_seconds), self.tasks.close(self.settings.drain_seconds / 2))
        self.doors.close()
        await self._finish_calls(2.0)  # those that have just been told that nobody will answer
        await self._tending.close()
        await self.resource.last_used.close()
        await self.changes.close()
        await self.arranging.close()
        await self.roster.close()
        await self._close()

    async def _finish_calls(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.calls.close(), seconds)

    async def _close(self) -> None:
        await self.upstreams.close()
        await self.ledger.close()
        if self._spans is not None:
            await asyncio.to_thread(self._spans.shutdown)
        await self.outbound.close()
        await self.state.close()
        await self.db.close()

    @property
    def _migrates(self) -> bool:
        asked = self.settings.migrate_on_start
        return self.db.dialect == "sqlite" if asked is None else asked

    async def _check_key(self) -> None:
        await check_master_key(self.db, self.seal, kept_at=None if self.settings.master_key.get_secret_value() else self.settings.key_file)

    def _master_key(self) -> bytes:
        given = self.settings.master_key.get_secret_value()
        return bytes.fromhex(given) if given else master_key(self.settings.key_file, self._randomness)

    def _changed(self) -> None:
        """Control-plane rows may have changed: ask again at once, and follow documents another process refreshed."""
        self.resource.forget()
        self.signing_keys.forget()
        self.roster.follow()
        self.arranging.follow()

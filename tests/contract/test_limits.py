"""The limits step over every state: what a plan allows, exactly, and what is charged for it."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from uuid import uuid4

import pytest

from freehold.adapters.state_memory import MemoryState
from freehold.adapters.state_redis import open_redis
from freehold.core.call import Call, Outcome, Status
from freehold.core.plan import Plan
from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.core.tool import Tool
from freehold.domains.limits.step import Limits
from freehold.kit.errors import Misconfigured, Unavailable
from freehold.kit.state import State, Window
from tests.clocks import HandClock

pytestmark = pytest.mark.anyio

NOON = 1_800_014_400.0
DAWN = 1_799_971_200.0
TOOL = Tool(name="list_tasks", description="", input_schema={}, source="trackline", scopes=frozenset())
PLANS = {
    "free": Plan(name="free", calls_per_day=100),
    "slow": Plan(name="slow", per_second=2.5, burst=3),
    "pro": Plan(name="pro", calls_per_day=10, per_second=1, burst=5),
    "closed": Plan(name="closed", calls_per_day=0),
    "enterprise": Plan(name="enterprise"),
}


class Book:
    """The ledger as this room sees it: what each tenant has used, and who asked since when."""

    def __init__(self, **used: int) -> None:
        """`used` units by tenant."""
        self.used = used
        self.asked: list[tuple[str, float]] = []

    async def units_since(self, tenant: str, at: float) -> int:
        """Let others run first, as a database does."""
        self.asked.append((tenant, at))
        await asyncio.sleep(0)
        return self.used.get(tenant, 0)


class Inner:
    """The rest of the corridor: comes to one outcome and counts how often it ran."""

    def __init__(self, status: Status = "ok") -> None:
        """What every call comes to."""
        self.ran = 0
        self._outcome = Outcome(status=status)

    async def __call__(self, call: Call) -> Outcome:
        """Run."""
        self.ran += 1
        return self._outcome


@pytest.fixture
def clock() -> HandClock:
    """The hands to turn."""
    return HandClock(NOON)


@pytest.fixture(params=["memory", "redis"])
async def state(request: pytest.FixtureRequest, clock: HandClock) -> AsyncGenerator[State]:
    """An empty state of each kind."""
    if request.param == "memory":
        opened: State = MemoryState(clock)
    else:
        opened = open_redis(request.getfixturevalue("redis_url"), prefix=f"{uuid4().hex}:", seconds=30, clock=clock)
    yield opened
    await opened.close()


@pytest.fixture
async def unreachable() -> AsyncGenerator[State]:
    """A state whose server is not there."""
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    opened = open_redis(f"redis://127.0.0.1:{port}")
    yield opened
    await opened.close()


@pytest.fixture
def book() -> Book:
    """Nobody has used anything."""
    return Book()


@pytest.fixture
def limits(state: State, book: Book, clock: HandClock) -> Limits:
    """The step as the roof builds it."""
    return Limits(state, plans=PLANS, usage=book, clock=clock)


def call(plan: str, tenant: str = "acme") -> Call:
    """A call by somebody of that tenant on that plan."""
    principal = Principal(tenant=tenant, subject="u1", client="c1", credential="jti:1", scopes=frozenset(), plan=plan, expires_at=2e9)
    return Call(
        id="01", at=NOON, principal=principal, tool=TOOL, arguments={}, request_id="r1", revision="2026-07-28", bytes_in=1, deadline=1e9
    )


async def many(count: int, run: Callable[[], Awaitable[Outcome]]) -> tuple[list[Outcome], list[Refusal]]:
    """What so many calls at once come to: those that ran, and those refused."""
    ended = await asyncio.gather(*(run() for _ in range(count)), return_exceptions=True)
    return [end for end in ended if isinstance(end, Outcome)], [end for end in ended if isinstance(end, Refusal)]


async def test_a_quota_lets_exactly_its_calls_run(state: State, book: Book, clock: HandClock) -> None:
    """Of 130 calls at once through two replicas on a quota of 100, exactly 100 run and are charged (BILL-01, RL-01)."""
    replicas = [Limits(state, plans=PLANS, usage=book, clock=clock) for _ in range(2)]
    inner = Inner()
    ended = [await many(65, lambda step=step: step(call("free"), nxt=inner)) for step in replicas]
    outcomes = [outcome for ran, _ in ended for outcome in ran]
    refusals = [refusal for _, refused in ended for refusal in refused]
    assert inner.ran == len(outcomes) == sum(outcome.units for outcome in outcomes) == 100
    assert {refusal.code for refusal in refusals} == {"quota_exhausted"}
    assert len(refusals) == 30


async def test_a_used_up_quota_is_refused_in_words(limits: Limits, book: Book) -> None:
    """The refusal names plan, use, limit and the minute it resets; the tool did not run (RL-09)."""
    book.used["acme"] = 100
    inner = Inner()
    with pytest.raises(Refusal) as refused:
        await limits(call("free"), nxt=inner)
    assert refused.value.code == "quota_exhausted"
    assert refused.value.facts.items() >= {"plan": "free", "used": 100, "limit": 100, "resets_at": "2027-01-16T00:00Z"}.items()
    assert "used up: 100 of 100 calls. It resets at 2027-01-16T00:00Z" in str(refused.value)
    assert inner.ran == 0


async def test_coming_back_when_the_quota_resets_passes(limits: Limits, book: Book, clock: HandClock) -> None:
    """A second before `retry_after` the call is refused, at it the new day's quota is open (RL-03, BILL-06)."""
    book.used["acme"] = 100
    with pytest.raises(Refusal) as refused:
        await limits(call("free"), nxt=Inner())
    assert refused.value.retry_after == DAWN + 86_400 - NOON
    clock.advance(refused.value.retry_after - 1)
    with pytest.raises(Refusal):
        await limits(call("free"), nxt=Inner())
    clock.advance(1)
    book.used["acme"] = 0
    assert (await limits(call("free"), nxt=Inner())).units == 1


async def test_too_many_calls_are_refused_with_a_truthful_time(limits: Limits, clock: HandClock) -> None:
    """Three at once pass, the fourth is told the plan's rate and the time, and passes then but not just before (RL-03)."""
    inner = Inner()
    ran, refusals = await many(4, lambda: limits(call("slow"), nxt=inner))
    assert (len(ran), [refusal.code for refusal in refusals]) == (3, ["rate_limited"])
    assert str(refusals[0]) == "Too many calls: this plan allows 2.5 a second. Wait 1 seconds and call again."
    wait = refusals[0].retry_after
    assert wait == 0.4
    clock.advance(wait - 0.001)
    with pytest.raises(Refusal):
        await limits(call("slow"), nxt=inner)
    clock.advance(0.001)
    await limits(call("slow"), nxt=inner)
    assert inner.ran == 4


async def test_a_rate_refusal_uses_up_no_quota(limits: Limits, clock: HandClock) -> None:
    """Of 20 calls at once 5 pass; the 15 refused leave the other 5 of the day's 10 for later."""
    ran, _ = await many(20, lambda: limits(call("pro"), nxt=Inner()))
    clock.advance(60)
    later, refusals = await many(6, lambda: limits(call("pro"), nxt=Inner()))
    assert (len(ran), len(later)) == (5, 5)
    clock.advance(60)
    with pytest.raises(Refusal) as refused:
        await limits(call("pro"), nxt=Inner())
    assert [refusal.code for refusal in refusals] == ["rate_limited"]
    assert refused.value.facts["used"] == 10


@pytest.mark.parametrize(("status", "charged"), [("ok", 1), ("error", 0), ("refused", 0), ("cancelled", 0), ("failed", 0)])
async def test_only_a_call_that_was_answered_is_charged(limits: Limits, book: Book, status: Status, charged: int) -> None:
    """One place is left: after a call of this outcome it is gone or free again, as the units say (BILL-05)."""
    book.used["acme"] = 99
    outcome = await limits(call("free"), nxt=Inner(status))
    assert (outcome.status, outcome.units) == (status, charged)
    ran, _ = await many(2, lambda: limits(call("free"), nxt=Inner()))
    assert len(ran) == 1 - charged


@pytest.mark.parametrize("fault", [Refusal("overloaded"), ZeroDivisionError()], ids=["refusal", "fault"])
async def test_a_call_that_raises_is_not_charged(limits: Limits, book: Book, fault: Exception) -> None:
    """The reservation is given back and the exception goes on up (BILL-05)."""
    book.used["acme"] = 99

    async def fail(_: Call) -> Outcome:
        raise fault

    with pytest.raises(type(fault)):
        await limits(call("free"), nxt=fail)
    assert (await limits(call("free"), nxt=Inner())).units == 1


async def test_a_cancelled_call_is_not_charged(limits: Limits, book: Book) -> None:
    """A client that goes away mid-call, even while the reservation is being given back, leaves the place free (BILL-05, RL-10)."""
    book.used["acme"] = 99
    running, never = asyncio.Event(), asyncio.Event()

    async def hang(_: Call) -> Outcome:
        running.set()
        await never.wait()
        return Outcome(status="ok")

    task = asyncio.create_task(limits(call("free"), nxt=hang))
    await running.wait()
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await limits(call("free"), nxt=Inner())).units == 1


async def test_a_refunded_call_still_counts_for_the_rate(limits: Limits) -> None:
    """Failing fast is no way around the rate limit."""
    ran, refusals = await many(6, lambda: limits(call("pro"), nxt=Inner("error")))
    assert (len(ran), len(refusals)) == (5, 1)


async def test_a_plan_without_limits_spends_nothing(unreachable: State, book: Book, clock: HandClock) -> None:
    """It passes although the state is gone, asks the ledger nothing, and is charged its unit all the same."""
    limits = Limits(unreachable, plans=PLANS, usage=book, clock=clock)
    assert (await limits(call("enterprise"), nxt=Inner())).units == 1
    assert (await limits(call("enterprise"), nxt=Inner("failed"))).units == 0
    assert book.asked == []


async def test_a_quota_of_nothing_lets_nothing_through(limits: Limits) -> None:
    """Zero means zero, not without limit."""
    with pytest.raises(Refusal) as refused:
        await limits(call("closed"), nxt=Inner())
    assert refused.value.code == "quota_exhausted"


async def test_one_tenants_use_is_not_anothers(limits: Limits) -> None:
    """With acme's burst used up, globex calls as before (TEN)."""
    ran, refusals = await many(6, lambda: limits(call("pro"), nxt=Inner()))
    assert (len(ran), len(refusals)) == (5, 1)
    assert (await limits(call("pro", "globex"), nxt=Inner())).units == 1


async def test_a_plan_changed_during_the_day_keeps_the_days_count(limits: Limits) -> None:
    """Five calls on one plan are five of the other plan's hundred (BILL-06)."""
    await many(5, lambda: limits(call("pro"), nxt=Inner()))
    ran, refusals = await many(100, lambda: limits(call("free"), nxt=Inner()))
    assert (len(ran), refusals[0].facts["used"]) == (95, 100)


async def test_the_ledger_is_asked_once_a_day(limits: Limits, book: Book, clock: HandClock) -> None:
    """Fifty first calls at once ask once, for the time since midnight UTC; so does the next day's first."""
    book.used["acme"] = 60
    ran, refusals = await many(50, lambda: limits(call("free"), nxt=Inner()))
    assert (len(ran), len(refusals)) == (40, 10)
    assert book.asked == [("acme", DAWN)]
    clock.advance(86_400)
    await many(2, lambda: limits(call("free"), nxt=Inner()))
    assert book.asked == [("acme", DAWN), ("acme", DAWN + 86_400)]


async def test_a_count_the_state_lost_comes_back_from_the_ledger(clock: HandClock, book: Book) -> None:
    """A state that starts anew in the middle of the day takes up where the ledger stands, so a restart gives no new quota."""
    await Limits(MemoryState(clock), plans=PLANS, usage=book, clock=clock)(call("free"), nxt=Inner())
    book.used["acme"] = 100
    with pytest.raises(Refusal) as refused:
        await Limits(MemoryState(clock), plans=PLANS, usage=book, clock=clock)(call("free"), nxt=Inner())
    assert refused.value.code == "quota_exhausted"


async def test_when_the_asking_call_gives_up_another_asks(state: State, clock: HandClock) -> None:
    """The call that asks the ledger is cancelled; those that waited for its answer ask themselves and run."""
    asking, never = asyncio.Event(), asyncio.Event()

    class Slow(Book):
        async def units_since(self, tenant: str, at: float) -> int:
            self.asked.append((tenant, at))
            asking.set()
            if len(self.asked) == 1:
                await never.wait()
            return 98

    book = Slow()
    limits = Limits(state, plans=PLANS, usage=book, clock=clock)
    first = asyncio.create_task(limits(call("free"), nxt=Inner()))
    await asking.wait()
    others = [asyncio.create_task(limits(call("free"), nxt=Inner())) for _ in range(3)]
    await asyncio.sleep(0)
    first.cancel()
    ended = await asyncio.gather(first, *others, return_exceptions=True)
    assert isinstance(ended[0], asyncio.CancelledError)
    assert sum(isinstance(end, Outcome) for end in ended) == 2
    assert len(book.asked) == 2


async def test_without_the_state_limited_calls_are_refused(unreachable: State, book: Book, clock: HandClock) -> None:
    """The limits fail closed: a refusal with a time to come back, and the tool did not run (RL-05)."""
    limits = Limits(unreachable, plans=PLANS, usage=book, clock=clock)
    inner = Inner()
    with pytest.raises(Refusal) as refused:
        await limits(call("free"), nxt=inner)
    assert (refused.value.code, refused.value.retry_after, inner.ran) == ("state_unavailable", 1, 0)


async def test_without_the_ledger_an_unknown_count_is_refused(state: State, clock: HandClock) -> None:
    """Nothing is guessed; the next call asks again and runs once the ledger answers."""

    class Ill(Book):
        async def units_since(self, tenant: str, at: float) -> int:
            if not await super().units_since(tenant, at) and len(self.asked) == 1:
                raise Unavailable("The database does not answer; see that it runs.")
            return 0

    limits = Limits(state, plans=PLANS, usage=Ill(), clock=clock)
    with pytest.raises(Refusal) as refused:
        await limits(call("free"), nxt=Inner())
    assert refused.value.code == "state_unavailable"
    assert (await limits(call("free"), nxt=Inner())).units == 1


async def test_a_state_that_keeps_forgetting_is_given_up_on(book: Book, clock: HandClock) -> None:
    """A window gone as soon as it was seeded is seeded twice, then the call is refused rather than looping."""

    class Forgetful(MemoryState):
        async def seed(self, window: Window, used: int) -> None:
            """Forget."""

    limits = Limits(Forgetful(clock), plans=PLANS, usage=book, clock=clock)
    with pytest.raises(Refusal) as refused:
        await limits(call("free"), nxt=Inner())
    assert refused.value.code == "state_unavailable"
    assert len(book.asked) == 2


async def test_a_lost_refund_hides_nothing(book: Book, clock: HandClock, caplog: pytest.LogCaptureFixture) -> None:
    """When the state goes away during a call its outcome is handed on, and the log says by code that a refund was lost."""

    class Leaving(MemoryState):
        async def refund(self, window: Window, cost: int = 1) -> None:
            raise Unavailable("The state server does not serve us; see that Redis runs.")

    limits = Limits(Leaving(clock), plans=PLANS, usage=book, clock=clock)
    assert (await limits(call("free"), nxt=Inner("error"))).status == "error"
    assert [record.message for record in caplog.records] == ["refund_lost"]


async def test_a_plan_nobody_knows_is_refused_and_reported_once(limits: Limits, caplog: pytest.LogCaptureFixture) -> None:
    """Its limits cannot be checked: refused without a word on other plans, and the operator's log has one code, not a flood."""
    inner = Inner()
    with caplog.at_level(logging.WARNING, "freehold.limits"):
        _, refusals = await many(5, lambda: limits(call("platinum"), nxt=inner))
    assert {refusal.code for refusal in refusals} == {"state_unavailable"}
    assert inner.ran == 0
    assert not any(name in str(refusal) for refusal in refusals for name in PLANS)
    assert [record.message for record in caplog.records] == ["plan_unknown"]


@pytest.mark.parametrize(
    "plan",
    [
        Plan(name="odd", per_second=0.0),
        Plan(name="odd", per_second=-1.0),
        Plan(name="odd", per_second=float("nan")),
        Plan(name="odd", per_second=1.0, burst=0),
        Plan(name="odd", calls_per_day=-1),
    ],
    ids=["rate of zero", "negative rate", "no number", "no burst", "negative quota"],
)
async def test_a_plan_under_which_nothing_could_pass_stops_the_start(plan: Plan, book: Book, clock: HandClock) -> None:
    """It is refused by name when the step is built, not at the first call."""
    with pytest.raises(Misconfigured, match="Plan odd"):
        Limits(MemoryState(clock), plans={"odd": plan}, usage=book, clock=clock)

"""Fixtures of a whole server, over both columns of stores."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from freehold.domains.sources.context import Caller, ToolError
from freehold.domains.sources.functions import Functions
from freehold.settings import PlanSettings, Settings
from tests.served import Served, served

PLANS = {
    "open": PlanSettings(),
    "small": PlanSettings(calls_per_day=20),
    "slow": PlanSettings(per_second=1, burst=3),
}


@pytest.fixture(params=["sqlite+memory", "postgresql+redis"])
def store_urls(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Database and state URL, each column of the stores in turn."""
    if request.param == "sqlite+memory":
        return request.getfixturevalue("sqlite_url"), "memory:"
    return request.getfixturevalue("postgres_url"), request.getfixturevalue("redis_url")


@pytest.fixture
def settings(store_urls: tuple[str, str], tmp_path: Path) -> Settings:
    """Settings for a test server on those stores, with three plans."""
    database, state = store_urls
    return Settings(
        data_dir=tmp_path / "data", database_url=database, state_url=state, migrate_on_start=True, plans=PLANS, default_plan="open"
    )


def sample_functions() -> Functions:
    """A source of a few typed functions: echo, who, add, fail, refuse."""
    functions = Functions()

    async def echo(text: str) -> str:
        """Say it back."""
        return text

    async def who(caller: Caller) -> dict[str, str]:
        """Who is calling."""
        return {"tenant": caller.tenant, "user": caller.user, "client": caller.client}

    async def add(a: int, b: int = 1) -> dict[str, int]:
        """Add two numbers."""
        return {"sum": a + b}

    async def fail() -> str:
        """Break, with a secret in the message."""
        raise RuntimeError("canary-secret-7f3")

    async def refuse() -> str:
        """Say no in words."""
        raise ToolError("The invoice is closed already.")

    functions.add(echo, read_only=True)
    functions.add(who, read_only=True)
    functions.add(add)
    functions.add(fail, read_only=True)
    functions.add(refuse, destructive=True)
    return functions


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[Served]:
    """A server with the sample functions, and the tenants acme and globex on the open plan."""
    async with served(settings, functions=[sample_functions()]) as running:
        await running.tenant("acme")
        await running.tenant("globex")
        yield running

"""Fixtures of the tests of the wire: a server with one of everything, and what its functions did."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from freehold.settings import PlanSettings, Settings
from tests.features import featured
from tests.served import Served


@pytest.fixture
def ran() -> list[str]:
    """What the functions of `features` did, in order."""
    return []


@pytest.fixture
def plain(sqlite_url: str, tmp_path: Path) -> Settings:
    """Settings without limits, on one store: what the wire looks like does not depend on it."""
    return Settings(
        data_dir=tmp_path / "data",
        database_url=sqlite_url,
        state_url="memory:",
        migrate_on_start=True,
        plans={"open": PlanSettings()},
        default_plan="open",
        boundary=False,
    )


@pytest.fixture
async def features(plain: Settings, ran: list[str]) -> AsyncIterator[Served]:
    """A server with one of everything."""
    async with featured(plain, ran) as running:
        yield running


@pytest.fixture
def replicated(plain: Settings, postgres_url: str, redis_url: str) -> Settings:
    """Settings of which several servers can run side by side and hear each other."""
    return plain.model_copy(update={"database_url": SecretStr(postgres_url), "state_url": SecretStr(redis_url)})

"""Which part serves which URL, and what is said when none does."""

import sys
from pathlib import Path

import pytest

from freehold import plugs
from freehold.adapters.state_memory import MemoryState
from freehold.adapters.state_redis import RedisState
from freehold.kit.errors import Misconfigured
from tests.clocks import HandClock

PART = """
class Shared:
    def __init__(self, url, clock):
        self.url, self.clock = url, clock

def open_shared(url, *, clock):
    return Shared(url, clock)
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of a third party that offers states, as pip would leave it."""
    (tmp_path / "shared_state.py").write_text(PART)
    about = tmp_path / "shared_state-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: shared-state\nVersion: 1.0\n")
    offers = "shared = shared_state:open_shared\nmemory = shared_state:open_shared\nbroken = shared_state_core:open_it\n"
    (about / "entry_points.txt").write_text(f"[freehold.state]\n{offers}")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "shared_state", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("url", "kind"), [("memory:", MemoryState), ("redis://127.0.0.1:1/0", RedisState), ("rediss://127.0.0.1:1/0", RedisState)]
)
def test_a_scheme_finds_its_part(url: str, kind: type) -> None:
    """Our own schemes give our own adapters, without any connection being made."""
    assert isinstance(plugs.state(url, clock=HandClock()), kind)


@pytest.mark.usefixtures("installed")
def test_an_installed_part_is_found_by_its_entry_point() -> None:
    """A third party's scheme works like ours and is given the URL and the same options."""
    clock = HandClock()
    part = plugs.load("state", "shared://somewhere/1", clock=clock)
    assert type(part).__name__ == "Shared"
    assert vars(part) == {"url": "shared://somewhere/1", "clock": clock}


@pytest.mark.usefixtures("installed")
def test_nobody_takes_a_scheme_of_ours() -> None:
    """An installed package that offers `memory` is not asked."""
    assert isinstance(plugs.state("memory:", clock=HandClock()), MemoryState)


@pytest.mark.parametrize("url", ["etcd://operator:secret@host/0", "just words secret", "", "secret token://x"])
def test_an_unknown_scheme_is_refused_with_the_known_ones(url: str) -> None:
    """The sentence lists what there is and repeats nothing of the URL beyond a plain scheme."""
    with pytest.raises(Misconfigured, match="use one of memory:, redis:, rediss:") as refused:
        plugs.state(url, clock=HandClock())
    assert "secret" not in str(refused.value)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the client library the start is refused with the command that installs it."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "redis"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.delitem(sys.modules, "freehold.adapters.state_redis")
    with pytest.raises(Misconfigured, match=r"redis.*not installed; pip install 'freehold\[redis\]'"):
        plugs.state("redis://127.0.0.1:1/0", clock=HandClock())


@pytest.mark.usefixtures("installed")
def test_a_third_partys_missing_module_is_named() -> None:
    """An entry point whose module is gone is refused by name, without a promise that an extra of ours would help."""
    with pytest.raises(Misconfigured, match="broken: needs the Python module shared_state_core") as refused:
        plugs.load("state", "broken:", clock=HandClock())
    assert "freehold[" not in str(refused.value)


def test_a_redis_url_that_is_none_is_refused() -> None:
    """A port that is no number stops the start in words."""
    with pytest.raises(Misconfigured, match="write redis://host:6379/0") as refused:
        plugs.state("redis://:secret@host:port/0", clock=HandClock())
    assert "secret" not in str(refused.value)


def test_every_part_of_ours_can_be_imported() -> None:
    """The table points nowhere else than at functions that exist."""
    targets = {target for table in plugs.PARTS.values() for target in table.values()}
    for target in targets:
        module, _, name = target.partition(":")
        assert callable(getattr(__import__(module, fromlist=[name]), name))

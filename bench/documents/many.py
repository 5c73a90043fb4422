"""Many documents: which there are, which of them are called, and the process that measures them one after another.

The process is another one, so that a document that kills it, or takes for ever, costs itself only."""

import json
import random
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

from bench.documents.beside import fastmcp
from bench.documents.facts import Facts
from bench.documents.one import MIB, measured

ROOT = Path(__file__).parents[2]
SUFFIXES = {".json", ".yaml", ".yml"}
PATIENCE = 480.0
"""Seconds after which a document counts as a crash."""


class Found(NamedTuple):
    """One document, by the name the table shows."""

    name: str
    path: Path


def found(given: Sequence[Path]) -> list[Found]:
    """Files as they are, folders with every document below them, in the order of their names."""
    return [each for path in given for each in (_below(path) if path.is_dir() else [Found(path.stem, path.resolve())])]


def _below(folder: Path) -> Iterator[Found]:
    for path in sorted(folder.rglob("*")):
        if path.suffix in SUFFIXES and path.is_file():
            yield Found(str(path.relative_to(folder).with_suffix("")), path.resolve())


def sampled(documents: Sequence[Found], most: int | None, seed: int) -> set[str]:
    """The names of those that are called; all of them when `most` is None."""
    size = len(documents) if most is None else min(most, len(documents))
    return {each.name for each in random.Random(seed).sample(documents, size)}  # noqa: S311  a sample, not a secret


class Measured(NamedTuple):
    """One document."""

    ours: Facts
    beside: Facts | None = None
    """The peer's, where one was asked for and something was called."""


def work(seed: int) -> None:
    """The other process: a document to measure per line of input, its facts and the peer's per line of output."""
    for line in sys.stdin:
        name, path, calls, beside = json.loads(line)
        facts = measured(Path(path), name, calls=calls, seed=seed)
        peer = fastmcp(Path(path), name, facts.asked, seed=seed) if beside and facts.asked else None
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / MIB
        print(json.dumps([asdict(facts), None if peer is None else asdict(peer), peak]), flush=True)


@dataclass
class Workshop:
    """Measures documents in a process that is started again when one of them ends it."""

    seed: int
    fresh: bool
    """A new process for each document, whose memory holds nothing of those before."""
    peak_mib: float = 0.0
    """The most memory any of the processes held."""
    _process: "subprocess.Popen[str] | None" = field(default=None)

    def measure(self, document: Found, calls: int, *, beside: bool = False) -> Measured:
        """The document's facts, with `beside` also the peer's; one that ends the process or outlives `PATIENCE` is a crash."""
        if self.fresh:
            self.close()
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps([document.name, str(document.path), calls, beside]) + "\n")
        process.stdin.flush()
        late = threading.Timer(PATIENCE, process.kill)
        late.start()
        line = process.stdout.readline()
        late.cancel()
        if not line:
            self.close()
            return Measured(Facts(document.name, crash=f"its process ended with {process.returncode}; what it said last is above"))
        facts, peer, peak = json.loads(line)
        self.peak_mib = max(self.peak_mib, peak)
        return Measured(Facts(**facts), None if peer is None else Facts(**peer))

    def _running(self) -> "subprocess.Popen[str]":
        if self._process is None:
            command = [sys.executable, "-m", "bench.documents", "--work", f"--seed={self.seed}"]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        return self._process

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.communicate()
            self._process = None

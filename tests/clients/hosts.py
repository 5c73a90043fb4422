"""Every client Freehold is tested with, each as a program of its own that is told what to do and says what came of it."""

import asyncio
import fcntl
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from bench import peers
from tests import node

Era = Literal["modern", "legacy"]
VERSIONS: Final[Mapping[Era, str]] = {"modern": "2026-07-28", "legacy": "2025-11-25"}
HERE: Final = Path(__file__).parent
INSPECTOR: Final = "@modelcontextprotocol/inspector/clients/launcher/build/index.js"
BRIDGE: Final = "mcp-remote/dist/proxy.js"
PATIENCE: Final = 30.0
"""Seconds for one deed; only a client that hangs takes them."""

ANSWERS: Final[Mapping[str, Any]] = {
    "elicitation/create": {"action": "accept", "content": {"name": "Ada"}},
    "sampling/createMessage": {"role": "assistant", "content": {"type": "text", "text": "Paris"}, "model": "a-model"},
    "roots/list": {"roots": [{"uri": "file:///work", "name": "work"}]},
}
"""What a client that can be asked answers."""


class Fault(Exception):
    """What a client says when it did not get what it asked for."""

    def __init__(self, *, code: int | str | None = None, message: str, kind: str = "", data: Any = None) -> None:
        """In the client's own words."""
        super().__init__(message)
        self.code = code
        self.kind = kind
        self.data = data


class Talk(Protocol):
    """One client that listens to us."""

    async def __call__(self, deed: str, **wanted: Any) -> Any:
        """What comes of one deed, or `Fault`."""
        ...


@dataclass(frozen=True)
class Host:
    """A running client."""

    name: str
    era: Era
    say: Talk
    bridge: tuple[str, ...] = ()
    """The command of the local server it goes through, if it does."""
    folder: Path = HERE

    async def connect(self, url: str, token: str, answers: Mapping[str, Any] | None = None) -> Any:
        """Anew; what the client learned of the server. Without `answers` it declares that it cannot be asked."""
        with suppress(Fault):
            await self.say("close")
        wanted: dict[str, Any] = {"url": f"{url}/mcp", "token": token, "era": self.era, "answers": answers}
        if self.bridge:
            wanted["through"] = self._bridged(f"{url}/mcp", token)
        return await self.say("connect", **wanted)

    async def call(self, tool: str, **arguments: Any) -> Any:
        """The result of a tool."""
        return await self.say("call", name=tool, arguments=arguments)

    async def names(self, kind: str) -> list[str]:
        """The names in one of its lists."""
        return [each["name"] for each in await self.say("list", kind=kind)]

    async def heard_changing(self, method: str, *, what: str) -> Any:
        """Change something until the client hears of it anew: the stream of the old era opens when the client pleases."""
        before = len(await self.say("heard", method=method, count=0))
        for _ in range(300):
            await self.call("change", what=what)
            if len(heard := await self.say("heard", method=method, count=0)) > before:
                return heard[-1]
        raise AssertionError(f"{method} never came.")

    def _bridged(self, url: str, token: str) -> dict[str, Any]:
        """How to start the bridge. The token travels in its environment, which other users of a machine cannot list."""
        program, *words = [*self.bridge, url, "--header", "Authorization:${AUTHORIZATION}"]
        variables = {"AUTHORIZATION": f"Bearer {token}", "MCP_REMOTE_CONFIG_DIR": str(self.folder / "bridge")}
        return {"command": program, "args": words, "env": {**variables, "HOME": str(self.folder)}}


@dataclass
class Program:
    """A client that runs as long as it is asked things, one line each."""

    process: asyncio.subprocess.Process
    asked: int = 0

    async def __call__(self, deed: str, **wanted: Any) -> Any:
        """One line there, one line back."""
        self.asked += 1
        there, back = self.process.stdin, self.process.stdout
        assert there is not None
        assert back is not None
        there.write(json.dumps({"id": self.asked, "deed": deed, **wanted}).encode() + b"\n")
        await there.drain()
        line = await asyncio.wait_for(back.readline(), PATIENCE)
        assert line, f"{self.process} ended"
        said = json.loads(line)
        assert said["id"] == self.asked
        if "error" in said:
            raise Fault(**said["error"])
        return said["value"]


class Inspector:
    """The inspector's command line: a process for each deed, which connects anew."""

    def __init__(self, era: Era, folder: Path) -> None:
        """Connected to nothing."""
        self._era = era
        self._environment = {"HOME": str(folder)}
        self._there: list[str] = []

    async def __call__(self, deed: str, **wanted: Any) -> Any:
        """The result it prints, or `Fault` with the error it prints."""
        match deed:
            case "connect":  # nothing is sent before something is asked
                self._there = ["--server-url", wanted["url"], "--header", f"Authorization: Bearer {wanted['token']}"]
                return None
            case "close":
                return None
            case "list":
                method = {"templates": "resources/templates"}.get(wanted["kind"], wanted["kind"])
                return next(iter((await self._run(f"{method}/list")).values()))
            case _:
                return await self._run(*_WORDS[deed](wanted))

    async def _run(self, method: str, *more: str) -> Any:
        how = ["--cli", *self._there, "--transport", "http", "--protocol-era", self._era, "--stored-auth-only"]
        words = [*how, "--method", method, *more, "--format", "json", "--quiet"]
        ended = await node.run(INSPECTOR, *words, seconds=PATIENCE, environment=self._environment)
        if ended.out:
            return json.loads(ended.out)["result"]
        raise Fault(**json.loads(ended.err.splitlines()[-1])["error"])


_WORDS: Final[Mapping[str, Callable[[dict[str, Any]], list[str]]]] = {
    "call": lambda wanted: ["tools/call", "--tool-name", wanted["name"], "--tool-args-json", json.dumps(wanted["arguments"])],
    "read": lambda wanted: ["resources/read", "--uri", wanted["uri"]],
    "prompt": lambda wanted: [
        *("prompts/get", "--prompt-name", wanted["name"], "--prompt-args"),
        *(f"{name}={value}" for name, value in wanted["arguments"].items()),
    ],
}


@asynccontextmanager
async def host(name: str, era: Era, folder: Path) -> AsyncIterator[Host]:
    """The client of this name, which keeps what it keeps in `folder`."""
    match name:
        case "inspector":
            yield Host(name, era, Inspector(era, folder))
        case "client" | "sdk":
            async with node.begun(node.HOME / "clients" / f"{name}.mjs") as process:
                yield Host(name, era, Program(process))
        case "fastmcp":
            async with _python(await asyncio.to_thread(peer), "fastmcp_client.py") as process:
                yield Host(name, era, Program(process))
        case _:
            packages = await asyncio.to_thread(node.packages)
            bridge = (str(node.program()), str(packages / BRIDGE)) if name == "mcp-remote" else ()
            async with _python(sys.executable, "official.py") as process:
                yield Host(name, era, Program(process), bridge, folder)


def peer() -> Path:
    """The Python of the bench's peers, made by one test worker at a time."""
    with Path(peers.__file__).open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        peers.prepare()
    return peers.ENVIRONMENT / "bin" / "python"


@asynccontextmanager
async def _python(program: str | Path, script: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A script of this folder, without this machine's proxies; it ends when it is asked nothing more."""
    pipe, silent = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(program, HERE / script, env={}, stdin=pipe, stdout=pipe, stderr=silent)
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), PATIENCE)
        except TimeoutError:  # a client that cannot end a connection it has lost; what it was to show it has shown
            process.kill()
            await process.wait()


def text(result: Mapping[str, Any]) -> str:
    """The text of a tool result's first block."""
    return result["content"][0]["text"]

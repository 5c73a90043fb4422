"""Two customers' agents at work through the official MCP client, and the search of their answers for each other's data.

Each agent does an ordinary day's work and then tries what it must not. What it found out is counted here, never assumed."""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from freehold.kit.errors import Unavailable

if TYPE_CHECKING:
    from mcp.client import Client
    from mcp.types import CallToolResult

PAGE = 10
PATIENCE = 3
"""How often an agent asks again after it was refused."""
NOBODY = "ffffffffffff"
"""Ends an id that no customer has."""
REFUSAL_KEY = "dev.freehold/refusal"

_MARK = re.compile(r"^\[(end of )?tool data [0-9a-f]+.*\]$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool answered. `refused` is Freehold's code when it was Freehold that said no, `wait` its time to come back."""

    data: Any
    text: str
    failed: bool
    refused: str
    wait: float

    @property
    def alike(self) -> tuple[Any, str, bool]:
        """All that tells answers apart, without the boundary's random number."""
        return self.data, _MARK.sub("", self.text), self.failed


@dataclass(slots=True)
class Agent:
    """One customer's agent: a connected client that keeps every answer it was given."""

    tenant: str
    marker: str
    client: "Client"
    told: Callable[[int], None]
    """Called after each call with how many there have been."""
    answers: list[str] = field(default_factory=list[str])
    took: list[float] = field(default_factory=list[float])
    refusals: list[str] = field(default_factory=list[str])
    """What it was told each time the day's quota was used up."""
    waits: int = 0
    """How often it was asked to slow down, and did."""
    known: set[str] = field(default_factory=set[str])
    """Ids of its own things it has seen."""
    revision: str = ""
    """The protocol revision the client and Freehold agreed on."""
    known_as: str = ""
    """Who the API says is calling."""
    tools: int = 0
    pages: int = 0
    created: str = ""
    tasks: list[str] = field(default_factory=list[str])
    projects: list[str] = field(default_factory=list[str])
    probes: int = 0
    unlike: int = 0
    """Probes that answered otherwise for another customer's id than for nobody's."""

    @property
    def calls(self) -> int:
        """How many tools it called."""
        return len(self.took)

    async def call(self, tool: str, **arguments: object) -> Answer:
        """Call a tool; when told that this was too fast, wait as long as told and call again."""
        while (answer := await self._once(tool, arguments)).refused == "rate_limited":
            self.waits += 1
            await asyncio.sleep(answer.wait)
        if answer.refused == "quota_exhausted":
            self.refusals.append(answer.text)
        return answer

    async def need(self, tool: str, **arguments: object) -> Any:
        """What a tool answers that the session cannot go on without. Raises `Unavailable` with its words when it fails."""
        answer = await self.call(tool, **arguments)
        if answer.failed:
            said = answer.alike[1].strip()
            raise Unavailable(f"{self.tenant}'s agent cannot go on: {tool} answered {said!r}. Start the demo again; if it lasts, tell us.")
        return answer.data

    async def _once(self, tool: str, arguments: dict[str, object]) -> Answer:
        began = time.perf_counter()
        result = await self.client.call_tool(tool, arguments)
        self.took.append(time.perf_counter() - began)
        self.answers.append(result.model_dump_json())
        self.told(self.calls)
        return read(result)


def read(result: "CallToolResult") -> Answer:
    """What matters of a tool's result."""
    text = "\n".join(block.text for block in result.content if block.type == "text")
    refusal: dict[str, Any] = (result.meta or {}).get(REFUSAL_KEY) or {}
    code, wait = str(refusal.get("code", "")), float(refusal.get("retry_after", 1.0))
    return Answer(result.structured_content, text, bool(result.is_error), code, wait)


@asynccontextmanager
async def connected(url: str, token: str) -> AsyncGenerator["Client"]:
    """The official client, as any MCP host would connect it: `server/discover`, then whatever the server speaks."""
    from mcp.client import Client
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared._httpx_utils import create_mcp_http_client
    from mcp.types import Implementation

    usual = create_mcp_http_client()
    direct = type(usual)(timeout=usual.timeout, headers={"Authorization": f"Bearer {token}"}, trust_env=False)  # through no proxy
    async with usual, direct:
        transport = streamable_http_client(url, http_client=direct)
        info = Implementation(name="freehold-demo", version="1")
        async with Client(transport, client_info=info, read_timeout_seconds=30) as client:
            yield client


async def work(agent: Agent) -> None:
    """List the tools, ask who one is, add a task, and page through all tasks to the end."""
    agent.revision = agent.client.protocol_version
    listed = await agent.client.list_tools()
    agent.tools = len(listed.tools)
    agent.answers.append(listed.model_dump_json())
    agent.known_as = (await agent.need("get_me"))["user"]
    projects = (await agent.need("list_projects"))["items"]
    agent.projects = [project["id"] for project in projects]
    task = await agent.need("create_task", project_id=agent.projects[0], title="Summarise this week for the team", priority="high")
    agent.created = task["id"]
    await read_all(agent)
    agent.known.update(agent.projects, agent.tasks)


async def read_all(agent: Agent) -> None:
    """Follow `next_cursor` until there is none."""
    cursor: dict[str, str] = {}
    while True:
        page = await agent.need("list_tasks", limit=PAGE, **cursor)
        agent.pages += 1
        agent.tasks += [task["id"] for task in page["items"]]
        if page["next_cursor"] is None:
            return
        cursor = {"cursor": page["next_cursor"]}


async def trespass(agent: Agent, other: Agent) -> None:
    """Try the other customer's ids and words in five ways, each beside the same with those of nobody."""
    theirs, nobodys = other.created, f"tsk_{NOBODY}"
    for ident in ("get_task", "complete_task", "list_comments"):
        await compare(agent, ident, {"task_id": theirs}, {"task_id": nobodys})
    await compare(agent, "list_tasks", {"project_id": other.projects[0]}, {"project_id": f"prj_{NOBODY}"})
    await compare(agent, "search_tasks", {"q": other.marker}, {"q": NOBODY})


async def compare(agent: Agent, tool: str, theirs: dict[str, str], nobodys: dict[str, str]) -> None:
    """One probe: both answers must be alike."""
    one, two = await agent.call(tool, **theirs), await agent.call(tool, **nobodys)
    agent.probes += 1
    agent.unlike += one.alike != two.alike


async def read_everything(agent: Agent) -> None:
    """Look at every task and its comments, one by one, as an eager agent does; a small plan's daily quota ends it."""
    for task in agent.tasks:
        for tool in ("get_task", "list_comments"):
            await agent.call(tool, task_id=task)
            if len(agent.refusals) >= PATIENCE:
                return


async def sessions(one: Agent, other: Agent) -> None:
    """Both agents, interleaved call by call: first the work, then the trespass, then more than the free plan allows."""
    await both(work(one), work(other))
    await both(trespass(one, other), trespass(other, one))
    await both(read_everything(one), read_everything(other))


async def both(one: Awaitable[None], other: Awaitable[None]) -> None:
    """Side by side, until both are done."""
    await asyncio.gather(one, other)


@dataclass(frozen=True, slots=True)
class Isolation:
    """What the search of all answers came to."""

    searched: int
    """Answers looked through."""
    canaries: int
    """Words and ids looked for."""
    crossed: int
    """Answers in which something of the other customer stood."""
    blind: bool
    """True when an agent did not even find its own words, so that finding none of the other's would prove nothing."""
    unlike: int

    @property
    def holds(self) -> bool:
        """True when nothing crossed, by a search that was able to find it."""
        return not (self.crossed or self.blind or self.unlike)


def isolation(one: Agent, other: Agent) -> Isolation:
    """Search every answer of each agent for the marker word, in any letter case, and for all ids of the other's customer."""
    pairs = ((one, canaries(other)), (other, canaries(one)))
    crossed = sum(any(canary in answer.lower() for canary in foreign) for agent, foreign in pairs for answer in agent.answers)
    return Isolation(
        searched=len(one.answers) + len(other.answers),
        canaries=sum(len(foreign) for _, foreign in pairs),
        crossed=crossed,
        blind=not all(found_itself(agent) for agent in (one, other)),
        unlike=one.unlike + other.unlike,
    )


def canaries(agent: Agent) -> set[str]:
    """What must not stand in anyone else's answers, in lower case."""
    return {agent.marker, *agent.known}


def found_itself(agent: Agent) -> bool:
    """Whether every one of its own canaries stands in its own answers."""
    everything = "\n".join(agent.answers).lower()
    return bool(agent.known) and all(canary in everything for canary in canaries(agent))

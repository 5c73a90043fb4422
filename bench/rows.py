"""What is measured: which servers stand beside each other in each row, and what was promised."""

from dataclasses import dataclass

from bench.requests import LEGACY, MODERN

FREEHOLD = "Freehold, everything on"
SDK = "official SDK, bare"
FASTMCP = "FastMCP, bare"
RAW = "raw ASGI echo"
LISTENING = 2_000
"""Streams that are open beside the calls of the last row."""
FROM_OPENAPI = "FastMCP from_openapi, bare"


@dataclass(frozen=True)
class Server:
    """A server to start: its file under bench/servers, its arguments, and whose environment it runs in."""

    label: str
    script: str
    arguments: tuple[str, ...] = ()
    peer: bool = False

    @property
    def ours(self) -> bool:
        """Whether it is Freehold."""
        return self.label == FREEHOLD


@dataclass(frozen=True)
class Case:
    """One line of a row's table."""

    server: Server
    kind: str
    tools: int = 1
    connections: int = 64
    version: str = MODERN
    streams: int = 0

    @property
    def asked(self) -> str:
        """What sets it apart from the other cases of its server."""
        said = [f"{self.tools:,} tool{'' if self.tools == 1 else 's'}"]
        said += [self.version] if self.version != MODERN else []
        said += [f"{self.streams:,} streams"] if self.streams else []
        return ", ".join(said)

    @property
    def name(self) -> str:
        """Unique in its row."""
        return f"{self.server.label} | {self.asked}"


@dataclass(frozen=True)
class Row:
    """Cases measured in turn, round after round."""

    title: str
    cases: tuple[Case, ...]
    rounds: int
    seconds: float


def sdk(tools: int) -> Server:
    """The official SDK with so many async tools."""
    return Server(SDK, "sdk.py", (str(tools),), peer=True)


def fastmcp(tools: int) -> Server:
    """FastMCP with so many async tools."""
    return Server(FASTMCP, "fastmcp_functions.py", (str(tools),), peer=True)


def freehold(tools: int, *more: str) -> Server:
    """Freehold with so many Python tools."""
    return Server(FREEHOLD, "freehold_server.py", ("functions", str(tools), *more))


def rows(upstream: str, *, quick: bool) -> list[Row]:
    """Every row; `upstream` is the REST API's address. Quick ones are fewer and shorter, for a look, not for a claim."""
    rounds, seconds = (2, 1.0) if quick else (5, 2.5)
    short = (2, 0.6) if quick else (4, 1.5)
    raw = Server(RAW, "raw.py")
    echo = tuple(Case(server, "call") for server in (raw, sdk(1), fastmcp(1), freehold(1)))
    makers = (sdk, fastmcp, freehold)
    growing = tuple(Case(make(tools), "call", tools, connections=1) for make in makers for tools in (1, 1000))
    listing = tuple(Case(make(tools), "list", tools, connections=1) for make in makers for tools in (1, 50, 1000))
    listing += tuple(Case(make(1000), "list", 1000, connections=1, version=LEGACY) for make in makers)
    legacy = tuple(Case(make(1), "call", version=LEGACY) for make in makers)
    listened = tuple(Case(freehold(1, "listeners"), "call", streams=streams) for streams in (0, LISTENING))
    gateways = (
        Server(FROM_OPENAPI, "fastmcp_openapi.py", (upstream,), peer=True),
        Server(FREEHOLD, "freehold_server.py", ("openapi", upstream)),
    )
    items = tuple(Case(one, "item", connections=32) for one in gateways)
    return [
        Row("tools/call of an in-process echo, 64 connections", echo, rounds, seconds),
        Row("tools/call with 1 and with 1,000 tools, 1 connection", growing, *short),
        Row("tools/list of 1, 50 and 1,000 tools, 1 connection", listing, *short),
        Row("gateway: tools/call to a local REST upstream, 32 connections", items, rounds, seconds),
        Row(f"{LEGACY}: tools/call of an in-process echo in a session, 64 connections", legacy, rounds, seconds),
        Row(f"tools/call with and without {LISTENING:,} open listen streams, 64 connections", listened, rounds, seconds),
    ]


@dataclass(frozen=True)
class Promise:
    """A ratio of two cases' CPU time per request that must hold in the same run."""

    sentence: str
    row: int
    above: str
    below: str
    least: float | None = None
    most: float | None = None


PROMISES = (
    Promise("tools/call: FastMCP bare costs at least 10 times as much", 0, f"{FASTMCP} | 1 tool", f"{FREEHOLD} | 1 tool", least=10),
    Promise("tools/call: the official SDK bare costs 2.5 times as much or more", 0, f"{SDK} | 1 tool", f"{FREEHOLD} | 1 tool", least=2.5),
    Promise(
        "tools/call with 1,000 tools costs at most 1.1 times what it costs with 1",
        1,
        f"{FREEHOLD} | 1,000 tools",
        f"{FREEHOLD} | 1 tool",
        most=1.1,
    ),
    Promise(
        "gateway: FastMCP from_openapi bare costs at least 10 times as much",
        3,
        f"{FROM_OPENAPI} | 1 tool",
        f"{FREEHOLD} | 1 tool",
        least=10,
    ),
    Promise(
        "tools/list of 1,000 tools: the official SDK bare costs at least 50 times as much",
        2,
        f"{SDK} | 1,000 tools",
        f"{FREEHOLD} | 1,000 tools",
        least=50,
    ),
    Promise(
        f"tools/list of 1,000 tools, {LEGACY}: the official SDK bare costs at least 50 times as much",
        2,
        f"{SDK} | 1,000 tools, {LEGACY}",
        f"{FREEHOLD} | 1,000 tools, {LEGACY}",
        least=50,
    ),
    Promise(
        f"tools/call, {LEGACY}: FastMCP bare costs at least 8 times as much",
        4,
        f"{FASTMCP} | 1 tool, {LEGACY}",
        f"{FREEHOLD} | 1 tool, {LEGACY}",
        least=8,
    ),
    Promise(
        f"tools/call, {LEGACY}: the official SDK bare costs at least 4 times as much",
        4,
        f"{SDK} | 1 tool, {LEGACY}",
        f"{FREEHOLD} | 1 tool, {LEGACY}",
        least=4,
    ),
    Promise(
        f"tools/call with {LISTENING:,} open streams costs at most 1.1 times what it costs with none",
        5,
        f"{FREEHOLD} | 1 tool, {LISTENING:,} streams",
        f"{FREEHOLD} | 1 tool",
        most=1.1,
    ),
)

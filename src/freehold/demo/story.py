"""How the demo tells what happened: progress while it runs, a table and three sentences after it, then what to paste where.

Only looks at what it is given; readable at 80 columns, without colour, and on terminals that know ASCII only."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from freehold.demo import snippets
from freehold.demo.session import Agent, Isolation
from freehold.domains.ledger.verify import Verification

EXPECTED_CALLS = 140
"""About how many calls a session makes; only the length of a bar depends on it."""

ROWS = (
    "protocol",
    "tools it is offered",
    "Trackline knows it as",
    "task it added",
    "tasks it read, page by page",
    "with the other's ids, it found",
    "calls answered",
    "calls charged (errors are free)",
    "asked to slow down, and did",
    "refused by the daily quota",
    "time of a call (median)",
)


@dataclass(frozen=True, slots=True)
class Findings:
    """What the demo found out."""

    agents: tuple[Agent, Agent]
    plans: tuple[str, str]
    charged: tuple[int, int]
    """Units on each tenant's account in the ledger."""
    isolation: Isolation
    acts: int
    """Administrative acts of this demo."""
    book: Verification
    tools: int
    seconds: float

    @property
    def calls(self) -> int:
        """Calls the agents made."""
        return sum(agent.calls for agent in self.agents)

    @property
    def verified(self) -> bool:
        """Whether the ledger is unaltered and holds each call and each act once."""
        return self.book.holds and self.book.entries == self.calls + self.acts

    @property
    def line(self) -> dict[str, object]:
        """The same for programs."""
        return {
            "tools": self.tools,
            "calls": self.calls,
            "isolated": self.isolation.holds,
            "quota_refused": sum(len(agent.refusals) for agent in self.agents),
            "ledger": {"entries": self.book.entries, "verified": self.verified},
            "seconds": round(self.seconds, 2),
        }


class Bars:
    """One bar per agent."""

    def __init__(self, progress: Progress) -> None:
        """`progress` is running."""
        self._progress = progress

    def add(self, name: str) -> "Bar":
        """A bar for one agent."""
        return Bar(self._progress, self._progress.add_task(name, total=EXPECTED_CALLS))


class Bar:
    """The bar of one agent."""

    def __init__(self, progress: Progress, ident: TaskID) -> None:
        """Use `Bars.add`."""
        self._progress = progress
        self._ident = ident

    def at(self, calls: int) -> None:
        """So many calls have been answered."""
        self._progress.update(self._ident, completed=calls)


@contextmanager
def bars(console: Console) -> Generator[Bars]:
    """Show progress while the block runs, and take it away afterwards."""
    columns = (
        SpinnerColumn("line" if console.options.ascii_only else "dots"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.completed:.0f} calls"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield Bars(progress)


def begin(console: Console) -> None:
    """The first line."""
    console.print()
    console.print(Text("Freehold in front of Trackline, a small project tracker", style="bold"))
    console.print()


def step(console: Console, said: str) -> None:
    """Something is done."""
    console.print(marked(console, Text(said), good=True))


def marked(console: Console, said: Text, *, good: bool) -> Table:
    """A line behind a tick or a cross, as far as the terminal has them; further lines stand below the first."""
    ticks = ("!", "+") if console.options.ascii_only else ("\N{BALLOT X}", "\N{CHECK MARK}")
    row = Table.grid(padding=(0, 1, 0, 0))
    row.add_row(Text(f" {ticks[good]}", style="green" if good else "bold red"), said)
    return row


def end(console: Console, found: Findings) -> None:
    """The table, what the refused agent was told, and what was proved."""
    console.print(table(found))
    for agent in found.agents:
        if agent.refusals:
            console.print(Text(f" What {agent.tenant}'s agent was told in the end:", style="bold"))
            console.print(Padding(Text(agent.refusals[0], style="italic"), (0, 3), expand=False))
            console.print()
    for good, name, sentence in proofs(found):
        shown = Text.assemble((f"{name}  ".ljust(10), "bold"), sentence)
        console.print(marked(console, shown, good=good))
    console.print()


def table(found: Findings) -> Table:
    """What each agent did and met."""
    shown = Table(box=SIMPLE_HEAD, header_style="bold", border_style="dim")
    shown.add_column("")
    for agent, plan in zip(found.agents, found.plans, strict=True):
        shown.add_column(f"{agent.tenant}, plan {plan}")
    columns = [cells_of(agent, charged, found.tools) for agent, charged in zip(found.agents, found.charged, strict=True)]
    for name, *cells in zip(ROWS, *columns, strict=True):
        shown.add_row(Text(name), *(Text(cell) for cell in cells))
    return shown


def cells_of(agent: Agent, charged: int, tools: int) -> tuple[str, ...]:
    """An agent's column, in the order of `ROWS`."""
    return (
        agent.revision,
        f"{agent.tools} of {tools}",
        agent.known_as,
        agent.created,
        f"{len(agent.tasks)} on {agent.pages} pages",
        f"more in {agent.unlike} of {agent.probes} probes" if agent.unlike else "nothing",
        str(agent.calls - agent.waits - len(agent.refusals)),
        str(charged),
        times(agent.waits),
        times(len(agent.refusals)),
        f"{median(agent.took) * 1000:.1f} ms",
    )


def times(count: int) -> str:
    """How often, in words."""
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")


def proofs(found: Findings) -> list[tuple[bool, str, str]]:
    """Whether it held, a word, and the sentence that says how that is known."""
    searched = found.isolation
    if searched.holds:
        isolated = f"{searched.searched} answers searched for {searched.canaries} words and ids of the other customer: none found."
    elif searched.blind:
        isolated = "An agent did not see its own data, so nothing can be said about the other's."
    else:
        isolated = f"{searched.crossed} answers held something of the other customer, {searched.unlike} probes told more than nothing."
    made = f"{found.calls} calls and {found.acts} acts of the operator"
    if found.verified:
        recorded = f"{made}, each once, in {found.book.blocks} blocks; every digest and link recomputed."
    else:
        recorded = str(found.book.fault or f"{made} were made, but the ledger holds {found.book.entries} entries.")
    return [(searched.holds, "Isolated", isolated), (found.verified, "Recorded", recorded), (True, "Took", f"{found.seconds:.1f} s")]


def invite(console: Console, *, url: str, key: str, name: str, tenant: str) -> None:
    """Where it serves and what to paste where. Nothing to be copied is wrapped."""
    line = "-" if console.options.ascii_only else "─"
    console.print(Rule("Now with your own agent", style="dim", align="left", characters=line))
    console.print(
        Text.assemble("\n URL\n", (url, "bold"), f"\n\n API key of {tenant}, good until this demo ends\n", (key, "bold")), soft_wrap=True
    )
    pasted = {
        "Claude Code": snippets.claude_code(name, url, key),
        "Claude Desktop, in claude_desktop_config.json": snippets.claude_desktop(name, url, key),
        "Cursor, in .cursor/mcp.json": snippets.cursor(name, url, key),
        "Cursor, as a link": snippets.cursor_link(name, url, key),
        "VS Code, in .vscode/mcp.json": snippets.vs_code(name, url, key),
        "MCP Inspector": snippets.inspector(url, key),
    }
    for title, text in pasted.items():
        console.print(Text(f"\n {title}", style="bold"))
        console.print(Text(text), soft_wrap=True)
    console.print("\n claude.ai and ChatGPT connect from outside: they need a public https address.")
    console.print(" Serving until Ctrl-C.", style="bold")

"""What the measurements come to: a line per document, the sums, and what stands behind them with one example each."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from bench.documents.one import Facts

COLUMNS = (
    *("document", "operations", "tools", "skipped", "list bytes", "largest", "CPU s", "MiB", "sampled", "calls", "faithful", "faults"),
)
_OWN = re.compile(r"'[^']*'|\"[^\"]*\"|https?://\S+")
"""What is the document's own in a reason."""


def heading() -> str:
    """The table's first two lines."""
    return f"{_line(COLUMNS)}\n{_line(['---'] * len(COLUMNS))}"


def row(facts: Facts) -> str:
    """What the table shows of one document."""
    classes = ", ".join(f"{fault} {count}" for fault, count in facts.classes.items()) or "none"
    numbers = (facts.operations, facts.tools, len(facts.skipped), facts.list_bytes, facts.largest)
    costs = (f"{facts.seconds:.2f}", f"{facts.rss_mib:.0f}", f"{facts.sampled}", f"{facts.calls}", f"{facts.faithful}", classes)
    return _line([facts.document, *(f"{number:,}" for number in numbers), *costs])


def _line(parts: Sequence[str]) -> str:
    return f"| {' | '.join(parts)} |"


def remarks(facts: Facts) -> Iterator[str]:
    """What went wrong with one document, or was not tried."""
    if facts.refused or facts.crash:
        yield f"{facts.document}: {facts.refused or facts.crash}"
    yield from (f"{facts.document}: {what}" for _, what in facts.faults)
    if facts.ungenerated:
        yield f"{facts.document}: no arguments found for {facts.ungenerated} of the sampled tools"


def summary(found: Sequence[Facts], *, seconds: float, peak_mib: float) -> str:
    """All documents together; `seconds` is the whole run."""
    called = [facts for facts in found if facts.sampled]
    operations, tools = sum(facts.operations for facts in found), sum(facts.tools for facts in found)
    sampled, calls = sum(facts.sampled for facts in called), sum(facts.calls for facts in called)
    processor = sum(facts.seconds for facts in found)
    faithful, with_faults = sum(facts.faithful for facts in called), sum(1 for facts in called if facts.faults)
    return "\n".join(
        [
            f"documents: {len(found):,}, of them refused {_how_many(found, 'refused')}, crashed {_how_many(found, 'crash')}",
            f"operations: {operations:,}; offered as tools {tools:,} ({_share(tools, operations)})",
            f"import: {processor:.1f} s of processor time; the run took {seconds:.0f} s, at most {peak_mib:.0f} MiB",
            f"tools sampled: {sampled:,} of {len(called)} documents; called {calls:,}, no arguments found for {sampled - calls:,}",
            f"calls faithful: {faithful:,} of {calls:,} ({_share(faithful, calls)}); documents with a fault {with_faults}",
            *_counted("skipped because", ((why, f"{facts.document} {what}") for facts in found for why, what in facts.skipped)),
            *_counted("refused:", ((facts.refused, facts.document) for facts in found if facts.refused)),
            *_counted("fault", ((fault, f"{facts.document}: {what}") for facts in found for fault, what in facts.faults)),
        ]
    )


def _how_many(found: Iterable[Facts], what: str) -> int:
    return sum(1 for facts in found if getattr(facts, what))


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f}%" if whole else "none"


def _counted(title: str, cases: Iterable[tuple[str, str]]) -> list[str]:
    """Reasons that differ in names only are one; the commonest first, each with the first case of it."""
    listed = [(_OWN.sub("…", why), example) for why, example in cases]
    first = dict(reversed(listed))
    return [f"{title} {why}: {count:,}, such as {first[why]}" for why, count in Counter(why for why, _ in listed).most_common()]

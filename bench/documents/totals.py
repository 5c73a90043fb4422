"""What the measurements come to: a line per document, the sums, and what stands behind them with one example each."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from bench.documents.facts import Facts
from bench.documents.many import Measured

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


def compared(peer: str, measured: Sequence[Measured]) -> str:
    """What the peer made of the operations that were asked of us, and what we made of those in the documents it imports."""
    pairs = [(each.ours, each.beside) for each in measured if each.beside is not None]
    theirs = [beside for _, beside in pairs]
    both = [(ours, beside) for ours, beside in pairs if not beside.refused and not beside.crash]
    left = f"refused {_how_many(theirs, 'refused')}, not finished {_how_many(theirs, 'crash')}"
    seconds, own = sum(each.seconds for _, each in both), sum(ours.seconds for ours, _ in both)
    return "\n".join(
        [
            f"{peer}, asked the same: documents {len(pairs):,}, of them {left}",
            f"import of the others: {seconds:.1f} s of processor time, by us {own:.1f} s",
            _calls(peer, theirs),
            _calls("ours in the documents it imports", [ours for ours, _ in both]),
            *_counted(f"{peer} refused:", ((each.refused or each.crash, each.document) for each in theirs if each.refused or each.crash)),
            *_counted(f"{peer} fault", ((fault, f"{each.document}: {what}") for each in theirs for fault, what in each.faults)),
        ]
    )


def _calls(who: str, found: Sequence[Facts]) -> str:
    asked, calls = sum(len(each.asked) for each in found), sum(each.calls for each in found)
    requests, faithful = sum(each.requests for each in found), sum(each.faithful for each in found)
    return (
        f"{who}: asked for {asked:,}, tools {sum(each.sampled for each in found):,}, called {calls:,}, "
        f"requests faithful {requests:,} ({_share(requests, calls)}), answers too {faithful:,} ({_share(faithful, calls)})"
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

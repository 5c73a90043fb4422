"""`python -m bench.documents FILE...`: imports each document, calls it through the official client, and judges what arrived.

Prints a table; the exit code is 1 when a call was not faithful."""

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from bench.documents.one import Facts, measured

ROOT = Path(__file__).parents[2]
COLUMNS = ("document", "operations", "tools", "skipped", "list bytes", "largest", "CPU s", "MiB", "calls", "faithful", "faults")


def main() -> int:
    """0 when every call arrived as its document asks."""
    said = arguments()
    if said.json:
        print(json.dumps(asdict(measured(said.files[0], calls=said.calls, seed=said.seed))))
        return 0
    print(line(COLUMNS), line(["---"] * len(COLUMNS)), sep="\n", flush=True)
    found: list[Facts] = []
    for document in said.files:
        found.append(apart(document, said))
        print(line(cells(found[-1])), flush=True)
    print("\n".join(["", total(found), "", *(remark for facts in found for remark in remarks(facts))]))
    return 1 if any(facts.faults for facts in found) else 0


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m bench.documents", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="OpenAPI 3.0/3.1 or Swagger 2.0, JSON or YAML")
    parser.add_argument("--calls", type=int, default=12, help="tools called per document (12)")
    parser.add_argument("--seed", type=int, default=1, help="another seed calls other tools with other arguments")
    parser.add_argument("--json", action="store_true", help="one document in this process, as JSON")
    return parser.parse_args()


def apart(document: Path, said: argparse.Namespace) -> Facts:
    """Measured in a new process, whose memory holds nothing of the documents before."""
    command = [sys.executable, "-m", "bench.documents", "--json", f"--calls={said.calls}", f"--seed={said.seed}", str(document.resolve())]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        return Facts(document.stem, faults=[("crash", done.stderr[-2000:])])
    return Facts(**json.loads(done.stdout.splitlines()[-1]))


def line(parts: Sequence[str]) -> str:
    """One line of a Markdown table."""
    return f"| {' | '.join(parts)} |"


def total(found: list[Facts]) -> str:
    """All documents in one sentence."""
    calls, faithful = sum(facts.calls for facts in found), sum(facts.faithful for facts in found)
    faults = Counter(fault for facts in found for fault, _ in facts.faults)
    return f"{len(found)} documents, {faithful} of {calls} calls faithful; faults: {dict(faults) or 'none'}"


def remarks(facts: Facts) -> Iterator[str]:
    """What stands behind the numbers: why operations were skipped, what went wrong, what was not tried."""
    if facts.refused:
        yield f"{facts.document}: {facts.refused}"
    yield from (f"{facts.document}: {count} skipped because {why}" for why, count in facts.skipped.items())
    yield from (f"{facts.document}: {what}" for _, what in facts.faults)
    if facts.ungenerated:
        yield f"{facts.document}: no arguments found for {facts.ungenerated} of the sampled tools"


def cells(facts: Facts) -> list[str]:
    """What the table shows of one document."""
    classes = ", ".join(f"{fault} {count}" for fault, count in facts.classes.items()) or "none"
    numbers = (facts.operations, facts.tools, sum(facts.skipped.values()), facts.list_bytes, facts.largest)
    costs = (f"{facts.seconds:.2f}", f"{facts.rss_mib:.0f}", f"{facts.calls}", f"{facts.faithful}", classes)
    return [facts.document, *(f"{number:,}" for number in numbers), *costs]


if __name__ == "__main__":
    sys.exit(main())

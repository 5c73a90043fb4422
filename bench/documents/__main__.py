"""`python -m bench.documents FILE|FOLDER...`: imports each document, calls it through the official client, and judges what arrived.

Prints a table, then the sums; the exit code is 1 when a document crashed or a call was not faithful."""

import argparse
import sys
import time
from contextlib import closing
from pathlib import Path

from bench import peers
from bench.documents.many import Measured, Workshop, found, sampled, work
from bench.documents.totals import compared, heading, remarks, row, summary

OWN = Path(__file__).parent / "own"
"""Measured when nothing is named."""


def main() -> int:
    """0 when every document was imported or refused, and every call arrived as its document asks."""
    said = arguments()
    if said.work:
        work(said.seed)
        return 0
    if said.beside:
        peers.prepare()
    began, documents = time.monotonic(), found(said.paths or [OWN])
    called = sampled(documents, said.documents, said.seed)
    if said.sample_only:
        documents = [each for each in documents if each.name in called]
    print(heading(), flush=True)
    measured: list[Measured] = []
    fresh = not any(path.is_dir() for path in said.paths)
    beside = sampled([each for each in documents if each.name in called], said.beside_documents, said.seed) if said.beside else set()
    with closing(Workshop(said.seed, fresh)) as workshop:
        for document in documents:
            calls = said.calls if document.name in called else 0
            measured.append(workshop.measure(document, calls, beside=document.name in beside))
            print(row(measured[-1].ours), flush=True)
    facts = [each.ours for each in measured]
    seconds = time.monotonic() - began
    print("\n".join(["", *(remark for each in facts for remark in remarks(each)), ""]))
    print(summary(facts, seconds=seconds, peak_mib=workshop.peak_mib))
    if said.beside:
        print(f"\n{compared(said.beside, measured)}")
    return 1 if any(each.faults or each.crash for each in facts) else 0


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m bench.documents", description=__doc__)
    add = parser.add_argument
    add("paths", nargs="*", type=Path, metavar="FILE|FOLDER", help="OpenAPI 3.0/3.1 or Swagger 2.0, JSON or YAML (our own hard document)")
    add("--documents", type=int, metavar="N", help="call a sample of N documents and import the others only (all are called)")
    add("--sample-only", action="store_true", help="leave the documents out that are not called")
    add("--calls", type=int, default=12, metavar="N", help="tools called per document (12); 0 imports only")
    add("--seed", type=int, default=1, metavar="S", help="another seed calls other documents and tools with other arguments (1)")
    add("--beside", choices=["fastmcp"], help="call the same operations through FastMCP's from_openapi, too")
    add("--beside-documents", type=int, metavar="N", help="of the called documents only N (all); it takes seconds for each")
    add("--work", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

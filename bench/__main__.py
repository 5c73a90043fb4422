"""`python -m bench [--quick] [--peers-only] [--row N]`: start the servers, measure them in turn, print and keep the tables."""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from bench import peers, report
from bench.load import Measurement, Order
from bench.machine import LOAD_CORE, cores
from bench.rows import Case, Row, Server, rows
from bench.running import NotStarted, Running, running

HERE = Path(__file__).parent
RESULTS = HERE / "results"
WARM_UP = 0.3


def main() -> int:
    """0 when every answer was right and, in a whole run that is not a quick one, every promise was kept."""
    said = arguments()
    peers.prepare()
    began = time.time()
    with running(RESULTS / "logs") as servers:
        upstream = Server("upstream", "upstream.py")
        servers.start([upstream], core=LOAD_CORE)
        chosen = rows(f"http://127.0.0.1:{servers.target(upstream).port}", quick=said.quick)
        chosen = [row for number, row in enumerate(chosen, 1) if said.row in {None, number}]
        results = [measure(row, servers, peers_only=said.peers_only) for row in chosen]
    return finish(said, began, chosen, results)


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: a look, not a claim")
    parser.add_argument("--peers-only", action="store_true", help="leave Freehold out")
    parser.add_argument("--row", type=int, help="only this row, counted from 1")
    return parser.parse_args()


def measure(row: Row, servers: Running, *, peers_only: bool) -> report.Results:
    """Every case once per round, A B C A B C, so that a noisy minute falls on all of them."""
    cases = [case for case in row.cases if not (peers_only and case.server.ours)]
    print(f"\n{row.title}: starting {len({case.server for case in cases})} servers", flush=True)
    servers.start([case.server for case in cases])
    results: report.Results = {case.name: [] for case in cases}
    for number in range(row.rounds):
        for case in cases:
            results[case.name].append(one(case, servers, row.seconds))
        print(f"  round {number + 1} of {row.rounds}", flush=True)
    print(report.table(row, results), flush=True)
    return results


def one(case: Case, servers: Running, seconds: float) -> Measurement:
    """One case measured once, by a load process of its own."""
    target = replace(servers.target(case.server), version=case.version)
    order = Order(case.kind, target, servers.pid(case.server), case.tools, case.connections, seconds, WARM_UP, case.streams)
    load = subprocess.run(
        [sys.executable, "-m", "bench.load"], input=json.dumps(asdict(order)), capture_output=True, text=True, check=False, cwd=HERE.parent
    )
    if load.returncode:
        sys.exit(f"The load on {case.name} broke off: {load.stderr[-600:]}")
    return Measurement(**json.loads(load.stdout))


def finish(said: argparse.Namespace, began: float, measured: list[Row], results: list[report.Results]) -> int:
    """Write both files, print the promises, say the exit code."""
    facts = machine_facts(said, began)
    whole = said.row is None
    found = report.document(facts, measured, results)
    tables = [report.table(row, one) for row, one in zip(measured, results, strict=True)]
    promised = [report.promises(results)] if whole else []
    length = f"{facts['seconds']:.0f} s{', quick' if said.quick else ''}"
    head = f"# Bench, {facts['at']}\n\n{facts['python']}, {facts['cores']} cores, load average {facts['load']}, {length}\n"
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "latest.json").write_text(json.dumps(found, indent=1))
    (RESULTS / "latest.md").write_text("\n".join([head, *promised, *tables]))
    print("\n".join([*promised, f"{length}; every round is in bench/results/latest.json, the tables in bench/results/latest.md"]))
    wrong = any(one.errors for row in results for rounds in row.values() for one in rounds)
    broken = whole and not said.quick and not said.peers_only and any(one["kept"] is not True for one in found["promises"])
    return 1 if wrong or broken else 0


def machine_facts(said: argparse.Namespace, began: float) -> dict[str, Any]:
    """When, where and how noisy."""
    return {
        "at": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(began)),
        "seconds": time.time() - began,
        "quick": said.quick,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "cores": len(cores()) or os.cpu_count(),
        "load": " ".join(f"{value:.2f}" for value in os.getloadavg()),
    }


if __name__ == "__main__":
    try:
        sys.exit(main())
    except NotStarted as fault:
        sys.exit(str(fault))

"""Medians, ratios and promises as JSON for machines and as a Markdown table for people."""

from dataclasses import asdict
from statistics import median
from typing import Any

from bench.load import Measurement
from bench.rows import FREEHOLD, PROMISES, Case, Promise, Row

Results = dict[str, list[Measurement]]
COLUMNS = ("server", "asked", "CPU us/request", "times Freehold", "requests/s", "p50 ms", "p99 ms", "bytes", "requests", "errors")


def middle(measurements: list[Measurement], what: str) -> float | None:
    """The median of one figure over the rounds; None when there is none."""
    values = [getattr(one, what) for one in measurements]
    return None if not values or None in values else median(values)


def table(row: Row, results: Results) -> str:
    """One row's Markdown table, each line beside Freehold's when it is asked the same."""
    lines = [f"## {row.title}", "", f"| {' | '.join(COLUMNS)} |", "|---" + "|--:" * (len(COLUMNS) - 1) + "|"]
    lines += [_line(case, results) for case in row.cases if case.name in results]
    samples = {one.sample for measurements in results.values() for one in measurements if one.sample}
    return "\n".join([*lines, "", *(f"First wrong answer: `{sample}`" for sample in samples), ""])


def _line(case: Case, results: Results) -> str:
    mine = results[case.name]
    ours = results.get(f"{FREEHOLD} | {case.asked}", [])
    cells = [
        case.server.label,
        case.asked,
        _figure(middle(mine, "cpu_us"), 0),
        _ratio(middle(mine, "cpu_us"), middle(ours, "cpu_us")),
        _figure(middle(mine, "rps"), 0),
        _figure(middle(mine, "p50_ms"), 2),
        _figure(middle(mine, "p99_ms"), 2),
        _figure(middle(mine, "bytes_out"), 0),
        str(sum(one.requests for one in mine)),
        str(sum(one.errors for one in mine)),
    ]
    return f"| {' | '.join(cells)} |"


def _figure(value: float | None, digits: int) -> str:
    return "n/a" if value is None else f"{value:,.{digits}f}"


def _ratio(above: float | None, below: float | None) -> str:
    return f"{above / below:.1f}x" if above and below else ""


def kept(promise: Promise, results: list[Results]) -> tuple[float | None, bool | None]:
    """The ratio measured, and whether the promise holds; None when a case is missing or has errors."""
    cases = results[promise.row] if promise.row < len(results) else {}
    above, below = cases.get(promise.above, []), cases.get(promise.below, [])
    figures = middle(above, "cpu_us"), middle(below, "cpu_us")
    if not figures[0] or not figures[1] or any(one.errors for one in [*above, *below]):
        return None, None
    ratio = figures[0] / figures[1]
    return ratio, ratio >= (promise.least or 0) and ratio <= (promise.most or ratio)


def promises(results: list[Results]) -> str:
    """What was promised and what was measured."""
    lines = ["## What was promised", "", "| promise (CPU per request, same run) | measured | kept |", "|---|--:|---|"]
    for promise in PROMISES:
        ratio, holds = kept(promise, results)
        word = {True: "yes", False: "NO", None: "not measured"}[holds]
        lines.append(f"| {promise.sentence} | {'' if ratio is None else f'{ratio:.2f}x'} | {word} |")
    return "\n".join([*lines, ""])


def document(facts: dict[str, Any], measured: list[Row], results: list[Results]) -> dict[str, Any]:
    """Everything, every round, for machines."""
    kept_promises = [{"promise": one.sentence, "ratio": kept(one, results)[0], "kept": kept(one, results)[1]} for one in PROMISES]
    rows = [
        {"title": row.title, "cases": {name: [asdict(one) for one in rounds] for name, rounds in found.items()}}
        for row, found in zip(measured, results, strict=True)
    ]
    return {**facts, "promises": kept_promises, "rows": rows}

"""`freehold catalog`: what tools/list shows, how many tokens it takes, and whether the right tool is still found."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from freehold.cli import editing
from freehold.cli.asking import REFUSED, Config, Json, rows, run
from freehold.cli.moments import counted
from freehold.cli.sources import LEFT_OUT

app = typer.Typer(help="What each customer's agents see: its length, edits and approvals.", no_args_is_help=True)
app.add_typer(editing.app)


@app.command("compile")
def compile_(
    *,
    config: Config = None,
    budget: Annotated[int, typer.Option(min=1_000, help="Tokens the list may take, four bytes each.")] = 8_000,
    tag: Annotated[list[str] | None, typer.Option(help="List only tools of this area of the API; more than once for several.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="List only tools that reads, writes or destroys.")] = None,
    usage: Annotated[int | None, typer.Option(min=1, help="List first what was called most in so many days.")] = None,
    questions: Annotated[Path | None, typer.Option(help="More questions for the check: lines `question => tool`.")] = None,
    as_json: Json = False,
) -> None:
    """Try a budget: which tools are listed, what each costs, what goes behind search_tools. Exit 1 when too much is no longer found.

    Changes nothing: write what it proposes into freehold.toml.
    """
    from freehold.cli.compiling import compiled

    report = run(compiled(config, tokens=budget, tags=tag or (), kinds=kind or (), days=usage, questions=questions))
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False))
    else:
        _show(report)
    if not report["recall"]["kept"]:
        raise typer.Exit(REFUSED)


def _show(report: dict[str, Any]) -> None:
    rows(report["listed"], as_json=False, empty="No tool is listed.")
    total, recall = report["total"], report["recall"]
    typer.echo(f"\n{total['listed']} of {total['tools']} tools listed: {total['tokens']} tokens instead of {total['tokens_of_all']}.")
    for what, said in LEFT_OUT.items():
        if count := sum(1 for trim in report["trimmed"] if trim["what"] == what):
            typer.echo(f"Of {counted(count, 'tool')} {said}; --json names them.")
    typer.echo(f"{total['searched']} are found with search_tools and called with call_tool, under the same rights.")
    typer.echo(
        f"Of {recall['questions']} questions, search finds the right tool among five for {recall['whole']:.1%} in the whole list, "
        f"{recall['compiled']:.1%} in this one."
    )
    for one in recall["lost"]:
        typer.echo(f"  lost: {one['tool']} for {one['text']!r}")
    if not recall["kept"]:
        typer.echo("That is less than 95% of the whole list's. Raise the budget, or describe the lost tools in words people use.", err=True)
    typer.echo("\nTo serve it, in freehold.toml above the first section:")
    typer.echo(report["settings"])

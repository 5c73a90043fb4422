"""Calls of our own hard documents arrive as they ask: what `make fidelity` measures when nothing is named."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.documents.__main__ import OWN
from bench.documents.one import measured
from tests.clients.hosts import peer
from tests.documents import document, parameter

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", ["hard", "later", "swagger"])
def test_every_call_of_our_own_documents_is_faithful(name: str, seed: int) -> None:
    """Every operation is a tool, every tool is called, and no request or answer has a fault (OA-01, OA-03)."""
    facts = measured(OWN / f"{name}.yaml", name, calls=100, seed=seed)
    assert facts.faults == []
    assert facts.skipped == []
    assert facts.operations == facts.tools == facts.calls == facts.faithful > 4
    assert (facts.refused, facts.ungenerated) == ("", 0)


def test_the_command_imports_all_calls_a_sample_and_sums_up(tmp_path: Path) -> None:
    """A folder with a document, one without operations and a page: the sums count each, and no fault is exit code 0."""
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "older.yaml").write_text((OWN / "swagger.yaml").read_text())
    (tmp_path / "bare.json").write_text('{"openapi": "3.0.0", "paths": {}}')
    (tmp_path / "page.html").write_text("<html></html>")
    command = [sys.executable, "-m", "bench.documents", str(tmp_path), "--documents=2", "--calls=1", "--seed=3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "| deeper/older | 5 | 5 |" in done.stdout
    assert "documents: 2, of them refused 1, crashed 0" in done.stdout
    assert "calls faithful: 1 of 1 (100.00%)" in done.stdout
    assert "page" not in done.stdout.partition("documents:")[0].replace("web page", "")


def test_the_peer_is_asked_the_same_and_judged_alike(tmp_path: Path) -> None:
    """FastMCP is called for the operations that we are, each request counted by what arrived; a document it refuses is counted as that."""
    peer()
    named = {"operationId": "one", "parameters": [parameter("id", "path")]}
    exploded = {"operationId": "csv", "parameters": [parameter("ids", "query", {"type": "array", "items": {"type": "integer"}})]}
    good = document({"/a/{id}": {"get": named}, "/b": {"get": exploded}}, servers=[{"url": "https://api.example.com"}])
    for path in good["paths"].values():
        path["get"]["responses"] = {"200": {"description": "ok"}}
    (tmp_path / "good.json").write_text(json.dumps(good))
    (tmp_path / "odd.json").write_text('{"openapi": "3.0.3", "paths": {"/a": {"get": {}}}}')
    command = [sys.executable, "-m", "bench.documents", str(tmp_path), "--calls=5", "--seed=2", "--beside=fastmcp"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "calls faithful: 3 of 3 (100.00%)" in done.stdout
    assert "fastmcp, asked the same: documents 2, of them refused 1, not finished 0" in done.stdout
    assert "fastmcp: asked for 3, tools 2, called 2, requests faithful 2 (100.00%)" in done.stdout
    assert "ours in the documents it imports: asked for 2, tools 2, called 2, requests faithful 2 (100.00%), answers too 2" in done.stdout
    assert "fastmcp refused: " in done.stdout

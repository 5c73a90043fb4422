"""The documentation says what the code does, or the build fails."""

import re
from pathlib import Path

import pytest
import typer

from freehold.cli.main import app
from freehold.core.refusals import REFUSALS, Refusal
from freehold.web.problems import LOOKS
from tests.house.documents import DOCS, PAGES

ROOT = DOCS.parent
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES)
def test_reference_pages_are_what_the_code_says(page: str) -> None:
    """docs/settings.md and docs/refusals.md are exactly what `python -m tests.house.documents` writes."""
    assert (DOCS / page).read_text() == PAGES[page]()


def test_every_command_is_documented() -> None:
    """docs/commands.md has a line for every command there is, and for none that is not."""
    documented = set(re.findall(r"^\| `freehold ([a-z]+(?: [a-z]+)*)(?=[ `])", (DOCS / "commands.md").read_text(), re.MULTILINE))
    assert documented == set(_commands())


def _commands(group: typer.Typer = app, name: str = "") -> list[str]:
    """Every command by its words; a group without a name of its own adds to the one it is in."""
    found = [f"{name} {command.name or getattr(command.callback, '__name__', '')}".strip() for command in group.registered_commands]
    for inner in group.registered_groups:
        assert isinstance(inner.typer_instance, typer.Typer)
        found += _commands(inner.typer_instance, inner.name if isinstance(inner.name, str) else name)
    return found


def test_every_refusal_has_a_look_or_belongs_to_the_command_line() -> None:
    """The wire's table names only codes there are; what it leaves out is raised for operators' commands only."""
    assert set(LOOKS) <= set(REFUSALS)
    operators = {"tenant_unknown", "tenant_exists", "tenant_id_invalid", "key_unknown", "plan_unknown", "scope_invalid"}
    operators |= {"key_ended", "network_invalid", "service_invalid"}
    assert set(REFUSALS) - set(LOOKS) == operators | {
        "document_invalid",
        "source_unknown",
        "edit_invalid",
        "edit_unknown",
        "nothing_pending",
        "release_unknown",
        "nothing_to_roll_back",
        "nothing_pinned",
        "user_id_invalid",
        "user_unknown",
        "role_invalid",
        "password_unfit",
    }


def test_refusals_are_sentences() -> None:
    """Each wording begins with a capital (or a fact), ends with a full stop and shows every fact it is given."""
    for code, wording in REFUSALS.items():
        for text in wording:
            assert text.endswith((".", "{mend}")), code
            assert text[0].isupper() or text[0] == "{", code
    assert str(Refusal("body_too_large", limit=5)) == "The request body is larger than 5 bytes. Send less in one request."


@pytest.mark.parametrize(
    "page", sorted(str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.md"), *DOCS.glob("*.md"), *ROOT.glob("bench/*.md")])
)
def test_links_between_pages_lead_somewhere(page: str) -> None:
    """Every relative link in the documentation names a file of this repository."""
    path = ROOT / page
    for target in LINK.findall(path.read_text()):
        assert (path.parent / target).exists(), f"{page}: {target}"
    assert Path(path).stat().st_size > 0

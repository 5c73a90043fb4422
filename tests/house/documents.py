"""Reference pages made from the code: settings and refusals. `python -m tests.house.documents` writes them anew."""

import string
import types
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from freehold.core.refusals import REFUSALS
from freehold.granting import ClientSettings, IntrospectionSettings, IssuerSettings, ScopeSettings
from freehold.settings import PlanSettings, Settings, SourceSettings
from freehold.web.problems import LOOKS

DOCS = Path(__file__).parents[2] / "docs"

_SHOWN = {"http": "HTTP {status}", "rpc": "JSON-RPC {code} (HTTP {status})", "result": "tool result with isError"}


def settings_page() -> str:
    """docs/settings.md."""
    parts = [
        "# Settings\n\n",
        "Read once at the start: command-line options win over `FREEHOLD_*` variables, those over `freehold.toml`. A variable is the\n",
        "setting's name in capitals (`FREEHOLD_PUBLIC_URL`), lists are comma-separated, and `FREEHOLD_X_FILE` names a file that holds X.\n",
        "An unknown key or an unsafe combination stops the start and says what to change; `freehold doctor` shows what each part makes\n",
        "of them.\n\n",
        _table(Settings),
    ]
    tables: tuple[tuple[str, type[BaseModel]], ...] = (
        ("[plans.NAME]", PlanSettings),
        ("[sources.NAME]", SourceSettings),
        ("[issuers.NAME]", IssuerSettings),
        ("[scopes.NAME]", ScopeSettings),
        ("[clients.NAME]", ClientSettings),
        ("[issuers.NAME.introspection]", IntrospectionSettings),
    )
    for title, model in tables:
        parts.append(f"\n## `{title}`\n\n{model.__doc__}\n\n{_table(model)}")
    return "".join(parts)


def _table(model: type[BaseModel]) -> str:
    rows = ["| setting | default | what it says |\n|---|---|---|\n"]
    for name, field in model.model_fields.items():
        if name != "folder":
            default = "" if field.is_required() else _default(field.default)
            rows.append(f"| `{name}` | {default} | {field.description} |\n")
    return "".join(rows)


def _default(value: Any) -> str:
    if hasattr(value, "get_secret_value"):
        value = value.get_secret_value()
    if isinstance(value, dict | types.MappingProxyType):
        return " ".join(f"`{key}`" for key in value)
    if value in (None, "", ()):
        return ""
    return f"`{' '.join(value) if isinstance(value, tuple) else value}`"


def refusals_page() -> str:
    """docs/refusals.md."""
    parts = [
        "# Refusals\n\n",
        "Every way Freehold says no has a code that never changes, a sentence, and what to do next. Inside a tool call an agent reads\n",
        "both sentences as the result's text and finds the code in `_meta` under `dev.freehold/refusal`, with `retry_after` in seconds\n",
        "where waiting helps.\n\n",
        "| code | sentence | what to do | seen as |\n|---|---|---|---|\n",
    ]
    for code, wording in REFUSALS.items():
        look = LOOKS.get(code)
        seen = "command line" if look is None else _SHOWN[look.shown].format(status=look.status, code=look.code)
        parts.append(f"| `{code}` | {_facts(wording.sentence)} | {_facts(wording.mend)} | {seen} |\n")
    return "".join(parts)


def _facts(text: str) -> str:
    """The wording with its facts as words in italics."""
    return "".join(literal + (f"*{name}*" if name else "") for literal, name, _, _ in string.Formatter().parse(text)).replace("|", "\\|")


PAGES = {"settings.md": settings_page, "refusals.md": refusals_page}

if __name__ == "__main__":
    for page, make in PAGES.items():
        (DOCS / page).write_text(make())

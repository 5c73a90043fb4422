"""The house rules no ready-made tool checks, as functions from one page of source to its violations.

`make check` runs this file as a script; `test_rules.py` plants one violation per rule and sees it named.
Imports between floors are import-linter's, style is ruff's, types are basedpyright's."""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tests.house.words import MACHINE_PATH, REGISTRIES, RESERVED_STEMS, SQL_START

FILE_LINES = 400
WIRE_LINES = 600
FUNCTION_LINES = 60
SLEEPS = {"time.sleep", "asyncio.sleep", "anyio.sleep", "sleep"}
FOLDERS = ("src", "tests", "bench", "examples", "docs", "deploy", ".ci", ".github")
SKIPPED_FOLDERS = {"__pycache__", ".envs", "results", "node_modules"}
TEXT_SUFFIXES = {"", ".py", ".md", ".toml", ".txt", ".yml", ".yaml", ".json", ".sh", ".cfg", ".html", ".css", ".js", ".sql"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, order=True)
class Violation:
    """One broken rule at one place."""

    path: str
    line: int
    rule: str = field(compare=False)
    sentence: str

    def __str__(self) -> str:
        """`file:line: sentence`, as editors like to jump to it."""
        return f"{self.path}:{self.line}: {self.sentence} [{self.rule}]"


@dataclass(frozen=True)
class Page:
    """One text file of the repository; `path` is relative to its root, with forward slashes."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree; empty for what is not Python."""
        return ast.parse(self.text if self.python else "")

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of the tree."""
        return list(ast.walk(self.tree))

    @cached_property
    def comments(self) -> dict[int, str]:
        """The comment on each line that has one."""
        if not self.python:
            return {}
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}

    @property
    def python(self) -> bool:
        """Whether it is Python."""
        return self.path.endswith(".py")

    @property
    def ours(self) -> bool:
        """Whether it is part of the package that ships."""
        return self.path.startswith("src/freehold/")

    @property
    def test(self) -> bool:
        """Whether it holds tests."""
        return self.path.startswith("tests/") and self.path.rpartition("/")[2].startswith("test_")

    def functions(self) -> Iterator[Function]:
        """Every function, also nested ones."""
        return (node for node in self.nodes if isinstance(node, Function))


Finding = tuple[int, str]
Rule = Callable[[Page], Iterator[Finding]]


def imported(page: Page) -> Iterator[tuple[ast.stmt, str]]:
    """Every imported name in full (`a.b.c` for `from a.b import c`) with its statement."""
    for node in page.nodes:
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from ((node, f"{node.module}.{alias.name}") for alias in node.names)


def base_middleware(page: Page) -> Iterator[Finding]:
    """Pure ASGI only: three of Starlette's base middlewares cost nine tenths of the throughput."""
    name = "BaseHTTP" + "Middleware"
    for node in page.nodes:
        named = (isinstance(node, ast.Name) and node.id == name) or (isinstance(node, ast.Attribute) and node.attr == name)
        if named or (isinstance(node, ast.alias) and node.name == name):
            yield node.lineno, f"{name} is forbidden; write pure ASGI."


def schemas_offline(page: Page) -> Iterator[Finding]:
    """jsonschema-rs opens files and URLs named by `$ref` unless told not to."""
    takers = {"validator_for", "validate", "is_valid", "iter_errors", "evaluate"}
    modules = {
        name.asname or name.name
        for node in page.nodes
        if isinstance(node, ast.Import)
        for name in node.names
        if name.name == "jsonschema_rs"
    }
    local = {name.asname or name.name for node in page.nodes if _from(node, "jsonschema_rs") for name in node.names}
    for call in (node for node in page.nodes if isinstance(node, ast.Call)):
        owner, _, name = ast.unparse(call.func).rpartition(".")
        ours = owner in modules or (not owner and name in local)
        offline = any(word.arg == "offline" and ast.unparse(word.value) == "True" for word in call.keywords)
        if ours and not offline and (name in takers or name.endswith("Validator")):
            yield call.lineno, f"{name} without offline=True would open what a $ref names; pass offline=True."


def _from(node: ast.AST, module: str) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == module


def http_clients(page: Page) -> Iterator[Finding]:
    """Law 5: one guarded client. The bench's peers need theirs."""
    if page.path.startswith("bench/servers/"):
        return
    for node, name in imported(page):
        top = name.partition(".")[0]
        if top in {"httpx", "httpx2", "requests", "niquests"}:
            yield node.lineno, f"{top} is not our client; send through freehold.kit.http."


def sql_at_home(page: Page) -> Iterator[Finding]:
    """SQL stands in a room's store, beside its tables, or in the database ground floor."""
    if not page.ours or _may_hold_sql(page.path.removeprefix("src/freehold/")):
        return
    for node, name in imported(page):
        if name.partition(".")[0] in {"sqlalchemy", "sqlite3", "aiosqlite", "alembic"}:
            yield node.lineno, "Databases are reached through a room's store.py; move this there."
    for node in page.nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL_START.match(node.value):
            yield node.lineno, "SQL text belongs in a room's store.py; move it there."


def _may_hold_sql(path: str) -> bool:
    room = path.startswith("domains/") and (path.endswith(("/store.py", "/tables.py")) or "/store_" in path)
    ground = path in {"kit/db.py", "kit/bounds.py", "kit/changes.py", "kit/migrate.py"} or path.startswith(("kit/db_", "migrations/"))
    sample_company = path.startswith("demo/trackline/")
    return room or ground or sample_company


def doors_named(page: Page) -> Iterator[Finding]:
    """A blind except that swallows is only right at a door, where the process must go on; the comment says which."""
    for node in page.nodes:
        if not (page.ours and isinstance(node, ast.ExceptHandler)):
            continue
        caught = "" if node.type is None else ast.unparse(node.type)
        raised_again = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
        blind = not raised_again and (not caught or re.search(r"\b(Base)?Exception\b", caught))
        if blind and not re.search(r"\bdoor: \S", page.comments.get(node.lineno, "")):
            yield (
                node.lineno,
                "A blind except needs the door it stands at and why in a comment on its line (`door: ...`), or a narrower class.",
            )


def environment_read_once(page: Page) -> Iterator[Finding]:
    """Configuration enters through settings.py, so that it can be printed, checked and documented."""
    if not page.ours or page.path.endswith("freehold/settings.py"):
        return
    for node in page.nodes:
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"}:
            yield node.lineno, "The environment is read in settings.py only; take a plain value."
    for node, name in imported(page):
        if name in {"os.environ", "os.getenv"}:
            yield node.lineno, "The environment is read in settings.py only; take a plain value."


def modules_open_with_a_head(page: Page) -> Iterator[Finding]:
    """Every module says what it is for."""
    if page.python and not ast.get_docstring(page.tree):
        yield 1, "The module has no docstring; say in one to three sentences what it is for."


def tests_state_facts(page: Page) -> Iterator[Finding]:
    """A test says the fact it proves, is a plain function, and runs."""
    if not page.test:
        return
    for function in page.functions():
        if function.name.startswith("test_") and not ast.get_docstring(function):
            yield function.lineno, f"{function.name} has no docstring; state the fact it proves in one sentence."
    for node in page.nodes:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield node.lineno, f"{node.name} is a test class; write plain functions."
        elif isinstance(node, ast.Attribute) and node.attr in {"skip", "skipif", "xfail", "importorskip"}:
            yield node.lineno, f"{node.attr} hides a test; make it run or remove it."


def tests_do_not_sleep(page: Page) -> Iterator[Finding]:
    """Time is turned by hand; what truly has to pass is explained on its line."""
    if not page.path.startswith("tests/"):
        return
    for node in page.nodes:
        if not isinstance(node, ast.Call) or ast.unparse(node.func) not in SLEEPS:
            continue
        yields = bool(node.args) and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0
        if not yields and "# real time:" not in page.comments.get(node.lineno, ""):
            yield node.lineno, "A test must not sleep; turn tests.clocks.HandClock, or say why in `# real time: ...`."


def telling_names(page: Page) -> Iterator[Finding]:
    """A file is named for what it does."""
    parts = page.path.removesuffix(".py").split("/")
    for part in parts if page.python else ():
        if part.lstrip("_") in RESERVED_STEMS:
            yield 1, f"`{part}` says nothing; name the file for what it does."


def small_files(page: Page) -> Iterator[Finding]:
    """A file is read in one sitting."""
    lines = page.text.count("\n")
    limit = WIRE_LINES if page.path.startswith("src/freehold/protocol/") else FILE_LINES
    if page.python and lines > limit:
        yield limit, f"The file has {lines} lines; {limit} are the budget. Cut it along what it does."


def small_functions(page: Page) -> Iterator[Finding]:
    """A function fits on a screen."""
    for function in page.functions():
        lines = length(function)
        if lines > FUNCTION_LINES:
            yield function.lineno, f"{function.name} has {lines} lines; {FUNCTION_LINES} are the limit, 5 the aim."


def length(function: Function) -> int:
    """Lines from `def` to the end, without the docstring."""
    first = function.body[0]
    head = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    documented = first.end_lineno - first.lineno + 1 if head and first.end_lineno else 0
    return (function.end_lineno or function.lineno) - function.lineno + 1 - documented


def no_machine_paths(page: Page) -> Iterator[Finding]:
    """The repository works wherever it is cloned."""
    for number, line in enumerate(page.text.splitlines(), 1):
        if found := MACHINE_PATH.search(line):
            yield number, f"`{found[0]}` is a path of one machine; make it relative or take it as an argument."


def no_registry_hosts(page: Page) -> Iterator[Finding]:
    """Where packages come from is the reader's configuration, not ours."""
    for number, line in enumerate(page.text.splitlines(), 1):
        for host in REGISTRIES:
            if host in line:
                yield number, f"`{host}` is a package registry; let the installer's configuration name it."


def exceptions_to_rules_explained(page: Page) -> Iterator[Finding]:
    """Whoever silences a checker says why, on the same line."""
    silencer = re.compile(r"# (?:noqa(?:: ?[A-Z0-9, ]+)?|type: ignore(?:\[[^]]*\])?|pyright: ignore(?:\[[^]]*\])?)(?P<reason>.*)")
    for line, comment in page.comments.items():
        if (found := silencer.match(comment)) and not re.search(r"\bsame\b|[a-z]{2,} \S", found["reason"]):
            yield line, "A silenced check needs its reason behind the code, on the same line."


def heavy_imports_late(page: Page) -> Iterator[Finding]:
    """`freehold --help` answers at once: what is heavy is imported where it is used."""
    if not page.ours or page.path.startswith(("src/freehold/adapters/", "src/freehold/migrations/")):
        return
    heavy = re.compile(r"(asyncpg|redis|alembic|yaml|mcp|boto3|stripe|hvac|fastapi|opentelemetry\.(sdk|exporter))(\.|$)")
    top = {id(node) for node in page.tree.body}
    for node, name in imported(page):
        if id(node) in top and heavy.match(name):
            yield node.lineno, f"{name.partition('.')[0]} is heavy; import it inside the function that needs it."


def front_door_unused_inside(page: Page) -> Iterator[Finding]:
    """`from freehold import Name` is for SaaS teams; inside, a name is imported from where it lives."""
    for node, name in imported(page):
        if page.ours and re.fullmatch(r"freehold\.(\*|[A-Z]\w*)", name):
            yield node.lineno, "Import from the module the name lives in, not from the front door."


RULES: tuple[Rule, ...] = (
    base_middleware,
    schemas_offline,
    http_clients,
    sql_at_home,
    doors_named,
    environment_read_once,
    modules_open_with_a_head,
    tests_state_facts,
    tests_do_not_sleep,
    telling_names,
    small_files,
    small_functions,
    no_machine_paths,
    no_registry_hosts,
    exceptions_to_rules_explained,
    heavy_imports_late,
    front_door_unused_inside,
)


def pages(root: Path) -> Iterator[Page]:
    """Every text file of the repository that people write."""
    tops = [path for path in root.iterdir() if path.is_file()]
    below = [path for folder in FOLDERS for path in (root / folder).rglob("*") if path.is_file()]
    for path in sorted(tops + below):
        relative = path.relative_to(root)
        if path.suffix in TEXT_SUFFIXES and not SKIPPED_FOLDERS.intersection(relative.parts):
            yield Page(relative.as_posix(), path.read_text(encoding="utf-8", errors="replace"))


def check(root: Path) -> list[Violation]:
    """Every violation under `root`, in reading order."""
    return sorted({violation for page in pages(root) for violation in look(page)})


def look(page: Page) -> Iterator[Violation]:
    """Every violation on one page; what Python cannot read has just that one."""
    try:
        ast.parse(page.text if page.python else "")
    except SyntaxError as unreadable:
        yield Violation(page.path, unreadable.lineno or 1, "syntax", "This Python, which we support, cannot read the file.")
        return
    for rule in RULES:
        yield from (Violation(page.path, line, rule.__name__, why) for line, why in rule(page))


def sizes(root: Path) -> str:
    """One line on how long the package's functions are."""
    lengths = sorted(length(function) for page in pages(root) if page.ours for function in page.functions())
    if not lengths:
        return "no functions"
    middle, ninth, over = lengths[len(lengths) // 2], lengths[len(lengths) * 9 // 10], sum(lines > 40 for lines in lengths)
    return f"{len(lengths)} functions: median {middle} lines, nine in ten <= {ninth}, {over} over 40"


def main() -> int:
    """Print every violation; 1 when there is one."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    violations = check(root)
    for violation in violations:
        print(violation)
    print(f"house: {len(violations)} violations of {len(RULES)} rules; {sizes(root)}")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())

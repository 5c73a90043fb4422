"""Bounds a statement to one tenant's rows, or refuses it. Pure: knows SQLAlchemy's expressions, opens nothing.

Only shapes whose every row source can be seen and bounded are let through; everything else is refused, also what
would be harmless. PostgreSQL's row-level security says the same a second time (law 1)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

from sqlalchemy import Alias, BindParameter, ColumnClause, Delete, Executable, FromClause, Insert, Join, Select, Table, Update
from sqlalchemy.schema import Column
from sqlalchemy.sql import visitors
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import custom_op
from sqlalchemy.sql.visitors import Visitable

Rows = Sequence[Mapping[str, Any]]

_TENANT: Final = "tenant_id"
_EXPRESSIONS: Final = frozenset(
    {
        *("table", "alias", "join", "column", "bindparam", "clause", "on_conflict_do_nothing"),
        *(
            "binary",
            "unary",
            "clauselist",
            "expression_clauselist",
            "grouping",
            "tuple",
            "case",
            "cast",
            "label",
            "textual_label_reference",
        ),
        *("null", "true", "false"),
    }
)
"""What a statement may be made of, by SQLAlchemy's names. No statement inside a statement, no text."""
_FUNCTIONS: Final = frozenset({"avg", "coalesce", "count", "length", "lower", "max", "min", "sum", "upper"})
_RAW_SQL: Final = ("_prefixes", "_suffixes", "_hints", "_statement_hints")


class Unbounded(Exception):
    """A tenant's scope was given a statement it cannot keep to that tenant. A mistake in the calling code, never the caller's input."""

    def __init__(self, why: str) -> None:
        """Say what about the statement cannot be bounded."""
        super().__init__(
            f"A tenant's scope refused a statement: {why}. Write a simpler one, or do it in a named use case that crosses tenants."
        )


def bounded(statement: Executable, rows: Rows | None, tenant: str) -> tuple[Executable, Rows | None]:
    """The same statement and rows, reaching only the rows of `tenant`. Raises `Unbounded`."""
    if isinstance(statement, Insert):
        return _bounded_insert(statement, rows, tenant)
    if not isinstance(statement, Select | Update | Delete):
        raise Unbounded(f"{type(statement).__name__} is not a plain select, insert, update or delete")
    read = cast("Select[*tuple[Any, ...]] | Update | Delete", statement)
    sources = _select_sources(read) if isinstance(read, Select) else _dml_sources(read)
    _check(read, sources)
    _check_parameters(rows)
    return read.where(*(source.c[_TENANT] == tenant for source in sources)), rows


def _select_sources(statement: Select[*tuple[Any, ...]]) -> list[FromClause]:
    sources = [source for root in statement.get_final_froms() for source in _flat(root)]
    if not sources:
        raise Unbounded("it names no table")
    return sources


def _dml_sources(statement: Update | Delete) -> list[FromClause]:
    if isinstance(statement, Update) and _TENANT in _value_names(statement):
        raise Unbounded(f"it sets {_TENANT}")
    return list(_flat(statement.table))


def _flat(source: FromClause) -> Iterable[FromClause]:
    """The tables a FROM is made of; inner joins only, for an outer join's rows are not bounded by WHERE alone."""
    if isinstance(source, Join):
        if source.isouter or source.full:
            raise Unbounded("it has an outer join")
        yield from _flat(source.left)
        yield from _flat(source.right)
        return
    table = source.element if isinstance(source, Alias) else source
    if not isinstance(table, Table):
        raise Unbounded(f"it reads from {type(source).__name__}, not from a table")
    if _TENANT not in cast("Table[Any]", table).columns:
        raise Unbounded(f"the table {table.name} does not belong to tenants")
    yield source


def _check(statement: Select[*tuple[Any, ...]] | Update | Delete | Insert, sources: Sequence[FromClause]) -> None:
    """Refuse every expression that could reach rows of a table that is not among `sources`."""
    if any(getattr(statement, part, ()) for part in _RAW_SQL):
        raise Unbounded("it carries a prefix, suffix or hint")
    for part in visitors.iterate(statement):
        if part is not statement:
            _check_part(part, sources)


def _check_part(part: Visitable, sources: Sequence[FromClause]) -> None:
    kind = part.__visit_name__
    if isinstance(part, FunctionElement):
        if getattr(cast("FunctionElement[Any]", part), "name", "") not in _FUNCTIONS:
            raise Unbounded("it calls a function that could reach further")
    elif kind not in _EXPRESSIONS:
        raise Unbounded(f"it contains a {kind}")
    elif isinstance(getattr(part, "operator", None), custom_op):
        raise Unbounded("it uses an operator of its own")
    elif isinstance(part, ColumnClause) and not _known(cast("ColumnClause[Any]", part), sources):
        raise Unbounded("it names a column that none of its tables has")


def _known(column: ColumnClause[Any], sources: Sequence[FromClause]) -> bool:
    """A column of one of the tables; or the star that `count()` brings."""
    if column.table is None:
        return column.name == "*"
    return any(column.table is source for source in sources)


def _bounded_insert(statement: Insert, rows: Rows | None, tenant: str) -> tuple[Insert, Rows | None]:
    _check(statement, sources := list(_flat(statement.table)))
    if statement.select is not None or getattr(statement, "_multi_values", ()):
        raise Unbounded("an insert takes its rows from `values(...)` of one row, or from `rows`")
    _check_own(_given(statement, tenant), tenant)
    if rows is None:
        return statement.values({sources[0].c[_TENANT]: tenant}), None
    for row in rows:
        _check_own(row.get(_TENANT, tenant), tenant)
    return statement, [{**row, _TENANT: tenant} for row in rows]


def _check_own(given: object, tenant: str) -> None:
    if given != tenant:
        raise Unbounded("it writes a row of another tenant")


def _check_parameters(rows: Rows | None) -> None:
    """Rows of an update or delete are parameters by name: none may set the column or replace the bound value."""
    if any(name.startswith(_TENANT) for row in rows or () for name in row):
        raise Unbounded(f"its rows carry {_TENANT}")


def _values(statement: Insert | Update) -> dict[str, object]:
    """What `values(...)` and `ordered_values(...)` set, by column name."""
    pairs: Mapping[Any, object] = getattr(statement, "_values", None) or {}
    return {column.key if isinstance(column, Column) else str(column): value for column, value in pairs.items()}


def _value_names(statement: Update) -> frozenset[str]:
    return frozenset(_values(statement))


def _given(statement: Insert, tenant: str) -> object:
    """The tenant an insert names itself; a parameter that comes later is none."""
    value = _values(statement).get(_TENANT, tenant)
    return cast("BindParameter[Any]", value).value if isinstance(value, BindParameter) else value

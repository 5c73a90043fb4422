"""A tenant's scope lets through what it can bound, bounds it, and refuses the rest, whatever it looks like."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import (
    Column,
    Executable,
    Integer,
    MetaData,
    Table,
    Text,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
    tuple_,
    union,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.sqlite import insert as upsert

from freehold.kit.bounds import Unbounded, bounded

_metadata = MetaData()
notes = Table("notes", _metadata, Column("id", Text, primary_key=True), Column("tenant_id", Text), Column("n", Integer))
marks = Table("marks", _metadata, Column("id", Text, primary_key=True), Column("tenant_id", Text), Column("note", Text))
house = Table("house", _metadata, Column("id", Text, primary_key=True), Column("v", Text))

_mine = notes.alias("mine")

BOUNDED: dict[str, Executable] = {
    "all": select(notes),
    "columns": select(notes.c.id.label("which"), func.count()).where(notes.c.n.in_([1, 2])).group_by(notes.c.id).order_by("which").limit(3),
    "either": select(notes.c.id).where(or_(notes.c.n > 1, notes.c.n.is_(None))).distinct(),
    "pairs": select(notes.c.id).where(tuple_(notes.c.id, notes.c.n).in_([("a", 1)])),
    "case": select(func.coalesce(func.sum(case((notes.c.n > 1, notes.c.n), else_=0)), 0)),
    "count": select(func.count()).select_from(notes),
    "locked": select(notes.c.id).with_for_update(),
    "alias": select(_mine.c.id),
    "join": select(notes.c.id, marks.c.id).join(marks, marks.c.note == notes.c.id),
    "both": select(notes.c.id).where(marks.c.note == notes.c.id),
    "update": update(notes).where(notes.c.id == "x").values(n=notes.c.n + 1),
    "delete": delete(notes).where(notes.c.id == "x").returning(notes.c.id),
}

REFUSED: dict[str, Executable] = {
    "text": text("SELECT * FROM notes"),
    "no table": select(func.count()),
    "house": select(house),
    "joined house": select(notes.c.id).join(house, house.c.id == notes.c.id),
    "outer join": select(notes.c.id).outerjoin(marks, marks.c.note == notes.c.id),
    "union": union(select(notes.c.id), select(marks.c.id)),
    "scalar": select(notes.c.id, select(func.max(marks.c.id)).scalar_subquery()),
    "in subquery": select(notes.c.id).where(notes.c.id.in_(select(marks.c.note))),
    "exists": select(notes.c.id).where(exists().where(marks.c.note == notes.c.id)),
    "from subquery": select(select(notes.c.id).subquery().c.id),
    "cte": select(notes.c.id).add_cte(select(marks).cte("c")),
    "where text": select(notes.c.id).where(text("1 = 1 OR 1 = 1")),
    "literal column": select(notes.c.id, literal_column("(SELECT max(id) FROM marks)")),
    "own operator": select(notes.c.id).where(notes.c.id.op("= id OR 'x' =")("x")),
    "prefix": select(notes.c.id).prefix_with("(SELECT id FROM marks),"),
    "suffix": select(notes.c.id).suffix_with("UNION SELECT id FROM marks"),
    "hint": select(notes.c.id).with_statement_hint("UNION SELECT id FROM marks"),
    "table hint": select(notes.c.id).with_hint(notes, ", marks"),
    "set_config": select(notes.c.id, func.set_config("app.tenant", "globex", 1)),
    "table function": select(func.unnest(notes.c.id).table_valued("x")),
    "sample": select(notes.tablesample(50)),
    "lateral": select(notes.c.id, select(marks.c.id).lateral().c.id),
    "update tenant": update(notes).values(tenant_id="globex"),
    "update tenant in order": update(notes).ordered_values((notes.c.tenant_id, "globex")),
    "update from": update(notes).where(notes.c.id == marks.c.note).values(n=1),
    "update by subquery": update(notes).values(n=select(func.count()).select_from(marks).scalar_subquery()),
    "delete using": delete(notes).where(notes.c.id == marks.c.note),
    "returning another": delete(notes).returning(marks.c.id),
    "update house": update(house).values(v="x"),
    "insert house": insert(house).values(id="x"),
    "insert other": insert(notes).values(id="x", tenant_id="globex"),
    "insert given later": insert(notes).values(id="x", tenant_id=bindparam("t")),
    "insert computed": insert(notes).values(id="x", tenant_id=func.lower("GLOBEX")),
    "insert subquery": insert(notes).values(id="x", n=select(func.max(marks.c.id)).scalar_subquery()),
    "insert many values": insert(notes).values([{"id": "x"}, {"id": "y", "tenant_id": "globex"}]),
    "insert select": insert(notes).from_select(["id"], select(marks.c.id)),
    "upsert": upsert(notes).values(id="x").on_conflict_do_update(index_elements=["id"], set_={"n": 1}),
    "create": func.now().select(),
}


def rendered(statement: Executable) -> str:
    """The SQL that would run, with its values in place."""
    return str(statement.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))


@pytest.mark.parametrize("name", BOUNDED)
def test_a_statement_is_bounded_at_each_of_its_tables(name: str) -> None:
    """Each table a permitted statement reads or writes is compared with the tenant, once."""
    statement, rows = bounded(BOUNDED[name], None, "acme")
    sql = rendered(statement)
    expected = {"alias": ["mine"], "join": ["notes", "marks"], "both": ["notes", "marks"]}.get(name, ["notes"])
    assert [sql.count(f"{table}.tenant_id = 'acme'") for table in expected] == [1] * len(expected)
    assert sql.count("= 'acme'") == len(expected)
    assert rows is None


@pytest.mark.parametrize("name", REFUSED)
def test_a_statement_that_could_reach_further_is_refused(name: str) -> None:
    """Text, statements within statements, other tables, functions and hints get no way round the bound (law 1)."""
    with pytest.raises(Unbounded) as refused:
        bounded(REFUSED[name], None, "acme")
    assert "globex" not in str(refused.value)


def test_a_condition_cannot_loosen_the_bound() -> None:
    """An OR in the statement's own condition stays inside its brackets."""
    statement, _ = bounded(select(notes.c.id).where(or_(notes.c.n == 1, notes.c.n == 2)), None, "acme")
    assert rendered(statement).endswith("WHERE (notes.n = 1 OR notes.n = 2) AND notes.tenant_id = 'acme'")


def test_an_insert_is_filled_in() -> None:
    """An insert that names no tenant, or the scope's own, gets the scope's."""
    for values in ({"id": "x"}, {"id": "x", "tenant_id": "acme"}):
        statement, rows = bounded(insert(notes).values(values), None, "acme")
        assert rendered(statement) == "INSERT INTO notes (id, tenant_id) VALUES ('x', 'acme')"
        assert rows is None
    assert bounded(insert(notes), [{"id": "x"}, {"id": "y", "tenant_id": "acme"}], "acme")[1] == [
        {"id": "x", "tenant_id": "acme"},
        {"id": "y", "tenant_id": "acme"},
    ]


def test_an_insert_may_leave_what_is_there() -> None:
    """On conflict doing nothing touches no row of anyone's, so it is let through."""
    for dialect in (sqlite, postgresql):
        statement, _ = bounded(dialect.insert(notes).values(id="x").on_conflict_do_nothing(), None, "acme")
        assert "DO NOTHING" in str(statement.compile(dialect=dialect.dialect()))


@pytest.mark.parametrize("row", [{"tenant_id": "globex"}, {"tenant_id": "acme"}, {"tenant_id_1": "globex"}])
def test_rows_of_an_update_cannot_name_the_tenant(row: dict[str, str]) -> None:
    """Parameters are matched by name: none may set the tenant or take the place of the bound value."""
    for statement in (update(notes).where(notes.c.id == bindparam("which")), delete(notes).where(notes.c.id == bindparam("which"))):
        with pytest.raises(Unbounded):
            bounded(statement, [{"which": "x"} | row], "acme")


@given(tenant=st.text(min_size=1), other=st.text(min_size=1))
def test_rows_are_written_in_the_scopes_name_only(tenant: str, other: str) -> None:
    """Whatever the ids are, no row of another tenant passes, and every row that passes is the scope's."""
    if tenant == other:
        assert bounded(insert(notes), [{"id": "x", "tenant_id": other}], tenant)[1] == [{"id": "x", "tenant_id": tenant}]
    else:
        with pytest.raises(Unbounded):
            bounded(insert(notes), [{"id": "w"}, {"id": "x", "tenant_id": other}], tenant)

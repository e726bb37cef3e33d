"""The statements of the data loaders: a relation's SELECT for many keys at once."""

from collections.abc import Sequence
from typing import Any

from db.pages import Page
from db.relation import Columns, Fragment, Key, Many, Relation, Statement

CURSOR = "#cursor"
"""The name of the column with a row's cursor, beside those of its row."""


def row_batch(
    relation: Relation[Any], keys: Sequence[Key], statement: Statement, only: Columns = None
) -> str:
    """For each key its rows, each led by the key's number, counted from 1."""
    table, select = _keyed(relation, keys, statement)
    columns = ", ".join(['keys.n AS "#"', *relation.columns("t", only)])
    return f"SELECT {columns} FROM {table} CROSS JOIN LATERAL ({select}) t"


def list_batch(
    relation: Many[Any], keys: Sequence[Key], statement: Statement, only: Columns = None
) -> str:
    """For each key its rows in the relation's own order, each led by the key's number."""
    return f'{row_batch(relation, keys, statement, only)} ORDER BY keys.n, t."{relation.tie}"'


def page_batch(
    relation: Many[Any],
    keys: Sequence[Key],
    page: Page,
    statement: Statement,
    only: Columns = None,
) -> str:
    """For each key its page and one row more, each led by the key's number and, where it is wanted
    or all is, its cursor."""
    table, select = _keyed(relation, keys, statement)
    rows = page.rows(relation, select, statement.write(page.where), statement, extra=1)
    cursor = page.cursor_of(relation, lambda column: f't."{column}"')
    wanted = (CURSOR, *relation.row.__struct_fields__) if only is None else only
    shown = [f'{cursor} AS "{CURSOR}"' if name == CURSOR else f't."{name}"' for name in wanted]
    columns = ", ".join(['keys.n AS "#"', *shown])
    return f"SELECT {columns} FROM {table} CROSS JOIN LATERAL ({rows}) t ORDER BY keys.n, t.n"


def count_batch(
    relation: Many[Any], keys: Sequence[Key], test: Fragment, statement: Statement
) -> str:
    """For each key the number of its rows that pass the test, led by the key's number."""
    table, select = _keyed(relation, keys, statement)
    count = f"SELECT count(*) FROM ({select}) r WHERE {statement.write(test)}"
    return f"SELECT keys.n, t.count FROM {table} CROSS JOIN LATERAL ({count}) t"


def _keyed(relation: Relation[Any], keys: Sequence[Key], statement: Statement) -> tuple[str, str]:
    """The keys as a table, and the relation's SELECT hanging on it."""
    if not relation.holes:
        return "(VALUES (1)) AS keys(n)", relation.select(())
    names = [f"k{i}" for i in range(len(relation.holes))]
    arrays = [
        f"{statement.bind(column)}::{hole.type}[]"
        for hole, column in zip(relation.holes, zip(*keys, strict=True), strict=True)
    ]
    table = f"unnest({', '.join(arrays)}) WITH ORDINALITY AS keys({', '.join(names)}, n)"
    return table, relation.select([f"keys.{name}" for name in names])

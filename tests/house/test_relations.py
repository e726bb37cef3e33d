"""Every relation, laid before PostgreSQL: what it answers, what it asks, and how it is found."""

import importlib
import json
import pkgutil
import re
from collections.abc import AsyncGenerator, Iterator
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeGuard, cast, get_args
from uuid import UUID

import pytest
from msgspec import Struct

import db
from db.batches import count_batch, list_batch, page_batch, row_batch
from db.filters import Conditions
from db.json import Json
from db.logs import LogLevel
from db.pages import Order, Page, total
from db.relation import (
    Fragment,
    Many,
    Relation,
    Statement,
    columns_from_table,
    columns_of,
    nullable,
)
from db.secrets import Secrets
from db.session import connect
from graphql_api import ways
from graphql_api.declare import type_names
from graphql_api.ways import Connected
from tests.graph import TABLES
from tests.graphql_api.asking import leading_fields

if TYPE_CHECKING:
    from asyncpg import Connection, Record

MODULES = {
    name: importlib.import_module(f"db.{name}") for _, name, _ in pkgutil.iter_modules(db.__path__)
}


def found_in_rooms(kind: type | tuple[type, ...]) -> Iterator[tuple[str, Any]]:
    for room, module in MODULES.items():
        for name, value in vars(module).items():
            if isinstance(value, kind) and name.isupper():
                yield f"{room}.{name}", value


RELATIONS: dict[str, Relation[Any]] = dict(found_in_rooms(Relation))
LISTS = {name: relation for name, relation in RELATIONS.items() if isinstance(relation, Many)}
PAGES = {
    name: way
    for name, field in leading_fields().items()
    if isinstance(way := ways.way_of(field), Connected)
}


def argument(name: str, argument: str) -> Any:
    """How a field of the schema declares an argument."""
    return leading_fields()[name].args[argument]


def conditions_of(name: str) -> Conditions:
    """What the filter of a list means."""
    [conditions] = [
        conditions
        for filter, conditions in ways.conditions.items()
        if filter.__name__ == str(argument(name, "filter").type)
    ]
    return conditions


ORDERS: dict[type[Struct], type[Order]] = {
    way.relation.row: type(argument(name, "orderBy").default_value) for name, way in PAGES.items()
}
"""The orders of the rows of each kind."""

FILTERS = {way.relation.row: conditions_of(name) for name, way in PAGES.items()}
"""The conditions for the rows of each kind, with what is related to them."""

TYPES = {
    UUID: {"uuid"},
    str: {"text", "varchar"},
    int: {"int4", "int8"},
    bool: {"bool"},
    float: {"float8"},
    datetime: {"timestamptz"},
    Json: {"json", "jsonb"},
    list[str]: {"text[]"},
}
"""The types of PostgreSQL whose values the driver reads as these."""

ROW_TABLES = {row: TABLES[name] for row, name in type_names.items() if name in TABLES}


@pytest.fixture(scope="module")
async def api(house_url: str, secrets: Secrets) -> "AsyncGenerator[Connection[Record]]":
    """A connection with the rights of the API."""
    async with connect(house_url, secrets, size=1) as database, database.api.connection() as api:
        yield api  # pyright: ignore[reportReturnType]


def keys_of(relation: Relation[Any]) -> list[tuple[object, ...]]:
    """A key for the relation, of nulls."""
    return [tuple(None for _ in relation.holes)]


def plain(hint: Any) -> Any:
    """The type without None, and an enum as the text that it is."""
    if type(None) in get_args(hint):
        [hint] = [each for each in get_args(hint) if each is not type(None)]
    return str if is_enum(hint) else hint


def is_enum(hint: Any) -> TypeGuard[type[StrEnum]]:
    return isinstance(hint, type) and issubclass(hint, StrEnum)


@pytest.mark.parametrize("name", RELATIONS)
async def test_the_columns_are_those_of_the_row(api: "Connection[Record]", name: str) -> None:
    relation, statement = RELATIONS[name], Statement()
    prepared = await api.prepare(row_batch(relation, keys_of(relation), statement))

    columns = [(each.name, each.type.name) for each in prepared.get_attributes()][1:]

    hints = columns_of(relation.row)
    assert [column for column, _ in columns] == list(relation.row.__struct_fields__)
    assert [
        (column, type_) for column, type_ in columns if type_ not in TYPES[plain(hints[column])]
    ] == []


@pytest.mark.parametrize("name", RELATIONS)
async def test_a_hole_has_the_type_that_it_says(api: "Connection[Record]", name: str) -> None:
    relation, statement = RELATIONS[name], Statement()
    prepared = await api.prepare(row_batch(relation, keys_of(relation), statement))

    asked = [each.name for each in prepared.get_parameters()]

    long = {"int": "int4", "bigint": "int8"}
    assert asked == [f"{long.get(hole.type, hole.type)}[]" for hole in relation.holes]


@pytest.mark.parametrize("row", ROW_TABLES, ids=ROW_TABLES.values())
async def test_a_column_that_may_be_null_is_so_in_the_row(
    catalogue: "Connection[Record]", row: type[Struct]
) -> None:
    columns = await catalogue.fetch(
        "SELECT attname::text, NOT attnotnull FROM pg_attribute"
        " WHERE attrelid = $1::text::regclass AND attnum > 0",
        ROW_TABLES[row],
    )
    may_be: dict[str, bool] = {name: may for name, may in columns}
    stored = columns_from_table(row, "t").split(", ")

    assert [
        column
        for column in row.__struct_fields__
        if f't."{column}"' in stored and may_be[column] != nullable(row, column)
    ] == []


@pytest.mark.parametrize("row", ROW_TABLES, ids=ROW_TABLES.values())
async def test_an_enum_has_the_values_that_the_table_allows(
    catalogue: "Connection[Record]", row: type[Struct]
) -> None:
    found = await catalogue.fetch(
        "SELECT conname::text, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = $1::text::regclass AND contype = 'c'",
        ROW_TABLES[row],
    )
    checks: dict[str, str] = {name: check for name, check in found}
    for column, hint in columns_of(row).items():
        if is_enum(hint):
            allowed = re.findall(r"'(\w+)'::", checks[f"{ROW_TABLES[row]}_{column}_check"])
            assert set(allowed) == {str(value) for value in hint}


@pytest.mark.parametrize("name", LISTS)
async def test_every_list_is_prepared_whole_and_counted(
    api: "Connection[Record]", name: str
) -> None:
    relation = LISTS[name]
    await api.prepare(list_batch(relation, keys_of(relation), Statement()))
    await api.prepare(count_batch(relation, keys_of(relation), Fragment("TRUE"), Statement()))


def orders_for(relation: Relation[Any]) -> list[Order]:
    return list(ORDERS.get(relation.row, ()))


@pytest.mark.parametrize("name", LISTS)
async def test_every_order_pages_both_ways_from_everywhere(
    api: "Connection[Record]", name: str
) -> None:
    relation = LISTS[name]
    for order in orders_for(relation):
        names = [term.column for term in total(order, relation.tie)]
        some = tuple(SOME[plain(columns_of(relation.row)[column])] for column in names)
        nulls = tuple(
            None if nullable(relation.row, column) else value
            for column, value in zip(names, some, strict=True)
        )
        for cursor in (None, some, nulls):
            for backward in (False, True):
                page = Page(Fragment("TRUE"), order, 2, cursor, backward)
                await api.prepare(page_batch(relation, keys_of(relation), page, Statement()))


SOME: dict[Any, object] = {
    UUID: UUID(int=0),
    str: "",
    int: 0,
    datetime: datetime.fromisoformat("2026-01-01T00:00:00+00:00"),
}


@pytest.mark.parametrize("row", FILTERS, ids=lambda row: row.__name__)
async def test_every_condition_is_prepared_for_every_list(
    api: "Connection[Record]", row: type[Struct]
) -> None:
    for relation in LISTS.values():
        if relation.row is not row:
            continue
        for condition in FILTERS[row].values():
            tests = (
                [Fragment(f"EXISTS ({selected(cast('Relation[Any]', condition))})")]
                if isinstance(condition, Relation)
                else [Fragment(each, (None,)) for each in written(condition)]
            )
            for test in tests:
                await api.prepare(count_batch(relation, keys_of(relation), test, Statement()))


def written(condition: object) -> set[Any]:
    """The tests that a condition may be: which, the value decides."""
    return {condition([each]) for each in LogLevel} if callable(condition) else {condition}


def selected(relation: Relation[Any]) -> str:
    return relation.select([f'r."{hole.column}"' for hole in relation.holes])


def test_a_condition_speaks_of_the_columns_of_its_row() -> None:
    """A column that is not qualified could be one of the table around it."""
    for row, conditions in FILTERS.items():
        for name, condition in conditions.items():
            if isinstance(condition, Relation):
                holes = {hole.column for hole in condition.holes}
                assert holes <= set(row.__struct_fields__), (row, name)
                continue
            for test in written(condition):
                words = set(re.findall(r"\b[a-z_]+\b", re.sub(r"'[^']*'", "", test)))
                assert words & set(row.__struct_fields__), (row, name)


def test_a_fragment_calls_the_functions_of_the_viewer_as_sub_selects_only() -> None:
    """Elsewhere PostgreSQL may ask who is asking before it was told."""
    fragments = [(name, relation.sql) for name, relation in RELATIONS.items()]
    fragments += [
        (f"{relation.row.__name__} of {name}", columns_from_table(relation.row, "t"))
        for name, relation in RELATIONS.items()
    ]
    fragments += [
        (f"{row.__name__}: {name}", test)
        for row, conditions in FILTERS.items()
        for name, condition in conditions.items()
        if not isinstance(condition, Relation)
        for test in written(condition)
    ]

    assert [
        name
        for name, sql in fragments
        if VIEWER_FUNCTION.search(re.sub(rf"\(SELECT {VIEWER_FUNCTION.pattern}", "", sql))
    ] == []


VIEWER_FUNCTION = re.compile(r"app\.(viewer|uid|key_id|ws|author)\(")


def test_a_relation_says_where_the_columns_of_its_row_stand() -> None:
    with pytest.raises(TypeError, match=r"no \{alias.\*\} for the columns of"):
        Relation(next(iter(RELATIONS.values())).row, "SELECT 1")


def test_a_fragment_names_its_columns() -> None:
    assert [
        name
        for name, relation in RELATIONS.items()
        if re.search(r"SELECT\s+(\w+\.)?\*", relation.sql)
    ] == []


def test_every_list_is_reached_from_a_field() -> None:
    """What no field leads to is no relation but a leftover."""
    reached = {
        id(way.relation)
        for field in leading_fields().values()
        for way in [ways.way_of(field)]
        if isinstance(way, ways.Followed)
    }

    assert [name for name, relation in LISTS.items() if id(relation) not in reached] == []


OF_A_PERSON = "what one person made is found by an index, and is little"
OF_FEW_WORKSPACES = "a viewer has few; an index by time alone would lead through everybody's rows"
SORTED_WHOLE = {
    "Query.workspaces": OF_FEW_WORKSPACES,
    "Query.workflows": OF_FEW_WORKSPACES,
    "Query.deployments": OF_FEW_WORKSPACES,
    "Query.executions": "sorting the viewer's own is bounded, walking everybody's is not",
    "Viewer.workspaces": OF_FEW_WORKSPACES,
    "User.memberships": OF_FEW_WORKSPACES,
    "User.invitedMembers": OF_A_PERSON,
    "User.ownedWorkspaces": OF_A_PERSON,
    "User.createdWorkflows": OF_A_PERSON,
    "User.createdVersions": OF_A_PERSON,
    "User.createdIntegrations": OF_A_PERSON,
    "User.createdDeployments": OF_A_PERSON,
    "User.createdApiKeys": OF_A_PERSON,
    "Workspace.members": "a workspace has few",
}
"""The lists whose first page is sorted out of all their rows, and why that is well."""


@pytest.mark.parametrize("name", PAGES)
async def test_the_first_page_is_read_from_an_index(api: "Connection[Record]", name: str) -> None:
    """So that a page of a million rows costs what a page of ten does.

    With the other ways closed, a sort or a scan that still stands has no index to take its place.
    """
    way, statement = PAGES[name], Statement()
    page = Page(Fragment("TRUE"), argument(name, "orderBy").default_value, 20)
    sql = page_batch(way.relation, keys_of(way.relation), page, statement)

    async with api.transaction():
        for setting in ("enable_seqscan", "enable_sort", "enable_bitmapscan"):
            await api.execute(f"SET LOCAL {setting} = off")
        await api.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        explained = await api.fetchval(f"EXPLAIN (FORMAT JSON) {sql}", *statement.values)

    [limit] = [node for node in nodes_of(json.loads(explained)[0]["Plan"]) if node[0] == "Limit"]
    kinds = {kind for kind, _ in nodes_of(limit[1])}
    assert "Seq Scan" not in kinds
    assert ("Sort" in kinds) == (name in SORTED_WHOLE)


def nodes_of(plan: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The nodes of a plan, each with its kind."""
    yield plan["Node Type"], plan
    for below in plan.get("Plans", ()):
        yield from nodes_of(below)

"""What a column becomes in an answer: the same along both paths, and what is stored."""

from uuid import UUID

import pytest
from graphql import GraphQLEnumType, GraphQLObjectType

from graphql_api.messages import Body
from graphql_api.schema import schema
from graphql_api.ways import Column, named_type, way_of
from resolvers.context import Asker
from tests.graph import TABLES, Row, Rows, global_id
from tests.graphql_api.asking import OWNER, Asking
from tests.graphql_api.test_same_answer import exact

MOST = 100


def columns_of(type_: str) -> dict[str, str]:
    """The fields of a type that are columns, and which."""
    found = schema._schema.type_map[type_]  # pyright: ignore[reportPrivateUsage]
    assert isinstance(found, GraphQLObjectType)
    ways = {name: way_of(field) for name, field in found.fields.items()}
    return {name: way.name for name, way in ways.items() if isinstance(way, Column)}


def as_stored(type_: str, field: str, row: Row) -> object:
    """What the answer has, where that can be told without our code; else Ellipsis."""
    found = schema._schema.type_map[type_]  # pyright: ignore[reportPrivateUsage]
    assert isinstance(found, GraphQLObjectType)
    match row.get(columns_of(type_)[field], ...):
        case str() as text if isinstance(named_type(found.fields[field]), GraphQLEnumType):
            return text.upper()
        case UUID() as id:
            return str(id)
        case str() | bool() | int() | None as value:
            return value
        case _:
            return ...


def all_columns(type_: str, rows: Rows) -> tuple[str, list[Row], list[str]]:
    """A query for all columns of some rows, the rows and their ids."""
    some = rows.seen_by(OWNER)[type_][:MOST]
    selected = f"... on {type_} {{ {' '.join(columns_of(type_))} }}"
    query = f"query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ {selected} }} }}"
    return query, some, [global_id(type_, row) for row in some]


@pytest.mark.paths
@pytest.mark.parametrize("type_", TABLES)
async def test_a_column_is_written_alike_along_both_paths(
    compiled: Asking, loaders: Asking, rows: Rows, type_: str
) -> None:
    query, _, ids = all_columns(type_, rows)

    by_plan, by_loaders = [
        await each.executor.answer(Body(query, {"ids": ids}), Asker(OWNER))
        for each in (compiled, loaders)
    ]

    assert by_plan.by == "compiled"
    assert exact(by_plan.body) == exact(by_loaders.body)


@pytest.mark.parametrize("type_", TABLES)
async def test_a_column_is_what_is_stored(ask: Asking, rows: Rows, type_: str) -> None:
    query, some, ids = all_columns(type_, rows)

    found = (await ask(query, ids=ids))["nodes"]

    for row, node in zip(some, found, strict=True):
        for field, value in node.items():
            expected = as_stored(type_, field, row)
            assert expected is ... or value == expected, field

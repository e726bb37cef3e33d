"""The fields of a compiled plan that hold no others, as PostgreSQL writes them."""

from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLFloat,
    GraphQLObjectType,
)

from db.plan import Sql, Text, Texts, base64, enum, nullable, number, promised
from graphql_api.arguments import Request
from graphql_api.declare import node_key
from graphql_api.ways import Column, Same, named_type, promises
from resolvers.context import Asker

WRITTEN_ALIKE = {"Int", "BigInt", "JSON"}
"""Scalars that are the same as text and as JSON."""


def typename(type_: GraphQLObjectType) -> Text:
    return Text((f'"{type_.name}"',))


def global_id(type_: GraphQLObjectType, alias: str) -> Sql:
    key = " || ':' || ".join(f'{alias}."{hole.column}"' for hole in node_key(type_.name))
    return base64(f"'{type_.name}:' || {key}")


def same_id(column: str, brought: Callable[[Asker], UUID | None]) -> Sql:
    """Whether the column is that id; as in Python, no id is the same as none."""

    def written(request: Request) -> Texts:
        brought_id = request.bind(brought(request.asker))
        return [f"to_json({column} IS NOT DISTINCT FROM {brought_id}::uuid)"]

    return written


def leaf(field: GraphQLField, way: Column | Same, alias: str) -> Sql:
    column = f'{alias}."{way.name}"'
    if isinstance(way, Same):
        return same_id(column, way.brought)
    text = _text(field, column)
    return promised(text) if promises(field) else nullable(text)


def _text(field: GraphQLField, column: str) -> str:
    type_ = named_type(field)
    if isinstance(type_, GraphQLEnumType):
        return enum(column, [(value.value, name) for name, value in type_.values.items()])
    if type_ is GraphQLFloat:
        return number(column)
    alike = str(cast("Any", field).type).rstrip("!") in WRITTEN_ALIKE
    return f"{column}::text" if alike else f"to_json({column})"

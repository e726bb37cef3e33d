"""The fields of a compiled plan that hold no others, as PostgreSQL writes them."""

from collections.abc import Callable
from uuid import UUID

from graphql import GraphQLEnumType, GraphQLField, GraphQLFloat, GraphQLObjectType

from db.plan import Sql, Texts, base64, enum, number
from graphql_api.arguments import Request
from graphql_api.declare import node_key
from graphql_api.ways import Column, Same, named_type
from resolvers.context import Asker


def typename(type_: GraphQLObjectType) -> Sql:
    return f"'{type_.name}'::text"


def global_id(type_: GraphQLObjectType, alias: str) -> Sql:
    key = " || ':' || ".join(f'{alias}."{hole.column}"' for hole in node_key(type_.name))
    return base64(f"'{type_.name}:' || {key}")


def same_id(column: str, brought: Callable[[Asker], UUID | None]) -> Sql:
    """Whether the column is that id; as in Python, no id is the same as none."""

    def written(request: Request) -> Texts:
        return [f"{column} IS NOT DISTINCT FROM {request.bind(brought(request.asker))}::uuid"]

    return written


def leaf(field: GraphQLField, way: Column | Same, alias: str) -> Sql:
    column, type_ = f'{alias}."{way.name}"', named_type(field)
    if isinstance(way, Same):
        return same_id(column, way.brought)
    if isinstance(type_, GraphQLEnumType):
        return enum(column, [(value.value, name) for name, value in type_.values.items()])
    return number(column) if type_ is GraphQLFloat else column

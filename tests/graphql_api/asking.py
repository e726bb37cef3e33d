"""Asking the graph along one of the two paths that answer it, and what there is to ask for."""

import json
from typing import Any, cast

from graphql import GraphQLEnumType, GraphQLField, GraphQLObjectType

from db.session import NOWHERE, Viewer
from graphql_api.execute import Executor, Path
from graphql_api.messages import Body
from graphql_api.schema import schema
from graphql_api.ways import Connected, Followed, way_of
from resolvers.context import Asker
from tests import forced, sample

OWNER = sample.viewers(1)["owner"]

ROOT = cast("GraphQLObjectType", schema._schema.query_type)  # pyright: ignore[reportPrivateUsage]

Data = dict[str, Any]


class Asking:
    """Asks along one path, and holds that what is answered was answered along it."""

    def __init__(self, executor: Executor, path: Path) -> None:
        self.executor, self.path, self.client = executor, path, NOWHERE

    async def __call__(self, query: str, viewer: Viewer = OWNER, **variables: Any) -> Data:
        """The data of the answer, which has no errors."""
        by, response = await self._answer(query, viewer, variables)
        assert "errors" not in response, response["errors"]
        assert forced.plan or by == self.path
        return response["data"]

    async def code(self, query: str, viewer: Viewer = OWNER, **variables: Any) -> str | None:
        """The code of the one error of the answer; None if it has none."""
        _, response = await self._answer(query, viewer, variables)
        codes = [error["extensions"]["code"] for error in response.get("errors", ())]
        assert len(codes) <= 1, response["errors"]
        return codes[0] if codes else None

    async def _answer(self, query: str, viewer: Viewer, variables: Data) -> tuple[str, Data]:
        answer = await self.executor.answer(Body(query, variables), Asker(viewer, self.client))
        return answer.by, json.loads(answer.body)


def leading_fields() -> dict[str, GraphQLField]:
    """Every field that leads to rows, as ``Type.field``; look-ups and payloads apart."""
    types = schema._schema.type_map.values()  # pyright: ignore[reportPrivateUsage]
    return {
        f"{type_.name}.{name}": field
        for type_ in types
        if isinstance(type_, GraphQLObjectType) and not type_.name.endswith("Payload")
        for name, field in type_.fields.items()
        if "strawberry-definition" in field.extensions and isinstance(way_of(field), Followed)
    }


PAGES = {name for name, field in leading_fields().items() if isinstance(way_of(field), Connected)}
"""The fields that are pages of a list."""


def orders_of(field: GraphQLField) -> GraphQLEnumType:
    """The orders that a page can be asked for in."""
    name = str(cast("Any", field.args["orderBy"]).type).rstrip("!")
    type_ = schema._schema.type_map[name]  # pyright: ignore[reportPrivateUsage]
    assert isinstance(type_, GraphQLEnumType)
    return type_

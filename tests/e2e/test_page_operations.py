"""The operations in GraphiQL's page, its own and the examples, against the schema of today."""

from pathlib import Path

import pytest
from graphql import GraphQLSchema, build_schema, parse, validate

from graphql_api.graphiql.pages import DIST
from graphql_api.schema import schema

SRC = DIST.with_name("src")
OPERATIONS = sorted([*SRC.glob("account/*.graphql"), *SRC.glob("examples/*.graphql")])


@pytest.fixture(scope="module")
def as_clients_see_it() -> GraphQLSchema:
    return build_schema(schema.as_str())


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in OPERATIONS])
def test_an_operation_of_the_page_fits_the_schema(
    path: Path, as_clients_see_it: GraphQLSchema
) -> None:
    assert validate(as_clients_see_it, parse(path.read_text())) == []

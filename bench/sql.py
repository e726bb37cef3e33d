"""The statement that our server makes of a query."""

from typing import Any

from graphql import GraphQLError, OperationDefinitionNode, parse
from graphql.execution.values import VariableValues, get_variable_values

from graphql_api.arguments import Request
from graphql_api.plan import Compiler
from graphql_api.schema import schema
from resolvers.context import Asker


def compiled(document: str, variables: dict[str, Any]) -> tuple[str, list[object]]:
    """The SQL of the only operation, without the viewer, and its parameters."""
    core = schema._schema  # pyright: ignore[reportPrivateUsage]
    (operation,) = parse(document).definitions
    if not isinstance(operation, OperationDefinitionNode):
        raise GraphQLError("the document is not one operation")
    values = get_variable_values(core, operation.variable_definitions or (), variables)
    if not isinstance(values, VariableValues):
        raise values[0]
    request = Request(values, Asker())
    return Compiler(schema, {}, values).operation(operation).query(request), request.values

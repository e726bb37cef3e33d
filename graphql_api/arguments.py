"""The arguments of a field as its resolver would get them, for the plan's statement."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

import strawberry
from graphql import FieldNode, GraphQLField, VariableNode, Visitor, visit
from graphql.execution.values import VariableValues, get_argument_values
from strawberry.types.arguments import convert_arguments

from db.relation import Key, Statement
from resolvers.context import Asker


class Request(Statement):
    """The statement of one request, with the variables it is written for and who asks."""

    def __init__(self, variables: VariableValues, asker: Asker) -> None:
        super().__init__()
        self.variables, self.asker = variables, asker
        self.arguments: dict[int, dict[str, Any]] = {}
        """Those of each field that has variables among them, read once."""
        self.looked_up: Key = ()
        """The key of the row whose branch is being written."""


class Arguments(NamedTuple):
    """A field's arguments for a request; ``constant`` where they hold no variable."""

    read: Callable[[Request], dict[str, Any]]
    constant: dict[str, Any] | None = None


def arguments_of(
    schema: strawberry.Schema, field: GraphQLField, node: FieldNode, variables: VariableValues
) -> Arguments:
    """``variables`` are those that the plan is made for: constant arguments are read with them."""
    declared = field.extensions["strawberry-definition"]
    scalars = schema.schema_converter.scalar_registry
    passed = passed_on(field, node)

    def read(variables: VariableValues) -> dict[str, Any]:
        if known := passed(variables.coerced):
            return known
        values = get_argument_values(field, node, variables)
        return convert_arguments(values, declared.arguments, scalars, schema.config)

    def of_request(request: Request) -> dict[str, Any]:
        found = request.arguments.get(id(node))
        if found is None:
            found = request.arguments[id(node)] = read(request.variables)
        return found

    if any(map(has_variable, node.arguments or ())):
        return Arguments(of_request)
    constant = read(variables)

    def always(_: Request) -> dict[str, Any]:
        return constant

    return Arguments(always, constant)


def passed_on(
    field: GraphQLField, node: FieldNode
) -> Callable[[Mapping[str, Any]], dict[str, Any] | None]:
    """Reads a field's only argument where that is a variable with an id or a text in it: it is
    passed on as it is, and to ask graphql-core and Strawberry would be most of the work."""
    types = [str(cast("Any", argument).type) for argument in field.args.values()]
    given = [argument.value for argument in node.arguments or ()]
    if types not in (["ID!"], ["String!"]) or not isinstance(given[0], VariableNode):
        return lambda _: None
    (declared,) = field.extensions["strawberry-definition"].arguments
    name, variable = declared.python_name, given[0].name.value

    def read(coerced: Mapping[str, Any]) -> dict[str, Any] | None:
        value = coerced.get(variable)
        return None if value is None else {name: value}

    return read


def has_variable(node: Any) -> bool:
    found: list[VariableNode] = []

    class Variables(Visitor):
        def enter_variable(self, node: VariableNode, *_: Any) -> None:
            found.append(node)

    visit(node, Variables())
    return bool(found)

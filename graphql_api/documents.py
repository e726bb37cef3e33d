"""Documents that are fit to be executed: read, checked and kept, so that one seen before costs
neither parsing nor validation."""

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableNode,
    Visitor,
    visit,
)
from graphql.execution.values import VariableValues, get_variable_values

from graphql_api import metrics
from graphql_api.coercion import Coercion, Variables
from graphql_api.cost import Cost, cost_of
from graphql_api.echoes import without_echo
from graphql_api.limits import Limits, check_cost, read_document, validate_document
from graphql_api.messages import Body, RequestFault, request_fault
from graphql_api.plan import Declined, Plan, bare
from graphql_api.steps import Kept
from graphql_api.trusted import Trusted

MOST_DOCUMENTS = 1000
MOST_CHARACTERS = 1_000_000
"""Of all together: each takes some 250 bytes, with its plans."""
MOST_WAYS = 8
"""That the directives of a document may fall, for which something is kept."""


@dataclass
class Document:
    """A valid document with one operation chosen, and its plans: one a way its directives fall."""

    document: DocumentNode
    fragments: dict[str, FragmentDefinitionNode]
    operation: OperationDefinitionNode
    cost: Cost
    switches: tuple[str, ...]
    variables: Variables | None
    counted: metrics.Counted
    plans: dict[tuple[object, ...], Plan | Declined] = field(default_factory=lambda: {})
    _selections: dict[tuple[object, ...], Kept] = field(default_factory=lambda: {})

    def switched(self, variables: VariableValues) -> tuple[object, ...]:
        """The way its directives fall."""
        return tuple(variables.coerced.get(name) for name in self.switches)

    def selections(self, variables: VariableValues) -> Kept:
        """What the ordinary path has prepared for the way its directives fall."""
        way = self.switched(variables)
        found = self._selections.get(way, {})
        if len(self._selections) < MOST_WAYS:
            self._selections[way] = found
        return found

    @cached_property
    def bare(self) -> DocumentNode:
        """The operation without its variables."""
        return bare(self.operation, self.fragments, self.operation.selection_set.selections)


class Documents:
    """The documents seen last, bounded in number and in characters."""

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: Limits,
        trusted: Trusted,
        *,
        introspection: bool,
        suggestions: bool,
    ) -> None:
        self._schema, self._limits, self._trusted = schema, limits, trusted
        self._introspection, self._suggestions = introspection, suggestions
        self._kept: OrderedDict[tuple[str, str | None], Document] = OrderedDict()
        self._characters = 0
        self._coercion = Coercion(schema)

    def of(self, body: Body) -> Document:
        """The document of a request, whose text is put into it where it only names one.

        Raises RequestFault where it is none to execute.
        """
        self._trusted.fill(body)
        if not body.query:
            raise request_fault("The request has no `query`.", "NO_QUERY")
        key = body.query, body.operation_name
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        with metrics.PARSE.time():
            document = self._read(*key)
        self._keep(key, document)
        return document

    def variables(
        self, document: Document, given: dict[str, Any]
    ) -> tuple[VariableValues, int]:
        """The variables as the operation declares them, and what it costs with them. Raises
        RequestFault where they are wrong, or ask for too much."""
        usual = document.variables and document.variables.coerced(given)
        variables = usual or self._coerced(document, given)
        try:
            return variables, check_cost(document.cost, variables.coerced, self._limits)
        except GraphQLError as error:
            raise RequestFault(error) from None

    def _coerced(self, document: Document, given: dict[str, Any]) -> VariableValues:
        variables = get_variable_values(
            self._schema, document.operation.variable_definitions or (), given, max_errors=5
        )
        if not isinstance(variables, VariableValues):
            for error in variables:
                error.extensions = {"code": "INVALID_VARIABLES"}
            raise RequestFault(*map(without_echo, variables))
        return variables

    def _read(self, text: str, name: str | None) -> Document:
        try:
            document = read_document(text, self._limits)
        except GraphQLError as error:
            raise RequestFault(without_echo(error)) from None
        faults = validate_document(
            self._schema,
            document,
            introspection=self._introspection,
            suggestions=self._suggestions,
        )
        if faults:
            raise RequestFault(*map(without_echo, faults))
        operation = chosen(document, name)
        fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        cost = cost_of(self._schema, document, operation)
        return Document(
            document,
            fragments,
            operation,
            cost,
            switches(document),
            self._coercion.of(operation.variable_definitions or ()),
            metrics.Counted(self._label(text, operation), operation.operation.value),
        )

    def _label(self, text: str, operation: OperationDefinitionNode) -> str:
        """What metrics call an operation: names that clients make up would be without number."""
        if operation.name and self._trusted.knows(text):
            return operation.name.value
        return "other"

    def _keep(self, key: tuple[str, str | None], document: Document) -> None:
        self._kept[key] = document
        self._characters += len(key[0])
        while len(self._kept) > MOST_DOCUMENTS or self._characters > MOST_CHARACTERS:
            (text, _), _ = self._kept.popitem(last=False)
            self._characters -= len(text)


def chosen(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """The operation to run: the one of that name, or the only one."""
    operations = [n for n in document.definitions if isinstance(n, OperationDefinitionNode)]
    if name is None and len(operations) > 1:
        raise request_fault(
            "The document has several operations; name one in `operationName`.", "NO_OPERATION_NAME"
        )
    for operation in operations:
        if name is None or (operation.name and operation.name.value == name):
            return operation
    raise request_fault(f"The document has no operation {name!r}.", "NO_SUCH_OPERATION")


def switches(document: DocumentNode) -> tuple[str, ...]:
    """The variables that @skip and @include hang on."""
    found: dict[str, None] = {}

    class Switches(Visitor):
        def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
            for argument in node.arguments or ():
                if isinstance(argument.value, VariableNode):
                    found[argument.value.name.value] = None

    visit(document, Switches())
    return tuple(found)

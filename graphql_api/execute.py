"""Answer a GraphQL request: by its plan where it has one, else by the loaders."""

from collections import OrderedDict
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, Literal

import strawberry
from graphql import (
    DirectiveNode,
    DocumentNode,
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    Visitor,
    execute,  # pyright: ignore[reportUnknownVariableType]
    subscribe,  # pyright: ignore[reportUnknownVariableType]
    visit,
)
from graphql.execution.values import VariableValues, get_variable_values

from db.errors import BadValue, Unavailable
from db.plan import BROKEN_PROMISE, Sql, write
from db.relation import InvalidArgument
from graphql_api.cost import Cost, cost_of
from graphql_api.limits import Limits, check_cost, read_document, validate_document
from graphql_api.masking import shown
from graphql_api.messages import Answer, Body, RequestFault, encode, refused
from graphql_api.plan import Compiler, Declined, Request
from resolvers.context import Asker, Context, Resources

MOST_DOCUMENTS = 1000
MOST_CHARACTERS = 5_000_000
MOST_PLANS_A_DOCUMENT = 8

Path = Literal["compiled", "loaders"]


@dataclass
class Document:
    """A valid document with one operation chosen, and its plans: one a way its directives fall."""

    document: DocumentNode
    fragments: dict[str, FragmentDefinitionNode]
    operation: OperationDefinitionNode
    cost: Cost
    switches: tuple[str, ...]
    plans: dict[tuple[object, ...], Sql | None] = field(default_factory=lambda: {})


class Executor:
    """Executes operations of one schema for all requests of a process."""

    def __init__(
        self,
        schema: strawberry.Schema,
        resources: Resources,
        limits: Limits,
        *,
        introspection: bool = True,
        suggestions: bool = True,
        only: Path | None = None,
    ) -> None:
        """``only`` has every query answered one way, for tests and comparisons."""
        self._schema, self._resources, self._limits, self._only = schema, resources, limits, only
        self._core = schema._schema  # pyright: ignore[reportPrivateUsage]
        self._introspection, self._suggestions = introspection, suggestions
        self._documents = Documents()

    async def answer(self, body: Body, asker: Asker, *, only_queries: bool = False) -> Answer:
        """The response to a request. Raises Unavailable where the database cannot be reached."""
        try:
            document = self._document(body)
            variables = self._variables(document, body)
            if only_queries and document.operation.operation is not OperationType.QUERY:
                raise request_fault("Send this operation by POST.", "METHOD_NOT_ALLOWED")
            if document.operation.operation is OperationType.SUBSCRIPTION:
                raise request_fault(
                    "Subscribe over a WebSocket (graphql-transport-ws).", "NOT_A_SUBSCRIPTION_ROUTE"
                )
        except RequestFault as fault:
            return refused(fault.errors)
        return await self._planned(document, variables, asker) or await self._loaded(
            document, body, asker
        )

    async def subscribe(self, body: Body, asker: Asker) -> AsyncGenerator[bytes]:
        """The responses of a subscription, each encoded. Raises RequestFault."""
        document = self._document(body)
        self._variables(document, body)
        context = Context(self._resources, asker)
        try:
            source = subscribe(
                self._core,
                document.document,
                context_value=context,
                variable_values=body.variables,
                operation_name=body.operation_name,
            )
            source = await source if isawaitable(source) else source
            if isinstance(source, ExecutionResult):
                yield encode(response(source))
                return
            async for result in source:
                yield encode(response(result))
        finally:
            await context.end()

    def operation_type(self, body: Body) -> str | None:
        """``query``, ``mutation`` or ``subscription``; None where it cannot be told."""
        try:
            return self._document(body).operation.operation.value
        except RequestFault:
            return None

    async def _planned(
        self, document: Document, variables: VariableValues, asker: Asker
    ) -> Answer | None:
        """The answer of the plan; None where it steps aside."""
        plan = None if self._only == "loaders" else self._plan(document, variables)
        if plan is None:
            return None
        request = Request(variables)
        try:
            sql = write(plan, request)
            data = await self._resources.database.answer(asker.viewer, sql, request.values)
        except (Declined, InvalidArgument, BadValue, GraphQLError):
            return None
        if BROKEN_PROMISE in data:
            return None
        return Answer(f'{{"data":{data}}}'.encode(), "compiled")

    async def _loaded(self, document: Document, body: Body, asker: Asker) -> Answer:
        """The answer of graphql-core's executor over the data loaders."""
        context = Context(self._resources, asker)
        try:
            result = execute(
                self._core,
                document.document,
                context_value=context,
                variable_values=body.variables,
                operation_name=body.operation_name,
            )
            if not isinstance(result, ExecutionResult):
                result = await result
        finally:
            await context.end()
        return Answer(encode(response(result)), "loaders")

    def _document(self, body: Body) -> Document:
        if not body.query:
            raise request_fault("The request has no `query`.", "NO_QUERY")
        key = body.query, body.operation_name
        document = self._documents.get(key)
        if document is None:
            document = self._read(body.query, body.operation_name)
            self._documents.put(key, document)
        return document

    def _read(self, text: str, name: str | None) -> Document:
        try:
            document = read_document(text, self._limits)
        except GraphQLError as error:
            raise RequestFault(error) from None
        faults = validate_document(
            self._core,
            document,
            introspection=self._introspection,
            suggestions=self._suggestions,
        )
        if faults:
            raise RequestFault(*faults)
        operation = chosen(document, name)
        fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        cost = cost_of(self._core, document, operation)
        return Document(document, fragments, operation, cost, switches(document))

    def _variables(self, document: Document, body: Body) -> VariableValues:
        given = body.variables or {}
        variables = get_variable_values(
            self._core, document.operation.variable_definitions or (), given, max_errors=5
        )
        if not isinstance(variables, VariableValues):
            for error in variables:
                error.extensions = {"code": "INVALID_VARIABLES"}
            raise RequestFault(*variables)
        try:
            check_cost(document.cost, variables.coerced, self._limits)
        except GraphQLError as error:
            raise RequestFault(error) from None
        return variables

    def _plan(self, document: Document, variables: VariableValues) -> Sql | None:
        key = tuple(variables.coerced.get(name) for name in document.switches)
        if key not in document.plans:
            if len(document.plans) >= MOST_PLANS_A_DOCUMENT:
                return None
            compiler = Compiler(self._schema, document.fragments, variables)
            try:
                document.plans[key] = compiler.operation(document.operation)
            except (Declined, InvalidArgument, GraphQLError):
                document.plans[key] = None
        return document.plans[key]


class Documents:
    """The documents seen last, bounded in number and in characters."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str | None], Document] = OrderedDict()
        self._characters = 0

    def get(self, key: tuple[str, str | None]) -> Document | None:
        document = self._kept.get(key)
        if document is not None:
            self._kept.move_to_end(key)
        return document

    def put(self, key: tuple[str, str | None], document: Document) -> None:
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


def request_fault(message: str, code: str) -> RequestFault:
    return RequestFault(GraphQLError(message, extensions={"code": code}))


def response(result: ExecutionResult) -> dict[str, Any]:
    """The response object. Raises Unavailable if that is why something failed."""
    answer: dict[str, Any] = {"data": result.data}
    if result.errors:
        for error in result.errors:
            if isinstance(error.original_error, Unavailable):
                raise error.original_error
        answer["errors"] = [shown(error) for error in result.errors]
    return answer


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

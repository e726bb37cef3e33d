"""Answer a GraphQL request: by its plan where it has one, else by the loaders."""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from functools import partial
from time import perf_counter
from typing import Any, Literal, TypeVar

import msgspec
import strawberry
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    OperationType,
)
from graphql.execution.values import VariableValues

from db import tracing
from db.errors import BadValue, Unavailable
from db.plan import broken
from db.relation import InvalidArgument
from db.replica import Replica
from db.session import Reads
from db.statements import Statements
from graphql_api import budgets, metrics
from graphql_api.arguments import Request
from graphql_api.documents import MOST_WAYS, Document, Documents
from graphql_api.levels import execute
from graphql_api.limits import Limits
from graphql_api.masking import shown
from graphql_api.messages import (
    Answer,
    Body,
    BudgetExceeded,
    RequestFault,
    encode,
    refused,
    request_fault,
)
from graphql_api.plan import Compiler, Declined, Plan
from graphql_api.sharing import Asked, Subscriptions
from graphql_api.steps import Kept
from graphql_api.trusted import Trusted
from resolvers.context import Asker, Context, Resources

READ_AFTER = "readAfter"
A_POSITION = re.compile(r"[0-9a-f]{1,15}")

Path = Literal["compiled", "loaders"]
Read = TypeVar("Read")


class Run(msgspec.Struct):
    """One run of an operation: its cost, how that is told, and after which position it reads."""

    document: Document
    variables: VariableValues
    cost: int
    asker: Asker
    changes: bool = False
    after: int = 0
    told: bytes | None = None


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
        trusted: Trusted | None = None,
        only: Path | None = None,
    ) -> None:
        """``only`` has every query answered one way, for tests and comparisons."""
        self._schema, self._resources, self._only = schema, resources, only
        self._core = schema._schema  # pyright: ignore[reportPrivateUsage]
        self._documents = Documents(
            self._core,
            limits,
            trusted or Trusted(),
            introspection=introspection,
            suggestions=suggestions,
        )
        self._statements = Statements()
        self._subscriptions = Subscriptions(schema, resources, response)

    def answer(
        self, body: Body, asker: Asker, *, only_queries: bool = False
    ) -> Coroutine[Any, Any, Answer]:
        """The response to a request. Raises Unavailable where the database cannot be reached, and
        BudgetExceeded."""
        began = perf_counter()
        try:
            document = self._documents.of(body)
        except RequestFault as fault:
            metrics.REFUSED.inc()
            return _refused(fault)
        answered = self._answered(document, body, asker, began, only_queries=only_queries)
        return tracing.traced(answered, "graphql", "graphql.operation.type", document.counted.kind)

    async def _answered(
        self, document: Document, body: Body, asker: Asker, began: float, *, only_queries: bool
    ) -> Answer:
        try:
            run = self._run(document, body, asker, only_queries)
            if self._resources.budgets:
                run.told = await budgets.spend(self._resources.budgets, asker, run.cost)
            if run.changes:
                answer = await self._mutated(run)
            else:
                try:
                    return await self._planned(run, began)
                except Declined as declined:
                    metrics.QUERIES.labels("loaders", declined.reason).inc()
                answer = await self._first(asker, run.after, partial(self._loaded, run))
        except RequestFault as fault:
            document.counted.refused.inc()
            if isinstance(fault, BudgetExceeded):
                raise
            return refused(fault.errors)
        except BaseException:
            document.counted.failed.inc()
            raise
        document.counted.answered(perf_counter() - began, faulty=answer.faulty)
        return answer

    def _run(self, document: Document, body: Body, asker: Asker, only_queries: bool) -> Run:
        """Raises RequestFault."""
        variables, cost = self._documents.variables(document, body.variables or {})
        kind = document.operation.operation
        if only_queries and kind is not OperationType.QUERY:
            raise request_fault("Send this operation by POST.", "METHOD_NOT_ALLOWED")
        if kind is OperationType.SUBSCRIPTION:
            raise request_fault(
                "Subscribe over a WebSocket (graphql-transport-ws).", "NOT_A_SUBSCRIPTION_ROUTE"
            )
        if kind is OperationType.MUTATION:
            return Run(document, variables, cost, asker, changes=True)
        return Run(document, variables, cost, asker, after=read_after(body))

    async def subscribe(self, body: Body, asker: Asker) -> AsyncGenerator[bytes]:
        """The responses of a subscription, each encoded; the first tells what it cost. Raises
        RequestFault."""
        document = self._documents.of(body)
        variables, cost = self._documents.variables(document, body.variables or {})
        told = await budgets.spend(self._resources.budgets, asker, cost)
        asked = Asked(document, variables, body)
        async with aclosing(self._subscriptions.results(asked, asker)) as results:
            async for result in results:
                yield budgets.spliced(result, told)
                told = None

    def operation_type(self, body: Body) -> str | None:
        """``query``, ``mutation`` or ``subscription``; None where it cannot be told."""
        try:
            return self._documents.of(body).operation.operation.value
        except RequestFault:
            return None

    async def explain(self, body: Body, asker: Asker) -> tuple[str, str]:
        """The statement of a query, and how PostgreSQL runs it for this asker.

        Raises RequestFault, or Declined where the query has no plan.
        """
        document = self._documents.of(body)
        variables, _ = self._documents.variables(document, body.variables or {})
        plan, request = self._plan(document, variables), Request(variables, asker)
        sql = plan.query(request)
        return sql, await self._resources.database.explain(asker.viewer, sql, request.values)

    async def _planned(self, run: Run, began: float) -> Answer:
        """The answer by the plan. Raises Declined where it steps aside."""
        document, variables, asker = run.document, run.variables, run.asker
        plan = self._plan(document, variables)
        beside = await self._beside(plan.beside, variables, asker) if plan.beside else None
        writing = perf_counter()
        request = Request(variables, asker)
        statement = self._statements.of(plan.texts(request), len(request.values))
        written = perf_counter()

        def read(reads: Reads) -> Coroutine[Any, Any, bytes]:
            return reads.run(asker.viewer, statement, request.values)

        try:
            data = await tracing.traced(self._first(asker, run.after, read), "plan")
        except BadValue:
            raise Declined("bad value") from None
        if broken(data):
            raise Declined("broken promise")
        if beside:
            data = merged(plan.keys, data, beside)
        now = perf_counter()
        metrics.read(metrics.Read(document.counted, now - began, written - writing, now - written))
        return Answer(budgets.spliced(b'{"data":%b}' % data, run.told), "compiled")

    async def _beside(
        self, document: DocumentNode, variables: VariableValues, asker: Asker
    ) -> dict[str, Any]:
        """What the plan leaves to Python. Raises Declined where an error is among it: how far that
        reaches is for one path to say."""
        context = Context(self._resources, asker)
        told = await self._executed(document, variables, context, {})
        if "errors" in told:
            raise Declined("error in Python")
        return told["data"]

    def _plan(self, document: Document, variables: VariableValues) -> Plan:
        """Raises Declined."""
        if self._only == "loaders":
            raise Declined("not wanted")
        key = document.switched(variables)
        if key not in document.plans:
            if len(document.plans) >= MOST_WAYS:
                raise Declined("too many switches")
            with metrics.COMPILE.time():
                document.plans[key] = self._compiled(document, variables)
        plan = document.plans[key]
        if isinstance(plan, Declined):
            raise plan
        return plan

    def _compiled(self, document: Document, variables: VariableValues) -> Plan | Declined:
        compiler = Compiler(self._schema, document.fragments, variables)
        try:
            return compiler.operation(document.operation)
        except Declined as declined:
            return declined
        except (InvalidArgument, GraphQLError):
            return Declined("bad argument")

    def _first(
        self, asker: Asker, after: int, read: Callable[[Reads], Coroutine[Any, Any, Read]]
    ) -> Coroutine[Any, Any, Read]:
        """What is read where it may be read: on the replica, or from the database itself."""
        if self._resources.replica is None:
            return read(self._resources.database)
        return self._first_there(self._resources.replica, asker, after, read)

    async def _first_there(
        self, replica: Replica, asker: Asker, after: int, read: Callable[[Reads], Awaitable[Read]]
    ) -> Read:
        found, there = await replica.first(asker.viewer, after, read)
        metrics.READS.labels("replica" if there else "primary").inc()
        return found

    async def _mutated(self, run: Run) -> Answer:
        """What a mutation did; and after what moment its asker is to read, if not at any."""
        context, replica = Context(self._resources, run.asker), self._resources.replica
        kept = run.document.selections(run.variables)
        try:
            told = await self._executed(run.document.bare, run.variables, context, kept)
        finally:
            if replica:
                replica.wrote(context.asker.viewer)
        position = await replica.moment_of(context.asker.viewer) if replica else None
        extensions = budgets.extension(run.told)
        if position is not None:
            extensions[READ_AFTER] = f"{position:x}"
        if extensions:
            told["extensions"] = extensions
        with metrics.ENCODE.time():
            return Answer(encode(told), "loaders", faulty="errors" in told)

    async def _loaded(self, run: Run, reads: Reads) -> Answer:
        context = Context(self._resources, run.asker, reads)
        kept = run.document.selections(run.variables)
        told = await self._executed(run.document.bare, run.variables, context, kept)
        with metrics.ENCODE.time():
            body = budgets.spliced(encode(told), run.told)
        return Answer(body, "loaders", faulty="errors" in told)

    async def _executed(
        self, document: DocumentNode, variables: VariableValues, context: Context, kept: Kept
    ) -> dict[str, Any]:
        """The answer of graphql-core's executor over the data loaders."""
        try:
            with metrics.LOADERS.time(), tracing.span("resolvers"):
                result = await execute(self._schema, document, variables, context, kept=kept)
        finally:
            await context.end()
        return response(result, changed=context.changed)


async def _refused(fault: RequestFault) -> Answer:
    return refused(fault.errors)


def merged(keys: tuple[str, ...], data: bytes, beside: dict[str, Any]) -> bytes:
    """The data of both, in the order of the response's keys; every value as it was written."""
    values = msgspec.json.decode(data, type=dict[str, msgspec.Raw]) | beside
    return encode({key: values[key] for key in keys})


def read_after(body: Body) -> int:
    """The position that a mutation told the client. Raises RequestFault if it is none."""
    told = (body.extensions or {}).get(READ_AFTER)
    if told is None:
        return 0
    if isinstance(told, str) and A_POSITION.fullmatch(told):
        return int(told, 16)
    raise request_fault(
        f"extensions.{READ_AFTER} is what a mutation's answer told there, or is left out.",
        "BAD_REQUEST",
    )


def response(result: ExecutionResult, *, changed: bool = False) -> dict[str, Any]:
    """The response object. Raises Unavailable if that is why something failed, unless something
    was changed: who were told to try again would change it twice.
    """
    answer: dict[str, Any] = {"data": result.data}
    if result.errors:
        for error in result.errors:
            if isinstance(error.original_error, Unavailable) and not changed:
                raise error.original_error
        answer["errors"] = [shown(error) for error in result.errors]
    return answer

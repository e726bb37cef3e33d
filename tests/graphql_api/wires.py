"""A small schema behind the real HTTP and WebSocket on a real server, to test the wires on.

Its fields fail, hang and count when a test says so.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from inspect import isawaitable
from typing import Any
from uuid import UUID

import uvicorn
from graphql import (
    ExecutionResult,
    GraphQLError,
    OperationDefinitionNode,
    build_schema,
    execute,  # pyright: ignore[reportUnknownVariableType]
    get_operation_ast,
    subscribe,  # pyright: ignore[reportUnknownVariableType]
)
from graphql.execution.values import VariableValues, get_variable_values
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute

from db.errors import Unavailable
from db.session import Client, Viewer
from graphql_api import http, sse, websocket
from graphql_api.access import AccessLog
from graphql_api.auth import Allowance, KeyAsker
from graphql_api.draining import Draining
from graphql_api.limits import Limits, read_document, validate_document
from graphql_api.messages import Answer, Body, RequestFault, Service, encode, refused
from resolvers.accounts import RateLimited
from resolvers.context import Asker
from resolvers.errors import Forbidden, Unauthenticated

SCHEMA = build_schema("""
    scalar JSON
    type Query { hello(name: String): String! echo(value: JSON, number: Int): JSON hang: String }
    type Mutation { rename(name: String!): String! }
    type Subscription { count(to: Int!): Int! events: Int! flood: String! broken: Int! }
""")

ADA = UUID("6a1e4d60-0000-4000-8000-000000000001")


@dataclass
class World:
    """What the fields do, and what they saw."""

    events: asyncio.Queue[int] = field(default_factory=asyncio.Queue[int])
    listening: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    signed_out: asyncio.Event = field(default_factory=asyncio.Event)
    renamed: list[str] = field(default_factory=list[str])
    clients: list[Client] = field(default_factory=list[Client])
    flooded: int = 0

    async def hello(self, _info: object, name: str = "world") -> str:
        match name:
            case "nobody":
                raise Unavailable("refused")
            case "bug":
                raise RuntimeError("a secret of ours")
            case _:
                return f"Hello {name}"

    async def echo(self, _info: object, value: Any = None, number: int | None = None) -> Any:
        return value if number is None else number

    async def hang(self, _info: object) -> str:
        self.listening.set()
        try:
            return str(await self.events.get())
        finally:
            self.closed.set()

    async def rename(self, _info: object, name: str) -> str:
        self.renamed.append(name)
        return name


@dataclass
class SmallExecutor:
    """graphql-core alone, over the small schema."""

    world: World

    async def answer(self, body: Body, asker: Asker, *, only_queries: bool = False) -> Answer:
        try:
            document = self._document(body)
        except RequestFault as fault:
            return refused(fault.errors)
        result = execute(
            SCHEMA,
            document,
            self.world,
            variable_values=body.variables,
            operation_name=body.operation_name,
        )
        result = result if isinstance(result, ExecutionResult) else await result
        for error in result.errors or ():
            if error.original_error is not None:
                raise error.original_error
        return Answer(encode({"data": result.data}), "loaders")

    def operation_type(self, body: Body) -> str | None:
        try:
            return self._operation(body, self._document(body)).operation.value
        except RequestFault:
            return None

    async def subscribe(self, body: Body, asker: Asker) -> AsyncGenerator[bytes]:
        document = self._document(body)
        results: Any = subscribe(
            SCHEMA, document, Sources(self.world), variable_values=body.variables
        )
        if isawaitable(results):
            results = await results
        if isinstance(results, ExecutionResult):
            raise RequestFault(*(results.errors or ()))
        try:
            async for result in results:
                if result.errors:
                    raise result.errors[0].original_error or result.errors[0]
                yield encode({"data": result.data})
        finally:
            await results.aclose()

    def _document(self, body: Body) -> Any:
        try:
            document = read_document(body.query or "", Limits())
        except GraphQLError as error:
            raise RequestFault(error) from None
        if errors := validate_document(SCHEMA, document):
            raise RequestFault(*errors)
        operation = self._operation(body, document)
        variables = get_variable_values(
            SCHEMA, operation.variable_definitions or (), body.variables or {}, max_errors=5
        )
        if not isinstance(variables, VariableValues):
            raise RequestFault(*variables)
        return document

    def _operation(self, body: Body, document: Any) -> OperationDefinitionNode:
        operation = get_operation_ast(document, body.operation_name)
        if operation is None:
            raise RequestFault(GraphQLError("There is no such operation, or more than one."))
        return operation


@dataclass
class Sources:
    """The root of subscriptions: where their events come from."""

    world: World

    async def count(self, _info: object, to: int) -> AsyncIterator[dict[str, int]]:
        for number in range(to):
            yield {"count": number}

    async def events(self, _info: object) -> AsyncIterator[dict[str, int]]:
        self.world.listening.set()
        try:
            while True:
                yield {"events": await self.world.events.get()}
        finally:
            self.world.closed.set()

    async def flood(self, _info: object) -> AsyncIterator[dict[str, str]]:
        try:
            while True:
                self.world.flooded += 1
                yield {"flood": "x" * 100_000}
                await asyncio.sleep(0)
        finally:
            self.world.closed.set()

    async def broken(self, _info: object) -> AsyncIterator[dict[str, int]]:
        yield {"broken": 1}
        raise RuntimeError("a secret of ours")


async def identify(world: World, authorization: str | None, client: Client) -> Asker:
    """Who says what is who; each is a word."""
    world.clients.append(client)
    now = datetime.now(UTC)
    match authorization:
        case None:
            return Asker(client=client)
        case "Bearer ada":
            return Asker(Viewer(user_id=ADA), client)
        case "Bearer brief":
            return Asker(Viewer(user_id=ADA), client, now + timedelta(seconds=0.2))
        case "Bearer busy":
            raise RateLimited(now + timedelta(seconds=90))
        case "Bearer key":
            return of_three(world, client, now + timedelta(seconds=90))
        case "Bearer banned":
            raise Forbidden("You may not use this.")
        case "Bearer dark":
            raise Unavailable("refused")
        case _:
            raise Unauthenticated("Sign in again.")


def of_three(world: World, client: Client, reset_at: datetime) -> KeyAsker:
    """A key of three requests."""
    if len(world.clients) > 3:
        raise RateLimited(reset_at)
    allowance = Allowance(3, 3 - len(world.clients), reset_at)
    return KeyAsker(Viewer(api_key_id=ADA), client, allowance=allowance)


def small_app(
    world: World,
    over_http: http.Rules | None = None,
    over_socket: websocket.Rules | None = None,
    draining: Draining | None = None,
) -> Starlette:
    async def who(authorization: str | None, client: Client) -> Asker:
        return await identify(world, authorization, client)

    async def session_end(_: Asker) -> None:
        await world.signed_out.wait()

    service = Service(SmallExecutor(world), who, session_end)
    rules = over_http or http.Rules()
    app = Starlette(
        routes=[
            Route("/graphql", http.OverHttp(lambda _: service, rules)),
            Route("/events", sse.OverEvents(lambda _: service, rules, draining=draining)),
            WebSocketRoute(
                "/graphql", websocket.OverWebSocket(lambda _: service, over_socket, draining)
            ),
        ],
        middleware=http.cors(["https://app.example.com"], rules),
    )
    app.add_middleware(AccessLog)
    return app


@asynccontextmanager
async def serving(app: Starlette, *, lifespan: bool = False) -> AsyncGenerator[str]:
    """A real server of this application on a free port; its address, without the scheme."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        on = "on" if lifespan else "off"
        config = uvicorn.Config(app, log_config=None, ws_max_size=2_000_000, lifespan=on)
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running

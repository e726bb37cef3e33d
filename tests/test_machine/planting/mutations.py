"""Every mutation of the table of rights: done, done wrongly, and done to a database that refuses.

A mutation that gets a right is in here by itself.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from uuid import UUID

import asyncpg
from graphql import GraphQLInterfaceType, GraphQLObjectType, is_leaf_type

from db.secrets import Secrets
from db.session import Viewer, connect
from graphql_api.home import SECRET
from graphql_api.schema import schema
from graphql_api.ways import named_type
from resolvers.tokens import Tokens
from tests.graph import TABLES, global_id
from tests.graphql_api.asking import Asking
from tests.graphql_api.rights import RIGHTS
from tests.graphql_api.rights.table import (
    ERRORS,
    MUTATIONS,
    TEAM,
    WHO,
    Right,
    World,
    declared_type,
)
from tests.test_machine.planting.asked import Data, Platform

if TYPE_CHECKING:
    from asyncpg import Connection, Record

AT_ONCE = 4
TABLES_WRITTEN = """
SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n
    ON n.oid = c.relnamespace
 WHERE n.nspname IN ('public', 'secret', 'ops') AND c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND c.relname <> 'allowances'
"""
GIVE_UP = """
SELECT pg_cancel_backend(pid) FROM pg_stat_activity
 WHERE wait_event_type = 'Lock' AND usename LIKE 'mcp\\_%'
"""


class Wired(Asking):
    """Asks the server over HTTP, by a token of whoever asks."""

    def __init__(self, platform: Platform, tokens: Tokens) -> None:
        self.platform, self._tokens = platform, tokens
        self.keys: dict[UUID, str] = {}
        self._people: dict[UUID, str] = {}

    async def __call__(
        self, query: str, viewer: Viewer = WHO["owner"], **variables: Any
    ) -> Data:
        await self.platform.superuser.execute("DELETE FROM secret.allowances")
        response = await self.send(query, variables, viewer)
        assert "errors" not in response, response
        return response["data"]

    async def send(self, query: str, variables: Data, viewer: Viewer) -> Data:
        return await self.platform.post(query, variables, self.bearer(viewer))

    def bearer(self, viewer: Viewer) -> str | None:
        if viewer.api_key_id:
            return self.keys[viewer.api_key_id]
        if viewer.user_id and viewer.user_id not in self._people:
            self._people[viewer.user_id] = self._tokens.issue(viewer.user_id)[0]
        return self._people[viewer.user_id] if viewer.user_id else None


class WiredWorld(World):
    """Its keys are made as people make them, so that they can be shown."""

    ask: Wired

    async def key(self, scopes: list[str]) -> UUID:
        given = {"workspaceId": str(TEAM), "name": "made for a test", "scopes": scopes}
        fields = "key apiKey { databaseId }"
        made = await self.done("createApiKey", WHO["owner"], fields, input=given)
        id = UUID(made["apiKey"]["databaseId"])
        self.ask.keys[id] = made["key"]
        return id


class Call(NamedTuple):
    mutation: str
    viewer: Viewer
    given: Data

    def document(self) -> str:
        types = {name: declared_type(self.mutation, name) for name in self.given}
        declared = ", ".join(f"${name}: {type_}" for name, type_ in types.items())
        passed = ", ".join(f"{name}: ${name}" for name in self.given)
        return (
            f"mutation{f' ({declared})' if declared else ''} {{ {self.mutation}"
            f"{f'({passed})' if passed else ''} {{ {ERRORS} {selection(self.mutation)} }} }}"
        )

    def with_literals(self) -> str:
        passed = ", ".join(f"{name}: {literal(value)}" for name, value in self.given.items())
        called = f"{self.mutation}({passed})" if passed else self.mutation
        return f"mutation {{ {called} {{ errors {{ code }} }} }}"


@asynccontextmanager
async def world_of(platform: Platform) -> AsyncGenerator[WiredWorld]:
    """The sample, and everybody in it, on the platform."""
    secrets = Secrets((platform.data / SECRET).read_text())
    url = platform.database
    async with connect(url, secrets, size=2) as database:
        ask = Wired(platform, Tokens(secrets))
        yield WiredWorld(ask, database, platform.superuser, platform.issuer)


def selection(mutation: str) -> str:
    """Everything in the payload, and in what is in it."""
    payload: GraphQLObjectType = named_type(MUTATIONS[mutation])
    return " ".join(fields_of(payload, 2))


def fields_of(type_: GraphQLObjectType | GraphQLInterfaceType, levels: int) -> Iterator[str]:
    for name, field in type_.fields.items():
        inner = named_type(field)
        if field.args or name == "errors":
            continue
        if is_leaf_type(inner):
            yield name
        elif levels > 1 and isinstance(inner, GraphQLObjectType | GraphQLInterfaceType):
            nested = " ".join(fields_of(inner, levels - 1))
            yield f"{name} {{ {nested or '__typename'} }}"


def literal(value: Any) -> str:
    match value:
        case dict():
            inner = ", ".join(f"{k}: {literal(v)}" for k, v in cast("Data", value).items())
            return f"{{{inner}}}"
        case list():
            return f"[{', '.join(literal(each) for each in cast('list[Any]', value))}]"
        case _:
            return json.dumps(value)


async def call_all(platform: Platform) -> None:
    """Each by one who may and, where a key may, by a key; then wrongly."""
    async with world_of(platform) as world:
        for mutation, right in RIGHTS.items():
            for who in askers(right):
                viewer = await world.viewer(who, right)
                call = Call(mutation, viewer, await right.given(world, viewer))
                fields = selection(mutation)
                payload = await world.asked(mutation, viewer, fields, call.given)
                assert payload["errors"] == [], (mutation, payload["errors"])
                if who != "key":
                    await call_wrongly(world, call)


def askers(right: Right) -> Iterator[str]:
    """Those who try it."""
    yield next(role for role in ("owner", "admin", "viewer") if role in right.allowed)
    if right.scope:
        yield "key"


async def call_wrongly(world: WiredWorld, call: Call) -> None:
    """What was already done; values of other types, and that cannot be stored; no document."""
    document, whole = call.document(), call.with_literals()
    wrong = [(document, given) for given in (call.given, *spoilt(call.given))]
    for text, given in (*wrong, (whole, {}), (whole[:-4], {}), (f"{whole} }}", {})):
        await world.ask.send(text, given, call.viewer)


def spoilt(given: Data) -> Iterator[Data]:
    """The arguments, each time with one value made wrong."""
    for name, value in given.items():
        if isinstance(value, dict):
            yield {**given, name: json.dumps(value)}
            yield {**given, name: {**value, "unknown": value}}
            yield from ({**given, name: each} for each in spoilt(cast("Data", value)))
        elif isinstance(value, str):
            yield {**given, name: f"{value}\0\ud800"}
            yield {**given, name: {"inner": value}}


async def where_the_database_refuses(platform: Platform) -> None:
    """Every row is against a constraint, and every write is cancelled, as after a timeout."""
    async with world_of(platform) as world:
        calls = [await call_of(world, name) for name in RIGHTS]
        tables = [row[0] for row in await platform.superuser.fetch(TABLES_WRITTEN)]
        for table in tables:
            await platform.superuser.execute(
                f"ALTER TABLE {table} ADD CONSTRAINT planted CHECK (false) NOT VALID"
            )
        await send_all(world, calls)
        for table in tables:
            await platform.superuser.execute(f"ALTER TABLE {table} DROP CONSTRAINT planted")
        async with locked(platform, tables):
            await send_all(world, calls)


async def call_of(world: WiredWorld, mutation: str) -> Call:
    right = RIGHTS[mutation]
    viewer = await world.viewer(next(askers(right)), right)
    return Call(mutation, viewer, await right.given(world, viewer))


async def send_all(world: WiredWorld, calls: list[Call]) -> None:
    await world.superuser.execute("DELETE FROM secret.allowances")
    turn = asyncio.Semaphore(AT_ONCE)

    async def send(call: Call) -> None:
        async with turn:
            await world.ask.send(call.document(), call.given, call.viewer)

    await asyncio.gather(*(send(call) for call in calls))


@asynccontextmanager
async def locked(platform: Platform, tables: list[str]) -> AsyncGenerator[None]:
    """Whoever writes waits for a lock, and is soon cancelled."""
    holder: Connection[Record] = await asyncpg.connect(platform.database)
    await holder.execute(f"BEGIN; LOCK TABLE {', '.join(tables)} IN SHARE MODE")

    async def give_up() -> None:
        while True:
            await holder.execute(GIVE_UP)
            await holder.execute("SELECT pg_sleep(0.02), pg_stat_clear_snapshot()")

    giving_up = asyncio.create_task(give_up())
    try:
        yield
    finally:
        giving_up.cancel()
        with suppress(asyncio.CancelledError):
            await giving_up
        await holder.close()


async def read_all(platform: Platform) -> None:
    """Everything that can be asked for by its id, as those who may see most."""
    node = schema._schema.type_map["Node"]  # pyright: ignore[reportPrivateUsage]
    types = [cast("GraphQLObjectType", schema._schema.type_map[name]) for name in TABLES]  # pyright: ignore[reportPrivateUsage]
    assert isinstance(node, GraphQLInterfaceType)
    fragments = " ".join(
        f"... on {each.name} {{ {' '.join(f'{each.name}_{f}: {f}' for f in fields_of(each, 1))} }}"
        for each in types
    )
    query = f"query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ {fragments} }} }}"
    async with world_of(platform) as world:
        for type_, table in TABLES.items():
            rows = await platform.superuser.fetch(f'SELECT t.* FROM "{table}" t')
            ids = [global_id(type_, dict(row)) for row in rows]
            for start in range(0, len(ids), 100):
                for token in (platform.token, world.ask.bearer(WHO["owner"])):
                    await platform.post(query, {"ids": ids[start : start + 100]}, token)


OPERATIONS: list[Callable[[Platform], Awaitable[None]]] = [
    call_all,
    where_the_database_refuses,
    read_all,
]

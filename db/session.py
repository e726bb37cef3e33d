"""Who asks, and the one place that acquires a connection and says so to PostgreSQL.

A viewer is bound to each transaction by settings that live as long as it does: who it is, and a
proof that this API said so. ``app.uid()``, ``app.key_id()`` and ``app.ws()`` answer nobody unless
the proof fits (``migrations/``), so a value left over on a connection is worth nothing.
"""

import asyncio
import hmac
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from typing import TYPE_CHECKING, Any, LiteralString, NamedTuple
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg

from db import tracing
from db.errors import BadValue, refusal_for, refusal_of
from db.pools import Lasting, Pool
from db.sealing import Sealing
from db.secrets import Secrets
from db.waiting import Waiting

if TYPE_CHECKING:
    from asyncpg import Connection, Record

PROOF_SECONDS = 60
REUSED_SECONDS = 10
MOST_KEPT = 10_000
WORKER_SIZE = 2


class Viewer(NamedTuple):
    """Who asks: a user, an API key, or nobody."""

    user_id: UUID | None = None
    api_key_id: UUID | None = None


ANONYMOUS = Viewer()


class Client(NamedTuple):
    """Where a request comes from, for the audit log."""

    address: str = ""
    user_agent: str = ""


NOWHERE = Client()

BIND: LiteralString = (
    "set_config('app.current_user_id', {user}, true)"
    " || set_config('app.current_api_key_id', {key}, true)"
    " || set_config('app.viewer_proof', {proof} || '@' || extract(epoch FROM now()), true)"
)
"""Binds the viewer to the transaction; its now() is stamped onto the proof by the statement."""

BIND_VIEWER: LiteralString = "SELECT " + BIND.format(
    user="$1::text", key="$2::text", proof="$3::text"
)

BIND_CLIENT: LiteralString = (
    "SELECT set_config('app.client_ip', $1, true) || set_config('app.user_agent', $2, true)"
)

READ_ONE: LiteralString = (
    "SELECT convert_to(answer::text, 'UTF8') AS answer FROM (SELECT "
    + BIND
    + " || set_config('transaction_read_only', 'on', true) AS viewer OFFSET 0) bound"
    " CROSS JOIN LATERAL"
    " (SELECT CASE WHEN viewer IS NOT NULL THEN ({query}) END AS answer OFFSET 0) read"
)
"""One statement that binds the viewer and then reads. ``viewer`` must be referenced in the CASE and
both OFFSET 0 must stand, or PostgreSQL may read a row before it knows who asks. The answer comes as
the bytes that go on to the client: as a text it would be decoded and encoded for nothing."""


def bound(query: str, parameters: int) -> str:
    """``query``, one JSON value, as a statement that first binds the viewer. Gives bytes.

    The viewer's three parameters follow the ``parameters`` of the query.
    """
    user, key, proof = (f"${parameters + n}::text" for n in (1, 2, 3))
    return READ_ONE.format(user=user, key=key, proof=proof, query=query)


class Seal:
    """Makes the proof that a viewer is who this API says.

    One proof serves the viewer's transactions of the next few seconds, since each of them stamps it
    with its own time: making it was a tenth of a small request.
    """

    def __init__(self, secrets: Secrets) -> None:
        self._key, self._kid = secrets.derive("viewer"), secrets.kid
        self._made: dict[Viewer, tuple[int, tuple[str, str, str]]] = {}

    def settings(self, viewer: Viewer) -> tuple[str, str, str]:
        """The values of app.current_user_id, app.current_api_key_id and app.viewer_proof."""
        now = int(time.time())
        made = self._made.get(viewer)
        if made is None or not 0 <= now - made[0] < REUSED_SECONDS:
            if len(self._made) >= MOST_KEPT:
                self._made.clear()
            made = self._made[viewer] = now, self._sealed(viewer, now)
        return made[1]

    def _sealed(self, viewer: Viewer, now: int) -> tuple[str, str, str]:
        user, key = (str(each) if each else "" for each in viewer)
        expiry = f"{now + PROOF_SECONDS:010d}"
        message = f"{'u' if user else 'k'}{user or key}{expiry}{self._kid}"
        mac = hmac.digest(self._key, message.encode(), "sha256").hex()
        return user, key, f"{expiry}{self._kid}{mac}"


POSITION: LiteralString = "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint"


class SessionEnded(Exception):
    """The request was answered while this read still waited."""


class Session:
    """One viewer's read-only view of one moment, begun at the first statement.

    Statements of concurrent loaders take turns on its connection. After an error every further
    statement fails with the same error: half an answer is none.
    """

    def __init__(self, database: "Reads", viewer: Viewer) -> None:
        self.viewer, self.statements = viewer, 0
        self._database, self._lock, self._stack = database, asyncio.Lock(), AsyncExitStack()
        self._connection: Connection[Record] | None = None
        self._fault: Exception | None = None

    async def fetch(self, sql: str, values: Sequence[object] = ()) -> "list[Record]":
        """Rows of ``sql``."""
        async with self._lock:
            if self._fault is not None:
                raise self._fault
            try:
                with refusal_of():
                    connection = self._connection or await self._begin()
                    self._database.api.remembers(connection, sql)
                    self.statements += 1
                    with tracing.statement(sql):
                        return await connection.fetch(sql, *values)
            except BaseException as fault:
                self._fault = fault if isinstance(fault, Exception) else SessionEnded()
                raise

    @property
    def refused_a_value(self) -> bool:
        """Whether it has failed because a value that was asked for is none to PostgreSQL."""
        return isinstance(self._fault, BadValue)

    async def end(self) -> None:
        """Give the moment up; a loader that still waits is refused."""
        async with self._lock:
            fault, self._fault = self._fault, self._fault or SessionEnded()
            self._connection = None
            with refusal_of():
                # What was broken off at its beginning is no transaction yet, but may become one.
                await self._stack.__aexit__(type(fault) if fault else None, fault, None)

    async def _begin(self) -> "Connection[Record]":
        database = self._database
        connection = await self._stack.enter_async_context(database.api.connection())
        await self._stack.enter_async_context(
            connection.transaction(isolation="repeatable_read", readonly=True)
        )
        await connection.fetchval(BIND_VIEWER, *database.seal.settings(self.viewer))
        self._connection = connection
        return connection


class Writing:
    """One viewer's transaction that writes; everything or nothing of it stays.

    Once it has ended it takes no statement: its connection is another viewer's by then.
    """

    def __init__(self, connection: "Connection[Record]", viewer: Viewer) -> None:
        self.viewer, self._held = viewer, connection
        self._over = False

    @property
    def _connection(self) -> "Connection[Record]":
        if self._over:
            raise RuntimeError("the transaction has ended")
        return self._held

    def close(self) -> None:
        self._over = True

    async def fetch(self, sql: str, *values: object) -> "list[Record]":
        with refusal_of(), tracing.statement(sql):
            return await self._connection.fetch(sql, *values)

    async def row(self, sql: str, *values: object) -> "Record | None":
        with refusal_of(), tracing.statement(sql):
            return await self._connection.fetchrow(sql, *values)

    async def value(self, sql: str, *values: object) -> Any:
        with refusal_of(), tracing.statement(sql):
            return await self._connection.fetchval(sql, *values)


class Reads:
    """What is read as a viewer, on one server: through the pool ``api``."""

    def __init__(self, api: Pool, seal: Seal) -> None:
        self.api, self.seal = api, seal
        self._waiting = Waiting()

    def reading(self, viewer: Viewer) -> Session:
        return Session(self, viewer)

    def answer(
        self, viewer: Viewer, query: str, values: Sequence[object]
    ) -> Coroutine[Any, Any, bytes]:
        """Run a query, one JSON value, in one round trip."""
        return self.run(viewer, bound(query, len(values)), values)

    def run(
        self, viewer: Viewer, statement: str, values: Sequence[object]
    ) -> Coroutine[Any, Any, bytes]:
        """Run what ``bound`` made of a query."""

        def read(begun: Callable[[], None] | None = None) -> Coroutine[Any, Any, bytes]:
            given = (*values, *self.seal.settings(viewer))
            return alone(self.api, statement, given, begun=begun)

        if not self.api.taken:
            return read()
        return self._waiting.share((viewer, statement, *map(_as_key, values)), read)

    async def explain(self, viewer: Viewer, query: str, values: Sequence[object]) -> str:
        """How PostgreSQL runs a query: EXPLAIN ANALYZE, with this viewer's policies."""
        sql = f"EXPLAIN (ANALYZE, BUFFERS) {bound(query, len(values))}"
        given = (*values, *self.seal.settings(viewer))
        rows = await alone(self.api, sql, given, every_row=True)
        return "\n".join(row[0] for row in rows)


class Database(Reads):
    """The pools: ``api`` for everything that a viewer does, ``auth`` for what precedes a viewer,
    ``worker`` for what needs a secret that no viewer may read.

    ``health`` is a connection that no request can take: whether the database answers must be known
    also when all others are in use.
    """

    def __init__(
        self,
        api: Pool,
        auth: Pool,
        worker: Pool,
        seal: Seal,
        sealing: Sealing,
        *,
        health: Pool,
    ) -> None:
        super().__init__(api, seal)
        self.auth, self.worker, self.health = auth, worker, health
        self.sealing = sealing

    @asynccontextmanager
    async def writing(self, viewer: Viewer, client: Client = NOWHERE) -> AsyncGenerator[Writing]:
        """A transaction as ``viewer``, committed at the end of the block."""
        with refusal_of():
            async with self.api.connection() as connection, connection.transaction():
                await connection.fetchval(BIND_VIEWER, *self.seal.settings(viewer))
                await connection.fetchval(BIND_CLIENT, client.address, client.user_agent)
                with closing(Writing(connection, viewer)) as transaction:
                    yield transaction

    @asynccontextmanager
    async def signing_in(
        self, client: Client = NOWHERE, viewer: Viewer = ANONYMOUS
    ) -> AsyncGenerator[Writing]:
        """A transaction of the sign-in login, which runs the sign-in functions and nothing else.

        ``viewer`` is for the audit log: those functions are told by argument whom they concern.
        """
        async with self._without_viewer(self.auth) as transaction:
            if client != NOWHERE:
                await transaction.value(BIND_CLIENT, client.address, client.user_agent)
            if viewer != ANONYMOUS:
                await transaction.value(BIND_VIEWER, *self.seal.settings(viewer))
            yield transaction

    @asynccontextmanager
    async def working(self) -> AsyncGenerator[Writing]:
        """A transaction of the login that may read sealed credentials."""
        async with self._without_viewer(self.worker) as transaction:
            yield transaction

    async def as_worker(self, sql: str, *values: object) -> "list[Record]":
        """Rows of one statement of the login that may read sealed credentials."""
        return await alone(self.worker, sql, values, every_row=True)

    @asynccontextmanager
    async def _without_viewer(self, pool: Pool) -> AsyncGenerator[Writing]:
        with refusal_of():
            async with pool.connection() as connection, connection.transaction():
                with closing(Writing(connection, ANONYMOUS)) as transaction:
                    yield transaction

    async def ready(self) -> None:
        """Raises Unavailable unless the database answers."""
        await alone(self.health, "SELECT 1")

    async def position(self) -> int:
        """How far the database's log (WAL) has come: behind all that was committed before."""
        return await alone(self.api, POSITION)


def _as_key(value: object) -> object:
    """The same for the same value of the same type."""
    return value if isinstance(value, UUID | str) else (repr(value),)


async def alone(
    pool: Pool,
    statement: str,
    values: Sequence[object] = (),
    *,
    every_row: bool = False,
    begun: Callable[[], None] | None = None,
) -> Any:
    """The one value, or every row, of a statement that is a transaction by itself.

    ``begun`` is called when it no longer waits for a connection.
    """
    try:
        connection = await pool.acquire()
        try:
            if begun:
                begun()
            pool.remembers(connection, statement)
            fetch = connection.fetch if every_row else connection.fetchval
            with tracing.statement(statement):
                found = await fetch(statement, *values)
        except BaseException:
            pool.release(connection, broken=True)
            raise
        pool.release(connection)
        return found
    except Exception as error:
        if refusal := refusal_for(error):
            raise refusal from error
        raise


SERVER_SETTINGS = {
    "application_name": "graphql-api",
    "timezone": "UTC",
    "jit": "off",
    # A nested read takes longer to plan than to run, above all over partitions. docs/adr/0003
    "plan_cache_mode": "force_generic_plan",
    # Not knowing values, it would read empty partitions whole, and then must sort what it reads.
    "enable_seqscan": "off",
    "search_path": "public",
    "idle_in_transaction_session_timeout": "15000",
}


@asynccontextmanager
async def connect(
    url: str,
    secrets: Secrets,
    *,
    size: int = 6,
    sign_in_size: int = 2,
    statement_timeout: float = 8.0,
    statement_cache: int = 1000,
) -> AsyncGenerator[Database]:
    """The pools of one process, which connect when they are asked, whether or not the database is
    there now. ``url`` names server and database; its user is not used.

    ``size`` connections read and write, ``sign_in_size`` sign in. ``statement_timeout`` is in
    seconds; ``statement_cache`` must be 0 behind PgBouncer in transaction mode.
    """

    def pool(login: str, size: int) -> Pool:
        return pool_of(as_login(url, login, secrets), size, statement_timeout, statement_cache)

    async with (
        pool("mcp_api", size) as api,
        pool("mcp_auth", sign_in_size) as auth,
        pool("mcp_worker", WORKER_SIZE) as worker,
        pool("mcp_api", 1) as health,
    ):
        yield Database(api, auth, worker, Seal(secrets), Sealing(secrets), health=health)


def pool_of(
    url: str,
    size: int,
    statement_timeout: float,
    statement_cache: int,
    check: "Callable[[Connection[Record]], Awaitable[None]] | None" = None,
) -> Pool:
    """Connections with our settings; ``check`` looks at each new one."""
    milliseconds = str(round(statement_timeout * 1000))

    async def opened() -> "Connection[Record]":
        connection = await asyncpg.connect(
            url,
            statement_cache_size=statement_cache,
            max_cached_statement_lifetime=0,
            max_cacheable_statement_size=0,
            connection_class=Lasting,
            server_settings=SERVER_SETTINGS | {"statement_timeout": milliseconds},
        )
        if check:
            await check(connection)
        return connection

    return Pool(opened, size)


def as_login(url: str, login: str, secrets: Secrets) -> str:
    """``url`` with the user replaced by one of the API's logins."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{login}:{secrets.password(login)}@{place}"))

"""What watching asks of the database: heads, lines, rights, changes; and hints to other processes.

``Reader`` reads the lines of all workspaces through the login ``mcp_stream``, for many subscribers
at once. Who may see them is asked as the viewer (``rights``); nobody is sent a line for which that
was not asked a moment ago. Hints only say where looking is worth while: losing one loses nothing.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, LiteralString, NamedTuple
from uuid import UUID

import asyncpg
import msgspec

from db.errors import Unavailable, refusal_of
from db.executions import ExecutionRow
from db.logs import LogRow
from db.relation import Fragment, Statement, columns_from_table
from db.secrets import Secrets
from db.session import Database, Viewer, as_login

if TYPE_CHECKING:
    from asyncpg import Connection, Pool, Record
    from asyncpg.pool import PoolConnectionProxy

CHANNEL = "hints"
LONGEST_NOTICE = 7999
"""Bytes of a NOTIFY."""

PATIENCE = 5.0
PROBE_SECONDS = 10.0

HEADS: LiteralString = """
SELECT execution_id, last_seq, ended FROM execution_streams WHERE execution_id = ANY($1::uuid[])
"""

# ``size`` counts up, so that a page of long lines is cut before they are read.
LINES: LiteralString = """
SELECT {columns}, r.before + r.size
  FROM (SELECT r.*, sum(size) OVER (ORDER BY seq) - size AS before
          FROM (SELECT l.*, octet_length(message) + coalesce(pg_column_size(metadata), 0) AS size
                  FROM execution_logs l
                 WHERE execution_id = $1 AND seq > $2 AND seq <= $3 {test}
                 ORDER BY seq
                 LIMIT $4) r) r
 WHERE r.before < $5
 ORDER BY r.seq
"""
COLUMNS = columns_from_table(LogRow, "r")
OF_LEVEL: LiteralString = "AND level = ANY($6::text[])"
OF_NODE: LiteralString = "AND ($7::text IS NULL OR node_id = $7)"
ANY_LINE = LINES.format(columns=COLUMNS, test="")
SOME_LINES = LINES.format(columns=COLUMNS, test=f"{OF_LEVEL} {OF_NODE}")

# A version is any text that is another one after a change.
RIGHTS: LiteralString = """
(SELECT json_build_object(
    'streams', (SELECT coalesce(json_agg(json_build_array(execution_id, last_seq, ended)), '[]')
                  FROM execution_streams WHERE execution_id = ANY($1::uuid[])),
    'executions', (SELECT coalesce(json_agg(json_build_array(id, xmin::text, status)), '[]')
                     FROM executions WHERE id = ANY($2::uuid[])),
    'deployments', (SELECT coalesce(json_agg(json_build_array(id, xmin::text, status)), '[]')
                      FROM deployments WHERE id = ANY($3::uuid[])),
    'workflows', (SELECT coalesce(json_agg(json_build_array(id, xmin::text, status)), '[]')
                    FROM workflows WHERE id = ANY($4::uuid[]))))
"""

MOST_CHANGES = 200

CHANGES: LiteralString = """
SELECT {columns}, r.changed::text, ({test}) IS TRUE
  FROM executions r
 WHERE r.workspace_id = {workspace}::uuid
   AND (r.changed, r.id) > ({since}::xid8, {behind}::uuid)
   AND r.changed < pg_snapshot_xmax(pg_current_snapshot())
 ORDER BY r.changed, r.id
 LIMIT {most}
"""
SIGHT: LiteralString = """
SELECT $1::uuid = ANY (app.ws(10, 'executions:read')),
       pg_snapshot_xmin(pg_current_snapshot())::text::bigint
"""


class Head(NamedTuple):
    """How far a log has come. ``ended`` is the status of the execution once it has ended."""

    execution_id: UUID
    last_seq: int
    ended: str | None = None


class Version(NamedTuple):
    """A row as it is now; ``mark`` differs after every change."""

    id: UUID
    mark: str
    status: str


class Rights(msgspec.Struct):
    """What a viewer may see of what they watch, by kind."""

    streams: list[Head] = []
    executions: list[Version] = []
    deployments: list[Version] = []
    workflows: list[Version] = []


class Wanted(NamedTuple):
    """Which lines; None is any."""

    levels: tuple[str, ...] | None = None
    node_id: str | None = None

    def passes(self, line: LogRow) -> bool:
        return (self.levels is None or line.level in self.levels) and (
            self.node_id is None or line.node_id == self.node_id
        )


EVERY_LINE = Wanted()


class Place(NamedTuple):
    """A place in the changes of a workspace: a transaction, and a row among those it changed."""

    transaction: int
    row: UUID = UUID(int=0)


class Changes(NamedTuple):
    """Rows that changed: those that pass the filter, and the places of those that do not.

    ``read_to`` is the place of the last of them. Whatever may still be committed is at or after
    ``settled``. ``more`` says that there are others behind ``read_to`` already.
    """

    passing: list[tuple[Place, ExecutionRow]]
    others: list[Place]
    read_to: Place
    settled: Place
    more: bool


class Reader:
    """Reads heads and lines of every workspace, and speaks to the other processes."""

    def __init__(self, pool: "Pool[Record]", url: str) -> None:
        self._pool, self._url = pool, url

    async def heads(self, ids: Sequence[UUID]) -> list[Head]:
        with refusal_of():
            rows = await self._pool.fetch(HEADS, ids)
        return [Head(*row) for row in rows]

    async def lines(
        self, execution_id: UUID, span: tuple[int, int], most: tuple[int, int], wanted: Wanted
    ) -> list[tuple[LogRow, int]]:
        """Lines with a number behind the first of ``span`` and up to the second, and the bytes up
        to and with each.

        At most the first of ``most`` in lines; none behind the one that reaches the second, bytes.
        """
        values: list[object] = [execution_id, *span, *most]
        sql = ANY_LINE
        if wanted != EVERY_LINE:
            sql = SOME_LINES
            values += [wanted.levels or LEVELS, wanted.node_id]
        with refusal_of():
            rows = await self._pool.fetch(sql, *values)
        return [(LogRow(*row[:-1]), int(row[-1])) for row in rows]

    async def publish(self, notices: Sequence[str]) -> None:
        """Tell every process that listens, each in a transaction of its own."""
        with refusal_of():
            for notice in notices:
                await self._pool.execute("SELECT pg_notify($1, $2)", CHANNEL, notice)

    async def listen(self, heard: Callable[[str], None], ready: Callable[[], None]) -> None:
        """Hand on what is published, from ``ready`` on, until it cannot: raises Unavailable."""

        def hear(_connection: object, _pid: int, _channel: str, notice: object) -> None:
            heard(str(notice))

        with refusal_of():
            connection: Connection[Record] = await asyncpg.connect(
                self._url, timeout=PATIENCE, command_timeout=PATIENCE
            )
            gone = asyncio.Event()
            connection.add_termination_listener(lambda _: gone.set())
            try:
                await connection.add_listener(CHANNEL, hear)
                ready()
                while not await _within(gone, PROBE_SECONDS):
                    await connection.execute("SELECT 1")
                raise Unavailable("the connection that listens for hints was lost")
            finally:
                connection.terminate()


LEVELS = ("debug", "info", "warn", "error")
"""From the least to the most severe."""


async def _within(event: asyncio.Event, seconds: float) -> bool:
    """Whether it happens within this time."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


@asynccontextmanager
async def reading_streams(
    url: str,
    secrets: Secrets,
    *,
    direct: str | None = None,
    size: int = 3,
    statement_cache: int = 100,
) -> AsyncGenerator[Reader]:
    """Open the connections of one process that watch; ``direct`` is where LISTEN hears something
    if ``url`` leads to a pooler.
    """
    as_reader = as_login(url, "mcp_stream", secrets)
    async with asyncpg.create_pool(
        as_reader,
        min_size=0,
        max_size=size,
        command_timeout=PATIENCE,
        timeout=PATIENCE,
        max_inactive_connection_lifetime=0,
        statement_cache_size=statement_cache,
        reset=_keep,
        server_settings={"application_name": "graphql-api streams", "jit": "off"},
    ) as pool:
        yield Reader(pool, as_login(direct or url, "mcp_stream", secrets))


async def _keep(connection: "Connection[Record] | PoolConnectionProxy[Record]") -> None:
    """Leave a released connection as it is: no setting is ever made on it."""


_rights_of = msgspec.json.Decoder(Rights).decode


async def rights(database: Database, viewer: Viewer, watched: Sequence[Sequence[UUID]]) -> Rights:
    """What the viewer may see now of these streams, executions, deployments and workflows."""
    return _rights_of(await database.answer(viewer, RIGHTS, watched))


async def changes(
    database: Database, viewer: Viewer, workspace_id: UUID, since: Place | None, test: Fragment
) -> Changes | None:
    """The executions of a workspace that changed since, the earliest first; None if unseen.

    With ``since`` None: no changes, and the place from which all later ones are read.
    """
    session = database.reading(viewer)
    try:
        [(seen, oldest)] = await session.fetch(SIGHT, [workspace_id])
        if not seen:
            return None
        if since is None:
            return Changes([], [], Place(oldest), Place(oldest), more=False)
        statement = Statement()
        sql = CHANGES.format(
            columns=columns_from_table(ExecutionRow, "r"),
            test=statement.write(test),
            workspace=statement.bind(workspace_id),
            since=f"{statement.bind(str(since.transaction))}::text",
            behind=statement.bind(since.row),
            most=MOST_CHANGES,
        )
        rows = await session.fetch(sql, statement.values)
    finally:
        await session.end()
    passing: list[tuple[Place, ExecutionRow]] = []
    others: list[Place] = []
    for *values, changed, passes in rows:
        row = ExecutionRow(*values)
        place = Place(int(changed), row.id)
        if passes:
            passing.append((place, row))
        else:
            others.append(place)
    read_to = Place(int(rows[-1][-2]), rows[-1][0]) if rows else since
    return Changes(passing, others, read_to, Place(oldest), len(rows) == MOST_CHANGES)

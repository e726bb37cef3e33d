"""What has to be done again and again for the database to go on: months made ahead, and what is
older than its plan keeps taken away. The functions are of ``migrations/0080_retention.sql``.

Any number of processes may try: one does it, the others find that it is being done.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, LiteralString
from uuid import UUID

import asyncpg
import msgspec

from db import partitions
from db.secrets import Secrets
from db.session import as_login

if TYPE_CHECKING:
    from asyncpg import Connection, Record

Report = Callable[[str], None]

EVERY = timedelta(minutes=10)
ROWS = 5_000
"""Rows that one statement takes away: some ten milliseconds."""
DELIVERIES_KEPT = timedelta(days=30)
WORKFLOW_GRACE = timedelta(days=30)
"""How long a deleted workflow can be restored."""
ATTEMPTS = 5
PAUSE = 1.0
"""Seconds until the next try where a transaction of somebody else's is in the way."""

# Of the transaction, not of the session: so it holds behind PgBouncer in transaction mode, too.
LEAD: LiteralString = "SELECT pg_try_advisory_xact_lock(hashtext('ops.maintenance'))"
LAST: LiteralString = "SELECT app.last_maintenance()"
MONTHS: LiteralString = "SELECT partition FROM ops.expired_months()"
DROP: LiteralString = "SELECT ops.drop_month($1)"
WORKSPACES: LiteralString = "SELECT app.expired_workspaces()"
DELIVERIES: LiteralString = "SELECT app.forget_deliveries($1, $2)"
NOTE: LiteralString = "SELECT app.note_maintenance($1)"

EXPIRE: dict[str, LiteralString] = {
    "log_lines": "SELECT gone, more FROM app.expire_logs($1, $2)",
    "executions": "SELECT gone, more FROM app.expire_executions($1, $2)",
    "audit_rows": "SELECT gone, more FROM app.expire_audit($1, $2)",
}


PURGES: list[tuple[str, LiteralString] | tuple[str, LiteralString, timedelta]] = [
    ("workflows", "SELECT app.purge_workflows($1, 1)", WORKFLOW_GRACE),
    ("workspaces", "SELECT app.purge_workspaces(1)"),
]


class MaintenanceFailed(Exception):
    """Maintenance could not do its work; the message says why."""


class Done(msgspec.Struct):
    """What one run of maintenance did, and what it found in its way."""

    months_ahead: int = 0
    months_dropped: list[str] = []
    gone: dict[str, int] = {}
    """Rows taken away, by kind."""
    waiting: list[str] = []
    """Months and workspaces that were in use, and are left for another time."""

    def __str__(self) -> str:
        rows = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in self.gone.items())
        dropped = f"; dropped {', '.join(self.months_dropped)}" if self.months_dropped else ""
        waiting = f"; in use: {', '.join(self.waiting)}" if self.waiting else ""
        return f"{self.months_ahead} months ahead; took away {rows}{dropped}{waiting}"


async def maintain(
    url: str, secrets: Secrets, report: Report, *, unless_within: timedelta | None = None
) -> Done | None:
    """Do all that is due. None where another does it now, or did ``unless_within`` this time.

    Raises MaintenanceFailed.
    """
    try:
        async with _connected(url, secrets) as leading, leading.transaction():
            await leading.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            if not await leading.fetchval(LEAD):
                return None
            async with _connected(url, secrets) as connection:
                if unless_within and await _is_recent(connection, unless_within):
                    return None
                done = await _do(connection, report)
                await connection.execute(NOTE, msgspec.json.encode(done).decode())
                return done
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise MaintenanceFailed(f"maintenance broke off: {error}") from error


async def keep_maintaining(
    url: str, secrets: Secrets, report: Report, did: Callable[[Done], None]
) -> None:
    """Do so for as long as the process runs; of many processes one does it each time."""
    while True:
        await asyncio.sleep(random.uniform(0.05, 0.15) * EVERY.total_seconds())  # noqa: S311
        try:
            if done := await maintain(url, secrets, report, unless_within=EVERY):
                did(done)
        except MaintenanceFailed as error:
            report(f"{error}; it will be tried again")


async def _is_recent(connection: "Connection[Record]", within: timedelta) -> bool:
    last: datetime | None = await connection.fetchval(LAST)
    return last is not None and datetime.now(UTC) - last < within


async def _do(connection: "Connection[Record]", report: Report) -> Done:
    await partitions.ensure(connection, report)
    done = Done(await connection.fetchval("SELECT ops.months_ahead()"))
    await _drop_months(connection, done)
    for [workspace] in await connection.fetch(WORKSPACES):
        for kind, statement in EXPIRE.items():
            await _expire(connection, done, kind, statement, workspace)
    await _drop_months(connection, done)
    await _forget_deliveries(connection, done)
    done.gone["sessions_and_hours"] = await connection.fetchval("SELECT app.forget_expired()")
    for kind, statement, *values in PURGES:
        await _purge(connection, done, kind, statement, *values)
    return done


async def _drop_months(connection: "Connection[Record]", done: Done) -> None:
    """Drop those whose rows nobody needs; one that is in use waits for the next run."""
    for [month] in await connection.fetch(MONTHS):
        if month in done.waiting:
            continue
        row = await _patiently(connection, DROP, month)
        if row is None:
            done.waiting.append(month)
        elif row[0]:
            done.months_dropped.append(month)


async def _expire(
    connection: "Connection[Record]", done: Done, kind: str, statement: LiteralString, of: UUID
) -> None:
    """Take away a workspace's rows whose time is over, in small batches."""
    more = True
    while more:
        row = await _patiently(connection, statement, of, ROWS)
        if row is None:
            done.waiting.append(f"{kind} of workspace {of}")
            return
        gone, more = row
        done.gone[kind] = done.gone.get(kind, 0) + gone


async def _purge(
    connection: "Connection[Record]",
    done: Done,
    kind: str,
    statement: LiteralString,
    *values: object,
) -> None:
    """Remove what was deleted and can no longer be restored, one at a time."""
    done.gone[kind] = 0
    while row := await _patiently(connection, statement, *values):
        if not row[0]:
            return
        done.gone[kind] += row[0]
    done.waiting.append(kind)


async def _forget_deliveries(connection: "Connection[Record]", done: Done) -> None:
    """Take away what webhooks were told too long ago to be told again."""
    gone = ROWS
    while gone == ROWS:
        gone = await connection.fetchval(DELIVERIES, DELIVERIES_KEPT, ROWS)
        done.gone["webhook_deliveries"] = done.gone.get("webhook_deliveries", 0) + gone


async def _patiently(
    connection: "Connection[Record]", statement: LiteralString, *values: object
) -> "Record | None":
    """The row that a statement answers; None where somebody's lock stands in the way too long."""
    for attempt in range(ATTEMPTS):
        if attempt:
            await asyncio.sleep(PAUSE)
        try:
            return await connection.fetchrow(statement, *values)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            continue
    return None


@asynccontextmanager
async def _connected(url: str, secrets: Secrets) -> "AsyncGenerator[Connection[Record]]":
    connection: Connection[Record] = await asyncpg.connect(
        as_login(url, "mcp_maintenance", secrets),
        statement_cache_size=0,
        server_settings={"application_name": "graphql-api maintenance", "lock_timeout": "2s"},
    )
    try:
        yield connection
    finally:
        await connection.close()

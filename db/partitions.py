"""The monthly partitions of executions, their logs and the audit log, made ahead of time. What a
month is, and its name, is written in ``migrations/0007_partitions.sql``.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, LiteralString, NamedTuple

import asyncpg

from db.errors import refusal_of
from db.session import Database

if TYPE_CHECKING:
    from asyncpg import Connection, Record

MONTHS_AHEAD = 4
LAST: LiteralString = "SELECT ops.months_ahead(), app.last_maintenance()"
BACKLOG: LiteralString = """
SELECT jobs_waiting, jobs_claimed, oldest_job_seconds, mail_waiting, due, later
  FROM app.backlog() CROSS JOIN app.deliveries_waiting()
"""
ATTEMPTS = 5
PAUSE = 1.0  # seconds, for a writer's transaction to end


class Upkeep(NamedTuple):
    """Whole months after this one that can be written to, and when maintenance last ended.

    Four months are healthy, none is an alarm.
    """

    months_ahead: int
    maintained: datetime | None


class Backlog(NamedTuple):
    """What waits in the database, of all workspaces together."""

    jobs_waiting: int
    jobs_claimed: int
    oldest_job_seconds: float
    mail_waiting: int
    deliveries_due: int
    deliveries_later: int


async def upkeep(database: Database) -> Upkeep:
    return Upkeep(*await _asked(database, LAST))


async def backlog(database: Database) -> Backlog:
    return Backlog(*await _asked(database, BACKLOG))


async def _asked(database: Database, sql: LiteralString) -> "Record":
    with refusal_of():
        async with (
            database.health.connection() as connection,
            connection.transaction(readonly=True),
        ):
            [row] = await connection.fetch(sql)
            return row


async def months_ahead(database: Database) -> int:
    return (await upkeep(database)).months_ahead


async def ensure(connection: "Connection[Record]", report: Callable[[str], None]) -> None:
    """Make what is missing of the next four months.

    A writer's open transaction stands in the way for as long as it lasts. Giving up is an error
    only when no month is left.
    """
    ahead: int = await connection.fetchval("SELECT ops.months_ahead()")
    for attempt in range(1, ATTEMPTS + 1):
        if ahead >= MONTHS_AHEAD:
            return
        try:
            made: int = await connection.fetchval("SELECT ops.ensure_partitions()")
        except asyncpg.LockNotAvailableError:
            if attempt == ATTEMPTS and ahead < 1:
                raise
            report(f"partitions have to wait for a writer; {ahead} months are ahead")
            await asyncio.sleep(PAUSE)
        else:
            report(f"made {made} partitions")
        ahead = await connection.fetchval("SELECT ops.months_ahead()")

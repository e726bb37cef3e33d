"""The monthly partitions of executions, their logs and the audit log: made ahead of time, dropped
when they expire. What a month is, and its name, is written in ``migrations/0007_partitions.sql``.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg

from db.secrets import Secrets
from db.session import Database, as_login

if TYPE_CHECKING:
    from asyncpg import Connection, Record

MONTHS_AHEAD = 4
LOOK = timedelta(hours=6)
ATTEMPTS = 5
PAUSE = 1.0  # seconds, for a writer's transaction to end


async def months_ahead(database: Database) -> int:
    """Whole months after this one that can be written to: four is healthy, none an alarm."""
    async with (
        database.health.acquire(timeout=database.patience) as connection,
        connection.transaction(readonly=True),
    ):
        return await connection.fetchval("SELECT ops.months_ahead()")


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


async def keep_ahead(url: str, secrets: Secrets, report: Callable[[str], None]) -> None:
    """Make the coming months' partitions for as long as the process runs."""
    while True:
        await asyncio.sleep(LOOK.total_seconds())
        try:
            connection = await asyncpg.connect(as_login(url, "mcp_maintenance", secrets))
            try:
                await ensure(connection, report)
                await connection.execute("SELECT app.forget_expired()")
            finally:
                await connection.close()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            report(f"partitions were not made, and will be tried again: {error}")

"""A streaming replica that answers reads, as long as it is not behind what the viewer knows.

How far a server's log (WAL) has come is a number that only grows. The primary's is asked several
times a second, and how far the replica has replayed it. That tells for every moment of the primary
whether the replica has seen it: those within the last ``most_behind`` seconds, and for viewers who
wrote, the moment behind their write. What is not known is answered by the primary.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, LiteralString, NamedTuple, TypeVar

from db.errors import Unavailable
from db.pools import Pool
from db.secrets import Secrets
from db.session import POSITION, Database, Reads, Viewer, alone, as_login, pool_of

if TYPE_CHECKING:
    from asyncpg import Connection, Record

LOOK = 0.25
"""Seconds between two looks."""
MOST_WRITERS = 10_000
"""Viewers whose writes are kept apart; beyond that the last write of any counts for all."""

REPLAYED: LiteralString = """
SELECT CASE WHEN pg_is_in_recovery() THEN (pg_last_wal_replay_lsn() - '0/0')::bigint ELSE 0 END
"""

Report = Callable[[str], None]
Result = TypeVar("Result")


class Moment(NamedTuple):
    """Where the primary's log stood, and a time before that was asked."""

    at: float
    position: int


class Replica:
    """``reads`` are there; ``serves`` says for whom, and ``first`` asks it before the primary."""

    def __init__(self, reads: Reads, primary: Database, most_behind: float) -> None:
        self.reads, self._primary, self._most_behind = reads, primary, most_behind
        self.replayed = 0
        self._until = 0.0
        self._moments: deque[Moment] = deque(maxlen=round(max(most_behind, 1) / LOOK) + 1)
        self._wrote: dict[Viewer, int] = {}
        self._unsure: dict[Viewer, object] = {}
        self._all_wrote = 0

    def serves(self, viewer: Viewer, after: int = 0) -> bool:
        """Whether it has replayed all that the viewer wrote here, and the position ``after``."""
        return (
            time.monotonic() < self._until
            and max(after, self._all_wrote, self._wrote.get(viewer, 0)) <= self.replayed
            and viewer not in self._unsure
        )

    async def first(
        self, viewer: Viewer, after: int, read: Callable[[Reads], Awaitable[Result]]
    ) -> tuple[Result, bool]:
        """What ``read`` reads on the replica where that serves, else on the primary; and whether
        the replica answered. One that is lost meanwhile costs a second try, not the answer."""
        if self.serves(viewer, after):
            try:
                return await read(self.reads), True
            except Unavailable:
                self.lose()
        return await read(self._primary), False

    def lose(self) -> None:
        """Trust it no more, until the next look."""
        self._until = 0.0

    # Writes

    def wrote(self, viewer: Viewer) -> None:
        """The viewer may have changed something: they read from the primary until it is known what
        to wait for."""
        self._unsure[viewer] = object()

    async def moment_of(self, viewer: Viewer) -> int | None:
        """A position behind all that the viewer wrote; None while the primary cannot be asked."""
        writes = {viewer: self._unsure.get(viewer)}
        try:
            position = await self._primary.position()
        except Unavailable:
            return None
        self._settle(writes, position)
        return position

    def _settle(self, writes: dict[Viewer, object], position: int) -> None:
        """These writes, and not those that came since, are before this position."""
        for viewer, write in writes.items():
            self._wrote[viewer] = position
            if self._unsure.get(viewer) is write:
                self._unsure.pop(viewer, None)
        if len(self._wrote) > MOST_WRITERS:
            self._all_wrote = max(self._wrote.values())
            self._wrote.clear()

    # Looking

    async def keep_looking(self, pool: Pool, report: Report) -> None:
        """Find out how far it is behind, for as long as the process runs."""
        served = False
        while True:
            try:
                async with asyncio.timeout(self._most_behind):
                    await self.look(pool)
            except (Unavailable, TimeoutError) as error:
                self.lose()
                report(f"the replica cannot be asked: {error or 'no answer in time'}")
            serves = time.monotonic() < self._until
            if serves != served:
                served = serves
                report("the replica answers reads" if serves else "the primary answers all reads")
            await asyncio.sleep(LOOK)

    async def look(self, pool: Pool) -> None:
        unsure, at = dict(self._unsure), time.monotonic()
        position: int = await alone(self._primary.health, POSITION)
        replayed: int = await alone(pool, REPLAYED)
        self._settle(unsure, position)
        self._moments.append(Moment(at, position))
        seen = [moment.at for moment in self._moments if moment.position <= replayed]
        self._until = seen[-1] + self._most_behind if seen and replayed else 0.0
        self.replayed = replayed
        self._wrote = {who: where for who, where in self._wrote.items() if where > replayed}

    async def check(self, connection: "Connection[Record]") -> None:
        """A new connection: if the server was restarted, it may be at an earlier place."""
        if await connection.fetchval(REPLAYED) < self.replayed:
            self.lose()


@asynccontextmanager
async def replicated(
    url: str,
    secrets: Secrets,
    primary: Database,
    report: Report,
    *,
    most_behind: float,
    size: int,
    statement_timeout: float,
    statement_cache: int,
) -> AsyncGenerator[Replica]:
    """The replica at ``url``, one server, watched while the block lasts.

    It need not be there: while it is not, the primary answers.
    """
    login = as_login(url, "mcp_api", secrets)

    async def check(connection: "Connection[Record]") -> None:
        await replica.check(connection)

    async with (
        pool_of(login, size, statement_timeout, statement_cache, check) as api,
        pool_of(login, 1, statement_timeout, statement_cache) as looking,
    ):
        replica = Replica(Reads(api, primary.seal), primary, most_behind)
        task = asyncio.create_task(replica.keep_looking(looking, report))
        try:
            yield replica
        finally:
            task.cancel()
            await asyncio.wait([task])

"""The connections of a process, and the queue for them, which has an end.

Who finds the queue full, or waits too long, is refused before anything was done. A queue without an
end only makes everybody late: those at its end are answered when nobody waits for it any more.
"""

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import asyncpg

from db.errors import Busy

if TYPE_CHECKING:
    from asyncpg import Connection, Record
    from asyncpg.pool import PoolConnectionProxy

PATIENCE = 4.0
"""Seconds in which there is a connection, or the request is refused: an answer within five."""

MOST_WAITING = 1_000
"""Requests in the queue; where 10 connections answer 700 a second, the last waits 1.4 seconds."""

MOST_QUERIES = 50_000
"""Queries of a connection, which is then closed: what its server remembers of them ends with it."""


class BoundedPool(asyncpg.Pool):
    """A pool that serves who came first first, and refuses where too many wait for a connection
    already. Opens none in advance.

    ``acquire`` raises Busy then, and when the time is over while all connections are in use.
    """

    def __init__(self, url: str, size: int, **options: Any) -> None:
        super().__init__(
            url,
            min_size=0,
            max_size=size,
            max_queries=MOST_QUERIES,
            max_inactive_connection_lifetime=0,
            max_cached_statement_lifetime=0,
            max_cacheable_statement_size=0,
            reset=_keep,
            loop=None,
            connection_class=asyncpg.Connection,
            record_class=asyncpg.Record,
            **options,
        )
        self._free = size
        self._line: deque[asyncio.Future[None]] = deque()

    async def _acquire(
        self,
        timeout: float | None,  # noqa: ASYNC109
    ) -> "PoolConnectionProxy[Record]":
        """What every way to a connection goes through, in the order of coming: of asyncpg's own
        queue whoever asks just then takes what is given back, and the first becomes the last."""
        if self.taken:
            await self._turn(timeout)
        else:
            self._free -= 1
        try:
            ready = self._has_one_ready()
            return await super()._acquire(None if ready else timeout)  # type: ignore[misc] # not in the stubs
        except BaseException:
            self._next()
            raise

    async def _turn(self, seconds: float | None) -> None:
        """Returns when a connection is there for this one. ``asyncio.timeout`` would take longer
        than all the rest of waiting."""
        if self.waiting >= MOST_WAITING:
            raise Busy(f"{MOST_WAITING} requests wait for a connection already")
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self._line.append(turn)
        patience = loop.call_later(seconds, self._lose, turn, seconds) if seconds else None
        try:
            await turn
        except BaseException:
            if _has_come(turn):  # just as its request was cancelled
                self._next()
            elif turn in self._line:
                self._line.remove(turn)
            raise
        finally:
            if patience:
                patience.cancel()

    def _lose(self, turn: asyncio.Future[None], seconds: float) -> None:
        if not turn.done():
            turn.set_exception(self._late(seconds))

    def _late(self, seconds: float) -> Exception:
        if self.get_size() - self.get_idle_size() < self.get_max_size():
            return TimeoutError()  # nobody has them: they cannot be opened
        return Busy(f"no connection was free within {seconds:g} seconds")

    def _next(self) -> None:
        """A connection is there for whoever is first in the line."""
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    @property
    def taken(self) -> bool:
        """Whether who asks for a connection must wait."""
        return self._free == 0

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._line)

    def _has_one_ready(self) -> bool:
        """Whether the next connection is open and idle."""
        idle: list[Any] = self._queue._queue  # type: ignore[attr-defined] # the one released last is the last
        return bool(idle) and bool(idle[-1].is_connected())

    async def release(
        self,
        connection: "PoolConnectionProxy[Record]",
        *,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> None:
        """Where nothing is left to be cleaned up, at once: a task and a timeout for it cost more
        than the way through the pool."""
        try:
            if self._is_clean(connection):
                connection._con._on_release()  # type: ignore[attr-defined]
                connection._holder._timeout = None  # type: ignore[attr-defined]
                connection._holder._release()  # type: ignore[attr-defined]
            else:
                await super().release(connection, timeout=timeout)
        finally:
            self._next()

    def _is_clean(self, connection: "PoolConnectionProxy[Record]") -> bool:
        """Whether it can go on as it is."""
        inner, holder = connection._con, connection._holder  # type: ignore[attr-defined]
        return not (
            inner is None
            or inner.is_closed()
            or inner.is_in_transaction()
            or inner._protocol._is_cancelling()
            or inner._protocol.queries_count >= MOST_QUERIES
            or holder._generation != self._generation  # type: ignore[attr-defined]
        )


def _has_come(turn: asyncio.Future[None]) -> bool:
    return turn.done() and not turn.cancelled() and turn.exception() is None


async def _keep(connection: "Connection[Record]") -> None:
    """Leave a released connection as it is: every setting of ours ends with its transaction."""

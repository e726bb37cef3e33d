"""The connections of a process, and the queue for them, which has an end.

Who finds the queue full, or waits too long, is refused before anything was done. A queue without an
end only makes everybody late: those at its end are answered when nobody waits for it any more.

asyncpg's own pool gives a connection to whoever asks just when it is given back, so that the first
in the line becomes the last, and the way in and out of it took as long as a small statement.
docs/adr/0026
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

import asyncpg
import msgspec

from db.deadlines import Deadlines
from db.errors import Busy

if TYPE_CHECKING:
    from asyncpg import Connection, Record

PATIENCE = 4.0
"""Seconds in which there is a connection, or the request is refused: an answer within five."""

MOST_WAITING = 1_000
"""Requests in the queue; where the connections answer 700 a second, the last waits 1.4 seconds."""

MOST_USES = 50_000
"""Times that a connection is used; then it is closed, and with it what its server remembers."""

MOST_REMEMBERED = 1_000_000
"""Characters of different statements, after which it is closed, too: clients make up what is asked,
and each character takes 100 to 160 bytes of the server. docs/adr/0028"""


class Lasting(asyncpg.Connection):
    """A connection whose settings stay at a reset: each of ours ends with its transaction.

    Where a statement is broken off while it is prepared, or a value cannot be sent, asyncpg sends
    no Sync, and the implicit transaction would still be open for whoever comes next. A statement
    ends it.
    """

    def get_reset_query(self) -> str:
        return "SELECT"


class _Life(msgspec.Struct):
    """How often a connection was used, and for which statements."""

    uses: int = 0
    statements: set[str] = set()
    characters: int = 0


class Pool:
    """At most ``most`` connections, each opened when it is first needed. Who came first is served
    first."""

    def __init__(
        self, opened: "Callable[[], Awaitable[Connection[Record]]]", most: int
    ) -> None:
        self.most, self.patience = most, PATIENCE
        self._opened = opened
        self._idle: list[Connection[Record]] = []
        self._lives: dict[Connection[Record], _Life] = {}
        self._free = most
        self._line: deque[asyncio.Future[None]] = deque()
        self._deadlines = Deadlines[asyncio.Future[None]](self._lose)
        self._beside: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Close them all: those in use when they are given back, or are not in time."""
        with suppress(Busy, TimeoutError):  # who still has one, or is opening one, is broken off
            for _ in range(self.most):
                await self._turn()
        await asyncio.gather(*self._beside, *(self._closed(each) for each in self._idle))
        for each in self._lives:
            each.terminate()

    @asynccontextmanager
    async def connection(self) -> "AsyncGenerator[Connection[Record]]":
        """One connection, for the block. Raises as ``acquire``."""
        connection = await self.acquire()
        try:
            yield connection
        except BaseException:
            self.release(connection, broken=True)
            raise
        self.release(connection)

    async def acquire(self) -> "Connection[Record]":
        """One connection, until ``release``. Raises Busy where too many wait already or all are in
        use for too long, and what asyncpg raises where none can be opened."""
        await self._turn()
        try:
            while self._idle:
                connection = self._idle.pop()
                if not connection.is_closed():
                    return connection
                del self._lives[connection]
            async with asyncio.timeout(self.patience):
                connection = await self._opened()
        except BaseException:
            self._next()
            raise
        self._lives[connection] = _Life()
        return connection

    def remembers(self, connection: "Connection[Record]", statement: str) -> None:
        """Its server is given the statement, and will remember it."""
        life = self._lives[connection]
        if statement not in life.statements:
            life.statements.add(statement)
            life.characters += len(statement)

    def release(self, connection: "Connection[Record]", *, broken: bool = False) -> None:
        """Give it back; ``broken`` says that what was done on it may not have come to its end."""
        if broken or connection.is_in_transaction():
            self._do_beside(self._cleared(connection))
        else:
            self._return(connection)

    @property
    def open(self) -> int:
        """Connections."""
        return len(self._lives)

    @property
    def idle(self) -> int:
        """Of these, those that nobody uses."""
        return len(self._idle)

    @property
    def taken(self) -> bool:
        """Whether who asks for a connection must wait."""
        return self._free == 0

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._line)

    # The line

    async def _turn(self) -> None:
        """Returns when one of the connections is this one's, open or to be opened."""
        if self._free:
            self._free -= 1
            return
        if self.waiting >= MOST_WAITING:
            raise Busy(f"{MOST_WAITING} requests wait for a connection already")
        turn = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        self._deadlines.begin(turn, self.patience)
        try:
            await turn
        except BaseException:
            if _has_come(turn):  # just as its request was cancelled
                self._next()
            elif turn in self._line:
                self._line.remove(turn)
            raise
        finally:
            self._deadlines.end(turn)

    def _lose(self, turn: asyncio.Future[None]) -> None:
        if not turn.done():
            turn.set_exception(self._too_late())

    def _too_late(self) -> Exception:
        if self.open < self.most:
            return TimeoutError()  # nobody has them: they cannot be opened
        return Busy(f"no connection was free within {self.patience:g} seconds")

    def _next(self) -> None:
        """A connection is there for whoever is first in the line."""
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    # The way back

    def _return(self, connection: "Connection[Record]") -> None:
        life = self._lives[connection]
        life.uses += 1
        if life.uses >= MOST_USES or life.characters > MOST_REMEMBERED:
            self._do_beside(self._closed(connection))
        else:
            self._idle.append(connection)
        self._next()

    async def _cleared(self, connection: "Connection[Record]") -> None:
        """Bring back one that was left in the middle of something."""
        try:
            if not connection.is_closed():
                await connection.reset(timeout=self.patience)
        except Exception:  # whatever ails it, there will be another
            connection.terminate()
        except BaseException:
            connection.terminate()
            raise
        finally:
            self._return(connection)

    async def _closed(self, connection: "Connection[Record]") -> None:
        del self._lives[connection]
        try:
            await connection.close(timeout=self.patience)
        except (OSError, TimeoutError):
            connection.terminate()

    def _do_beside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)


def _has_come(turn: asyncio.Future[None]) -> bool:
    return turn.done() and not turn.cancelled() and turn.exception() is None

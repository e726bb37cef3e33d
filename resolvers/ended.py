"""Sessions that have ended, whose access tokens have not run out: known in every process.

A list of them is read once a second at most, and only while somebody asks; so an access token costs
nothing to check, and stops working a second after its session has ended, or at once in the process
that ended it.
"""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from time import monotonic
from uuid import UUID

from db import sessions
from db.session import Database
from resolvers.beside import going_on
from resolvers.errors import Unauthenticated

FRESH = 1.0
"""Seconds for which the list is good."""


class EndedSessions:
    """``life``: how long an access token is good, which is as long as its session is remembered."""

    def __init__(self, life: timedelta = timedelta(days=1)) -> None:
        self.life = life + timedelta(minutes=1)
        self._ended: set[UUID] = set()
        self._added: set[UUID] = set()
        self._read_at = -FRESH
        self._reading = asyncio.Lock()
        self._waiting: dict[UUID, set[asyncio.Event]] = {}

    def add(self, ids: Iterable[UUID]) -> None:
        """These were ended, and that is committed."""
        added = set(ids)
        self._added |= added
        self._ended |= added
        self._tell()

    async def check(self, database: Database, session_id: UUID | None) -> None:
        """Raises Unauthenticated if the session has ended."""
        if session_id is None:
            return
        if monotonic() - self._read_at > FRESH:
            await self._read(database)
        if session_id in self._ended:
            raise Unauthenticated("The session has ended; sign in.")

    async def wait(self, session_id: UUID | None) -> None:
        """Returns when the session has ended, which is noticed while ``keep_reading`` runs."""
        event = asyncio.Event()
        if session_id is not None:
            self._waiting.setdefault(session_id, set()).add(event)
            self._tell()
        try:
            await event.wait()
        finally:
            if session_id is not None and (others := self._waiting[session_id]):
                others.discard(event)
                if not others:
                    del self._waiting[session_id]

    async def keep_reading(self, database: Database) -> None:
        """Look for as long as the process runs, while anybody waits."""
        while True:
            await asyncio.sleep(FRESH)
            if self._waiting:
                with going_on("sessions that ended could not be read"):
                    await self._read(database)

    async def _read(self, database: Database) -> None:
        async with self._reading:
            if monotonic() - self._read_at <= FRESH:
                return
            began = monotonic()
            self._added.clear()
            found = await sessions.ended(database, self.life)
            self._ended = self._added | set(found)
            self._read_at = began
            self._tell()

    def _tell(self) -> None:
        for id in self._ended & self._waiting.keys():
            for event in self._waiting[id]:
                event.set()

"""What viewers watch, and what they may see of it: asked as the viewer, again and again.

Nothing is handed out on rights that were asked longer than ``FRESH`` ago.
"""

import asyncio
from collections import Counter
from collections.abc import Generator, Hashable
from contextlib import contextmanager
from time import monotonic
from typing import NamedTuple, TypeVar
from uuid import UUID

from db import streams
from db.errors import Unavailable
from db.session import Database, Viewer
from db.streams import Head, Version
from resolvers.beside import Beside, going_on
from resolvers.kept_logs import Logs

FRESH = 1.8
"""Seconds for which an answer about rights is good."""
TICK = 1.0
"""Seconds after which everything watched is asked again."""
AT_ONCE = 4
"""Viewers whose rights are asked at the same time."""

KINDS = ("streams", "executions", "deployments", "workflows")

Counted = TypeVar("Counted", bound=Hashable)


class Thing(NamedTuple):
    """What is watched; ``kind`` is one of KINDS."""

    kind: str
    id: UUID


class Sight:
    """What one viewer watches, and what they may see of it."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.watched: Counter[Thing] = Counter()
        self.seen: dict[Thing, Head | Version] = {}
        self.asked: frozenset[Thing] = frozenset()
        self.asked_at = self.void_before = -1.0
        self.asking: asyncio.Future[None] | None = None
        self.changed = asyncio.Event()

    def knows(self, thing: Thing) -> bool:
        """Whether what was answered about this is still good."""
        fresh = self.asked_at > max(self.void_before, monotonic() - FRESH)
        return fresh and thing in self.asked

    def wake(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


class Sights:
    """What all viewers of this process watch."""

    def __init__(self, beside: Beside, logs: Logs) -> None:
        self._beside, self._logs = beside, logs
        self._sights: dict[Viewer, Sight] = {}
        self.database: Database | None = None

    def __len__(self) -> int:
        return len(self._sights)

    @contextmanager
    def watching(self, viewer: Viewer, thing: Thing) -> Generator[Sight]:
        sight = self._sights.setdefault(viewer, Sight(viewer))
        sight.watched[thing] += 1
        try:
            yield sight
        finally:
            less(sight.watched, thing)
            if not sight.watched:
                self._sights.pop(viewer, None)

    async def seen(self, sight: Sight, thing: Thing) -> Head | Version | None:
        """The thing as it is, on rights just asked; None if it may not be seen."""
        while not sight.knows(thing):
            await self._ask(sight)
        return sight.seen.get(thing)

    def _ask(self, sight: Sight) -> asyncio.Future[None]:
        """Ask what the viewer may see; those who want to know at the same time share the answer."""
        if sight.asking is None or sight.asking.done():
            sight.asking = self._beside.start(self._answered(sight))
        return asyncio.shield(sight.asking)

    async def _answered(self, sight: Sight) -> None:
        if self.database is None:
            raise Unavailable("nothing is watched in this process yet")
        began, asked = monotonic(), frozenset(sight.watched)
        ids = [[thing.id for thing in asked if thing.kind == kind] for kind in KINDS]
        rights = await streams.rights(self.database, sight.viewer, ids)
        seen: dict[Thing, Head | Version] = {
            Thing("streams", head.execution_id): head for head in rights.streams
        }
        for kind in KINDS[1:]:
            rows: list[Version] = getattr(rights, kind)
            seen |= {Thing(kind, row.id): row for row in rows}
        before, sight.seen = sight.seen, seen
        sight.asked, sight.asked_at = asked, began
        for head in rights.streams:
            self._logs.announce(head)
        gone = before.keys() - seen.keys()
        for thing in gone:
            if kept := self._logs.get(thing.id):
                kept.wake()
        if seen != before:
            sight.wake()

    def doubt(self, id: UUID) -> None:
        """Ask at once about everything that this may be about."""
        now = monotonic()
        for sight in self._sights.values():
            if id in sight.viewer:
                sight.void_before = now
            elif not any(Thing(kind, id) in sight.watched for kind in KINDS[1:]):
                continue
            self._beside.start(self._asked_since(sight, now))

    async def _asked_since(self, sight: Sight, moment: float) -> None:
        # Where it fails, nothing is handed out on rights in doubt, and the next tick asks again.
        with going_on("rights cannot be asked"):
            while sight.asked_at <= moment and sight.watched:
                await self._ask(sight)

    async def keep_asking(self) -> None:
        """Ask every viewer's rights once a second, a few viewers at a time."""
        while True:
            await asyncio.sleep(TICK)
            moment, waiting = monotonic() - TICK / 2, list(self._sights.values())

            async def some(moment: float, waiting: list[Sight]) -> None:
                while waiting:
                    await self._asked_since(waiting.pop(), moment)

            await asyncio.gather(*(some(moment, waiting) for _ in range(AT_ONCE)))


def less(counter: Counter[Counted], key: Counted) -> None:
    """One fewer of these."""
    counter[key] -= 1
    if not counter[key]:
        del counter[key]

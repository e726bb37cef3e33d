"""Whoever watches: a cursor each, over what the process reads once for all of them.

A subscriber holds a number and asks for what is behind it, from the lines that the process keeps of
the log's end or from the table: history and live are the same question, and nothing is queued for
anybody. What wakes subscribers are hints, which may be lost: everything watched is asked again once
a second, and everything rests on that.

Nothing is handed out on rights that were asked longer than ``FRESH`` ago.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from db import streams
from db.errors import Unavailable
from db.executions import ExecutionRow
from db.relation import Fragment
from db.session import ANONYMOUS, Database, Viewer
from db.streams import EVERY_LINE, Place, Reader, Version, Wanted
from resolvers import hints
from resolvers.beside import BEHIND, Beside, going_on, within
from resolvers.errors import Forbidden, NotFound, Refusal, Unauthenticated
from resolvers.hints import Grown, Hint, Hints, Rotated, Touched
from resolvers.kept_logs import Logs, Page
from resolvers.places import write_change
from resolvers.sights import TICK, Sight, Sights, Thing, less

PAUSE = 0.2
"""Seconds until the next try when the database cannot be reached."""
GATHERING = 0.005
"""Seconds in which hints are gathered into one notice."""
QUIET_LINES = 2_000
"""Lines that may pass unsent before a batch without lines tells how far the reading has come."""

ENDS = frozenset({"success", "failed", "cancelled", "timeout"})


class TooManyWatched(Refusal):
    """So many subscriptions run already that there may be no more."""

    code = "LIMIT_EXCEEDED"


class Limits(NamedTuple):
    """Subscriptions that may run at once."""

    per_viewer: int = 200
    per_process: int = 10_000


@dataclass(eq=False, slots=True)
class Changed:
    """Executions that changed: as they are now, and the ids of those that do not pass the filter.

    Reading on from ``since`` misses nothing.
    """

    workspace_id: UUID
    executions: list[ExecutionRow]
    others: list[UUID]
    since: Place

    @property
    def cursor(self) -> str:
        return write_change(self.workspace_id, self.since)


def _unheeded(_id: UUID) -> None:
    """Nothing is kept that this concerns."""


class Streams:
    """All that is watched in a process. Before ``running`` it can be told, but not asked."""

    def __init__(
        self, limits: Limits | None = None, rotated: Callable[[UUID], object] = _unheeded
    ) -> None:
        """``rotated`` is told of workspaces whose credentials changed."""
        self._limits, self._rotated = limits or Limits(), rotated
        self._beside = Beside()
        self._logs = Logs(self._beside)
        self._sights = Sights(self._beside, self._logs)
        self._crowds: dict[UUID, asyncio.Event] = {}
        self._running: Counter[Viewer] = Counter()
        self._unsaid: dict[UUID, Hint] = {}
        self._say, self._look = asyncio.Event(), asyncio.Event()
        self._database: Database | None = None

    # Told by those who change something, after their commit

    def wake(self, execution_id: UUID, head: int, closed: bool = False) -> None:
        """The log of an execution has ``head`` lines, or its execution has ended."""
        grown = Grown(execution_id, head, closed)
        self._heed(grown)
        said = self._unsaid.get(execution_id)
        if isinstance(said, Grown):
            grown = Grown(execution_id, max(head, said.last_seq), closed or said.closed)
        self._tell(grown, execution_id)

    def touch(self, *ids: UUID) -> None:
        """Something about these changed: an execution, a deployment, a workflow; a workspace of
        which an execution changed; a user's or a key's rights."""
        for id in ids:
            self._heed(Touched(id))
            if id not in self._unsaid:
                self._tell(Touched(id), id)

    def _tell(self, hint: Hint, id: UUID) -> None:
        if self._database:
            self._unsaid[id] = hint
            self._say.set()

    # Asked by those who watch

    def subscribed(self) -> int:
        """How many subscriptions run."""
        return self._running.total()

    def watched(self) -> int:
        """How many subscriptions run, and things are kept for them."""
        return self._running.total() + len(self._logs) + len(self._sights) + len(self._crowds)

    async def follow_log(
        self, viewer: Viewer, execution_id: UUID, after: int, wanted: Wanted = EVERY_LINE
    ) -> AsyncGenerator[Page]:
        """Every line behind ``after`` in order, as it comes, until the execution has ended.

        Raises NotFound, Forbidden once it may no longer be seen, TooManyWatched.
        """
        thing, known = Thing("streams", execution_id), False
        with self._watching(viewer, thing) as sight, self._logs.followed(execution_id) as kept:
            cursor = told = after
            while True:
                changed = kept.changed
                try:
                    seen = await self._sights.seen(sight, thing)
                    page = await self._logs.page(kept, cursor, wanted) if seen else None
                except BEHIND:
                    await asyncio.sleep(PAUSE)
                    continue
                if not seen:
                    raise _refusal(seen=known)
                known = True
                if page is None:
                    await changed.wait()
                    continue
                if not sight.knows(thing):
                    continue
                cursor = page.up_to
                if page.lines or page.ended or cursor - told >= QUIET_LINES:
                    told = cursor
                    yield page
                if page.ended:
                    return

    async def follow_row(self, viewer: Viewer, kind: str, id: UUID) -> AsyncGenerator[Version]:
        """The row as it is, and again whenever it has changed; an execution's up to its end.

        Raises NotFound, Forbidden once it may no longer be seen, TooManyWatched.
        """
        thing, known = Thing(kind, id), ""
        with self._watching(viewer, thing) as sight:
            while True:
                changed = sight.changed
                try:
                    version = await self._sights.seen(sight, thing)
                except BEHIND:
                    await asyncio.sleep(PAUSE)
                    continue
                if not isinstance(version, Version):
                    raise _refusal(seen=bool(known))
                if version.mark == known:
                    await changed.wait()
                    continue
                known = version.mark
                yield version
                if kind == "executions" and version.status in ENDS:
                    return

    async def follow_changes(
        self, viewer: Viewer, workspace_id: UUID, test: Fragment, since: Place | None
    ) -> AsyncGenerator[Changed]:
        """The executions of a workspace that change: at first none, or those changed ``since``.

        None is missed; a change can be told twice. Raises NotFound, Forbidden, TooManyWatched.
        """
        told: set[Place] = set()
        first, from_now = True, since is None
        with self._admitted(viewer), self._crowd(workspace_id) as crowd:
            while True:
                changed = crowd()
                try:
                    found = await self._changes(viewer, workspace_id, test, since)
                except BEHIND:
                    await asyncio.sleep(PAUSE)
                    continue
                if found is None:
                    raise _refusal(seen=not first)
                changes, place = found
                if since is None:
                    since = place
                    continue
                since = place
                new = [(at, row) for at, row in changes.passing if at not in told]
                others = [at for at in changes.others if at not in told]
                told.update(at for at, _ in new)
                told.update(others)
                told = {at for at in told if at.transaction >= since.transaction}
                if first and from_now:
                    # These are there already, and only as late as the oldest that still runs.
                    new, others = [], []
                if new or others or first:
                    rows, ids = [row for _, row in new], [at.row for at in others]
                    yield Changed(workspace_id, rows, ids, since)
                first = False
                await within(changed, TICK)

    async def _changes(
        self, viewer: Viewer, workspace_id: UUID, test: Fragment, since: Place | None
    ) -> tuple[streams.Changes, Place] | None:
        """All changes since, and the place from which to read the next ones."""
        database = self._database
        if database is None:
            raise Unavailable("nothing is watched in this process yet")
        first = found = await streams.changes(database, viewer, workspace_id, since, test)
        if first is None or found is None:
            return None
        while found.more:
            found = await streams.changes(database, viewer, workspace_id, found.read_to, test)
            if found is None:
                return None
            first.passing.extend(found.passing)
            first.others.extend(found.others)
        return first, first.settled

    # What following is made of

    # What is heard

    def _heed(self, hint: Hint) -> None:
        match hint:
            case Grown(execution_id, last_seq, closed):
                if found := self._logs.get(execution_id):
                    if closed and not found.closed:
                        found.closed = True
                        self._look.set()
                    self._logs.grow(found, last_seq)
                if closed:
                    self._sights.doubt(execution_id)
            case Touched(id):
                self._sights.doubt(id)
                if crowd := self._crowds.get(id):
                    crowd.set()
            case Rotated(workspace_id):
                self._rotated(workspace_id)

    # What is counted

    @contextmanager
    def _admitted(self, viewer: Viewer) -> Generator[None]:
        most, all_of_us = self._limits
        if viewer == ANONYMOUS:
            raise Unauthenticated("Sign in to watch: there is nothing that everybody may see.")
        if self._running[viewer] >= most:
            said = f"You run {most} subscriptions on this server already. Complete some first."
            raise TooManyWatched(said)
        if self._running.total() >= all_of_us:
            raise TooManyWatched("This server runs as many subscriptions as it can. Try again.")
        self._running[viewer] += 1
        try:
            yield
        finally:
            less(self._running, viewer)

    @contextmanager
    def _watching(self, viewer: Viewer, thing: Thing) -> Generator[Sight]:
        with self._admitted(viewer), self._sights.watching(viewer, thing) as sight:
            yield sight

    @contextmanager
    def _crowd(self, workspace_id: UUID) -> Generator[Callable[[], asyncio.Event]]:
        def changed() -> asyncio.Event:
            event = self._crowds.get(workspace_id)
            if event is None or event.is_set():
                event = self._crowds[workspace_id] = asyncio.Event()
            return event

        try:
            yield changed
        finally:
            # Whoever still waits looks, and waits for a new one.
            if event := self._crowds.pop(workspace_id, None):
                event.set()

    # What goes on beside

    @asynccontextmanager
    async def running(
        self, database: Database, reader: Reader, bus: Hints | None = None
    ) -> AsyncGenerator["Streams"]:
        """Watch, until the block ends. Hints go over ``bus``, or over PostgreSQL."""
        self._database = self._sights.database = database
        self._logs.reader = reader
        for each in (reader, bus) if bus else (reader,):
            self._beside.start(self._listen(each))
        self._beside.start(self._speak(bus or reader))
        self._beside.start(self._watch_heads())
        self._beside.start(self._sights.keep_asking())
        try:
            yield self
        finally:
            self._database = None
            await self._beside.end()

    async def _listen(self, bus: Hints) -> None:
        def hear(notice: str) -> None:
            for hint in hints.read(notice):
                self._heed(hint)

        while True:
            with going_on("hints cannot be heard"):
                await bus.listen(hear, self._look.set)
            await asyncio.sleep(PAUSE)

    async def _speak(self, bus: Hints) -> None:
        while True:
            await self._say.wait()
            self._say.clear()
            unsaid, self._unsaid = self._unsaid, {}
            with going_on("hints cannot be sent"):
                await bus.publish(hints.write(list(unsaid.values())))
            await asyncio.sleep(GATHERING)

    async def _watch_heads(self) -> None:
        """Ask how far the logs have come, once a second and whenever there is a reason to."""
        while True:
            if await within(self._look, TICK):
                self._look.clear()
            with going_on("the database cannot be asked"):
                await self._logs.look()


def _refusal(*, seen: bool) -> Refusal:
    if seen:
        return Forbidden("You may no longer see this.")
    return NotFound("There is no such thing, or you may not see it.")

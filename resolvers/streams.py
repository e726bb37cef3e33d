"""Whoever watches: a cursor each, over what the process reads once for all of them.

A subscriber holds a number and asks for what is behind it, from the lines that the process keeps of
the log's end or from the table: history and live are the same question, and nothing is queued for
anybody. What wakes subscribers are hints, which may be lost: everything watched is asked again once
a second, and everything rests on that.

Nothing is handed out on rights that were asked longer than ``FRESH`` ago.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Hashable, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import structlog

from db import streams
from db.errors import TookTooLong, Unavailable
from db.executions import ExecutionRow
from db.logs import LogRow
from db.relation import Fragment
from db.session import Database, Viewer
from db.streams import EVERY_LINE, Head, Place, Reader, Version, Wanted
from resolvers import hints
from resolvers.errors import Forbidden, NotFound, Refusal, Unauthenticated
from resolvers.hints import Grown, Hint, Hints, Touched
from resolvers.places import write_change, write_line

log = structlog.stdlib.get_logger("resolvers.streams")

Result = TypeVar("Result")
Counted = TypeVar("Counted", bound=Hashable)

FRESH = 1.8
"""Seconds for which an answer about rights is good."""
TICK = 1.0
"""Seconds after which everything watched is asked again."""
PAUSE = 0.2
"""Seconds until the next try when the database cannot be reached."""
GATHERING = 0.005
"""Seconds in which hints are gathered into one notice."""
PER_WATCHER = 20e-6
"""Seconds that a log rests after new lines, for each of its watchers: what sending them takes."""

PAGE_LINES, PAGE_BYTES = 200, 32_768
KEPT_LINES, KEPT_BYTES = 1_000, 1_000_000
READ_ON = 500, 262_144
"""Lines and bytes that are read at once of what is new."""
KEPT_PAGES = 16
QUIET_LINES = 2_000
"""Lines that may pass unsent before a batch without lines tells how far the reading has come."""
AT_ONCE = 4
"""Viewers whose rights are asked at the same time."""

ENDS = frozenset({"success", "failed", "cancelled", "timeout"})
BEHIND = (Unavailable, TookTooLong)

KINDS = ("streams", "executions", "deployments", "workflows")


class TooManyWatched(Refusal):
    """So many subscriptions run already that there may be no more."""

    code = "LIMIT_EXCEEDED"


class Limits(NamedTuple):
    """Subscriptions that may run at once."""

    per_viewer: int = 200
    per_process: int = 10_000


class Thing(NamedTuple):
    """What is watched; ``kind`` is one of KINDS."""

    kind: str
    id: UUID


@dataclass(eq=False, slots=True)
class Page:
    """Lines with numbers in (after, up_to], shared by all who asked the same.

    ``lines`` has those that were wanted. ``encoded`` keeps what others made of the page.
    """

    execution_id: UUID
    after: int
    up_to: int
    lines: list[LogRow]
    ended: str | None = None
    encoded: dict[Hashable, Any] = field(default_factory=dict[Hashable, Any])

    @property
    def cursor(self) -> str:
        return write_line(self.execution_id, self.up_to)


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


class Log:
    """The end of one log, kept for all who watch it."""

    def __init__(self, execution_id: UUID) -> None:
        self.id, self.watchers = execution_id, 0
        self.changed = asyncio.Event()
        self.announced, self.begun = 0, False
        self.closed, self.end = False, None
        self.base, self.lines, self.sizes = 0, list[LogRow](), list[int]()
        self.pages: dict[tuple[int, Wanted], Page] = {}
        self.history: OrderedDict[Hashable, asyncio.Future[Page]] = OrderedDict()
        self.reading: asyncio.Task[None] | None = None

    end: Head | None
    """Where the log ends and how the execution did, once it has ended."""

    @property
    def head(self) -> int:
        """The number of the last line that is here."""
        return self.base + len(self.lines)

    def begin(self, at: int) -> None:
        """Keep what comes behind ``at``."""
        self.base, self.begun = at, True
        self.lines.clear()
        self.sizes.clear()
        self.announced = max(self.announced, at)

    def extend(self, rows: Sequence[tuple[LogRow, int]]) -> None:
        before = 0
        for line, up_to in rows:
            if line.seq != self.head + 1:
                raise LookupError(f"{self.id} has line {line.seq} behind {self.head}")
            self.lines.append(line)
            self.sizes.append(up_to - before)
            before = up_to
        if len(self.lines) > 2 * KEPT_LINES or sum(self.sizes) > 2 * KEPT_BYTES:
            self._trim()

    def _trim(self) -> None:
        kept = size = 0
        for each in reversed(self.sizes):
            size += each
            if kept == KEPT_LINES or size > KEPT_BYTES:
                break
            kept += 1
        gone = len(self.lines) - kept
        self.base += gone
        del self.lines[:gone], self.sizes[:gone]

    def wake(self) -> None:
        """Have everybody look who waits."""
        self.pages.clear()
        self.changed.set()
        self.changed = asyncio.Event()

    def page(self, after: int, wanted: Wanted) -> Page | None:
        """What is here behind ``after``; None if there is nothing yet."""
        found = self.pages.get((after, wanted))
        if found is None and (found := self._cut(after, wanted)):
            self.pages[after, wanted] = found
        return found

    def _cut(self, after: int, wanted: Wanted) -> Page | None:
        kept: list[LogRow] = []
        size, up_to = 0, max(after, self.head)
        for place in range(after - self.base, len(self.lines)):
            line = self.lines[place]
            if wanted.passes(line):
                kept.append(line)
                size += self.sizes[place]
                if len(kept) == PAGE_LINES or size >= PAGE_BYTES:
                    up_to = line.seq
                    break
        ended = self.end.ended if self.end and up_to >= self.end.last_seq else None
        if up_to == after and ended is None:
            return None
        return Page(self.id, after, up_to, kept, ended)


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


class Streams:
    """All that is watched in a process. Before ``running`` it can be told, but not asked."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._logs: dict[UUID, Log] = {}
        self._sights: dict[Viewer, Sight] = {}
        self._crowds: dict[UUID, asyncio.Event] = {}
        self._running: Counter[Viewer] = Counter()
        self._unsaid: dict[UUID, Hint] = {}
        self._say, self._look = asyncio.Event(), asyncio.Event()
        self._source: tuple[Database, Reader] | None = None
        self._tasks: set[asyncio.Future[Any]] = set()

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
        if self._source:
            self._unsaid[id] = hint
            self._say.set()

    # Asked by those who watch

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
        with self._watching(viewer, thing) as sight, self._followed(execution_id) as kept:
            cursor = told = after
            while True:
                changed = kept.changed
                try:
                    seen = await self._seen(sight, thing)
                    page = await self._page(kept, cursor, wanted) if seen else None
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
                    version = await self._seen(sight, thing)
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
        first = True
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
                changes, since = found
                new = [(at, row) for at, row in changes.passing if at not in told]
                others = [at for at in changes.others if at not in told]
                if new or others or first:
                    rows, ids = [row for _, row in new], [at.row for at in others]
                    yield Changed(workspace_id, rows, ids, since)
                first = False
                told.update(at for at, _ in new)
                told.update(others)
                told = {at for at in told if at.transaction >= since.transaction}
                await _within(changed, TICK)

    async def _changes(
        self, viewer: Viewer, workspace_id: UUID, test: Fragment, since: Place | None
    ) -> tuple[streams.Changes, Place] | None:
        """All changes since, and the place from which to read the next ones."""
        database, _ = self._opened()
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

    async def _seen(self, sight: Sight, thing: Thing) -> Head | Version | None:
        while not sight.knows(thing):
            await self._ask(sight)
        return sight.seen.get(thing)

    def _ask(self, sight: Sight) -> asyncio.Future[None]:
        """Ask what the viewer may see; those who want to know at the same time share the answer."""
        if sight.asking is None or sight.asking.done():
            sight.asking = self._start(self._answered(sight))
        return asyncio.shield(sight.asking)

    async def _answered(self, sight: Sight) -> None:
        database, _ = self._opened()
        began, asked = monotonic(), frozenset(sight.watched)
        ids = [[thing.id for thing in asked if thing.kind == kind] for kind in KINDS]
        rights = await streams.rights(database, sight.viewer, ids)
        seen: dict[Thing, Head | Version] = {
            Thing("streams", head.execution_id): head for head in rights.streams
        }
        for kind in KINDS[1:]:
            rows: list[Version] = getattr(rights, kind)
            seen |= {Thing(kind, row.id): row for row in rows}
        before, sight.seen = sight.seen, seen
        sight.asked, sight.asked_at = asked, began
        for head in rights.streams:
            self._announce(head)
        gone = before.keys() - seen.keys()
        for thing in gone:
            if thing.id in self._logs:
                self._logs[thing.id].wake()
        if seen != before:
            sight.wake()

    async def _page(self, kept: Log, after: int, wanted: Wanted) -> Page | None:
        if after >= kept.base:
            return kept.page(after, wanted)
        key = after, wanted, kept.base
        reading = kept.history.get(key)
        if reading is None:
            reading = kept.history[key] = self._start(self._past(kept, after, wanted))
            while len(kept.history) > KEPT_PAGES:
                kept.history.popitem(last=False)
        try:
            return await asyncio.shield(reading)
        except BEHIND:
            kept.history.pop(key, None)
            raise

    async def _past(self, kept: Log, after: int, wanted: Wanted) -> Page:
        """A page of what lies before the lines that are kept."""
        _, reader = self._opened()
        up_to, end = kept.base, kept.end
        rows = await reader.lines(kept.id, (after, up_to), (PAGE_LINES, PAGE_BYTES), wanted)
        if len(rows) == PAGE_LINES or (rows and rows[-1][1] >= PAGE_BYTES):
            up_to = rows[-1][0].seq
        ended = end.ended if end and up_to >= end.last_seq else None
        return Page(kept.id, after, up_to, [line for line, _ in rows], ended)

    # What is heard

    def _heed(self, hint: Hint) -> None:
        match hint:
            case Grown(execution_id, last_seq, closed):
                if found := self._logs.get(execution_id):
                    if closed and not found.closed:
                        found.closed = True
                        self._look.set()
                    self._grow(found, last_seq)
                if closed:
                    self._doubt(execution_id)
            case Touched(id):
                self._doubt(id)
                if crowd := self._crowds.get(id):
                    crowd.set()

    def _doubt(self, id: UUID) -> None:
        """Ask at once about everything that this may be about."""
        now = monotonic()
        for sight in self._sights.values():
            if id in sight.viewer:
                sight.void_before = now
            elif not any(Thing(kind, id) in sight.watched for kind in KINDS[1:]):
                continue
            self._start(self._asked_since(sight, now))

    async def _asked_since(self, sight: Sight, moment: float) -> None:
        # Where it fails, nothing is handed out on rights in doubt, and the next tick asks again.
        with _going_on("rights cannot be asked"):
            while sight.asked_at <= moment and sight.watched:
                await self._ask(sight)

    def _announce(self, head: Head) -> None:
        found = self._logs.get(head.execution_id)
        if found is None:
            return
        if not found.begun:
            found.begin(head.last_seq)
        if head.ended and found.end is None:
            found.end, found.closed = head, True
            if found.head >= head.last_seq:
                found.wake()
        self._grow(found, head.last_seq)

    def _grow(self, found: Log, last_seq: int) -> None:
        found.announced = max(found.announced, last_seq)
        idle = found.reading is None or found.reading.done()
        if found.begun and idle and found.announced > found.head:
            found.reading = self._start(self._read_on(found))

    async def _read_on(self, found: Log) -> None:
        """Fetch what was announced, and wake those who wait for it."""
        _, reader = self._opened()
        while found.watchers and found.announced > found.head:
            if found.announced - found.head > KEPT_LINES:
                found.begin(found.announced - KEPT_LINES // 2)
            try:
                span = found.head, found.announced
                rows = await reader.lines(found.id, span, READ_ON, EVERY_LINE)
            except BEHIND:
                # The next tick announces it again.
                return
            if not rows:
                found.announced = found.head
                return
            found.extend(rows)
            found.wake()
            await asyncio.sleep(found.watchers * PER_WATCHER)

    # What is counted

    @contextmanager
    def _admitted(self, viewer: Viewer) -> Generator[None]:
        most, all_of_us = self._limits
        if viewer == Viewer():
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
            _less(self._running, viewer)

    @contextmanager
    def _watching(self, viewer: Viewer, thing: Thing) -> Generator[Sight]:
        with self._admitted(viewer):
            sight = self._sights.setdefault(viewer, Sight(viewer))
            sight.watched[thing] += 1
            try:
                yield sight
            finally:
                _less(sight.watched, thing)
                if not sight.watched:
                    self._sights.pop(viewer, None)

    @contextmanager
    def _followed(self, execution_id: UUID) -> Generator[Log]:
        found = self._logs.setdefault(execution_id, Log(execution_id))
        found.watchers += 1
        try:
            yield found
        finally:
            found.watchers -= 1
            if not found.watchers:
                self._logs.pop(execution_id, None)

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
        self._source = database, reader
        for each in (reader, bus) if bus else (reader,):
            self._start(self._listen(each))
        self._start(self._speak(bus or reader))
        self._start(self._watch_heads())
        self._start(self._watch_rights())
        try:
            yield self
        finally:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._source = None

    async def _listen(self, bus: Hints) -> None:
        def hear(notice: str) -> None:
            for hint in hints.read(notice):
                self._heed(hint)

        while True:
            with _going_on("hints cannot be heard"):
                await bus.listen(hear, self._look.set)
            await asyncio.sleep(PAUSE)

    async def _speak(self, bus: Hints) -> None:
        while True:
            await self._say.wait()
            self._say.clear()
            unsaid, self._unsaid = self._unsaid, {}
            with _going_on("hints cannot be sent"):
                await bus.publish(hints.write(list(unsaid.values())))
            await asyncio.sleep(GATHERING)

    async def _watch_heads(self) -> None:
        """Ask how far the logs have come, once a second and whenever there is a reason to."""
        while True:
            if await _within(self._look, TICK):
                self._look.clear()
            with _going_on("the database cannot be asked"):
                await self._ask_heads()

    async def _watch_rights(self) -> None:
        """Ask every viewer's rights once a second, a few viewers at a time."""
        while True:
            await asyncio.sleep(TICK)
            moment, waiting = monotonic() - TICK / 2, list(self._sights.values())

            async def some(moment: float, waiting: list[Sight]) -> None:
                while waiting:
                    await self._asked_since(waiting.pop(), moment)

            await asyncio.gather(*(some(moment, waiting) for _ in range(AT_ONCE)))

    async def _ask_heads(self) -> None:
        _, reader = self._opened()
        if self._logs:
            for head in await reader.heads(list(self._logs)):
                self._announce(head)

    def _opened(self) -> tuple[Database, Reader]:
        if self._source is None:
            raise Unavailable("nothing is watched in this process yet")
        return self._source

    def _start(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)
        return task

    def _over(self, task: "asyncio.Future[Any]") -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, BEHIND):  # whoever waited is told of those
            log.error("watching failed", exc_info=error)


@contextmanager
def _going_on(said: str) -> Generator[None]:
    """What must never end goes on, whatever happens in the block."""
    try:
        yield
    except BEHIND as error:
        log.info(said, reason=str(error))
    except Exception as error:
        log.error(said, exc_info=error)


def _less(counter: Counter[Counted], key: Counted) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]


def _refusal(*, seen: bool) -> Refusal:
    if seen:
        return Forbidden("You may no longer see this.")
    return NotFound("There is no such thing, or you may not see it.")


async def _within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True

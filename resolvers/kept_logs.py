"""The ends of the logs that are watched, read once for all who watch.

A log's end is read on as soon as more is announced, and then everybody who waits is woken. What
lies before it is read from the table, page by page, by whoever has that far to go.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Generator, Hashable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any
from uuid import UUID

from db.errors import Unavailable
from db.logs import LogRow
from db.streams import EVERY_LINE, Head, Reader, Wanted
from resolvers import metrics
from resolvers.beside import BEHIND, Beside
from resolvers.places import write_line

PER_WATCHER = 20e-6
"""Seconds that a log rests after new lines, for each of its watchers: what sending them takes."""

PAGE_LINES, PAGE_BYTES = 200, 32_768
KEPT_LINES, KEPT_BYTES = 1_000, 1_000_000
READ_ON = 500, 262_144
"""Lines and bytes that are read at once of what is new."""
KEPT_PAGES = 16


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
        self.heard_at: float | None = None

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


class Logs:
    """The logs that somebody in this process watches."""

    def __init__(self, beside: Beside) -> None:
        self._beside = beside
        self._kept: dict[UUID, Log] = {}
        self.reader: Reader | None = None

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, execution_id: UUID) -> Log | None:
        return self._kept.get(execution_id)

    @contextmanager
    def followed(self, execution_id: UUID) -> Generator[Log]:
        found = self._kept.setdefault(execution_id, Log(execution_id))
        found.watchers += 1
        try:
            yield found
        finally:
            found.watchers -= 1
            if not found.watchers:
                self._kept.pop(execution_id, None)

    async def page(self, kept: Log, after: int, wanted: Wanted) -> Page | None:
        """What is behind ``after``; None if there is nothing yet. Raises Unavailable."""
        if after >= kept.base:
            return kept.page(after, wanted)
        key = after, wanted, kept.base
        reading = kept.history.get(key)
        if reading is None:
            reading = kept.history[key] = self._beside.start(self._past(kept, after, wanted))
            while len(kept.history) > KEPT_PAGES:
                kept.history.popitem(last=False)
        try:
            return await asyncio.shield(reading)
        except BEHIND:
            kept.history.pop(key, None)
            raise

    async def _past(self, kept: Log, after: int, wanted: Wanted) -> Page:
        """A page of what lies before the lines that are kept."""
        reader = self._opened()
        up_to, end = kept.base, kept.end
        rows = await reader.lines(kept.id, (after, up_to), (PAGE_LINES, PAGE_BYTES), wanted)
        if len(rows) == PAGE_LINES or (rows and rows[-1][1] >= PAGE_BYTES):
            up_to = rows[-1][0].seq
        ended = end.ended if end and up_to >= end.last_seq else None
        return Page(kept.id, after, up_to, [line for line, _ in rows], ended)

    def announce(self, head: Head) -> None:
        """This is how far a log has come."""
        found = self._kept.get(head.execution_id)
        if found is None:
            return
        if not found.begun:
            found.begin(head.last_seq)
        if head.ended and found.end is None:
            found.end, found.closed = head, True
            if found.head >= head.last_seq:
                found.wake()
        self.grow(found, head.last_seq)

    def grow(self, found: Log, last_seq: int) -> None:
        """The log has at least so many lines."""
        found.announced = max(found.announced, last_seq)
        if found.heard_at is None and found.announced > found.head:
            found.heard_at = perf_counter()
        idle = found.reading is None or found.reading.done()
        if found.begun and idle and found.announced > found.head:
            found.reading = self._beside.start(self._read_on(found))

    async def _read_on(self, found: Log) -> None:
        """Fetch what was announced, and wake those who wait for it."""
        reader = self._opened()
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
            if found.heard_at is not None:
                metrics.READ_LAG.observe(perf_counter() - found.heard_at)
                found.heard_at = None
            await asyncio.sleep(found.watchers * PER_WATCHER)

    async def look(self) -> None:
        """Ask how far all of them have come. Raises Unavailable."""
        if self._kept:
            for head in await self._opened().heads(list(self._kept)):
                self.announce(head)

    def _opened(self) -> Reader:
        if self.reader is None:
            raise Unavailable("nothing is watched in this process yet")
        return self.reader

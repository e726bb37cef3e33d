"""Deadlines of many at once, with one timer for all: a timer each took longer than most of what a
small request does."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Deadlines(Generic[T]):
    """Calls ``late`` with whatever has not ended in its time.

    All are given the same time, so that the first to begin is the first that is due.
    """

    def __init__(self, late: Callable[[T], object]) -> None:
        self._late = late
        self._due: dict[T, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, each: T, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._due[each] = due = loop.time() + seconds
        if self._timer is None:
            self._timer = loop.call_at(due, self._look)

    def end(self, each: T) -> None:
        self._due.pop(each, None)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now, self._timer = loop.time(), None
        while self._due:
            each, due = next(iter(self._due.items()))
            if due > now:
                self._timer = loop.call_at(due, self._look)
                return
            del self._due[each]
            self._late(each)

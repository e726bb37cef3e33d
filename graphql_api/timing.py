"""How long requests may take: one clock for all that are under way."""

import asyncio
from types import TracebackType
from typing import Any, Self

from db.deadlines import Deadlines
from db.errors import TookTooLong


class Clock:
    """Gives each block the same time, in seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._under_way = Deadlines[TimeLimit](TimeLimit.expire)

    def limit(self) -> "TimeLimit":
        return TimeLimit(self._under_way, self.seconds)


class TimeLimit:
    """What is done in the block is cancelled when its time is over, and the block raises
    TookTooLong. As ``asyncio.timeout``, without a timer of its own."""

    def __init__(self, under_way: "Deadlines[TimeLimit]", seconds: float) -> None:
        self._under_way, self._seconds = under_way, seconds
        self._expired = False

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("only what a task does can be cancelled")
        self._task: asyncio.Task[Any] = task
        self._cancelled_before = task.cancelling()
        self._under_way.begin(self, self._seconds)
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._under_way.end(self)
        if self._expired:
            others = self._task.uncancel() > self._cancelled_before
            if not others and isinstance(error, asyncio.CancelledError):
                raise TookTooLong from error

    def expire(self) -> None:
        self._expired = True
        self._task.cancel()

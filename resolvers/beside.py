"""Work that goes on beside the requests of a process, and must never end by itself."""

import asyncio
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

import structlog

from db.errors import TookTooLong, Unavailable

log = structlog.stdlib.get_logger("resolvers.beside")

Result = TypeVar("Result")

BEHIND = (Unavailable, TookTooLong)
"""What passes when the database can be reached again."""


class Beside:
    """The tasks of a process that belong to no request."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Future[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)
        return task

    async def end(self) -> None:
        """Break off all of them, and wait until they have ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _over(self, task: asyncio.Future[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, BEHIND):  # whoever waited is told of those
            log.error("watching failed", exc_info=error)


@contextmanager
def going_on(said: str) -> Generator[None]:
    """What must never end goes on, whatever happens in the block."""
    try:
        yield
    except BEHIND as error:
        log.info(said, reason=str(error))
    except Exception as error:
        log.error(said, exc_info=error)


async def within(event: asyncio.Event, seconds: float) -> bool:
    """Whether it happens within this time."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True

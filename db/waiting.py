"""Reads that wait for a connection: who asks for the same meanwhile waits along.

Only until it begins. A read that began before somebody asked might not show what they have just
changed; one that begins afterwards shows them whatever a read of their own would.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class _Shared(Generic[T]):
    """A read, and how many wait for it."""

    def __init__(self, task: asyncio.Task[T]) -> None:
        self.task, self.waiting = task, 0


class Waiting:
    """By what they read."""

    def __init__(self) -> None:
        self._reads: dict[object, _Shared[Any]] = {}

    async def share(
        self, key: object, read: Callable[[Callable[[], None]], Coroutine[Any, Any, T]]
    ) -> T:
        """What ``read`` finds, which calls what it is given as soon as it begins."""
        shared: _Shared[T] | None = self._reads.get(key)
        if shared is None:
            shared = _Shared(asyncio.create_task(read(lambda: self._begun(key, shared))))
            shared.task.add_done_callback(lambda _: self._begun(key, shared))
            self._reads[key] = shared
        shared.waiting += 1
        try:
            return await asyncio.shield(shared.task)
        finally:
            shared.waiting -= 1
            if shared.waiting == 0:  # nobody wants it any more, or it is done
                shared.task.cancel()

    def _begun(self, key: object, shared: _Shared[Any] | None) -> None:
        if self._reads.get(key) is shared:
            del self._reads[key]

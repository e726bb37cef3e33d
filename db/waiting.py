"""Reads that wait for a connection: who asks for the same meanwhile waits along.

Only until it begins. A read that began before somebody asked might not show what they have just
changed; one that begins afterwards shows them whatever a read of their own would.
"""

from asyncio import Future, get_running_loop
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

Along = list[Future[Any]]
"""Those who wait along, each for what is found, or for GIVEN_UP."""

GIVEN_UP = object()


class Waiting:
    """By what they read."""

    def __init__(self) -> None:
        self._reads: dict[object, Along] = {}

    async def share(
        self, key: object, read: Callable[[Callable[[], None]], Coroutine[Any, Any, T]]
    ) -> T:
        """What ``read`` finds, which calls what it is given as soon as it begins."""
        while (others := self._reads.get(key)) is not None:
            others.append(future := get_running_loop().create_future())
            found = await future
            if found is not GIVEN_UP:
                return found
        along = self._reads[key] = Along()

        def begun() -> None:
            if self._reads.get(key) is along:
                del self._reads[key]

        try:
            found = await read(begun)
        except Exception as error:
            fail(along, error)
            raise
        except BaseException:  # who read has left: the next one reads
            tell(along, GIVEN_UP)
            raise
        else:
            tell(along, found)
            return found
        finally:
            begun()


def tell(along: Along, found: object) -> None:
    for each in left(along):
        each.set_result(found)


def fail(along: Along, error: Exception) -> None:
    for each in left(along):
        each.set_exception(error)


def left(along: Along) -> Along:
    """Those who still wait."""
    return [each for each in along if not each.done()]

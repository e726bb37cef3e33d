"""Identical reads that wait for a connection are one read, and nobody sees less for it."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import suppress
from functools import wraps
from typing import Any
from uuid import UUID

import pytest

from db.secrets import Secrets
from db.session import Database, Viewer, connect
from db.waiting import Waiting
from tests.db.world import World

Test = Callable[..., Coroutine[Any, Any, None]]

NOW = "SELECT to_json(clock_timestamp()::text || $1)"
WHO = Viewer(UUID(int=1))


@pytest.fixture
async def narrow(shared_world: World, secrets: Secrets) -> AsyncGenerator[Database]:
    """One connection for everybody."""
    async with connect(shared_world.url, secrets, size=1) as database:
        yield database


def in_time(test: Test) -> Test:
    """Fails where what is waited for never comes."""

    @wraps(test)
    async def within(*args: Any, **fixtures: Any) -> None:
        async with asyncio.timeout(10):
            await test(*args, **fixtures)

    return within


async def asked(database: Database, viewer: Viewer, value: str) -> asyncio.Task[bytes]:
    """A read that has come as far as it can."""
    task = asyncio.create_task(database.answer(viewer, NOW, [value]))
    for _ in range(5):
        await asyncio.sleep(0)
    return task


@in_time
async def test_identical_reads_that_wait_are_one(narrow: Database) -> None:
    async with narrow.api.connection():
        same = [await asked(narrow, WHO, "a") for _ in range(3)]
    assert len(set(await asyncio.gather(*same))) == 1


@in_time
async def test_reads_of_another_viewer_or_with_other_values_are_their_own(narrow: Database) -> None:
    async with narrow.api.connection():
        other = Viewer(None, UUID(int=1))
        each = [await asked(narrow, who, value) for who in (WHO, other) for value in ("a", "b")]
    assert len(set(await asyncio.gather(*each))) == len(each)


@in_time
async def test_a_read_that_has_begun_is_not_shared() -> None:
    waiting, under_way, end = Waiting(), asyncio.Event(), asyncio.Event()

    async def read(begun: Callable[[], None]) -> object:
        begun()
        under_way.set()
        await end.wait()
        return object()

    first = asyncio.create_task(waiting.share("same", read))
    await under_way.wait()
    second = asyncio.create_task(waiting.share("same", read))
    end.set()
    assert await first is not await second


@in_time
async def test_who_leaves_takes_nobody_along(narrow: Database) -> None:
    async with narrow.api.connection():
        one, other = await asked(narrow, WHO, "a"), await asked(narrow, WHO, "a")
        one.cancel()
        with suppress(asyncio.CancelledError):
            await one
    assert (await other).endswith(b'a"')


@in_time
async def test_a_read_that_nobody_waits_for_is_given_up(narrow: Database) -> None:
    before = asyncio.all_tasks()
    async with narrow.api.connection():
        left = [await asked(narrow, WHO, "a") for _ in range(2)]
        for task in left:
            task.cancel()
        await asyncio.wait(left)
        for _ in range(5):
            await asyncio.sleep(0)
        assert asyncio.all_tasks() <= before | {asyncio.current_task()}


@in_time
async def test_a_read_that_fails_before_it_begins_is_not_for_who_asks_afterwards() -> None:
    waiting = Waiting()

    async def fails(_: Callable[[], None]) -> object:
        raise ConnectionError

    async def finds(_: Callable[[], None]) -> object:
        return "found"

    with pytest.raises(ConnectionError):
        await waiting.share("same", fails)
    assert await waiting.share("same", finds) == "found"


@in_time
async def test_a_read_that_fails_has_failed_for_who_waits_along() -> None:
    waiting, reads = Waiting(), list[str]()

    async def fails(_: Callable[[], None]) -> object:
        reads.append("one")
        await second_asks
        raise ConnectionError

    async def second() -> object:
        second_asks.set_result(None)
        return await waiting.share("same", fails)

    second_asks = asyncio.get_running_loop().create_future()
    both = [asyncio.create_task(each) for each in (waiting.share("same", fails), second())]

    found = await asyncio.wait_for(asyncio.gather(*both, return_exceptions=True), 5)
    assert [type(each) for each in found] == [ConnectionError] * 2
    assert reads == ["one"]

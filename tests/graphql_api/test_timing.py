"""A request's time limit cancels what it does, and tells that from a cancellation by others."""

import asyncio

import pytest

from db.errors import TookTooLong
from graphql_api.timing import Clock


async def test_what_takes_too_long_is_cancelled_and_told_so() -> None:
    with pytest.raises(TookTooLong), Clock(0.01).limit():
        await asyncio.Event().wait()


async def test_what_is_done_in_time_is_left_alone() -> None:
    clock = Clock(0.01)
    with clock.limit():
        await asyncio.sleep(0)
    with pytest.raises(TookTooLong), clock.limit():
        await asyncio.Event().wait()


async def test_who_is_cancelled_by_others_is_not_out_of_time() -> None:
    begun = asyncio.Event()

    async def waits() -> None:
        with Clock(60).limit():
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(waits())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_just_as_the_time_is_over_is_not_lost() -> None:
    begun = asyncio.get_running_loop().create_future()

    async def waits() -> None:
        with Clock(60).limit() as limit:
            begun.set_result(limit)
            await asyncio.Event().wait()

    task = asyncio.create_task(waits())
    (await begun).expire()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_of_its_own_is_raised_as_it_is() -> None:
    async def fails() -> None:
        with Clock(0.01).limit():
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise ValueError("its own") from None

    with pytest.raises(ValueError, match="its own"):
        await fails()
    task = asyncio.current_task()
    assert task
    assert not task.cancelling()

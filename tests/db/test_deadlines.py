"""Many deadlines by one timer: whoever has not ended in time is late, and nobody else."""

import asyncio

from db.deadlines import Deadlines


async def test_what_has_not_ended_in_its_time_is_late_in_the_order_of_beginning() -> None:
    late = list[str]()
    both = asyncio.Event()

    def note(name: str) -> None:
        late.append(name)
        if len(late) == 2:
            both.set()

    deadlines = Deadlines[str](note)
    deadlines.begin("first", 0.01)
    deadlines.begin("ended", 0.01)
    deadlines.begin("second", 0.02)
    deadlines.end("ended")
    await asyncio.wait_for(both.wait(), 5)
    assert late == ["first", "second"]


async def test_a_deadline_may_begin_when_all_before_it_are_over() -> None:
    late = asyncio.Queue[str]()
    deadlines = Deadlines(late.put_nowait)
    for name in ("one", "another"):
        deadlines.begin(name, 0.01)
        assert await asyncio.wait_for(late.get(), 5) == name


async def test_what_has_ended_may_end_again() -> None:
    deadlines = Deadlines[str](lambda _: None)
    deadlines.begin("it", 60)
    deadlines.end("it")
    deadlines.end("it")


async def test_nobody_is_late_before_the_time() -> None:
    late = asyncio.Queue[str]()
    deadlines = Deadlines(late.put_nowait)
    deadlines.begin("soon", 0.01)
    deadlines.begin("in a minute", 60)
    assert await asyncio.wait_for(late.get(), 5) == "soon"
    assert late.empty()

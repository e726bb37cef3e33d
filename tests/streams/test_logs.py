"""Lines of a log, as a subscriber gets them: each once, in order, from any place to the end."""

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from resolvers.errors import InvalidInput, NotFound, Unauthenticated
from tests import sample
from tests.streams.watching import Process, begin

if TYPE_CHECKING:
    from asyncpg import Connection, Record


async def test_lines_written_before_come_first_and_then_new_ones(
    here: Process, execution: UUID
) -> None:
    await here.append(execution, "a", "b")
    async with here.watch(id=execution) as watcher:
        assert await watcher.lines(2) == [(1, "a"), (2, "b")]
        await here.append(execution, "c")
        assert await watcher.lines(1) == [(3, "c")]


async def test_the_end_is_told_and_completes_the_subscription(
    here: Process, execution: UUID
) -> None:
    async with here.watch(id=execution) as watcher:
        await here.append(execution, "a")
        await here.end(execution, "failed")
        assert await watcher.to_the_end() == ([1], "FAILED")


async def test_an_execution_that_ended_is_sent_whole(here: Process, execution: UUID) -> None:
    await here.append(execution, *map(str, range(450)))
    await here.end(execution)
    async with here.watch(id=execution) as watcher:
        assert await watcher.to_the_end() == (list(range(1, 451)), "SUCCESS")


async def test_an_execution_without_lines_ends_too(here: Process, execution: UUID) -> None:
    await here.end(execution, "cancelled")
    async with here.watch(id=execution) as watcher:
        assert await watcher.to_the_end() == ([], "CANCELLED")


async def test_a_cursor_goes_on_where_it_stands(here: Process, execution: UUID) -> None:
    await here.append(execution, *map(str, range(5)))
    async with here.watch(id=execution) as watcher:
        first = await watcher.next()
    await here.append(execution, "later")
    async with here.watch(id=execution, after=first["cursor"]) as watcher:
        assert await watcher.lines(1) == [(6, "later")]


async def test_a_cursor_of_another_execution_is_refused(
    here: Process, execution: UUID, root: "Connection[Record]"
) -> None:
    await here.append(execution, "a")
    async with here.watch(id=execution) as watcher:
        first = await watcher.next()
    other = await begin(root)
    async with here.watch(id=other, after=first["cursor"]) as watcher:
        with pytest.raises(InvalidInput):
            await watcher.next()


@pytest.mark.parametrize("after", ["x", "AAAA", "ÄÖ", "=" * 40, "\x00"])
async def test_what_is_no_cursor_is_refused(here: Process, execution: UUID, after: str) -> None:
    async with here.watch(id=execution, after=after) as watcher:
        with pytest.raises(InvalidInput):
            await watcher.next()


async def test_only_lines_that_matter_as_much_are_sent(here: Process, execution: UUID) -> None:
    await here.append(execution, "past", level="warn")
    await here.append(execution, "past detail", level="debug")
    async with here.watch(id=execution, level="WARN") as watcher:
        assert await watcher.lines(1) == [(1, "past")]
        await here.append(execution, "detail", level="info")
        await here.append(execution, "fault", level="error")
        assert await watcher.lines(1) == [(4, "fault")]


async def test_only_lines_of_the_node_are_sent(here: Process, execution: UUID) -> None:
    await here.append(execution, "mine", node_id="n1")
    await here.append(execution, "other", node_id="n2")
    async with here.watch(id=execution, node="n1") as watcher:
        batch = await watcher.next()
        assert [line["message"] for line in batch["lines"]] == ["mine"]
        await here.append(execution, "nobody's")
        await here.append(execution, "mine again", node_id="n1")
        assert await watcher.lines(1) == [(4, "mine again")]


async def test_lines_that_do_not_pass_move_the_cursor(here: Process, execution: UUID) -> None:
    await here.append(execution, "fault", level="error")
    await here.append(execution, *["noise"] * 30)
    async with here.watch(id=execution, level="ERROR") as watcher:
        cursor = (await watcher.next())["cursor"]
    await here.append(execution, "more", level="info")
    async with here.watch(id=execution, after=cursor) as watcher:
        assert await watcher.lines(1) == [(32, "more")]


async def test_long_quiet_is_told_by_the_cursor(here: Process, execution: UUID) -> None:
    for _ in range(3):
        await here.append(execution, *["noise"] * 1000)
    async with here.watch(id=execution, level="ERROR") as watcher:
        batch = await watcher.next()
    assert (batch["lines"], batch["ended"]) == ([], None)
    async with here.watch(id=execution, after=batch["cursor"]) as watcher:
        assert (await here.append(execution, "on"), await watcher.lines(1)) == (
            3001,
            [(3001, "on")],
        )


async def test_long_lines_come_in_small_batches(here: Process, execution: UUID) -> None:
    for _ in range(4):
        await here.append(execution, "x" * 30_000, "y" * 30_000)
    async with here.watch(id=execution) as watcher:
        sizes = [len((await watcher.next())["lines"]) for _ in range(4)]
    assert sizes == [2, 2, 2, 2]


async def test_another_process_is_told_at_once(
    here: Process, there: Process, execution: UUID
) -> None:
    async with there.watch(id=execution) as watcher:
        first = asyncio.ensure_future(watcher.lines(1))
        await here.append(execution, "a")
        assert await first == [(1, "a")]


async def test_what_nobody_tells_is_found_within_one_and_a_half_seconds(
    here: Process, execution: UUID
) -> None:
    async with here.watch(id=execution) as watcher:
        await here.append(execution, "first")
        await watcher.lines(1)
        await here.append(execution, "untold", said=False)
        async with asyncio.timeout(1.5):
            assert await watcher.lines(1) == [(2, "untold")]


async def test_an_end_that_nobody_tells_is_found(here: Process, execution: UUID) -> None:
    async with here.watch(id=execution) as watcher:
        await here.append(execution, "first")
        await watcher.lines(1)
        await here.end(execution, "timeout", said=False)
        assert await watcher.to_the_end() == ([], "TIMEOUT")


async def test_a_selection_that_leaves_the_log_is_answered_too(
    here: Process, execution: UUID
) -> None:
    await here.append(execution, "a", metadata={"n": 1})
    query = """
    subscription ($id: ID!) {
      executionLogs(executionId: $id) {
        lines { id level timestamp metadata execution { databaseId workflow { name } } } ended
      }
    }
    """
    async with here.watch(query, id=execution) as watcher:
        [line] = (await watcher.next())["lines"]
    assert line["execution"] == {"databaseId": str(execution), "workflow": {"name": "Flow 1"}}
    assert (line["level"], line["metadata"]) == ("INFO", {"n": 1})


async def test_both_ways_write_the_same(here: Process, execution: UUID) -> None:
    await here.append(execution, "ü “\u2028”", metadata={"big": 12345678901234567890}, level="warn")
    await here.append(execution, "plain", node_id="n", timestamp="2026-01-01T00:00:00.120Z")
    fields = "__typename id databaseId seq nodeId level message metadata timestamp"
    ask = "subscription ($id: ID!) {{ x: executionLogs(executionId: $id) {{ {} }} }}".format
    plain = ask(f"__typename cursor ended all: lines {{ {fields} }}")
    executed = ask(f"__typename cursor ended all: lines {{ {fields} @skip(if: false) }}")
    async with here.watch(plain, id=execution) as one, here.watch(executed, id=execution) as other:
        assert await one.next() == await other.next()


@pytest.mark.parametrize("who", ["stranger", "key for workflows", "revoked key", "expired key"])
async def test_who_may_not_see_the_log_is_told_there_is_none(
    here: Process, execution: UUID, who: str
) -> None:
    async with here.watch(viewer=sample.viewers(1)[who], id=execution) as watcher:
        with pytest.raises(NotFound):
            await watcher.next()


async def test_nobody_is_asked_to_sign_in(here: Process, execution: UUID) -> None:
    async with here.watch(viewer=sample.viewers(1)["nobody"], id=execution) as watcher:
        with pytest.raises(Unauthenticated):
            await watcher.next()


@pytest.mark.parametrize("who", ["viewer", "key", "key for logs"])
async def test_who_may_see_the_log_sees_how_it_ends(
    here: Process, execution: UUID, who: str
) -> None:
    await here.append(execution, "a")
    await here.end(execution)
    async with here.watch(viewer=sample.viewers(1)[who], id=execution) as watcher:
        assert await watcher.to_the_end() == ([1], "SUCCESS")


async def test_nothing_is_kept_of_a_log_that_nobody_watches(here: Process, execution: UUID) -> None:
    async with here.watch(id=execution) as watcher:
        await here.append(execution, "a")
        await watcher.lines(1)
    assert here.streams.watched() == 0

"""``graphql-api tail``, on a real server."""

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from graphql_api.tail import Place, Refused, Tail
from resolvers.errors import Unauthenticated
from tests import sample
from tests.streams.conftest import Bearer
from tests.streams.watching import SOON, Process, begin

if TYPE_CHECKING:
    from asyncpg import Connection, Record

ANY = {"minLevel": None, "nodeId": None}


class Terminal:
    """What was printed."""

    def __init__(self) -> None:
        self.lines = list[str]()
        self.printed = asyncio.Event()

    def say(self, line: str) -> None:
        self.lines.append(line)
        self.printed.set()

    async def until(self, text: str) -> None:
        async with asyncio.timeout(SOON):
            while not any(text in line for line in self.lines):
                self.printed.clear()
                await self.printed.wait()


@pytest.fixture
def place(address: str, bearer: Bearer) -> Place:
    token = bearer()["Authorization"].removeprefix("Bearer ")
    return Place(f"http://{address}/graphql", token)


async def test_a_log_is_printed_to_its_end(here: Process, execution: UUID, place: Place) -> None:
    terminal = Terminal()
    await here.append(execution, "first \x1b[2Jline", node_id="n1", level="warn")
    following = asyncio.create_task(
        Tail(place, terminal.say, colour=False, wanted=ANY).execution(str(execution))
    )
    await terminal.until("first")
    await here.append(execution, "second")
    await here.end(execution)
    await asyncio.wait_for(following, SOON)
    first, second, end = terminal.lines
    assert first.endswith("WARN  [n1] first �[2Jline")
    assert second.endswith("second")
    assert end == "success"


async def test_executions_of_a_workspace_are_followed_as_they_begin(
    here: Process, place: Place, root: "Connection[Record]"
) -> None:
    slug = await root.fetchval(
        "SELECT slug FROM workspaces WHERE id = $1", sample.of("workspace 1")
    )
    terminal = Terminal()
    tail = Tail(place, terminal.say, colour=True, wanted=ANY)
    following = asyncio.create_task(tail.workspace(slug))
    try:
        async with asyncio.timeout(2 * SOON):
            while not any("begun" in line for line in terminal.lines):
                await here.append(await begin(root), "begun")
                here.streams.touch(sample.of("workspace 1"))
                await asyncio.sleep(0)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    assert any("\x1b[0mFlow 1" in line for line in terminal.lines)


async def test_an_execution_that_is_not_there_is_refused(place: Place) -> None:
    tail = Tail(place, Terminal().say, colour=False, wanted=ANY)
    with pytest.raises(Refused):
        await tail.execution(str(sample.of("nothing")))


async def test_a_bad_token_is_refused(place: Place, execution: UUID) -> None:
    tail = Tail(place._replace(token="x"), Terminal().say, colour=False, wanted=ANY)
    with pytest.raises(Unauthenticated):
        await tail.execution(str(execution))

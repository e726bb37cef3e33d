"""Who asks the same is sent the same bytes, made once."""

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from graphql_api.messages import Body
from graphql_api.sharing import Subscriptions
from resolvers.context import Asker
from tests import sample
from tests.streams import watching
from tests.streams.watching import EDITOR, LOGS, OWNER, Process, begin

if TYPE_CHECKING:
    from asyncpg import Connection, Record

EXECUTED = "subscription ($id: ID!) { executionUpdated(executionId: $id) { status } }"


async def firsts(here: Process, query: str, execution: UUID, *viewers: Any) -> list[bytes]:
    """The first result of each viewer, asked for at the same time."""
    body = Body(query, {"id": str(execution)})
    followed = [here.executor.subscribe(body, Asker(viewer)) for viewer in viewers]
    found = await asyncio.gather(*(anext(each) for each in followed))
    for each in followed:
        await each.aclose()
    return found


async def test_a_page_is_written_once_for_all_who_may_see_it(
    here: Process, execution: UUID
) -> None:
    await here.append(execution, "a", "b")
    mine, again, others = await firsts(here, LOGS, execution, OWNER, OWNER, EDITOR)
    assert mine is again is others


async def test_what_is_executed_is_shared_by_those_of_the_same_rights(
    here: Process, execution: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    executed = list[object]()
    respond = Subscriptions._response  # pyright: ignore[reportPrivateUsage]

    async def counted(self: Subscriptions, event: object, *rest: Any) -> bytes:
        executed.append(event)
        return await respond(self, event, *rest)

    monkeypatch.setattr(Subscriptions, "_response", counted)
    results = await firsts(here, EXECUTED, execution, OWNER, OWNER, OWNER, EDITOR)
    assert len(set(results)) == 1
    assert len(executed) == 2


async def test_two_thousand_appends_at_once_are_numbered_without_a_hole(
    here: Process, root: "Connection[Record]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """So much writing holds a busy machine's subscribers up, for longer than others wait."""
    monkeypatch.setattr(watching, "SOON", 60.0)
    execution = await begin(root)
    left = list(range(2000))

    async def write() -> None:
        while left:
            await here.append(execution, str(left.pop()))

    async with here.watch(viewer=sample.viewers(1)["viewer"], id=execution) as watcher:
        writing = asyncio.gather(*(write() for _ in range(16)))
        lines = await watcher.lines(2000)
        await writing
    assert [seq for seq, _ in lines] == list(range(1, 2001))
    assert sorted(int(message) for _, message in lines) == list(range(2000))

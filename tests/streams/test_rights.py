"""Who may no longer see a log gets nothing more of it."""

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from db.session import Viewer
from resolvers import streams
from resolvers.errors import Forbidden
from resolvers.sights import Sights
from resolvers.streams import TooManyWatched
from tests import sample
from tests.streams.watching import OWNER, Process, Watcher, process

if TYPE_CHECKING:
    from asyncpg import Connection, Record

    from db.secrets import Secrets
    from db.session import Database
    from db.streams import Reader

TEAM = sample.of("workspace 1")


@pytest.fixture
async def guest(root: "Connection[Record]") -> Viewer:
    """A member of the team, who may read."""
    user = await root.fetchval(
        "INSERT INTO users (email, name) VALUES ($1, 'Guest') RETURNING id",
        f"{uuid4()}@example.org",
    )
    await root.execute(
        "INSERT INTO workspace_users (workspace_id, user_id, role) VALUES ($1, $2, 'viewer')",
        TEAM,
        user,
    )
    return Viewer(user)


async def remove(root: "Connection[Record]", guest: Viewer) -> None:
    await root.execute("DELETE FROM workspace_users WHERE user_id = $1", guest.user_id)


async def silenced(watcher: Watcher) -> None:
    """Wait until the subscriber is told that they may not."""
    while True:
        try:
            await watcher.next()
        except Forbidden:
            return


async def test_a_removed_member_is_told_at_once(
    here: Process, execution: UUID, guest: Viewer, root: "Connection[Record]"
) -> None:
    async with here.watch(viewer=guest, id=execution) as watcher:
        await here.append(execution, "a")
        await watcher.lines(1)
        await remove(root, guest)
        began = time.monotonic()
        await silenced(watcher)
    assert time.monotonic() - began < 0.9  # the next time rights are asked anyway is after 1 s


async def test_a_removed_member_gets_no_line_after_two_seconds_of_writing(
    here: Process,
    execution: UUID,
    guest: Viewer,
    root: "Connection[Record]",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def deaf(_self: Sights, _id: UUID) -> None:
        """As if no hint arrived."""

    monkeypatch.setattr(Sights, "doubt", deaf)

    async def write() -> None:
        while True:
            await here.append(execution, "line")

    async with here.watch(viewer=guest, id=execution) as watcher:
        writing = asyncio.create_task(write())
        try:
            await watcher.lines(3)
            await remove(root, guest)
            removed = last = time.monotonic()
            with contextlib.suppress(Forbidden):
                while True:
                    await watcher.next()
                    last = time.monotonic()
            told = time.monotonic()
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
    assert last - removed < 2
    assert told - removed < 2


@pytest.mark.parametrize("change", ["SET status = 'revoked'", "SET scopes = '{executions:read}'"])
async def test_a_key_that_loses_its_right_is_told_at_once(
    here: Process, execution: UUID, root: "Connection[Record]", change: str
) -> None:
    key = await root.fetchval(
        "INSERT INTO api_keys (workspace_id, name, key_hash, key_prefix, scopes, created_by)"
        " VALUES ($1, 'k', sha256($2), 'mcp_x', '{logs:read}', $3) RETURNING id",
        TEAM,
        uuid4().bytes,
        OWNER.user_id,
    )
    async with here.watch(viewer=Viewer(api_key_id=key), id=execution) as watcher:
        await here.append(execution, "a")
        await watcher.lines(1)
        await root.execute(f"UPDATE api_keys {change} WHERE id = $1", key)
        await silenced(watcher)


async def test_others_go_on_when_one_is_removed(
    here: Process, execution: UUID, guest: Viewer, root: "Connection[Record]"
) -> None:
    async with (
        here.watch(viewer=guest, id=execution) as removed,
        here.watch(id=execution) as staying,
    ):
        await here.append(execution, "a")
        await removed.lines(1)
        await remove(root, guest)
        await silenced(removed)
        await here.append(execution, "b")
        assert await staying.lines(2) == [(1, "a"), (2, "b")]


async def test_a_viewer_runs_so_many_subscriptions_and_no_more(
    watched: "Database", reader: "Reader", secrets: "Secrets", execution: UUID
) -> None:
    limits = streams.Limits(per_viewer=1)
    async with process(watched, reader, secrets, limits) as small:
        await small.append(execution, "a")
        async with small.watch(id=execution) as first, small.watch(id=execution) as second:
            await first.lines(1)
            with pytest.raises(TooManyWatched, match="1 subscriptions"):
                await second.next()
        async with small.watch(id=execution) as third:
            await third.lines(1)


async def test_a_process_runs_so_many_subscriptions_and_no_more(
    watched: "Database", reader: "Reader", secrets: "Secrets", execution: UUID
) -> None:
    limits = streams.Limits(per_process=1)
    async with process(watched, reader, secrets, limits) as small:
        await small.append(execution, "a")
        editor = sample.viewers(1)["editor"]
        async with (
            small.watch(id=execution) as first,
            small.watch(viewer=editor, id=execution) as second,
        ):
            await first.lines(1)
            with pytest.raises(TooManyWatched):
                await second.next()

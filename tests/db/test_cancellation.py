"""Requests that break off leave nothing behind for the next one on the same connection.

``STORM`` is the number of requests that are cancelled at a random moment.
"""

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import suppress
from uuid import UUID

import pytest

from db.errors import TookTooLong, Unavailable
from db.secrets import Secrets
from db.session import Database, Viewer, connect
from tests.db.world import World

STORM = int(os.environ.get("STORM", "300"))
PATIENCE = 0.006  # seconds after which a request of the storm is cancelled, at the latest

SLOW = "SELECT count(*) FROM workflows, pg_sleep(0.003)"
SEEN = "SELECT to_json(array_agg(DISTINCT workspace_id)) FROM workflows"


@pytest.fixture(scope="module")
async def tenants(shared_world: World) -> dict[UUID, UUID]:
    """Users, and the one workspace of each."""
    tenants: dict[UUID, UUID] = {}
    for _ in range(10):
        user = await shared_world.user()
        tenants[user] = await shared_world.workspace(user)
        await shared_world.workflow(tenants[user], user)
    return tenants


@pytest.fixture
async def crowded(shared_world: World, secrets: Secrets) -> AsyncGenerator[Database]:
    """A pool of two connections, for many who want one."""
    async with connect(shared_world.url, secrets, size=2) as database:
        yield database


async def sees(database: Database, user: UUID) -> list[str]:
    """The workspaces that a user sees, in one round trip."""
    return json.loads(await database.answer(Viewer(user), SEEN, []))


async def sees_in_a_session(database: Database, user: UUID) -> list[str]:
    session = database.reading(Viewer(user))
    try:
        rows = await asyncio.gather(*(session.fetch(SEEN) for _ in range(2)))
    finally:
        await session.end()
    assert rows[0] == rows[1]
    return json.loads(rows[0][0][0])


async def nothing_is_left(database: Database) -> None:
    """Every connection of the pool is idle, without a viewer and sees no row."""
    size = database.api.most
    connections = [await database.api.acquire() for _ in range(size)]
    for connection in connections:
        assert not connection.is_in_transaction()
        assert not await connection.fetchval("SELECT current_setting('app.viewer_proof', true)")
        assert await connection.fetchval("SELECT count(*) FROM workflows") == 0
        database.api.release(connection)


async def test_a_thousand_interleaved_requests_of_two_tenants_over_one_connection_leak_nothing(
    shared_world: World, tenants: dict[UUID, UUID], secrets: Secrets
) -> None:
    pair = list(tenants)[:2]
    async with connect(shared_world.url, secrets, size=1) as database:
        database.api.patience = 60
        ways = (sees, sees_in_a_session)
        asked = [(pair[n % 2], ways[n // 2 % 2]) for n in range(1000)]
        answers = await asyncio.gather(*(way(database, user) for user, way in asked))
        await nothing_is_left(database)

    assert answers == [[str(tenants[user])] for user, _ in asked]


async def test_a_storm_of_cancellations_leaves_nothing_behind(
    crowded: Database, tenants: dict[UUID, UUID]
) -> None:
    chance = random.Random(1)  # noqa: S311
    users = list(tenants)
    crowded.api.patience = 60
    outcome = Counter[str]()

    async def victim(user: UUID) -> None:
        try:
            async with asyncio.timeout(chance.random() * PATIENCE):
                if chance.random() < 0.5:
                    await crowded.answer(Viewer(user), f"({SLOW})::text", [])
                else:
                    session = crowded.reading(Viewer(user))
                    try:
                        await session.fetch(SLOW)
                        await session.fetch(SLOW)
                    finally:
                        await session.end()
            outcome["finished"] += 1
        except TimeoutError:
            outcome["cancelled"] += 1

    async def witness() -> None:
        user = chance.choice(users)
        way = chance.choice([sees, sees_in_a_session])
        assert await way(crowded, user) == [str(tenants[user])]
        outcome["right"] += 1

    for _ in range(STORM // 3):
        await asyncio.gather(*(victim(chance.choice(users)) for _ in range(3)), witness())

    assert outcome["right"] == STORM // 3
    assert outcome["cancelled"] > STORM // 3
    await nothing_is_left(crowded)


async def test_breaking_off_at_any_step_leaves_the_next_one_a_clean_connection(
    shared_world: World, tenants: dict[UUID, UUID], secrets: Secrets
) -> None:
    """asyncpg ends no sequence whose task is cancelled just as the statement has been prepared:
    what the next request would begin with is then still the middle of this one."""
    user = next(iter(tenants))
    async with connect(shared_world.url, secrets, size=1) as database:
        for steps in range(200):
            query = f"SELECT to_json({steps} + count(*)) FROM workflows"
            task = asyncio.create_task(database.answer(Viewer(user), query, []))
            for _ in range(steps % 40):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])

            assert await sees_in_a_session(database, user) == [str(tenants[user])]


async def test_after_an_error_the_whole_request_fails_and_the_next_one_works(
    crowded: Database, tenants: dict[UUID, UUID]
) -> None:
    user = next(iter(tenants))
    session = crowded.reading(Viewer(user))
    await session.fetch(SEEN)

    failed = await asyncio.gather(
        session.fetch("SELECT 1 / 0"), session.fetch(SEEN), return_exceptions=True
    )
    await session.end()

    assert all(isinstance(each, Exception) for each in failed)
    assert await sees(crowded, user) == [str(tenants[user])]
    await nothing_is_left(crowded)


async def test_a_statement_that_takes_too_long_is_stopped(
    shared_world: World, tenants: dict[UUID, UUID], secrets: Secrets
) -> None:
    user = next(iter(tenants))
    async with connect(shared_world.url, secrets, size=2, statement_timeout=0.5) as database:
        with pytest.raises(TookTooLong):
            await database.answer(Viewer(user), "SELECT pg_sleep(30)::text", [])

        assert await sees(database, user) == [str(tenants[user])]
        await nothing_is_left(database)


async def test_a_connection_that_was_killed_is_replaced(
    crowded: Database, shared_world: World, tenants: dict[UUID, UUID]
) -> None:
    user = next(iter(tenants))
    session = crowded.reading(Viewer(user))
    backend = (await session.fetch("SELECT pg_backend_pid()"))[0][0]
    await shared_world.superuser.execute("SELECT pg_terminate_backend($1, 5000)", backend)

    with pytest.raises(Unavailable):
        await session.fetch(SEEN)
    with suppress(Unavailable):
        await session.end()

    assert await sees(crowded, user) == [str(tenants[user])]


@pytest.mark.parametrize("way", ["writing", "working"])
async def test_a_transaction_that_has_ended_takes_no_statement(
    crowded: Database, tenants: dict[UUID, UUID], way: str
) -> None:
    """Its connection is another viewer's by then."""
    user = next(iter(tenants))
    begun = crowded.writing(Viewer(user)) if way == "writing" else crowded.working()
    async with begun as transaction:
        assert await transaction.value("SELECT 7") == 7
    for ask in (transaction.value, transaction.row, transaction.fetch):
        with pytest.raises(RuntimeError, match="has ended"):
            await ask(SEEN)

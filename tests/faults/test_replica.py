"""A streaming replica answers reads, and nobody misses what they wrote themselves."""

import asyncio
import re
import signal
import time
from collections import Counter
from collections.abc import AsyncGenerator
from itertools import count
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests import sample
from tests.faults.conftest import Measured
from tests.faults.replicas import replica
from tests.faults.served import START, WORKSPACES, Served, bearer, served, until
from tests.faults.servers import Postgres

EXECUTION = "query ($id: ID!) { execution(id: $id) { status } }"
LOADED = "query ($id: ID!) { __typename execution(id: $id) { status __typename } }"
READS = re.compile(r'graphql_reads_total\{server="(\w+)"\} (\d+)')
OTHER = "user 1 admin"
FOR_EVER = "3600"


@pytest.fixture(scope="module")
async def follower(database_server: Postgres) -> AsyncGenerator[Postgres]:
    async with replica(database_server) as follower:
        yield follower


async def replay(follower: Postgres, *, paused: bool) -> None:
    await follower.execute(f"SELECT pg_wal_replay_{'pause' if paused else 'resume'}()")


async def reads(server: Served) -> Counter[str]:
    text = (await server.client.get("/metrics")).text
    return Counter({place: int(number) for place, number in READS.findall(text)})


async def served_by_it(server: Served) -> None:
    """Until the replica answers."""

    async def there() -> bool:
        before = (await reads(server))["replica"]
        await server.ask(WORKSPACES)
        return (await reads(server))["replica"] > before

    await until(there)


async def names(server: Served, who: str) -> Any:
    """The workspaces that somebody sees."""
    answer = (await server.ask(WORKSPACES, headers=bearer(who))).json()
    return answer["data"]["viewer"]["workspaces"]["nodes"]


async def find(
    server: Served, execution: UUID, *, who: str = "user 1 owner", after: str | None = None
) -> Any:
    """The execution, as somebody sees it."""
    body: dict[str, Any] = {"query": EXECUTION, "variables": {"id": str(execution)}}
    if after:
        body["extensions"] = {"readAfter": after}
    answer = (await server.ask(body, headers=bearer(who))).json()
    assert "errors" not in answer, answer
    return answer["data"]["execution"]


async def seen_by_all(server: Served, execution: UUID) -> None:
    async def seen() -> bool:
        return await find(server, execution, who=OTHER) is not None

    await until(seen)


async def begin(server: Served) -> tuple[UUID, str]:
    """A new execution, and after what moment it is to be read."""
    variables = {"workflow": str(sample.of("workflow 1 1"))}
    answer = (await server.ask({"query": START, "variables": variables})).json()
    id = UUID(answer["data"]["startExecution"]["execution"]["databaseId"])
    return id, answer["extensions"]["readAfter"]


async def test_it_answers_queries_under_the_same_policies(
    running: Postgres, follower: Postgres
) -> None:
    async with served(running.url, REPLICA_URL=follower.url) as server:
        execution, _ = await begin(server)
        await seen_by_all(server, execution)
        await served_by_it(server)
        before = await reads(server)
        there = [await names(server, who) for who in ("user 1 owner", OTHER, "user 2 owner")]
        assert await find(server, execution) is not None
        assert await find(server, execution, who="user 2 owner") is None
        after = await reads(server)
        assert after["primary"] == before["primary"]
        assert after["replica"] == before["replica"] + 5
    async with served(running.url) as alone:
        here = [await names(alone, who) for who in ("user 1 owner", OTHER, "user 2 owner")]
    assert there == here
    assert here[0] != here[2]


async def test_who_wrote_reads_it_at_once_whatever_the_replica_has_seen(
    running: Postgres, follower: Postgres, measured: Measured
) -> None:
    async with (
        served(running.url, REPLICA_URL=follower.url, REPLICA_LAG_SECONDS=FOR_EVER) as server,
        served(running.url, REPLICA_URL=follower.url, REPLICA_LAG_SECONDS=FOR_EVER) as other,
    ):
        await served_by_it(server)
        await served_by_it(other)
        await replay(follower, paused=True)
        try:
            execution, after = await begin(server)
            assert await find(server, execution) == {"status": "RUNNING"}
            assert await find(other, execution, after=after) == {"status": "RUNNING"}
            assert await find(server, execution, who=OTHER) is None
            assert await find(other, execution) is None
        finally:
            await replay(follower, paused=False)
        began = time.monotonic()
        await seen_by_all(other, execution)
        measured("replay goes on: others see it", time.monotonic() - began)
        await served_by_it(server)
        measured("replay goes on: its writer reads from the replica", time.monotonic() - began)


async def test_one_that_is_too_far_behind_answers_nothing(
    running: Postgres, follower: Postgres, measured: Measured
) -> None:
    async with served(
        running.url, REPLICA_URL=follower.url, REPLICA_LAG_SECONDS="0.5"
    ) as server:
        await served_by_it(server)
        await replay(follower, paused=True)
        try:
            execution, _ = await begin(server)
            began = time.monotonic()
            await seen_by_all(server, execution)
            measured("0.5 s behind at most: the primary answers", time.monotonic() - began)
            before = (await reads(server))["replica"]
            await find(server, execution, who=OTHER)
            assert (await reads(server))["replica"] == before
        finally:
            await replay(follower, paused=False)


async def test_a_made_up_moment_is_refused_in_words(running: Postgres) -> None:
    async with served(running.url) as server:
        answer = await server.ask({**WORKSPACES, "extensions": {"readAfter": "; DROP"}})
        [error] = answer.json()["errors"]
        assert error["extensions"]["code"] == "BAD_REQUEST"


async def test_own_writes_are_read_and_nothing_is_refused_while_it_is_killed_and_comes_back(
    running: Postgres, follower: Postgres, measured: Measured
) -> None:
    """Writers and readers over two processes, all the while."""
    async with (
        served(running.url, REPLICA_URL=follower.url) as one,
        served(running.url, REPLICA_URL=follower.url) as other,
    ):
        await served_by_it(one)
        await served_by_it(other)
        over, asked, started = asyncio.Event(), count(), time.monotonic()
        known, _ = await begin(one)

        async def write_and_read() -> None:
            while not over.is_set():
                execution, after = await begin(one)
                assert await find(one, execution) is not None
                assert await find(other, execution, after=after) is not None
                next(asked)

        async def read() -> None:
            async with httpx.AsyncClient(base_url=other.address, headers=bearer(OTHER)) as client:
                while not over.is_set():
                    body = {"query": LOADED, "variables": {"id": str(known)}}
                    answer = await client.post("/graphql", json=body, timeout=30)
                    assert answer.status_code == 200
                    assert "errors" not in answer.json(), answer.text
                    next(asked)

        async with asyncio.TaskGroup() as asking:
            for work in (write_and_read, write_and_read, read, read):
                asking.create_task(work())
            await served_by_it(other)
            await follower.stop(signal.SIGQUIT)
            began, before = time.monotonic(), next(asked)
            await until(lambda: _is_behind(asked, before + 20))
            measured("replica killed: 20 requests under load", time.monotonic() - began)
            await follower.start()
            began = time.monotonic()
            await served_by_it(other)
            measured("replica back: answers again", time.monotonic() - began)
            over.set()
        counted = await reads(one) + await reads(other)
        parts = f"{counted['replica']} by the replica, {counted['primary']} by the primary"
        measured(f"reads while it was killed and came back: {parts}", time.monotonic() - started)
        assert counted["replica"]
        assert counted["primary"]


async def _is_behind(numbers: "count[int]", place: int) -> bool:
    return next(numbers) > place

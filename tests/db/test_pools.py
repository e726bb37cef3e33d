"""The queue for connections has an end, and waiting in it, too."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from db import pools
from db.errors import Busy, OutOfRoom, refusal_of
from db.pgbouncer import LOGINS, PASSED_ON, Pooling, main_file, users_file
from db.pools import BoundedPool
from db.secrets import Secrets
from db.session import SERVER_SETTINGS
from tests.conftest import NewDatabase


@pytest.fixture
async def pool(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[BoundedPool]:
    """One connection, for which two may wait."""
    monkeypatch.setattr(pools, "MOST_WAITING", 2)
    async with BoundedPool(await new_database(), 1) as pool:
        yield pool


async def test_who_finds_the_queue_full_is_refused_at_once(pool: BoundedPool) -> None:
    async with pool.acquire():
        waiting = [asyncio.ensure_future(pool.fetchval("SELECT 7")) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Busy, match="2 requests wait"):
            await pool.fetchval("SELECT 7")
    assert await asyncio.gather(*waiting) == [7, 7]


async def test_who_waits_too_long_is_refused(pool: BoundedPool) -> None:
    async with pool.acquire():
        with pytest.raises(Busy, match=r"within 0\.05 seconds"):
            await pool.acquire(timeout=0.05)
    assert await pool.fetchval("SELECT 7") == 7


async def test_who_gives_up_waiting_makes_room(pool: BoundedPool) -> None:
    async with pool.acquire():
        for _ in range(5):
            waiting = asyncio.ensure_future(pool.fetchval("SELECT 7"))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
    assert await pool.fetchval("SELECT 7") == 7


async def test_who_came_first_is_served_first(pool: BoundedPool) -> None:
    served: list[str] = []

    async def ask(name: str) -> None:
        async with pool.acquire():
            served.append(name)

    async with pool.acquire():
        first = asyncio.ensure_future(ask("first"))
        await asyncio.sleep(0)
    await ask("second")  # just as the connection is given back
    await first
    assert served == ["first", "second"]


async def test_a_turn_that_was_given_up_is_the_next_ones(pool: BoundedPool) -> None:
    async with pool.acquire():
        first, second = (asyncio.ensure_future(pool.fetchval("SELECT 7")) for _ in range(2))
        await asyncio.sleep(0)
    first.cancel()  # its turn has come, but it has not run since
    assert await asyncio.wait_for(second, 5) == 7


async def test_a_full_disk_has_a_name_of_its_own(pool: BoundedPool) -> None:
    raised = "DO $$ BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$"
    with pytest.raises(OutOfRoom, match="could not extend file"), refusal_of():
        await pool.execute(raised)


async def test_a_transaction_left_open_is_not_handed_to_the_next(pool: BoundedPool) -> None:
    connection = await pool.acquire()
    await connection.execute("BEGIN")
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    await pool.release(connection)
    async with pool.acquire() as next_one:
        assert not next_one.is_in_transaction()
    assert len(told) == 1


async def test_a_broken_connection_is_replaced(pool: BoundedPool) -> None:
    async with pool.acquire() as connection:
        await connection.close()
    assert await pool.fetchval("SELECT 7") == 7


def test_pgbouncer_sets_what_it_does_not_pass_on() -> None:
    text = main_file("postgresql://me@db:5433/platform", "/users", 8.0, Pooling(port=7000, size=5))
    lines = dict(line.split(" = ", 1) for line in text.splitlines() if " = " in line)
    database = lines["platform"]
    assert "host=db port=5433 dbname=platform" in database
    for name, value in SERVER_SETTINGS.items():
        if name not in PASSED_ON:
            assert f"SET {name} = {value}" in database
            assert name in lines["ignore_startup_parameters"]
    assert (lines["pool_mode"], lines["listen_port"]) == ("transaction", "7000")


def test_pgbouncer_is_told_of_a_socket_and_every_login(secrets: Secrets) -> None:
    text = main_file("postgresql://postgres@/platform?host=/run/pg", "/users", 8.0, Pooling())
    assert "host=/run/pg port=5432 dbname=platform" in text
    for login in LOGINS:
        assert f'"{login}" "{secrets.password(login)}"' in users_file(secrets)
